"""Betting sequences are right at all looks at once, also when the log learns."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.sequences.betting import ValueSequence

ROUNDS = 10_000
RUNS = 100
CELLS = 2
RISK = 0.05


@dataclass(frozen=True)
class Logs:
    """Weights, rewards, and the target's value in each round; (RUNS, ROUNDS)."""

    weight: FloatArray
    reward: FloatArray
    value: FloatArray


def learned_logs(n_actions: int, floor: float, target: str, mean: float) -> Logs:
    """Log with a policy that is greedy on what it saw, but for a floor.

    Seed 1. In each of two contexts another action is best; the last action is best in
    none. The target is "logging", "uniform", "last", or "shadow": greedy on the same
    log, blind to the context, so that its value moves.
    """
    generator, rows = np.random.default_rng(1), np.arange(RUNS)
    means = np.full((CELLS, n_actions), mean)
    means[np.arange(CELLS), np.arange(CELLS)] *= 2
    logs = Logs(*(np.empty((RUNS, ROUNDS)) for _ in range(3)))
    count = np.ones((RUNS, CELLS, n_actions))
    total = np.full((RUNS, CELLS, n_actions), mean)
    for t in range(ROUNDS):
        cell = generator.integers(0, CELLS, RUNS)
        best = (total / count).argmax(axis=2)
        pmf = np.full((RUNS, n_actions), floor / n_actions)
        pmf[rows, best[rows, cell]] += 1 - floor
        action = (generator.random(RUNS)[:, None] > pmf.cumsum(axis=1)).sum(axis=1)
        action = np.minimum(action, n_actions - 1)
        wanted = np.full_like(pmf, 1 / n_actions)
        if target == "shadow":
            blind = (total.sum(axis=1) / count.sum(axis=1)).argmax(axis=1)
            wanted = np.eye(n_actions)[blind]
        if target == "last":
            wanted = np.eye(n_actions)[np.full(RUNS, n_actions - 1)]
        logs.value[:, t] = (wanted * means.mean(axis=0)).sum(axis=1)
        if target == "logging":
            wanted = pmf
            by_cell = np.take_along_axis(means[None], best[:, :, None], axis=2)
            greedy = by_cell[:, :, 0].mean(axis=1)
            logs.value[:, t] = (1 - floor) * greedy + floor * means.mean()
        reward = generator.random(RUNS) < means[cell, action]
        logs.weight[:, t] = wanted[rows, action] / pmf[rows, action]
        logs.reward[:, t] = reward
        count[rows, cell, action] += 1
        total[rows, cell, action] += reward
    return logs


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("target", "n_actions", "floor", "mean", "max_weight", "widest"),
    [
        ("logging", 5, 0.1, 0.08, 1.0, 1.7),
        ("uniform", 5, 0.1, 0.08, 10.0, 1.8),
        ("last", 5, 0.1, 0.08, 50.0, 1.8),
        ("shadow", 5, 0.1, 0.08, 50.0, None),
        ("last", 5, 0.01, 0.3, 500.0, None),
    ],
)
def test_at_most_5_percent_of_logs_ever_exclude_the_truth(
    target: str,
    n_actions: int,
    floor: float,
    mean: float,
    max_weight: float,
    widest: float | None,
) -> None:
    """Seed 1, 100 learned logs, a look after each of 10,000 rounds.

    At a true rate of exactly 5 % the share of 100 has a standard error of 2.2 %; the
    test allows 5 %, since betting is conservative (0.9 % to 3.2 % of 1,000 runs were
    measured by benchmarks/truth) and the seed is fixed. The normal interval
    on the same logs is wrong in most, so the test can fail. The widths are the issue's.
    """
    logs = learned_logs(n_actions, floor, target, mean)
    n = np.arange(1.0, ROUNDS + 1)
    start, quantile = ValueSequence(max_weight), float(special.ndtri(1 - RISK / 2))
    wrong, naive_wrong = 0, 0
    widths, naive_widths = [], []
    for weight, reward, value in zip(logs.weight, logs.reward, logs.value, strict=True):
        truth, terms = np.cumsum(value) / n, weight * reward
        sides = start.log_capitals(weight, reward, truth)
        wrong += any(bool(np.any(side >= np.log(2 / RISK))) for side in sides)
        average = np.cumsum(terms) / n
        error = np.sqrt(np.maximum(np.cumsum(terms**2) / n - average**2, 1e-12) / n)
        naive_wrong += bool(np.any((np.abs(average - truth) > quantile * error)[50:]))
        naive_widths.append(2 * quantile * float(error[-1]))
        interval = start.add(weight, reward).interval()
        assert interval.lower is not None
        assert interval.upper is not None
        widths.append(interval.upper - interval.lower)

    assert wrong / RUNS <= RISK
    assert naive_wrong / RUNS >= 0.3
    assert widest is None or np.mean(widths) <= widest * np.mean(naive_widths)
