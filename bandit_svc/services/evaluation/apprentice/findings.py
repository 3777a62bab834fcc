"""What is found of an apprentice: its agreement, and what it would earn.

Owns the form in which the report reads it, and why a value may not be shown.
"""

import math
from typing import Final

import msgspec

from bandit_svc.ope.audit.diagnostics import refusal
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.shown.blocks import Block, Mean
from bandit_svc.services.values import CONFIDENCE

AGREES, VALUE, REWARD, DIFFERENCE, WEIGHT, GIVEN, CERTAIN, SURPRISES = range(8)
SERIES = 8
SURE = 0.999
"""A variant with at least this chance is as good as certain."""
MOST_CERTAIN = 0.5
LEAST_SURPRISES = 0.01
"""Of estimated chances: with fewer choices that are not the likeliest one, the other
variants are shown too seldom for a weight that can be relied on."""
LEAST_COVERED = 0.02
"""The mean weight may differ from 1 by so much, or by ERRORS standard errors."""
ERRORS = 4.0
AUDITED_FROM = 300
"""Given chances are audited from here on, once the model knows the choices."""
WARNED, FAILED = math.log(20), math.log(100)
"""Of the logarithm of the audit's e-value: of true chances ever reached by at most 5 %
and 1 % of logs."""

Bound = tuple[float | None, float | None, float | None]
"""An estimate and both ends of its interval."""
NOTHING: Final[Bound] = (None, None, None)


class Found(msgspec.Struct, frozen=True):
    """What the report reads; rewards are scaled to [0, 1].

    Attributes:
        n: decisions since the experiment has become an apprentice.
        unknown: those without a chance of what was shown.
        revision: the first of these decisions is of it.
        recent: decisions that the estimates are of, the newest ones.
        first_ms, last_ms: of these.
        refused: why there are no values; None where there are.
        estimated: the chances were estimated, for most of these.
        evidence: the logarithm of the e-value against the chances that were given.
        audited: decisions that it is of.
        history: the end in milliseconds, the decisions, and those that agree, of each
            stretch.
    """

    n: int = 0
    unknown: int = 0
    revision: int = 0
    recent: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    agreement: Bound = NOTHING
    value: Bound = NOTHING
    reward: Bound = NOTHING
    difference: Bound = NOTHING
    refused: str | None = None
    estimated: bool = False
    evidence: float = 0.0
    audited: int = 0
    history: tuple[tuple[int, int, float], ...] = ()


def bounds_of(block: Block, series: int, width: float = 1.0) -> Bound:
    """Return the mean of a series of a block."""
    found: Mean | None = block.mean(series, CONFIDENCE, width)
    if found is None:
        return NOTHING
    return found.estimate, found.interval.lower, found.interval.upper


def refused_value(block: Block, evidence: float) -> str | None:
    """Return why no value may be shown, as a sentence, or None.

    Args:
        block: of the decisions.
        evidence: as in Found.
    """
    n = block.n
    if not n:
        return "No decision has matured yet."
    given = block.total(GIVEN)
    if evidence >= FAILED and given:
        return (
            "The given shown_propensity is not the chance with which your system "
            "chooses (check propensity_audit), so no value would be right; send true "
            "ones, or null."
        )
    return _one_alone(block) or _unlike_one(block)


def _one_alone(block: Block) -> str | None:
    """Return why there are no weights where one variant alone is shown, or None."""
    n, given = block.n, block.total(GIVEN)
    if block.total(CERTAIN) >= MOST_CERTAIN * n:
        return (
            "Your system follows a fixed rule, by which one variant alone is shown in "
            "each context, so the log says nothing of what others would earn there. "
            "Let it choose at random for a share of the requests, and send the chances."
        )
    if given < n / 2 and block.total(SURPRISES) < LEAST_SURPRISES * n:
        return (
            "Your system seems to follow a fixed rule: of its choices "
            f"{block.total(SURPRISES) / n:.1%} are others than the likeliest one, and "
            f"{LEAST_SURPRISES:.0%} are needed. The log says nothing of what others "
            "would earn; let it choose at random for a share of the requests."
        )
    return None


def _unlike_one(block: Block) -> str | None:
    """Return why the weights can't be relied on, or None: their mean must be 1."""
    n, weight = block.n, block.total(WEIGHT)
    squares = block.squares(WEIGHT)
    sums = WeightedSums(
        n=n,
        weight=weight,
        weight_squared=squares,
        max_weight=block.largest(WEIGHT),
    )
    reason = refusal(sums)
    if reason is not None:
        return reason
    mean = weight / n
    error = math.sqrt(max(squares / n - mean**2, 0.0) / n)
    if abs(mean - 1) <= max(LEAST_COVERED, ERRORS * error):
        return None
    return (
        f"The mean weight is {mean:.3f} and should be 1: your system never shows some "
        "of what the policy would, or the chances are not right."
    )
