"""The uplift adjusted by the covariate that an experiment declares.

Owns which joined decisions count for it, when its sums start anew, and how they are
kept. They start anew with a changed covariate or reward range, and with a holdout at
which a group is rarer than the sums allow for; decisions of a revision from before that
count no more. Each beginning promises its confidence for itself. With no holdout there
is nothing to compare, and none counts.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import TREATMENT, Definition, Experiment
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.uplift.adjusted import AdjustedUplift as AdjustedSums
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.values import (
    CONFIDENCE,
    UNKNOWN,
    Bounds,
    Possible,
    Reason,
    bounds,
)
from bandit_svc.storage.joined.joins import Joins
from bandit_svc.storage.rows import ClosedDecision

_Scale = tuple[str, float, float, float, float]


class AdjustedUplift(msgspec.Struct, frozen=True):
    """The uplift without what the covariate explains of the reward.

    Attributes:
        covariate: the context key.
        variance_reduction: the share of the variance that it explains.
        n: decisions that count.
        missing: those of them whose context lacks the key.
    """

    covariate: str
    estimate: float | None = None
    interval: Bounds = UNKNOWN
    variance_reduction: float | None = None
    n: int = 0
    missing: int = 0
    reason: Reason = msgspec.UNSET


_NOTHING = "no decision counts for it yet"


class _Kept(msgspec.Struct):
    """The state as bytes hold it; `revision` is the newest that began or went on."""

    revision: int
    scale: _Scale
    sums: dict[str, Any]


class _Growing:
    """The sums of one experiment while a batch is joined."""

    def __init__(self, kept: _Kept | None) -> None:
        self.revision = kept.revision if kept else 0
        self.scale = kept.scale if kept else None
        self.sums = AdjustedSums.from_dict(kept.sums) if kept else None
        self.rows: list[tuple[float, ...]] = []

    def add(self, closed: ClosedDecision, choice: Decision, d: Definition) -> None:
        """Count one decision, if it belongs to the sums or begins new ones."""
        if choice.shown is not None:
            return
        holdout = d.holdout
        if choice.programme is not None:
            holdout = choice.programme.baseline_share
        if d.covariate is None or not 0 < holdout < 1:
            return
        chance = min(holdout, 1 - holdout)
        fits = self.scale == _scale(d) and self.sums is not None
        if not fits or (self.sums and chance < self.sums.least_chance):
            if closed.due.revision < self.revision:
                return
            self.rows = []
            start = (d.reward.default - d.reward.minimum) / _width(d)
            self.sums, self.scale = AdjustedSums(chance, start), _scale(d)
        self.revision = max(self.revision, closed.due.revision)
        reward = (closed.reward - d.reward.minimum) / _width(d)
        treated = float(closed.due.group == TREATMENT)
        x = d.covariate.of(choice.context)
        self.rows.append((x, reward, treated, holdout))

    def kept(self) -> bytes | None:
        """Return the state after the batch, None if none of it counted."""
        if not self.rows or self.sums is None or self.scale is None:
            return None
        sums = self.sums.add(self.rows).to_dict()
        return msgspec.msgpack.encode(_Kept(self.revision, self.scale, sums))


def adjusted_after(
    joins: Joins,
    definitions: Definitions,
    closed: Sequence[ClosedDecision],
    choices: Sequence[Decision],
) -> dict[int, bytes]:
    """Return the new state of each experiment that a decision of a batch counts for."""
    growing: dict[int, _Growing] = {}
    for one, choice in zip(closed, choices, strict=True):
        number = one.due.number
        definition = definitions.at(number, one.due.revision)
        if definition is None or definition.covariate is None:
            continue
        if number not in growing:
            growing[number] = _Growing(_decoded(joins.adjusted(number)))
        growing[number].add(one, choice, definition)
    states = {number: one.kept() for number, one in growing.items()}
    return {number: state for number, state in states.items() if state is not None}


def adjusted(joins: Joins, experiment: Experiment) -> AdjustedUplift | None:
    """Return the report's `uplift.adjusted`; None without a declared covariate."""
    definition = experiment.definition
    covariate = definition.covariate
    if covariate is None:
        return None
    kept = _decoded(joins.adjusted(experiment.number))
    if kept is None or kept.scale != _scale(definition):
        return AdjustedUplift(covariate.key, reason=_NOTHING)
    sums = AdjustedSums.from_dict(kept.sums).now
    found, width = sums.estimate(CONFIDENCE), _width(definition)
    if found.estimate is None:
        return AdjustedUplift(
            covariate.key, n=sums.n, missing=sums.missing, reason=_NOTHING
        )
    ends = [
        (end or 0.0) * width for end in (found.interval.lower, found.interval.upper)
    ]
    return AdjustedUplift(
        covariate.key,
        found.estimate * width,
        bounds(Interval(*ends), Possible(-width, width)),
        sums.variance_reduction,
        sums.n,
        sums.missing,
    )


def _decoded(state: bytes | None) -> _Kept | None:
    return None if state is None else msgspec.msgpack.decode(state, type=_Kept)


def _scale(definition: Definition) -> _Scale | None:
    covariate, reward = definition.covariate, definition.reward
    if covariate is None:
        return None
    ends = (covariate.minimum, covariate.maximum, reward.minimum, reward.upper)
    return (covariate.key, *ends)


def _width(definition: Definition) -> float:
    return definition.reward.width
