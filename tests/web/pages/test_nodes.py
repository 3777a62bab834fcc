"""The nodes of a stream under operations."""

from contextlib import closing
from pathlib import Path

from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import Progress
from bandit_svc.eventlog.stream.outbox import Outbox, Place
from tests.harness.loopback import free_port
from tests.harness.pages import ReadPage
from tests.harness.worker_in_process import BEGAN_AT_MS, WorkerInProcess


def say(service: WorkerInProcess, mark: Mark, node: str) -> None:
    progress = Progress(marks={("0", node): mark})
    service.worker.storage.facts.ingest([], {}, progress=progress)


def test_the_page_lists_nodes_where_there_are_any(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    none = read_page(service, "/ops").text
    say(service, Mark(BEGAN_AT_MS - 4_000, BEGAN_AT_MS - 1_000, "live", 750), "web-2")
    say(service, Mark(BEGAN_AT_MS, BEGAN_AT_MS - 90_000, "silent"), "web-3")
    listed = read_page(service, "/ops").text

    assert "Machines that send to the stream" not in none
    assert "web-2 running 1 s ago 4 s ago wrong 0.75 s" in listed
    assert "web-3 silent 90 s ago" in listed


def test_the_page_tells_what_the_stream_has_not_of_this_machines_log(
    read_page: ReadPage, tmp_path: Path
) -> None:
    """Its stream is away; a former shipper has kept up to where it was sent."""
    stream = f"nats://127.0.0.1:{free_port()}/shop?partitions=1"
    node = WorkerInProcess(tmp_path / "data", dev=False, stream=stream)
    with closing(node):
        node.create("hero")
        node.decide("hero")
        never = read_page(node, "/ops").text
        outbox = Outbox(node.folder)
        outbox.node("web-1")
        outbox.keep(Place(BEGAN_AT_MS - 10_000, {}))
        soon = read_page(node, "/ops").text
        outbox.keep(Place(BEGAN_AT_MS - 600_000, {}))
        late = read_page(node, "/ops").text

    assert "the stream has not acknowledged yet" in never
    assert "not acknowledged by the stream, the oldest at most 10 s old" in soon
    assert "has not acknowledged" not in soon
    assert "has not acknowledged for 10 min" in late
