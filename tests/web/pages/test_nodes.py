"""The nodes of a stream under operations."""

from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import Progress
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
