"""Check that no row of a log is there more than once.

Owns the kind, the sentences, and what an analyst is asked to do.
"""

from bandit_svc.domain.numbers import counted
from bandit_svc.ope.audit.repeats import repeats
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.checks.check import Check, CheckKind

REPEATED_ROWS = CheckKind(
    "repeated_rows",
    "Each decision is one row",
    "Remove rows that were written twice. If several decisions of one unit are alike, "
    "name its column with --unit-column, so that a unit counts as one draw.",
)


def repeated_rows_check(log: DecisionLog) -> Check:
    """Warn if rows repeat more often than those of independent decisions would.

    Of independent decisions it warns by chance in less than one log of 10,000.
    """
    if log.line is None:
        return REPEATED_ROWS.early("not tested: a file of this form has no lines")
    found = repeats(log.line)
    if not found.tested:
        return REPEATED_ROWS.early(
            f"not tested: of {counted(found.n, 'row')} only {found.kinds:,} differ, so "
            "equal rows say nothing"
        )
    if found.copies > 1:
        return REPEATED_ROWS.warn(
            f"the file holds the same {counted(found.n // found.copies, 'row')} "
            f"{found.copies} times: estimates count each as often, and their intervals "
            "are too narrow"
        )
    sentence = (
        f"{found.neighbours:,} of {counted(found.n, 'row')} are equal to the row before"
    )
    if found.found:
        return REPEATED_ROWS.warn(
            f"{sentence}, and of independent decisions {found.expected:.1f} would be: "
            "estimates may count decisions more than once"
        )
    return REPEATED_ROWS.ok(f"{sentence}, as of independent decisions")
