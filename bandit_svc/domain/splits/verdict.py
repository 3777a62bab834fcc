"""Whether a split advances, rolls back or stays, from the comparison of its branches.

Owns the two conditions of a split and the order in which they are asked. Pure.
"""

from typing import Literal, NamedTuple, assert_never

from bandit_svc.domain.numbers import amount
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.splits.step import Evidence

LEAST_IN_STEP = 50
"""Matured decisions of the other branch before a step is followed by another."""

Move = Literal["stay", "advance", "roll_back"]


class Verdict(NamedTuple):
    """What is to be done, and why, in a sentence."""

    move: Move
    reason: str


def verdict_of(split: Split, evidence: Evidence, in_step: int) -> Verdict:
    """Return what follows from the evidence.

    A policy that is worse by less than the margin for sure advances; one that is
    known to be worse before that is known rolls back.

    Args:
        split: as it is now.
        evidence: now.
        in_step: matured decisions of the other branch since the last step.
    """
    if split.state != "running":
        return Verdict("stay", f"the split is {split.state}")
    advancing = _advances(split, evidence)
    worse = _why_worse(split, evidence, advancing=advancing)
    if worse:
        return Verdict("roll_back", worse)
    if not advancing:
        return Verdict("stay", "the evidence doesn't decide yet")
    if split.next_share is None:
        return Verdict("stay", "the ramp has no further step")
    if in_step < LEAST_IN_STEP:
        return Verdict(
            "stay",
            f"{in_step} decisions of this step have matured; {LEAST_IN_STEP} are "
            "needed",
        )
    lower, _ = evidence.interval
    return Verdict(
        "advance",
        f"{split.advance_when}: the lower bound of the difference is "
        f"{amount(lower or 0.0)}, the margin {amount(evidence.margin or 0.0)}",
    )


def _advances(split: Split, evidence: Evidence) -> bool:
    lower, _ = evidence.interval
    margin = evidence.margin
    if lower is None or margin is None:
        return False
    match split.advance_when:
        case "lower_bound > -margin":
            return lower > -margin
        case "lower_bound > 0":
            return lower > 0
        case "lower_bound > margin":
            return lower > margin
        case "never":
            return False
        case _:
            assert_never(split.advance_when)


def _why_worse(split: Split, evidence: Evidence, *, advancing: bool) -> str:
    """Return why a split rolls back; empty where it does not."""
    _, upper = evidence.interval
    margin = evidence.margin
    match split.rollback_when:
        case "guardrail_breached":
            if evidence.breached:
                names = ", ".join(evidence.breached)
                return f"guardrail_breached: {names}"
            limit = None if advancing else 0.0
        case "upper_bound < 0":
            limit = 0.0
        case "upper_bound < -margin":
            limit = None if margin is None else -margin
        case "never":
            limit = None
        case _:
            assert_never(split.rollback_when)
    if upper is None or limit is None or upper >= limit:
        return ""
    return (
        f"{split.rollback_when}: the reward's difference is at most {amount(upper)}, "
        f"below {amount(limit)}"
    )
