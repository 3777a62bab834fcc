"""A secondary metric that must not get worse, and what is computed from metrics.

Owns the declarations of guardrails and of derived metrics, and the checks of them.
Pure; whether a guardrail holds is said by services.report.guardrails, and what a
derived metric is by services.report.metrics.
"""

import math
from collections.abc import Sequence
from typing import Literal, assert_never

import msgspec

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.errors import InvalidInput

MAX_METRICS = 20
MAX_NAME_LENGTH = 64
MAX_VALUE = 1e9
MAX_DERIVED = 20
MAX_RETENTIONS = 4
MAX_DAYS = 365.0
DECISIONS, UNITS = "decisions", "units"
"""What a ratio may count beside metrics: each decision, or each unit once."""


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secondary metric: the range of its sums, and how much worse it may get.

    Attributes:
        minimum: the smallest sum a decision can have; a smaller one is clipped to it.
        maximum: the largest; None (null) if sums are not bounded above.
        direction: whether higher or lower is better.
        margin: how much worse than the baseline's the treatment's mean may be.
    """

    name: str
    minimum: float
    maximum: float | None
    direction: Literal["higher", "lower"] = "higher"
    margin: float = 0.0

    @property
    def higher_is_better(self) -> bool:
        """Return whether a larger sum is an improvement."""
        match self.direction:
            case "higher":
                return True
            case "lower":
                return False
            case _:
                assert_never(self.direction)

    def clip(self, value: float) -> float:
        """Bring a sum into the declared range."""
        return min(max(value, self.minimum), self.upper)

    @property
    def upper(self) -> float:
        """The largest sum that can be counted; MAX_VALUE without a maximum."""
        return MAX_VALUE if self.maximum is None else self.maximum

    @property
    def width(self) -> float:
        """The width of the range of sums that can be counted."""
        return self.upper - self.minimum


class Ratio(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="ratio",
):
    """The sum of one metric over the sum of another, such as revenue an order.

    Attributes:
        numerator: `reward`, a declared metric, or `decisions`.
        denominator: likewise.
        direction: whether higher or lower is better.
    """

    name: str
    numerator: str
    denominator: str
    direction: Literal["higher", "lower"] = "higher"


class PerUnit(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="per_unit",
):
    """The total of a metric a unit so far, such as revenue a person.

    Attributes:
        of: `reward`, a declared metric, or `decisions`.
        direction: whether higher or lower is better.
    """

    name: str
    of: str
    direction: Literal["higher", "lower"] = "higher"


class Retention(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="retention",
):
    """The share of units that are seen again soon after their first decision.

    Attributes:
        days: after the first decision, within which a further one counts.
        after_hours: a further decision sooner than that doesn't count.
        direction: whether higher or lower is better.
    """

    name: str
    days: float
    after_hours: float = 0.0
    direction: Literal["higher", "lower"] = "higher"

    @property
    def until_ms(self) -> int:
        """The time after the first decision within which another counts."""
        return round(self.days * 86_400_000)

    @property
    def after_ms(self) -> int:
        """The time after the first decision before which none counts."""
        return round(self.after_hours * 3_600_000)


Derived = Ratio | PerUnit | Retention
"""A metric that is computed, and never reported."""


def check_metrics(metrics: Sequence[Metric]) -> None:
    """Refuse declarations that no interval can be made for.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    if len(metrics) > MAX_METRICS:
        raise InvalidInput.at(
            "/metrics", f"{len(metrics)} metrics; at most {MAX_METRICS} are allowed"
        )
    names: set[str] = set()
    for index, metric in enumerate(metrics):
        pointer = f"/metrics/{index}"
        if not 0 < len(metric.name) <= MAX_NAME_LENGTH:
            raise InvalidInput.at(
                f"{pointer}/name", f"a name has 1 to {MAX_NAME_LENGTH} characters"
            )
        if metric.name == MAIN_METRIC or metric.name in names:
            raise InvalidInput.at(
                f"{pointer}/name",
                f"{metric.name!r} is taken; each metric is declared once, and "
                f"{MAIN_METRIC!r} is the one that is learned from",
            )
        names.add(metric.name)
        _check_range(pointer, metric)


