"""What every store promises of decisions that clients made themselves."""

from collections.abc import Callable

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.local.mark import Ended, LocalMark
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import IngestOutcome

NewDecision = Callable[..., Decision]
Ingest = Callable[..., IngestOutcome]
ONE, OTHER = "0" * 16, "1" * 16


def test_what_was_made_and_not_logged_is_lost_until_it_comes(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    def counted(*decisions: Decision) -> tuple[int, int]:
        ingest(*decisions)
        counts = storage.facts.totals(1).counts
        return counts["decisions_local"], counts["local_lost"]

    first, third = (
        new_decision(f"d{n}", local=LocalMark(ONE, n), unit_id=f"u{n}") for n in (1, 3)
    )
    second = new_decision("d2", local=LocalMark(ONE, 2), unit_id="u2")
    last = LocalMark(OTHER, 1, (Ended(ONE, 7),))

    assert counted(first) == (1, 0)
    assert counted(third, first) == (2, 1)
    assert counted(second) == (3, 0)
    assert counted(new_decision("d4", local=last, unit_id="u4")) == (4, 4)
    view = storage.facts.decision("d4")
    assert view is not None
    assert view.decision.local == last
