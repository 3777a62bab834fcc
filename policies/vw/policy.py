"""The policy of kind `vw`: Vowpal Wabbit with an explorer.

Owns how a decision becomes an example and predictions become probabilities, and the
state of both. Workspaces are in `model`.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from policies.base import (
    Action,
    Context,
    PolicyError,
    RewardRange,
    check_actions,
    check_example,
)
from policies.envelope import seal, spec_digest, unseal
from policies.vw import explorers as vw_explorers
from policies.vw.inverse_gap import inverse_gap, inverse_gaps
from policies.vw.model import Model
from policies.vw.scales import RangeScale, RunningScale, Scale

SUM_TOLERANCE = 1e-3
"""Vowpal Wabbit's probabilities are float32; a larger error of their sum is a fault."""

_COUNT = struct.Struct(">Q")


class VwPolicy:
    """A contextual bandit learned by Vowpal Wabbit, with action features."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._model = Model(vw_explorers.command_line(spec), spec["seed"])
        self._passes: int = spec["passes"]
        self._digest = spec_digest(spec, reward_range)
        running = vw_explorers.is_running(spec)
        self._scale: Scale = (RunningScale if running else RangeScale)(reward_range)
        # Of inverse-gap weighting, where it is not Vowpal Wabbit that does it.
        self._gamma_scale: float | None = (
            spec["gamma_scale"] if vw_explorers.weighs_gaps(spec) else None
        )
        self._learned_count = 0

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return Vowpal Wabbit's probabilities, normalised in float64.

        Raises:
            PolicyError: there is no action, a feature is refused, or the model
                returns no distribution.
        """
        check_actions(len(actions))
        scores = self._model.predicted(self._scale.shared_line(context), actions)
        if self._gamma_scale is None:
            return distribution(scores, len(actions))
        return inverse_gap(scores, self._gamma_scale, self._learned_count)

    def pmfs(
        self, context: Context, lists: Sequence[Sequence[Action]]
    ) -> list[list[float]]:
        """Return what `pmf` returns for each list, bit by bit; see the protocol."""
        if self._gamma_scale is None:
            # Vowpal Wabbit's own explorers weigh the actions of one example.
            return [self.pmf(context, actions) for actions in lists]
        for actions in lists:
            check_actions(len(actions))
        shared = self._scale.shared_line(context)
        costs = self._model.predicted_of_all(shared, lists)
        lengths = [len(actions) for actions in lists]
        return inverse_gaps(costs, lengths, self._gamma_scale, self._learned_count)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn from one joined decision, `passes` times."""
        check_example(len(actions), chosen, propensity)
        # All features are read first, so that a refused one changes nothing.
        self._model.read(actions)
        shared, label = self._scale.learned(context, reward)
        self._model.learn(shared, actions, chosen, propensity, label, self._passes)
        self._learned_count += 1

    def dump(self) -> bytes:
        """Return the scale and the model."""
        head = _COUNT.pack(self._learned_count) + self._scale.dump()
        return seal(self._digest, head + self._model.dump())

    def load(self, state: bytes) -> None:
        """Replace all that was learned."""
        payload = unseal(self._digest, state)
        (learned_count,) = _COUNT.unpack_from(payload)
        model, scale = self._scale.loaded(payload[_COUNT.size :])
        loaded = self._model.loaded(model, learned_count * self._passes)
        replaced, self._model = self._model, loaded
        self._scale, self._learned_count = scale, learned_count
        replaced.finish()


def distribution(scores: list[float], n_actions: int) -> list[float]:
    """Normalise float32 probabilities in float64.

    Raises:
        PolicyError: the number of entries is not that of the actions, an entry is
            negative or not finite, or the sum is far from 1.
    """
    if len(scores) != n_actions:
        raise PolicyError(
            f"the model returned {len(scores)} probabilities for {n_actions} actions"
        )
    total = math.fsum(scores)
    # A NaN fails both comparisons too.
    if not (abs(total - 1.0) <= SUM_TOLERANCE and min(scores) >= 0.0):
        raise PolicyError(
            f"the model returned probabilities with the sum {total} and the minimum "
            f"{min(scores)}: its state is broken; train it from the log again"
        )
    return [score / total for score in scores]
