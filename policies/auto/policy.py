"""The policy that chooses among models of the reward by itself.

Owns the policy of kind `auto`: nine models side by side, their average by the evidence
for each, and inverse-gap weighting on that average. The arithmetic of the models is in
`regressions`, `shared` and `vw.rewards`, the way from a context to columns in
`columns`, the weights in `evidence`, what is kept between predictions in `served`.

State is a function of the learned examples in order; a pmf follows from it alone.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from policies.auto.clock import Clock
from policies.auto.columns import (
    MOST_PAIRS,
    ColumnReader,
    Columns,
    Floats,
    Reads,
    Row,
)
from policies.auto.evidence import Evidence
from policies.auto.exploration import inverse_gap, inverse_gaps
from policies.auto.models import (
    PAIRED,
    STACKS,
    forgetting_rates,
    log_priors,
    model_names,
)
from policies.auto.regressions import Packed, Regressions
from policies.auto.rows import Rows
from policies.auto.served import Served
from policies.auto.shared import PackedShared, SharedRegression, own_features
from policies.base import (
    Action,
    Context,
    Memory,
    ModelEvidence,
    RewardRange,
    check_actions,
    check_example,
)
from policies.change.falls import Falls
from policies.change.settings import (
    rules_of,
)
from policies.change.typical import Typical
from policies.envelope import seal, spec_digest, unseal
from policies.examples import Example
from policies.features import Named
from policies.vw.rewards import RewardModel

MOST_ACTIONS_PAIRED = 49
"""With more actions than this, products of features are left out for good: nothing was
gained from them there, and their matrices are most of the memory."""

LARGEST = 1e100
"""The largest reward that is learned as it is; its square is a finite float."""

REST = 4
"""Models of the same columns that are all far from being served learn from one example
in four only. Its squared errors count for all four, so that they can come back. Who
rests is decided after such an example, so that none of the four counts twice."""

OF_RESTING = math.sqrt(REST)
"""By which an error is multiplied that counts for all four."""


_FORM = 6
"""Of the state and of what is learned; raise it with either, and models are trained
from the log again."""


class _State(msgspec.Struct, frozen=True):
    columns: Columns
    rows: Rows
    typical: Typical
    falls: Falls
    evidence: Evidence
    stacks: list[Packed]
    shared: PackedShared
    vw: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class AutoPolicy:
    """Averages its models by their evidence and explores by the gaps of that."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._digest = spec_digest({**spec, "form": _FORM}, reward_range)
        self._reward_range = reward_range
        self._rules = rules_of(spec)
        self._gamma_scale: float = spec["gamma_scale"]
        self._horizon: float = spec["horizon"]
        ends = np.cumsum([len(stack.priors) for stack in STACKS]).tolist()
        self._slices = [
            slice(end - len(stack.priors), end)
            for end, stack in zip(ends, STACKS, strict=True)
        ]
        self._log_priors = log_priors()
        vw = len(self._log_priors) - 1
        self._groups = (*self._slices, slice(vw, vw + 1))
        self._typical, self._vw = Typical(), RewardModel()
        self._begin(Clock())

    def _begin(self, clock: Clock) -> None:
        """Begin with nothing learned, but for the count and what rewards are usual."""
        evidence = Evidence.of(len(self._log_priors), len(self._groups))
        evidence.clock = clock
        stacks = [stack.untrained() for stack in STACKS]
        self._falls = Falls()
        models = stacks, SharedRegression(), RewardModel()
        self._restore(Columns(), Rows(), evidence, *models)

    def _restore(
        self,
        columns: Columns,
        rows: Rows,
        evidence: Evidence,
        stacks: list[Regressions],
        shared: SharedRegression,
        vw: RewardModel,
    ) -> None:
        self._columns, self._reader = columns, ColumnReader(columns)
        self._rows, self._evidence = rows, evidence
        self._stacks, self._shared = stacks, shared
        self._served = Served(stacks, shared)
        self._vw.finish()
        self._vw = vw
        self._weigh()

    def _weigh(self) -> None:
        self._weights = self._evidence.weights(self._log_priors)
        self._shares: list[Floats] = []
        self._served_reads = Reads.PLAIN

    def _weights_by_stack(self) -> list[Floats]:
        """Return the weights of the models of each stack, then of the shared one."""
        # Made on the first prediction: a learner learns many examples for each.
        if not self._shares:
            weights = np.array(self._weights)
            shared = self._slices[-1].stop
            self._shares = [weights[where] for where in self._slices]
            self._shares.append(weights[shared : shared + 1])
            reads = (
                stack.reads
                for stack, shares in zip(STACKS, self._shares, strict=False)
                if shares.any()
            )
            self._served_reads = max(reads, default=Reads.PLAIN)
        return self._shares

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the explorer's probabilities from the served average."""
        check_actions(len(actions))
        # Columns of models without weight would add 0 to each mean.
        shares = self._weights_by_stack()
        row = self._reader.row(context, self._served_reads)
        clock = self._evidence.clock
        means = self._served.means(
            row,
            actions,
            self._rows.by_key,
            shares,
            self._columns.used,
            clock.time,
        )
        share = self._weights[-1]
        if share > 0.0:
            # The others predict rewards less the mean; a constant moves no gap.
            means += share * np.array(self._vw.expected(context, actions))
        return inverse_gap(means, self._evidence.noise, clock.age, self._gamma_scale)

    def pmfs(
        self, context: Context, lists: Sequence[Sequence[Action]]
    ) -> list[list[float]]:
        """Return what `pmf` returns for each list, bit by bit; see the protocol.

        The context is read once, and each model predicts once for all actions.
        """
        for actions in lists:
            check_actions(len(actions))
        shares = self._weights_by_stack()
        row = self._reader.row(context, self._served_reads)
        clock = self._evidence.clock
        means = self._served.means_of_all(
            row, lists, self._rows.by_key, shares, clock.time
        )
        share = self._weights[-1]
        if share > 0.0:
            means += share * self._vw.expected_of_all(context, lists)
        noise, age = self._evidence.noise, clock.age
        if len({len(actions) for actions in lists}) == 1:
            alike = means.reshape(len(lists), -1)
            return inverse_gaps(alike, noise, age, self._gamma_scale)
        found: list[list[float]] = []
        at = 0
        for actions in lists:
            own = means[at : at + len(actions)]
            found.append(inverse_gap(own, noise, age, self._gamma_scale))
            at += len(actions)
        return found

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Update every model and the evidence; the propensity isn't used.

        A regression for each action needs no importance weights, and errors weighted by
        them were a noisier evidence, not a better one.
        """
        check_example(len(actions), chosen, propensity)
        self._reward_range.scaled(reward)
        # Not its share of the range, so that a declared maximum changes no bit.
        whole = min(reward - self._reward_range.minimum, LARGEST)
        # All features are read first, so that a refused one changes nothing.
        row = self._row(context)
        own = own_features(actions[chosen])
        self._vw.read(actions)
        if self._typical.learn(whole):
            self._begin(self._evidence.clock.begun_again())
            row = self._row(context)
        if self._columns.pairing and len(actions) > MOST_ACTIONS_PAIRED:
            self._stop_pairing()
            row = self._row(context)
        if not row.complete:
            self._reader.admit(context, self._most_pairs())
            row = self._row(context)
        bounded = self._typical.bounded(whole)
        example = Example(context, tuple(actions), chosen, propensity, bounded)
        errors, new_row = self._learned(row, own, example)
        self._reader.learn(row)
        self._take_in(bounded, errors)
        self._weigh()
        self._served.learned(new_row=new_row)

    def _row(self, context: Context) -> Row:
        """Read a context that is learned; without what only resting models read."""
        evidence = self._evidence
        if is_for_all(evidence.count + 1):
            return self._reader.row(context)
        rests = zip(STACKS, evidence.resting, strict=False)
        reads = [stack.reads for stack, rests in rests if not rests]
        return self._reader.row(context, max(reads, default=Reads.PLAIN))

    def _take_in(self, reward: float, errors: Sequence[float]) -> None:
        """Add an example to the evidence, and begin again where a change is due."""
        evidence, rules = self._evidence, self._rules
        noise = evidence.noise
        error = evidence.add(reward, errors, self._weights, self._horizon, rules.memory)
        if is_for_all(evidence.count):
            evidence.send_to_rest(self._groups, self._log_priors)
        if rules.reset_every and evidence.count % rules.reset_every == 0:
            self._begin(evidence.clock.begun_again())
        elif rules.detects and noise > 0.0 and self._falls.add(error / noise):
            self._falls = Falls()
            evidence.change()

    def _learned(
        self, row: Row, own: Sequence[Named], example: Example
    ) -> tuple[list[float], bool]:
        """Let each model learn; return their errors, and if the action is new.

        Args:
            row: of the context.
            own: features of the action.
            example: with a reward that is bounded.
        """
        evidence = self._evidence
        count, time = evidence.count + 1, evidence.clock.time
        target = example.reward - evidence.mean
        at, new_row = self._row_of(example.actions, example.chosen, count)
        may_rest = not is_for_all(count)
        errors: list[float] = []
        ends = row.plain, row.hats, len(row.columns)
        places = zip(self._stacks, self._slices, evidence.resting, strict=False)
        for number, (stack, where, rests) in enumerate(places):
            end = ends[STACKS[number].reads]
            if (rests and may_rest) or evidence.losses[where.start] == math.inf:
                errors += [0.0] * (where.stop - where.start)
                continue
            columns, values = row.columns[:end], row.values[:end]
            found = stack.learn(at, columns, values, target, time)
            errors += (found * OF_RESTING if rests else found).tolist()
        columns, values = row.columns[: row.plain], row.values[: row.plain]
        errors.append(self._shared.learn(at, own, columns, values, target))
        rests = evidence.resting[-1]
        if rests and may_rest:
            errors.append(0.0)
        else:
            error = example.reward - self._vw.learn(*example)
            errors.append(error * OF_RESTING if rests else error)
        return errors, new_row

    def _row_of(
        self, actions: Sequence[Action], chosen: int, count: int
    ) -> tuple[int, bool]:
        width = max(stack.width for stack in self._stacks)
        row, is_new = self._rows.learned(actions, chosen, count, width)
        if is_new:
            for stack in self._stacks:
                stack.start_again(row)
            self._shared.start_again(row)
        return row, is_new

    def _most_pairs(self) -> int:
        """Return the number of products that may have a column."""
        stack = self._stacks[PAIRED.start]
        rows = len(self._rows.learned_at)
        room = stack.most_columns(rows) - stack.width
        return min(MOST_PAIRS, len(self._columns.pairs) + max(room, 0))

    def evidence(self) -> list[ModelEvidence]:
        """Return the weight and the relative error of each model; see the protocol."""
        errors = self._evidence.relative_errors()
        return [
            ModelEvidence(name, weight, *error)
            for name, weight, error in zip(
                model_names(), self._weights, errors, strict=True
            )
        ]

    def memory(self) -> Memory:
        """Return how much of the log counts; see the protocol."""
        clock = self._evidence.clock
        reach = [clock.reaches_back(rate) for rate in forgetting_rates()]
        return Memory(
            learned=clock.count,
            effective=float(np.dot(self._weights, reach)),
            changes=clock.found,
            last_change=clock.changes[-1] if clock.changes else None,
        )

    def _stop_pairing(self) -> None:
        self._reader.stop_pairing()
        for where in self._slices[PAIRED]:
            self._evidence.leave_out(range(where.start, where.stop))
        self._stacks[PAIRED] = [stack.untrained() for stack in STACKS[PAIRED]]
        self._weigh()

    def dump(self) -> bytes:
        """Return columns, rows, evidence and every model."""
        state = _State(
            self._columns,
            self._rows,
            self._typical,
            self._falls,
            self._evidence,
            [stack.packed() for stack in self._stacks],
            self._shared.packed(),
            self._vw.dump(),
        )
        return seal(self._digest, _encode(state))

    def load(self, state: bytes) -> None:
        """Replace all that was learned."""
        loaded = _decode(unseal(self._digest, state))
        stacks = [
            stack.unpacked(packed)
            for packed, stack in zip(loaded.stacks, STACKS, strict=True)
        ]
        models = (
            stacks,
            SharedRegression.unpacked(loaded.shared),
            RewardModel.loaded(loaded.vw),
        )
        self._typical, self._falls = loaded.typical, loaded.falls
        self._restore(loaded.columns, loaded.rows, loaded.evidence, *models)


def is_for_all(count: int) -> bool:
    """Return whether resting models learn the example of this count: one in REST.

    By multiples of the golden ratio (Weyl 1916): evenly spread, and without a period
    that decisions could have as well.
    """
    return (count * 0x9E3779B1 & 0xFFFFFFFF) * REST < 1 << 32
