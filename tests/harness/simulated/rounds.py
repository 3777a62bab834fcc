"""Run a policy on a world without a service: fast, exact and repeatable.

Owns the order of events, which is that of the service: a pmf, the exploration floor, a
draw, a reward that may be late, and learning when the reward window closes, in the
order of closing. One decision is made per simulated second. Opens no socket and reads
no clock: one seed determines everything.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.base import Context, Policy
from policies.pmf import mix_floor, sample, validate_pmf
from simulators.delays import Channel
from simulators.environment import (
    FloatArray,
    World,
    draw_rewards,
    expected_rewards,
)
from tests.harness.simulated.regret import cumulative_regret

INSTANT_CHANNEL = Channel()


@dataclass(frozen=True)
class Rounds:
    """The random inputs of a run; the same for every policy."""

    world: World
    contexts: Sequence[Context]
    expected: FloatArray
    """Shape (n_rounds, n_actions), the true mean rewards."""
    choice_draws: FloatArray
    """Shape (n_rounds,), uniform in [0, 1); chooses the action."""
    rewards: FloatArray
    """Shape (n_rounds, n_actions), the reward if an action is chosen; 0 if nobody
    acts."""
    reward_after_s: FloatArray
    """Shape (n_rounds,), from the decision to the act; infinite for a lost reward."""


@dataclass(frozen=True)
class Run:
    """The result of a policy on the rounds."""

    rounds: Rounds
    value: FloatArray
    """Shape (n_rounds,), the expected reward under the served pmf."""
    chosen: npt.NDArray[np.int64]
    """Shape (n_rounds,), index of the chosen action."""
    smallest_propensity: float
    """Over every action of every round, chosen or not."""
    model: bytes
    """The dump of the policy after all decisions have matured."""

    @property
    def mean_value(self) -> float:
        """Mean expected reward of the whole run, warm-up included."""
        return float(self.value.mean())

    @property
    def regret(self) -> FloatArray:
        """Cumulative regret, shape (n_rounds,)."""
        return cumulative_regret(self.rounds.expected, self.value)


@dataclass(frozen=True)
class _Pending:
    """A decision whose reward window is still open."""

    index: int
    chosen: int
    propensity: float
    reward: float


def draw_rounds(
    world: World, n_rounds: int, seed: int, channel: Channel = INSTANT_CHANNEL
) -> Rounds:
    """Draw all inputs that don't depend on the policy, each from its own stream."""
    contexts_rng, choices_rng, rewards_rng, delays_rng, amounts_rng = (
        np.random.default_rng([seed, stream]) for stream in range(5)
    )
    contexts = [world.draw_context(contexts_rng, index) for index in range(n_rounds)]
    deliveries = [channel.deliveries(delays_rng) for _ in range(n_rounds)]
    expected = np.array(
        [
            expected_rewards(world, context, index)
            for index, context in enumerate(contexts)
        ]
    )
    act_draws = rewards_rng.random(n_rounds)
    return Rounds(
        world=world,
        contexts=contexts,
        expected=expected,
        choice_draws=choices_rng.random(n_rounds),
        rewards=np.array(
            [
                draw_rewards(world, context, expected[index], draw, amounts_rng)
                for index, (context, draw) in enumerate(
                    zip(contexts, act_draws.tolist(), strict=True)
                )
            ]
        ),
        reward_after_s=np.array(
            [
                arrivals[0].occurred_after_s if arrivals else np.inf
                for arrivals in deliveries
            ]
        ),
    )


def run(
    rounds: Rounds,
    build: Callable[[], Policy],
    *,
    floor: float = 0.02,
    window_s: int = 0,
    restart_before: Collection[int] = (),
) -> Run:
    """Decide and learn with a policy through all rounds.

    Args:
        build: returns a fresh policy; called once, and once per restart.
        floor: the exploration floor that is mixed into every pmf.
        window_s: seconds, which are rounds, until the policy learns from a decision;
            a later reward is lost. At 0 the policy learns at once.
        restart_before: rounds before which the policy is dumped and loaded into
            a fresh one, as at a restart of the learner.

    Raises:
        policies.base.PolicyError: the policy returned an invalid pmf.
    """
    policy = build()
    pending: deque[_Pending] = deque()
    value = np.empty(len(rounds.contexts))
    chosen = np.empty(len(rounds.contexts), dtype=np.int64)
    smallest = 1.0
    for index, context in enumerate(rounds.contexts):
        if index in restart_before:
            policy = _restarted(policy, build)
        while pending and pending[0].index + window_s < index:
            _learn(policy, rounds, pending.popleft())
        pmf = mix_floor(policy.pmf(context, rounds.world.actions), floor)
        validate_pmf(pmf, len(rounds.world.actions), floor)
        chosen[index] = sample(pmf, float(rounds.choice_draws[index]))
        value[index] = float(np.dot(pmf, rounds.expected[index]))
        smallest = min(smallest, *pmf)
        pending.append(_observe(rounds, index, int(chosen[index]), pmf, window_s))
    for decision in pending:
        _learn(policy, rounds, decision)
    return Run(rounds, value, chosen, smallest, policy.dump())


def _observe(
    rounds: Rounds, index: int, chosen: int, pmf: Sequence[float], window_s: int
) -> _Pending:
    """Return the decision with its reward; no reward within the window is 0."""
    on_time = rounds.reward_after_s[index] <= window_s
    reward = float(rounds.rewards[index, chosen]) if on_time else 0.0
    return _Pending(index, chosen, pmf[chosen], reward)


def _learn(policy: Policy, rounds: Rounds, decision: _Pending) -> None:
    policy.learn(
        rounds.contexts[decision.index],
        rounds.world.actions,
        decision.chosen,
        decision.propensity,
        decision.reward,
    )


def _restarted(policy: Policy, build: Callable[[], Policy]) -> Policy:
    fresh = build()
    fresh.load(policy.dump())
    return fresh
