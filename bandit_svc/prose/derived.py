"""Derived metrics, chances and claims, in words and cells.

Owns the cells of the table of derived metrics, and the sentences on the chance that
the bandit is better and on the metrics that are claimed.
"""

from bandit_svc.domain.numbers import NOTHING, amount, count, percent
from bandit_svc.services.report.metrics.rows import Chance, Claims, DerivedRow
from bandit_svc.services.values import Bounds

LEAST_TOLD = 0.001
"""A chance nearer to 0 or 1 is told to be under or over it."""


def derived_cells(row: DerivedRow) -> tuple[str, ...]:
    """Return the cells of a derived metric, in the order of templates/derived.html."""
    treatment, baseline = row.groups
    return (
        row.metric,
        row.of,
        f"{count(treatment.units)} + {count(baseline.units)}",
        *(amount(group.mean) for group in row.groups),
        amount(row.difference.estimate, signed=True),
        _range(row.difference.interval),
        percent(row.relative.estimate, signed=True),
        chance_text(row.chance_to_beat),
    )


def derived_note(row: DerivedRow) -> str:
    """Return what a derived metric is, and what it lacks, in sentences."""
    better = f"{row.direction} is better"
    note = f"{row.metric} ({better}): {row.detail}."
    reason = row.difference.reason
    if reason:
        note += f" {reason[0].upper()}{reason[1:]}."
    if row.waiting:
        note += f" {count(row.waiting)} units wait for their days to pass."
    return note


def chance_text(chance: Chance | None) -> str:
    """Write a chance as a share, which is never told to be certain."""
    probability = chance.probability if chance else None
    if probability is None:
        return NOTHING
    if probability > 1 - LEAST_TOLD:
        return f"over {percent(1 - LEAST_TOLD)}"
    if probability < LEAST_TOLD:
        return f"under {percent(LEAST_TOLD)}"
    return percent(probability)


def chance_sentence(chance: Chance | None) -> str:
    """Return the chance that the bandit is better; empty where it is not known."""
    if not chance or chance.probability is None:
        return ""
    return (
        f"The chance that the bandit is better is {chance_text(chance)}, with "
        f"this prior: {chance.prior}. It is of this one look: unlike the interval, it "
        "misleads who waits until it is large."
    )


def claims_sentence(claims: Claims | None) -> str:
    """Return which metrics are claimed, and the rule; empty without claims."""
    if claims is None:
        return ""
    rate = percent(claims.false_discovery_rate)
    found = [
        f"{one.metric} ({one.difference})" for one in claims.metrics if one.claimed
    ]
    if not found:
        names = f"No metric is claimed to differ at a false discovery rate of {rate}."
    else:
        names = f"At a false discovery rate of {rate} these differ: {', '.join(found)}."
    return f"{names} {claims.detail}"


def _range(interval: Bounds) -> str:
    lower, upper = interval
    if lower is None and upper is None:
        return NOTHING
    return f"{amount(lower, signed=True)} to {amount(upper, signed=True)}"
