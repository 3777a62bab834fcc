"""Compare the branches of a split by unit, at every look.

Owns the sums of the comparison, which follow the joined order, and what they say. They
are those of the uplift (ope.uplift), with the other policy in the place of the
treatment and the current one in that of the baseline: a decision weighs 1 over the
share that its branch had when it was made, so that a growing share does not compare
different times, and decisions of one unit count together. Decisions of the holdout, and
those made while one branch had all units, are outside.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from bandit_svc.domain.experiment import TREATMENT, Definition, Experiment
from bandit_svc.domain.metric import Metric
from bandit_svc.domain.splits.split import CURRENT, Split
from bandit_svc.domain.splits.step import Evidence
from bandit_svc.domain.times import Deadline
from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.interval import UNBOUNDED, Estimate
from bandit_svc.ope.uplift import by_unit, columns
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, added
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.parts.closing import joined_of
from bandit_svc.services.learning.uplift_rows import (
    Joined,
    Layout,
    units_of,
    values_of,
)
from bandit_svc.services.values import CONFIDENCE
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.splits.kept import SplitSums

BATCH = 2_000
FORM = 1


class Compared(msgspec.Struct, frozen=True, array_like=True):
    """The sums as bytes hold them.

    Attributes:
        layout: the values of a decision.
        totals: see ope.uplift.totals.
        share: the other branch's, at the newest of its decisions.
        in_step: the other branch's decisions at that share.
    """

    layout: Layout
    totals: bytes
    share: float = 0.0
    in_step: int = 0
    form: int = FORM

    @property
    def sums(self) -> Totals:
        """The totals, to be read or added to."""
        return Totals.from_bytes(self.totals)

    def in_step_at(self, share: float) -> int:
        """Return the other branch's matured decisions at a share."""
        return self.in_step if math.isclose(self.share, share) else 0


class Looked(NamedTuple):
    """What one look at the joined order has found."""

    compared: Compared
    behind: int


def layout_of(definition: Definition) -> Layout:
    """Return the values that branches are compared by: the reward and the metrics."""
    reward = definition.reward
    names = tuple(metric.name for metric in definition.metrics)
    return Layout(reward.default, reward.minimum, reward.maximum, names)


def kept_comparison(storage: Storage, number: int, split: Split) -> Compared | None:
    """Return the sums of a split as they are kept; None before the first look."""
    kept = storage.splits.sums(number)
    if kept is None or kept.since != split.id:
        return None
    compared = msgspec.msgpack.decode(kept.state, type=Compared)
    return compared if compared.form == FORM else None


def begin_comparison(
    storage: Storage, number: int, definition: Definition, split: Split
) -> None:
    """Keep sums of no decisions: what has been joined so far is of no branch."""
    empty = empty_comparison(definition)
    position = storage.joins.last_position(number)
    sums = SplitSums(split.id, position, msgspec.msgpack.encode(empty))
    storage.splits.save(number, sums, {}, anew=True)


def look_at_branches(
    storage: Storage,
    definitions: Definitions,
    number: int,
    definition: Definition,
    split: Split,
    time_is_up: Deadline,
) -> Looked:
    """Add what was joined since the last look.

    Args:
        storage: the service's.
        definitions: of the experiments.
        number: of the experiment.
        definition: as it is now.
        split: of the definition.
        time_is_up: asked after each batch; one is added at least.
    """
    layout = layout_of(definition)
    while True:
        compared = kept_comparison(storage, number, split)
        kept = storage.splits.sums(number)
        anew = compared is None or kept is None or compared.layout != layout
        if compared is None or anew:
            compared = empty_comparison(definition)
        position = 0 if anew or kept is None else kept.position
        rows = storage.joins.closed_after(number, position, BATCH)
        joined = joined_of(rows, definitions) if rows else None
        if joined is None:
            # Behind the last one, or the row of a revision is damaged.
            return Looked(compared, 0)
        mine = joined.where(_of_split(joined, split))
        stored: Mapping[int, bytes] = {}
        hashes, unit = units_of(definitions.hashes(number), mine)
        if not anew:
            stored = storage.splits.unit_states(number, hashes)
        after = compared
        states: Sequence[bytes] = ()
        if mine.closed:
            after, states = _with(compared, mine, unit, [stored.get(h) for h in hashes])
        sums = SplitSums(split.id, rows[-1].position, msgspec.msgpack.encode(after))
        units = dict(zip(hashes, states, strict=True)) if states else {}
        storage.splits.save(number, sums, units, anew=anew)
        if time_is_up():
            last = storage.joins.last_position(number)
            return Looked(after, max(0, last - rows[-1].position))


def evidence_now(storage: Storage, experiment: Experiment) -> Evidence:
    """Return what the sums of an experiment's split say as they are kept."""
    split = experiment.definition.split
    if split is None:
        return Evidence()
    compared = kept_comparison(storage, experiment.number, split)
    if compared is None:
        return Evidence()
    return evidence_of(compared, experiment.definition, split)


