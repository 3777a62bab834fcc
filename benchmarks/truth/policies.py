"""Logs with known truth that the service's own policies make while they learn.

Owns a world whose contexts come from a small pool, so that the value of a policy as it
stands is a sum and not an estimate; a log in it; and what each interval says after
every decision of the log. For benchmarks/truth/live.py and the tests of coverage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.uplift.uplift import absolute_uplift_over, relative_uplift_over
from policies.base import Policy
from policies.pmf import mix_floor, sample, validate_pmf
from policies.spec import build_policy
from simulators.environment import World, baseline_variant, expected_rewards

FloatArray = npt.NDArray[np.float64]

LOGGING: Mapping[str, Mapping[str, Any]] = {
    kind: {"kind": kind}
    for kind in ("vw", "linear", "thompson", "epsilon_greedy", "auto")
}
"""The kinds that learn, as an experiment has them that names nothing else."""
CANDIDATE = {"kind": "epsilon_greedy", "epsilon": 0.0}
"""Greedy on what it saw of the log so far: its value moves, its weights reach K / f."""
FLOORS = (0.1, 0.02)
HOLDOUT = 0.2
RISK = 0.05
POOL = 12
PUBLISHED_EVERY = 10
"""The policy learns after each decision; what is served is as it was at most this many
decisions ago, as a worker serves a published model."""


class Pool:
    """Contexts to draw from with equal chances, and the truth about them.

    Attributes:
        expected: (POOL, K), the chance of a reward.
        means: (K,), the value of always choosing an action.
        baseline: index of the action that the holdout gets.
    """

    def __init__(self, world: World) -> None:
        generator = np.random.default_rng(11)
        self.actions = world.actions
        self.contexts = [world.draw_context(generator, i) for i in range(POOL)]
        self.expected = np.array([expected_rewards(world, c, 0) for c in self.contexts])
        self.means: FloatArray = self.expected.mean(axis=0)
        keys = [action.key for action in world.actions]
        self.baseline = keys.index(baseline_variant(world))

    def pmfs(self, policy: Policy, floor: float) -> list[list[float]]:
        """Return a policy's pmf in each context, as actions are drawn, (POOL, K)."""
        found = [mix_floor(policy.pmf(c, self.actions), floor) for c in self.contexts]
        for pmf in found:
            validate_pmf(pmf, len(self.actions), floor)
        return found

    def value(self, pmfs: Sequence[Sequence[float]]) -> float:
        """Return the mean reward of these pmfs, over the pool."""
        return float((np.array(pmfs) * self.expected).sum(axis=1).mean())


@dataclass(frozen=True)
class PolicyLog:
    """A log of n decisions, and what was true of each.

    Attributes:
        floor: the exploration floor f.
        chosen: (n,), indices of actions.
        reward: (n,), 0 or 1.
        treated: (n,), whether the policy decided; else it was the baseline.
        propensity: (n,), of the chosen action; 1 in the holdout.
        value: (n,), what the treatment was worth at that time.
        candidate: (n,), the candidate's chance of the chosen action.
        candidate_value: (n,), what the candidate was worth at that time.
        visitor: (n,), indices of contexts in the pool.
        pmf: (n, K), the treatment's chances, of decisions of the holdout too.
    """

    pool: Pool
    floor: float
    chosen: npt.NDArray[np.int64]
    reward: FloatArray
    treated: npt.NDArray[np.bool_]
    propensity: FloatArray
    value: FloatArray
    candidate: FloatArray
    candidate_value: FloatArray
    visitor: npt.NDArray[np.int64]
    pmf: FloatArray


