"""The sources of webhooks under operations: what became of what they sent."""

from tests.harness.pages import ReadPage
from tests.harness.web.signed import Source
from tests.harness.worker_in_process import WorkerInProcess


def test_a_source_is_listed_with_the_counts_of_its_events(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    none = read_page(service, "/ops").text
    # The counts are of this process, so that no other test may have this name.
    source = Source(service, "standard-webhooks", name="shown-on-ops")
    waiting = read_page(service, "/ops").text
    for i in range(2):
        source.send({"type": "ping"}, f"msg-{i}")
    source.send({"type": "ping"}, webhook_signature="v1,")
    listed = read_page(service, "/ops").text

    assert "There is no source" in none
    assert "shown-on-ops standard-webhooks none yet" in waiting
    assert "shown-on-ops standard-webhooks 2 ignored, 1 signature" in listed
    assert source.secret not in listed
