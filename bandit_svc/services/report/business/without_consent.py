"""Decisions without consent, beside the report of the others.

Owns their rows: how many there were, and what those that have matured have earned. They
are in no comparison, since they are made by the pmf for an empty context.
"""

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group
from bandit_svc.services.report.business.rows import WithoutConsent
from bandit_svc.storage.privacy import Apart
from bandit_svc.storage.rows import Totals


def without_consent(
    apart: Apart, number: int, totals: Totals
) -> tuple[WithoutConsent, ...]:
    """Return a row for each group; none where there were no such decisions."""
    made = {g: totals.counts.get(f"decisions_apart_{g}", 0) for g in _GROUPS}
    if not any(made.values()):
        return ()
    sums = {row.group: row for row in apart.sums(number)}
    found = []
    for group in _GROUPS:
        row = sums.get(group)
        n, mean = (0, None) if row is None else (row.n, row.total / row.n)
        found.append(WithoutConsent(group, made[group], n, mean))
    return tuple(found)


_GROUPS: tuple[Group, Group] = (TREATMENT, BASELINE)
