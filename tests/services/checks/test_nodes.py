"""What is wrong with the nodes of a stream is said by doctor, /readyz and gauges."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from bandit_svc.domain.events.damage import IN_STREAM, Damage
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import Place, Progress
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.learner.scraped.stream_gauges import show_stream
from bandit_svc.services.checks.nodes import LATE_MS, Node, node_faults, nodes_of
from bandit_svc.services.managing.doctor import examine
from tests.harness.worker_in_process import BEGAN_AT_MS, WorkerInProcess

NOW_MS = 1_000_000
NOBODY = "nats://127.0.0.1:1/nobody?partitions=1"


def live(ahead_ms: int = 0, late_ms: int = 0) -> Mark:
    return Mark(NOW_MS - late_ms, NOW_MS, "live", ahead_ms)


def test_a_node_is_as_far_as_its_least_mark_and_as_live_as_its_liveliest() -> None:
    marks: dict[Place, Mark] = {
        ("0", "a"): Mark(500, 900, "silent", 7),
        ("1", "a"): Mark(700, 950, "live", 8),
        ("u0", "a"): Mark(600, 940, "live", 9),
        ("0", "b"): Mark(100, 990, "closed", 1),
    }

    assert nodes_of(marks) == [
        Node("b", "closed", 100, 990, 1),
        Node("a", "live", 600, 950, 8),
    ]


@pytest.mark.parametrize(
    "mark",
    [
        live(),
        live(500),
        live(-500),
        live(late_ms=LATE_MS),
        Mark(0, 0, "closed", 90_000),
    ],
)
def test_a_node_that_is_well_or_ended_has_no_fault(mark: Mark) -> None:
    assert list(node_faults({("0", "web-1"): mark}, NOW_MS)) == []


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (live(501), "the clock of node web-1 is 0.5 s ahead of the stream's"),
        (live(-7_000), "the clock of node web-1 is 7.0 s behind the stream's"),
        (Mark(0, 700_000, "silent"), "node web-1 has said nothing for 5 min, and"),
        (live(late_ms=600_000), "node web-1 has sent what it stamped up to 10 min ago"),
    ],
)
def test_each_fault_of_a_node_is_a_sentence(mark: Mark, words: str) -> None:
    (fault,) = node_faults({("0", "web-1"): mark}, NOW_MS)

    assert fault.startswith(words)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[WorkerInProcess]:
    """Return a web worker that sends to a stream."""
    with closing(WorkerInProcess(tmp_path, dev=True, stream=NOBODY)) as made:
        yield made


def say(machine: WorkerInProcess, mark: Mark, node: str = "") -> None:
    name = node or Outbox(machine.folder).node("")
    progress = Progress(marks={("0", name): mark})
    machine.worker.storage.facts.ingest([], {}, progress=progress)


def own_mark(ahead_ms: int) -> Mark:
    return Mark(BEGAN_AT_MS, BEGAN_AT_MS, "live", ahead_ms)


def test_a_machine_whose_clock_is_a_little_wrong_is_degraded(
    machine: WorkerInProcess,
) -> None:
    unheard = machine.client.get("/readyz")
    say(machine, own_mark(300))
    well = machine.client.get("/readyz")
    say(machine, own_mark(800))
    wrong = machine.client.get("/readyz")

    for answer in (unheard, well):
        assert "node_clock" not in answer.text
    assert wrong.status_code == 200
    assert "node_clock: the clock of node" in wrong.text


def test_a_machine_whose_clock_is_very_wrong_is_not_ready(
    machine: WorkerInProcess,
) -> None:
    say(machine, own_mark(-5_001))
    answer = machine.client.get("/readyz")
    say(machine, own_mark(-90_000), node="another-machine")
    say(machine, own_mark(0))
    others = machine.client.get("/readyz")

    assert answer.status_code == 503
    assert "5.0 s behind the stream's" in answer.text
    assert "node_clock" not in others.text


def test_doctor_names_a_silent_node(machine: WorkerInProcess) -> None:
    say(machine, Mark(0, BEGAN_AT_MS - 600_000, "silent"), node="web-2")
    faults = examine(machine.worker.storage, machine.worker.reader, BEGAN_AT_MS)

    assert any("node web-2 has said nothing for 10 min" in fault for fault in faults)


def test_gauges_tell_lag_silence_losses_and_wrong_clocks() -> None:
    lost = Damage("3", 0, 17, 0, 0, "lost", at_least=True, format=IN_STREAM)
    marks = {
        ("0", "a"): live(late_ms=2_500),
        ("0", "b"): Mark(0, 0, "silent"),
        ("1", "b"): Mark(0, 0, "silent"),
        ("0", "c"): live(ahead_ms=900),
    }
    show_stream(marks, [lost, lost._replace(offset=40)], NOW_MS)
    value = REGISTRY.get_sample_value

    assert value("bandit_stream_watermark_age_seconds") == 2.5
    assert value("bandit_stream_silent_nodes") == 1
    assert value("bandit_stream_stopped_partitions") == 1
    assert value("bandit_degraded", {"reason": "node_clock"}) == 1
    show_stream({}, [], NOW_MS)
    assert value("bandit_stream_watermark_age_seconds") == 0
    assert value("bandit_degraded", {"reason": "node_clock"}) == 0
