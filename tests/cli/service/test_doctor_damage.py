"""`bandit-svc doctor` over a damaged log: exit code 1 until it is acknowledged."""

from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.interface import Batch, Cursor
from bandit_svc.learner.loop import Learner
from bandit_svc.services.managing.log_damage import log_damage
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from tests.harness.command import Run

LATER_MS = 1_750_000_100_000


@pytest.fixture
def damaged(trained: Path) -> Path:
    """A data folder with three unread decisions, of which the last one is damaged."""
    settings = Settings(data=str(trained))
    with closing(Worker(settings, LATER_MS, "cd34")) as worker:
        for number in range(3):
            request = DecisionRequest(experiment="hero", unit_id=f"v{number}")
            decide(worker.serving, request, LATER_MS, number.to_bytes(9, "big"))
        (segment,) = (trained / "log" / worker.log.partition).glob("*.seg")
        content = bytearray(segment.read_bytes())
        content[-10] ^= 1
    # The writer adds a footer as it closes; what it wrote before stays damaged.
    whole = segment.read_bytes()
    segment.write_bytes(bytes(content) + whole[len(content) :])
    return trained


def learn(data: Path) -> None:
    with closing(Backends(Settings(data=str(data)))) as backends:
        Learner(backends, lambda: LATER_MS).tick()


def test_damage_is_named_before_the_learner_reads_it(run: Run, damaged: Path) -> None:
    result = run("doctor", "--data", damaged)
    (fault,) = result.stdout.splitlines()

    assert result.exit_code == 1
    assert fault.startswith("not read yet: partition ")
    assert "bytes were changed or moved; 1 fact is lost" in fault
    assert "-cd34/00000001.seg" in fault
    assert "restore the file from a copy" in fault


def test_a_damaged_manifest_is_named_before_the_learner_reads_it(
    run: Run, damaged: Path
) -> None:
    (manifest,) = (damaged / "log" / "manifests").glob("*-cd34.manifest")
    manifest.unlink()
    found = run("doctor", "--data", damaged).stdout

    assert "the manifest of the partition is missing or does not fit it" in found
    assert f"log/manifests/{manifest.name}" in found


def test_damage_is_a_fault_until_it_is_acknowledged(run: Run, damaged: Path) -> None:
    learn(damaged)
    before = run("doctor", "--data", damaged)
    (fault,) = before.stdout.splitlines()
    accepted = run("doctor", "--acknowledge", "1", "--data", damaged)
    after = run("doctor", "--data", damaged)

    assert before.exit_code == 1
    assert fault.startswith("damage 1, found 2025-06-15")
    assert "1 fact is lost" in fault
    assert "-cd34/00000001.seg" in fault
    assert "`bandit-svc doctor --acknowledge 1`" in fault
    assert (accepted.exit_code, accepted.stdout) == (0, "no faults found\n")
    assert (after.exit_code, after.stdout) == (0, "no faults found\n")


def test_an_unknown_id_is_not_acknowledged(run: Run, damaged: Path) -> None:
    learn(damaged)
    refused = run("doctor", "--acknowledge", "7", "--data", damaged)

    assert refused.exit_code == 1
    assert "there is no damage 7" in refused.stderr
    assert "damage 1" in run("doctor", "--data", damaged).stdout


def test_the_bytes_of_a_damage_are_shown(run: Run, damaged: Path) -> None:
    learn(damaged)
    shown = run("doctor", "--show", "1", "--data", damaged)
    refused = run("doctor", "--show", "7", "--data", damaged)

    assert shown.exit_code == 0
    # A decision's record ends with its unit.
    assert "v2" in shown.stdout
    assert refused.exit_code == 1
    assert "there is no damage 7" in refused.stderr


class Overtaken:
    """A reader that a learner overtakes during each read."""

    def __init__(self, backends: Backends, *, fails: bool) -> None:
        self._backends = backends
        self._reader = backends.reader
        self._fails = fails
        self.check_formats = self._reader.check_formats
        self.partitions = self._reader.partitions
        self.end = self._reader.end
        self.committed = self._reader.committed
        self.watermark_ms = self._reader.watermark_ms
        self.status = self._reader.status
        self.is_stream = self._reader.is_stream
        self.silent = self._reader.silent
        self.close = self._reader.close
        self.released_facts = self._reader.released_facts
        self.backlog_bytes = self._reader.backlog_bytes

    def read(self, partition: str, after: Cursor, max_bytes: int = 1_000_000) -> Batch:
        batch = self._reader.read(partition, after, max_bytes)
        Learner(self._backends, lambda: LATER_MS).tick()
        if self._fails:
            raise Unavailable("the segment is gone")
        return batch


@pytest.mark.parametrize("fails", [False, True])
def test_what_the_learner_reads_meanwhile_is_named_once(
    damaged: Path, *, fails: bool
) -> None:
    with closing(Backends(Settings(data=str(damaged)))) as backends:
        found = list(log_damage(backends.storage, Overtaken(backends, fails=fails)))

    # Only what the learner has kept.
    assert [fault[:8] for fault in found] == ["damage 1"]
