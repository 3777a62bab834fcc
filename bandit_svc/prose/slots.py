"""The slots of a page, in words and cells."""

from bandit_svc.domain.numbers import amount, counted
from bandit_svc.services.report.business.slots import SlotRow
from bandit_svc.services.report.report import Report

HEAD = ("Slot", "Shown", "Mean reward", "Holdout's mean", "Value", "Most often there")
MOST_NAMED = 3


def slot_cells(row: SlotRow) -> tuple[str, ...]:
    """Return the texts of a slot, in the order of HEAD."""
    often = ", ".join(
        f"{one.variant} {one.share:.0%}" for one in row.variants[:MOST_NAMED]
    )
    return (
        f"{row.slot}" if row.slot else "the page",
        f"{row.shown:,}",
        _number(row.mean),
        _number(row.baseline_mean),
        _number(row.value),
        often,
    )


def slots_sentence(report: Report) -> str:
    """Return what the table of slots is of; empty without pages."""
    if not report.slots:
        return ""
    shown = max(row.shown + row.baseline_shown for row in report.slots)
    return (
        f"{counted(shown, 'page')} had several slots. A page is one decision in every "
        "other number; here each slot has what was reported for it. Its value is its "
        "mean reward less that of the holdout's slot."
    )


def _number(value: float | None) -> str:
    return "not known" if value is None else amount(value)