def policy_log(
    pool: Pool,
    spec: Mapping[str, Any],
    floor: float,
    n: int,
    seed: Sequence[int],
    holdout: float = HOLDOUT,
) -> PolicyLog:
    """Let a policy decide, log and learn n times, with a holdout beside it."""
    generator = np.random.default_rng(seed)
    visitor = generator.integers(POOL, size=n)
    treated = generator.random(n) >= holdout
    draw, chance = generator.random((2, n))
    policy, candidate = build_policy(spec), build_policy(CANDIDATE)
    chosen, reward = np.full(n, pool.baseline), np.zeros(n)
    propensity, values = np.ones(n), np.empty((2, n))
    candidate_chance, pmf = np.zeros(n), np.empty((n, len(pool.actions)))
    for t in range(n):
        if t % PUBLISHED_EVERY == 0:
            served, wanted = pool.pmfs(policy, floor), pool.pmfs(candidate, 0.0)
            values[:, t:] = [[pool.value(served)], [pool.value(wanted)]]
        who = visitor[t]
        pmf[t] = served[who]
        if treated[t]:
            chosen[t] = sample(served[who], draw[t])
            propensity[t] = served[who][chosen[t]]
            candidate_chance[t] = wanted[who][chosen[t]]
        reward[t] = chance[t] < pool.expected[who, chosen[t]]
        if treated[t]:
            action, p = int(chosen[t]), float(propensity[t])
            for learner in (policy, candidate):
                learner.learn(
                    pool.contexts[who], pool.actions, action, p, float(reward[t])
                )
    return PolicyLog(pool, floor, chosen, reward, treated, propensity, values[0],
                     candidate_chance, values[1], visitor, pmf)  # fmt: skip


def estimates_missed(log: PolicyLog) -> set[str]:
    """Name the policies whose off-policy interval ever missed what they were worth."""
    rows, pool = log.treated, log.pool
    chosen, propensity = log.chosen[rows], log.propensity[rows]
    count, rare = len(pool.actions), int(pool.means.argmin())
    still = np.ones(chosen.size)
    # Its largest weight, its chance of the choice, and its value at each decision.
    targets = {
        "served": (1.0, propensity, log.value[rows]),
        "uniform": (1 / log.floor, still / count, still * pool.means.mean()),
        "candidate": (
            count / log.floor, log.candidate[rows], log.candidate_value[rows]
        ),
    }  # fmt: skip
    for name, index in (("baseline", pool.baseline), ("rare", rare)):
        took = (chosen == index).astype(np.float64)
        targets[name] = (count / log.floor, took, still * pool.means[index])
    missed = set()
    for name, (largest, wanted, value) in targets.items():
        truth = running_mean(value, still)
        weight = np.minimum(wanted / propensity, largest)
        sides = ValueSequence(largest).log_capitals(weight, log.reward[rows], truth)
        if any(bool(np.any(logs >= np.log(2 / RISK))) for logs in sides):
            missed.add(name)
    return missed


def uplift_missed(log: PolicyLog) -> set[str]:
    """Name the intervals of uplift that ever missed it, of "absolute", "relative"."""
    baseline = log.pool.means[log.pool.baseline]
    gain = running_mean(log.value, log.treated.astype(np.float64)) - baseline
    missed = set()
    for name, over, truth in (
        ("absolute", absolute_uplift_over, gain),
        ("relative", relative_uplift_over, gain / baseline),
    ):
        lower, upper = over(log.reward, log.treated, 1 - RISK, 0.0, 1.0)
        if np.any((lower > truth) | (truth > upper)):
            missed.add(name)
    return missed


def winner_claimed(log: PolicyLog) -> bool:
    """Return true if either group was ever reported as better than the other."""
    lower, upper = absolute_uplift_over(log.reward, log.treated, 1 - RISK, 0.0, 1.0)
    return bool(np.any((lower > 0) | (upper < 0)))


def normal_claims_winner(log: PolicyLog) -> bool:
    """Return true if a normal interval ever would have, at the same looks."""
    n = [np.maximum(np.cumsum(m), 1.0) for m in (log.treated, ~log.treated)]
    means = [
        np.cumsum(log.reward * member) / count
        for member, count in zip((log.treated, ~log.treated), n, strict=True)
    ]
    errors = sum(m * (1 - m) / count for m, count in zip(means, n, strict=True))
    enough = np.minimum(*n) >= 50
    return bool(np.any(enough & (np.abs(means[0] - means[1]) > 1.96 * errors**0.5)))


def running_mean(value: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the running mean of the counted rewards; 0 before the first."""
    return np.cumsum(value * counts) / np.maximum(np.cumsum(counts), 1.0)
