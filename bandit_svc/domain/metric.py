"""A secondary metric that must not get worse: a guardrail.

Owns its declaration and the checks of it. Pure; whether it holds is said by
services.report.guardrails.
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