def evidence_of(compared: Compared, definition: Definition, split: Split) -> Evidence:
    """Return what the sums say now."""
    totals, layout = compared.sums, compared.layout
    decisions = _pair(totals.decisions)
    units = _pair(totals.units_seen)
    # Successes that are joined first bias every number of the joined ones.
    if not min(decisions) or definition.reward.closes_at_first_reward:
        return Evidence(decisions=decisions, units=units)
    found = _difference(totals, layout.possible)
    mean = float(sides(totals, columns.RANDOMISED).means[columns.BASELINE])
    whole = abs(mean) if split.margin_in == "share" else 1.0
    return Evidence(
        estimate=found.estimate,
        interval=(found.interval.lower, found.interval.upper),
        margin=split.margin * whole,
        decisions=decisions,
        units=units,
        breached=tuple(
            metric.name
            for metric in definition.metrics
            if _is_breached(metric, totals, layout)
        ),
    )


def branch_means(compared: Compared) -> tuple[Estimate, Estimate]:
    """Return the mean of the current branch and of the other one."""
    totals, possible = compared.sums, compared.layout.possible
    current, other = (
        by_unit.mean(totals, columns.RANDOMISED, side, CONFIDENCE, possible).now
        if totals.decisions[side]
        else Estimate(None, UNBOUNDED)
        for side in (columns.BASELINE, columns.TREATMENT)
    )
    return current, other


def _difference(totals: Totals, possible: by_unit.Possible) -> Estimate:
    return by_unit.absolute(totals, columns.RANDOMISED, CONFIDENCE, possible).now


def _is_breached(metric: Metric, totals: Totals, layout: Layout) -> bool:
    """Return whether a guardrail is worse by more than its margin for sure."""
    value = layout.value(metric.name)
    if value is None:
        return False
    possible = layout.possible_of(metric.minimum, metric.maximum, value)
    interval = _difference(totals, possible).interval
    if metric.higher_is_better:
        return interval.upper is not None and interval.upper < -metric.margin
    return interval.lower is not None and interval.lower > metric.margin


def _of_split(joined: Joined, split: Split) -> BoolArray:
    """Return true for each decision that the comparison is made of."""
    return np.array(
        [
            choice.branch is not None
            and choice.branch.split == split.id
            and 0.0 < choice.branch.share < 1.0
            and one.due.group == TREATMENT
            for one, choice in zip(joined.closed, joined.choices, strict=True)
        ]
    )


def _with(
    compared: Compared,
    joined: Joined,
    unit: IntArray,
    states: Sequence[bytes | None],
) -> tuple[Compared, Sequence[bytes]]:
    """Add decisions of the split; return the states of their units too."""
    branches = [choice.branch for choice in joined.choices if choice.branch]
    made = MadeInBranches(
        unit,
        np.array([branch.name != CURRENT for branch in branches]),
        np.array([branch.share for branch in branches]),
        values_of(compared.layout, joined),
    )
    return compared_with(compared, made, states)


class MadeInBranches(NamedTuple):
    """Decisions of a split in their joined order.

    Attributes:
        unit: (n,), the place of each one's unit among the states.
        other: (n,), whether the other policy made it.
        share: (n,), of its own branch then.
        values: (n, values), the reward and the metrics.
    """

    unit: IntArray
    other: BoolArray
    share: FloatArray
    values: FloatArray


def compared_with(
    compared: Compared, made: MadeInBranches, states: Sequence[bytes | None]
) -> tuple[Compared, Sequence[bytes]]:
    """Add decisions to the sums; return the states of their units too.

    Args:
        compared: the sums so far.
        made: at least one decision.
        states: of the units, as they were; None for a new one.
    """
    other, own = made.other, made.share
    unknown = np.full(other.size, np.nan)
    fresh = np.ones(other.size, dtype=np.bool_)
    draws = LoggedDraws(other, np.where(other, 1 - own, own), unknown, unknown, fresh)
    decisions = JoinedDecisions(made.unit, draws, made.values)
    after = added(compared.sums, states, decisions)
    share, in_step = compared.share, compared.in_step
    for one in own[other].tolist():
        in_step = in_step + 1 if math.isclose(one, share) else 1
        share = one
    grown = Compared(compared.layout, after.totals.to_bytes(), share, in_step)
    return grown, after.states


def empty_comparison(definition: Definition) -> Compared:
    """Return the sums of no decisions."""
    layout = layout_of(definition)
    return Compared(layout, layout.empty().to_bytes())


def _pair(counted: FloatArray) -> tuple[int, int]:
    """Return counts of the current branch and of the other one."""
    return int(counted[columns.BASELINE]), int(counted[columns.TREATMENT])
