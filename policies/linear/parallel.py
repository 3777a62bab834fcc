"""Linear regressions side by side, averaged by how well each predicts.

Owns kind `linear` with `regressions` `parallel`: which regressions there are, and the
way from a context to estimates to a pmf. They differ in how far they trust the context,
in hat functions for curved numbers, and in how fast they forget. The matrices, columns
and the evidence are those of `auto`, which has further models; the explorers are those
of `linear`.

State is a function of the learned examples in order; a pmf follows from it alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from policies.auto.clock import Clock
from policies.auto.columns import (
    MOST_HATS,
    MOST_PLAIN,
    SHARED_COLUMNS,
    ColumnReader,
    Columns,
    Floats,
    Row,
)
from policies.auto.evidence import Evidence
from policies.auto.regressions import Packed, Prior, Regressions
from policies.auto.rows import Rows
from policies.auto.served import Served
from policies.auto.shared import SharedRegression
from policies.base import (
    Action,
    Context,
    Memory,
    RewardRange,
    check_actions,
    check_example,
)
from policies.change.typical import Typical
from policies.envelope import seal, spec_digest, unseal
from policies.linear.explorers import Estimates, explored, reads_deviations

HORIZON = 500.0
"""Examples that the evidence for a regression reaches back at least."""

MOST_REWARD = 1e100
"""The largest reward that counts; the sum of its squares is a finite float."""

SLOW = 0.0
"""Stands for the forgetting of the spec."""

PLAIN = (
    Prior(intercept=0.1, weights=0.03, forgetting=SLOW),
    Prior(intercept=0.3, weights=0.1, forgetting=SLOW),
    Prior(intercept=0.3, weights=0.2, forgetting=20.0),
    Prior(intercept=0.3, weights=0.3, forgetting=40.0),
)
HATS = (
    Prior(intercept=0.3, weights=0.2, forgetting=SLOW),
    Prior(intercept=1.0, weights=1.0, forgetting=SLOW),
)
"""The first of each list hardly believes the context, which is best while there are few
rewards; the last one follows strong effects at once."""

_SLICES = (slice(0, len(PLAIN)), slice(len(PLAIN), len(PLAIN) + len(HATS)))
_EQUAL = (0.0,) * (len(PLAIN) + len(HATS))
"""Logarithms of the weights before any evidence."""
_NONE = np.zeros(1)
"""The weight of a model that only `auto` has."""


_FORM = 2
"""Of the state and of what is learned; raise it with either, and models are trained
from the log again."""


class _State(msgspec.Struct, frozen=True):
    columns: Columns
    rows: Rows
    typical: Typical
    evidence: Evidence
    stacks: list[Packed]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class ParallelPolicy:
    """Averages linear regressions by their evidence and explores."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._digest = spec_digest({**spec, "form": _FORM}, reward_range)
        self._reward_range = reward_range
        self._spec = dict(spec)
        self._reads_deviations = reads_deviations(spec)
        shrink = spec["ridge"] ** -0.5
        self._priors = [
            [
                Prior(
                    shrink * prior.intercept,
                    shrink * prior.weights,
                    prior.forgetting or spec["forgetting"],
                )
                for prior in priors
            ]
            for priors in (PLAIN, HATS)
        ]
        plain = min(spec["dimensions"], 1 + SHARED_COLUMNS + MOST_PLAIN)
        self._most_columns = (plain, plain + MOST_HATS)
        self._typical = Typical()
        self._begin(Clock())

    def _begin(self, clock: Clock) -> None:
        """Begin with nothing learned, but for the count and what rewards are usual."""
        evidence = Evidence.of(len(_EQUAL))
        evidence.clock = clock
        stacks = [
            Regressions(priors, most)
            for priors, most in zip(self._priors, self._most_columns, strict=True)
        ]
        self._restore(Columns(pairing=False), Rows(), evidence, stacks)

    def _restore(
        self,
        columns: Columns,
        rows: Rows,
        evidence: Evidence,
        stacks: list[Regressions],
    ) -> None:
        self._columns, self._reader = columns, ColumnReader(columns)
        self._rows, self._evidence = rows, evidence
        self._stacks = stacks
        self._served = Served(stacks, SharedRegression())
        self._weigh()

    def _weigh(self) -> None:
        self._weights = self._evidence.weights(_EQUAL)
        weights = np.array(self._weights)
        self._shares = [*(weights[where] for where in _SLICES), _NONE]

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the explorer's probabilities from the average."""
        check_actions(len(actions))
        row = self._reader.row(context)
        noise = self._evidence.noise
        if noise == 0.0:
            return [1.0 / len(actions)] * len(actions)
        means = self._served.means(
            row,
            actions,
            self._rows.by_key,
            self._shares,
            self._columns.used,
            self._evidence.clock.time,
        )
        estimates = Estimates(
            means=means,
            deviations=self._deviations(row, actions, noise)
            if self._reads_deviations
            else np.zeros(len(actions)),
            noise_deviation=noise,
            learned_count=self._evidence.count,
        )
        return explored(self._spec, estimates)

    def _deviations(self, row: Row, actions: Sequence[Action], noise: float) -> Floats:
        """Return the deviation of each mean, shape (K,), averaged like the means."""
        rows = np.array([self._rows.by_key.get(one.key, -1) for one in actions])
        variances = np.zeros(len(actions))
        for stack, shares, end in zip(
            self._stacks, self._shares, (row.plain, row.hats), strict=False
        ):
            variances += shares @ stack.variances(
                rows, row.columns[:end], row.values[:end], self._evidence.clock.time
            )
        deviations: Floats = noise * np.sqrt(variances)
        return deviations

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Update every regression and the evidence; the propensity isn't used.

        A regression for each action needs no importance weights: it estimates the
        reward in a context, whatever the probability of the action there.
        """
        check_example(len(actions), chosen, propensity)
        self._reward_range.scaled(reward)
        # Not its share of the range, so that a declared maximum changes no bit.
        whole = min(reward - self._reward_range.minimum, MOST_REWARD)
        # All features are read first, so that a refused one changes nothing.
        row = self._reader.row(context)
        if self._typical.learn(whole):
            self._begin(self._evidence.clock.begun_again())
            row = self._reader.row(context)
        if not row.complete:
            self._reader.admit(context, 0)
            row = self._reader.row(context)
        bounded = self._typical.bounded(whole)
        count, time = self._evidence.count + 1, self._evidence.clock.time
        target = bounded - self._evidence.mean
        at, is_new = self._row_of(actions, chosen, count)
        errors: list[float] = []
        for stack, end in zip(self._stacks, (row.plain, row.hats), strict=True):
            columns, values = row.columns[:end], row.values[:end]
            errors += stack.learn(at, columns, values, target, time).tolist()
        self._reader.learn(row)
        self._evidence.add(bounded, errors, self._weights, HORIZON)
        self._weigh()
        self._served.learned(new_row=is_new)

    def memory(self) -> Memory:
        """Return how much of the log counts; see the protocol."""
        clock = self._evidence.clock
        priors = [prior for stack in self._priors for prior in stack]
        reach = [
            clock.reaches_back(prior.forgetting * prior.intercept) for prior in priors
        ]
        return Memory(clock.count, float(np.dot(self._weights, reach)), 0, None)

    def _row_of(
        self, actions: Sequence[Action], chosen: int, count: int
    ) -> tuple[int, bool]:
        width = max(stack.width for stack in self._stacks)
        row, is_new = self._rows.learned(actions, chosen, count, width)
        if is_new:
            for stack in self._stacks:
                stack.start_again(row)
        return row, is_new

    def dump(self) -> bytes:
        """Return columns, rows, evidence and every regression."""
        state = _State(
            self._columns,
            self._rows,
            self._typical,
            self._evidence,
            [stack.packed() for stack in self._stacks],
        )
        return seal(self._digest, _encode(state))

    def load(self, state: bytes) -> None:
        """Replace all that was learned."""
        loaded = _decode(unseal(self._digest, state))
        stacks = [
            Regressions.unpacked(packed, priors, most)
            for packed, priors, most in zip(
                loaded.stacks, self._priors, self._most_columns, strict=True
            )
        ]
        self._typical = loaded.typical
        self._restore(loaded.columns, loaded.rows, loaded.evidence, stacks)