def _check_range(pointer: str, metric: Metric) -> None:
    for name, value in (("minimum", metric.minimum), ("maximum", metric.upper)):
        # NaN fails the comparison too.
        if not abs(value) <= MAX_VALUE:
            raise InvalidInput.at(
                f"{pointer}/{name}",
                f"{name} is {value}; it must be between {-MAX_VALUE:g} and "
                f"{MAX_VALUE:g}",
            )
    if not metric.minimum <= 0 <= metric.upper or metric.minimum == metric.upper:
        raise InvalidInput.at(
            f"{pointer}/minimum",
            f"the range is {metric.minimum:g} to {metric.upper:g}; it must hold 0, "
            "which is the sum of a decision without a report, and more than 0",
        )
    width = metric.width
    if not (math.isfinite(metric.margin) and 0 <= metric.margin <= width):
        raise InvalidInput.at(
            f"{pointer}/margin",
            f"margin is {metric.margin}; it must be between 0 and {width:g}, the "
            "width of the range",
        )


def check_derived(
    derived: Sequence[Derived], metrics: Sequence[Metric], reward_minimum: float
) -> None:
    """Refuse derived metrics that can't be computed.

    Args:
        derived: the declarations.
        metrics: of the same definition.
        reward_minimum: the smallest possible reward.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    if len(derived) > MAX_DERIVED:
        raise InvalidInput.at(
            "/derived_metrics",
            f"{len(derived)} derived metrics; at most {MAX_DERIVED} are allowed",
        )
    least = {MAIN_METRIC: reward_minimum, DECISIONS: 1.0}
    least |= {metric.name: metric.minimum for metric in metrics}
    names = {MAIN_METRIC, DECISIONS, UNITS, *least}
    for index, one in enumerate(derived):
        pointer = f"/derived_metrics/{index}"
        if not 0 < len(one.name) <= MAX_NAME_LENGTH or one.name in names:
            raise InvalidInput.at(
                f"{pointer}/name",
                f"the name is {one.name[:MAX_NAME_LENGTH]!r}; it must have 1 to "
                f"{MAX_NAME_LENGTH} characters and be no other metric's name",
            )
        names.add(one.name)
        match one:
            case Ratio():
                _check_operand(f"{pointer}/numerator", one.numerator, least)
                _check_operand(f"{pointer}/denominator", one.denominator, least)
                if one.numerator == one.denominator:
                    raise InvalidInput.at(
                        f"{pointer}/denominator",
                        f"both parts are {one.numerator!r}, so that the ratio is "
                        "always 1; name another metric",
                    )
            case PerUnit():
                _check_operand(f"{pointer}/of", one.of, least)
            case Retention():
                _check_retention(pointer, one)
            case _:
                assert_never(one)
    retentions = sum(isinstance(one, Retention) for one in derived)
    if retentions > MAX_RETENTIONS:
        raise InvalidInput.at(
            "/derived_metrics",
            f"{retentions} metrics of kind retention; at most {MAX_RETENTIONS} are "
            "allowed",
        )


def _check_operand(pointer: str, name: str, least: dict[str, float]) -> None:
    if name not in least:
        known = ", ".join(least)
        raise InvalidInput.at(
            pointer,
            f"there is no metric {name[:MAX_NAME_LENGTH]!r}; name one of {known}, or "
            "declare it in metrics",
        )
    if least[name] < 0:
        raise InvalidInput.at(
            pointer,
            f"{name} can be as small as {least[name]:g}; a ratio or a total a unit has "
            "an interval only if no part can be below 0. Report what can be negative "
            "as two metrics",
        )


def _check_retention(pointer: str, one: Retention) -> None:
    # NaN fails the comparisons too.
    if not 0 < one.days <= MAX_DAYS:
        raise InvalidInput.at(
            f"{pointer}/days",
            f"days is {one.days}; it must be above 0 and at most {MAX_DAYS:g}",
        )
    if not 0 <= one.after_hours < one.days * 24:
        raise InvalidInput.at(
            f"{pointer}/after_hours",
            f"after_hours is {one.after_hours}; it must be at least 0 and below the "
            f"{one.days * 24:g} hours of days",
        )
