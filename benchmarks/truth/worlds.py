"""Logs with known truth, for benchmarks/truth.

Owns logging policies that learn while they log, many runs at a time. Knows nothing of
intervals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

CELLS = 4
"""Groups of contexts; in each another action is best."""


@dataclass(frozen=True)
class World:
    """Bernoulli rewards and how the log is made.

    Attributes:
        n_actions: K.
        reward: the mean reward over actions and contexts.
        floor: the exploration floor f: each chance is at least f / K.
        learns: whether the logging policy is greedy on what it saw so far, or fixed
            and greedy on the truth.
        target: "logging", "uniform", "worst" (the action that is best nowhere, so
            that a learned log hardly takes it) or "shadow" (a policy that learns from
            the same log, blind to the context; its value moves).
    """

    n_actions: int
    reward: float
    floor: float
    learns: bool
    target: str

    @property
    def max_weight(self) -> float:
        """The largest weight that is possible."""
        if self.target == "logging":
            return 1.0
        return (1.0 if self.target == "uniform" else self.n_actions) / self.floor

    @property
    def means(self) -> FloatArray:
        """(CELLS, K): the last action is best nowhere."""
        means = np.full((CELLS, self.n_actions), 0.8)
        for cell in range(CELLS):
            means[cell, cell % (self.n_actions - 1)] = 1.6
        means *= self.reward / means.mean()
        return means


@dataclass(frozen=True)
class Logs:
    """Weights, rewards and what the target was worth in each round; (runs, n)."""

    weight: FloatArray
    reward: FloatArray
    value: FloatArray


def draw(world: World, runs: int, n: int, seed: int) -> Logs:
    """Draw that many logs of n rounds, all with one seed."""
    generator = np.random.default_rng(seed)
    means, k, rows = world.means, world.n_actions, np.arange(runs)
    logs = Logs(*(np.empty((runs, n)) for _ in range(3)))
    # One invented reward at the mean for each action, so that greed begins somewhere.
    count = np.ones((runs, CELLS, k))
    total = np.full((runs, CELLS, k), world.reward)
    for t in range(n):
        cell = generator.integers(0, CELLS, runs)
        seen = total[rows, cell] / count[rows, cell] if world.learns else means[cell]
        greedy = seen.argmax(axis=1)
        pmf = np.full((runs, k), world.floor / k)
        pmf[rows, greedy] += 1 - world.floor
        action = (generator.random(runs)[:, None] > pmf.cumsum(axis=1)).sum(axis=1)
        action = np.minimum(action, k - 1)
        reward = (generator.random(runs) < means[cell, action]).astype(np.float64)
        target = _target(world, pmf, total, count)
        logs.weight[:, t] = target[rows, action] / pmf[rows, action]
        logs.reward[:, t] = reward
        # The context is drawn anew: a policy that sees it is judged in its cell.
        by_action = means[cell] if world.target == "logging" else means.mean(axis=0)
        logs.value[:, t] = (target * by_action).sum(axis=1)
        if world.target == "logging":
            logs.value[:, t] = _expected(world, means, total, count)
        count[rows, cell, action] += 1
        total[rows, cell, action] += reward
    return logs


def _target(
    world: World, pmf: FloatArray, total: FloatArray, count: FloatArray
) -> FloatArray:
    """Return the target's pmf of this round, (runs, K)."""
    if world.target == "logging":
        return pmf
    if world.target == "uniform":
        return np.full_like(pmf, 1 / world.n_actions)
    chosen = np.full(pmf.shape[0], world.n_actions - 1)
    if world.target == "shadow":
        chosen = (total.sum(axis=1) / count.sum(axis=1)).argmax(axis=1)
    pmf_of_one: FloatArray = np.eye(world.n_actions)[chosen]
    return pmf_of_one


def _expected(
    world: World, means: FloatArray, total: FloatArray, count: FloatArray
) -> FloatArray:
    """Return the logging policy's value now, over all cells: (runs,)."""
    seen = total / count if world.learns else np.broadcast_to(means, total.shape)
    best = seen.argmax(axis=2)
    greedy = np.take_along_axis(means[None], best[:, :, None], axis=2)[:, :, 0]
    by_greed: FloatArray = greedy.mean(axis=1)
    return (1 - world.floor) * by_greed + world.floor * float(means.mean())
