"""Leave out what a report can't know with learn_on first_reward.

Owns which numbers become None there, and the reason beside them. A decision then joins
at its first reward, or at the end of its window without one. So at any moment what has
joined holds more successes than what was decided: means, differences, shares of
variants and estimates of policies are biased, and no interval holds. Counts stay.
"""

from msgspec import UNSET
from msgspec.structs import replace

from bandit_svc.services.report.business.rows import Restricted
from bandit_svc.services.report.metrics.chance import unknown_chance
from bandit_svc.services.report.metrics.rows import DerivedRow
from bandit_svc.services.report.report import (
    Comparison,
    Group,
    MetricRow,
    Report,
    Uplift,
    VariantRow,
)
from bandit_svc.services.values import UNKNOWN, estimated

REASON = (
    "with learn_on first_reward decisions with a reward join before the others, so "
    "this would be biased; set learn_on to maturity to see it"
)
_NOT_ESTIMATED = estimated(None, reason=REASON)


def without_biased_numbers(report: Report) -> Report:
    """Return the report with None, and the reason, for each number that is biased."""
    treatment, baseline = (_group(row) for row in report.groups)
    return replace(
        report,
        uplift=_uplift(report.uplift),
        groups=(treatment, baseline),
        variants=tuple(_variant(row) for row in report.variants),
        metrics=tuple(_metric(row) for row in report.metrics),
        derived_metrics=tuple(_derived(row) for row in report.derived_metrics),
        claims=None,
        history=(),
        segments=(),
        restricted=tuple(_unknown(row) for row in report.restricted),
        deployed=None,
    )


def _uplift(uplift: Uplift) -> Uplift:
    adjusted = uplift.adjusted
    if adjusted:
        adjusted = replace(
            adjusted,
            estimate=None,
            interval=UNKNOWN,
            variance_reduction=None,
            reason=REASON,
        )
    return replace(
        uplift,
        absolute=_NOT_ESTIMATED,
        relative=_NOT_ESTIMATED,
        randomised=Comparison(_NOT_ESTIMATED, _NOT_ESTIMATED),
        one_step=UNSET,
        former=UNSET,
        adjusted=adjusted,
        chance_to_beat=unknown_chance(REASON),
    )


def _group(row: Group) -> Group:
    return replace(row, mean=None, interval=UNKNOWN, reason=REASON)


def _unknown(row: Restricted) -> Restricted:
    return replace(row, mean=None, interval=UNKNOWN, reason=REASON)


def _variant(row: VariantRow) -> VariantRow:
    return replace(
        row,
        share=None,
        mean=None,
        interval=UNKNOWN,
        ips=_NOT_ESTIMATED,
        reason=REASON,
    )


def _derived(row: DerivedRow) -> DerivedRow:
    treatment, baseline = (
        replace(group, mean=None, interval=UNKNOWN, reason=REASON)
        for group in row.groups
    )
    return replace(
        row,
        groups=(treatment, baseline),
        difference=_NOT_ESTIMATED,
        relative=_NOT_ESTIMATED,
        chance_to_beat=unknown_chance(REASON),
    )


def _metric(row: MetricRow) -> MetricRow:
    guardrail = row.guardrail
    if guardrail is not None:
        guardrail = replace(
            guardrail,
            status="undecided",
            difference=_NOT_ESTIMATED,
            detail=REASON,
            chance_to_beat=unknown_chance(REASON),
        )
    return replace(row, mean=None, guardrail=guardrail)
