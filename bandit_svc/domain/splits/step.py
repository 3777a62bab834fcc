"""One step of a split: what was done with it, by whom, and on what evidence.

Owns the record that is kept of each step, for ever. Pure.
"""

from typing import Literal

import msgspec

Kind = Literal[
    "begun",
    "started",
    "advanced",
    "paused",
    "resumed",
    "changed",
    "rolled_back",
    "completed",
    "ended",
]
"""begun: kept, while the other policy learns the log; started: it has its first units;
rolled_back: the current policy has all units again; completed: the other one has become
the policy; ended: the definition was changed to one without a split, or with another.
"""
LAST: frozenset[Kind] = frozenset({"rolled_back", "completed", "ended"})
"""After one of these a split is of the past."""
SERVICE = "service"
"""Who takes the steps that follow from the evidence."""


class Evidence(msgspec.Struct, frozen=True):
    """What the comparison of the branches said when a step was taken.

    Attributes:
        estimate: of mean(other policy) - mean(current policy), in units of the reward;
            None while it is not known.
        interval: that holds at every look; an end is None where it is not known.
        margin: in units of the reward.
        decisions: matured ones of the current and of the other branch.
        units: likewise.
        breached: the guardrails that are breached.
    """

    estimate: float | None = None
    interval: tuple[float | None, float | None] = (None, None)
    margin: float | None = None
    decisions: tuple[int, int] = (0, 0)
    units: tuple[int, int] = (0, 0)
    breached: tuple[str, ...] = ()


NO_EVIDENCE = Evidence()


class Step(msgspec.Struct, frozen=True):
    """A step as it is kept.

    Attributes:
        since: the revision that began the split.
        revision: of the definition that the step has made.
        share: of the other policy's branch from then on.
        reason: a sentence.
        who: the service, or the key that asked for it.
    """

    since: int
    revision: int
    at_ms: int
    kind: Kind
    share: float
    reason: str
    who: str = SERVICE
    evidence: Evidence = NO_EVIDENCE
