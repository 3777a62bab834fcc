"""What corrected rewards have changed, in words.

Owns the sentences of a report's corrections.
"""

from bandit_svc.domain.numbers import amount, counted
from bandit_svc.domain.times import to_the_second
from bandit_svc.services.report.business.corrections import CorrectedRewards


def corrections_sentence(corrections: CorrectedRewards) -> str:
    """Return what was corrected, by how much and when; empty where nothing was."""
    found = []
    if corrections.newest_at is not None:
        rewards = counted(corrections.count, "reward")
        verb = "has" if corrections.count == 1 else "have"
        change = amount(corrections.change, signed=True)
        found.append(
            f"{rewards} {verb} been corrected, by {change} in total, the last one at "
            f"{to_the_second(corrections.newest_at)} UTC."
        )
    if corrections.pending:
        pending = counted(corrections.pending, "correction")
        verb = "is" if corrections.pending == 1 else "are"
        found.append(f"{pending} {verb} not in these numbers yet.")
    return " ".join(found)
