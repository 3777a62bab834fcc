"""Measure the uplift of a policy that learns, weighted by the mixture of both groups.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.mixture [RUNS]
[DECISIONS]`. The service's default policy decides and learns in `hero`, one decision a
unit, with a holdout of 10 %; intervals are looked at a hundred times. `bets` are exact;
`bets, model` predict each reward by the service's reward model before it is known.
"""

import sys

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.interval import Estimate
from bandit_svc.ope.uplift.by_unit import Possible, absolute
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.mixture_bets import MixtureBets, MixtureDraws
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, totals_over
from bandit_svc.ope.uplift.uplift import absolute_uplift_over
from benchmarks.truth.policies import LOGGING, PolicyLog, Pool, policy_log
from policies.base import RewardRange
from policies.reward_model import RewardModel
from simulators.worlds.hero import HeroWorld

FloatArray = npt.NDArray[np.float64]

RUNS = 100
DECISIONS = 10_000
LOOKS = 100
SEED = 31
HOLDOUT = 0.1
CONFIDENCE = 0.95
FLOORS = (0.1, 0.02)
METHODS = ("by decision", "trajectory", "bets", "bets, model")


def print_mixture(runs: int = RUNS, decisions: int = DECISIONS) -> None:
    """Print one row for each floor."""
    print(f"{runs:,} runs of {decisions:,} decisions of `vw` in `hero`, holdout "
          f"{HOLDOUT:.0%}, {LOOKS} looks, seed {SEED}: ever wrong; width at the end, "
          "and RMSE, over those by decision\n")  # fmt: skip
    print("| floor | " + " | ".join(METHODS) + " |\n| --- |" + " --- |" * len(METHODS))
    pool = Pool(HeroWorld())
    for floor in FLOORS:
        wrong, widths, errors = np.zeros(len(METHODS)), [], []
        for run in range(runs):
            log = policy_log(
                pool, LOGGING["vw"], floor, decisions, [SEED, run], HOLDOUT
            )
            truth, found = _truth(log), _found(log)
            wrong += np.any((found[..., 0] > truth) | (found[..., 1] < truth), axis=1)
            widths.append(found[:, -1, 1] - found[:, -1, 0])
            errors.append(found[:, -1, 2] - truth[-1])
        width = np.mean(widths, axis=0)
        error = np.sqrt(np.mean(np.square(errors), axis=0))
        cells = [
            f"{w / runs:.3f}; {x / width[0]:.2f}; {e / error[0]:.2f}"
            for w, x, e in zip(wrong, width, error, strict=True)
        ]
        print(f"| {floor} | " + " | ".join(cells) + " |", flush=True)


def _looks(n: int) -> npt.NDArray[np.int64]:
    return np.arange(n // LOOKS - 1, n, n // LOOKS)


def _truth(log: PolicyLog) -> FloatArray:
    """Return the mean difference of the policies in the contexts that came, by look."""
    expected = log.pool.expected[log.visitor]
    gain = (log.pmf * expected).sum(axis=1) - expected[:, log.pool.baseline]
    n = gain.size
    return np.asarray((np.cumsum(gain) / np.arange(1, n + 1))[_looks(n)])


def _found(log: PolicyLog) -> FloatArray:
    """Return ends and estimate of each method at each look, (methods, looks, 3)."""
    n, looks = log.chosen.size, _looks(log.chosen.size)
    over = absolute_uplift_over(log.reward, log.treated, CONFIDENCE, 0.0, 1.0)
    draws = LoggedDraws(
        log.treated,
        np.full(n, HOLDOUT),
        log.pmf[np.arange(n), log.chosen],
        (log.chosen == log.pool.baseline).astype(np.float64),
        np.ones(n, dtype=np.bool_),
    )
    made = JoinedDecisions(np.arange(n), draws, log.reward[:, None])
    totals = totals_over(made, looks)
    found = []
    for weighting in (RANDOMISED, TRAJECTORY):
        band = absolute(totals, weighting, CONFIDENCE, Possible())
        lower, upper = (end[looks] for end in over)
        if weighting == TRAJECTORY:
            lower = np.where(band.enough, band.lower, -1.0)
            upper = np.where(band.enough, band.upper, 1.0)
        found.append(np.stack([lower, upper, band.estimate], axis=1))
    for predicted in (None, _predicted(log)):
        bets, rows, start = MixtureBets(HOLDOUT), [], 0
        for look in looks:
            bets.add(_mixture(log, predicted, slice(start, look + 1)))
            rows.append(_row(bets.estimate(CONFIDENCE)))
            start = look + 1
        found.append(np.array(rows))
    return np.array(found)


def _mixture(log: PolicyLog, predicted: FloatArray | None, part: slice) -> MixtureDraws:
    baseline = np.zeros_like(log.pmf[part])
    baseline[:, log.pool.baseline] = 1.0
    return MixtureDraws(
        treatment=log.pmf[part],
        baseline=baseline,
        baseline_chance=np.full(baseline.shape[0], HOLDOUT),
        chosen=log.chosen[part],
        reward=log.reward[part],
        predicted=None if predicted is None else predicted[part],
    )


def _predicted(log: PolicyLog) -> FloatArray:
    """Return what the service's reward model predicts before each reward, (n, K)."""
    model = RewardModel(RewardRange(0.0, 1.0))
    found, pool = np.empty_like(log.pmf), log.pool
    chance = (
        HOLDOUT * (log.chosen == pool.baseline)
        + (1 - HOLDOUT) * (log.pmf[np.arange(log.chosen.size), log.chosen])
    )
    for t, (who, chosen) in enumerate(zip(log.visitor, log.chosen, strict=True)):
        context = pool.contexts[who]
        found[t] = model.predict(context, pool.actions)
        model.learn(
            context, pool.actions, int(chosen), float(chance[t]), float(log.reward[t])
        )
    return found


def _row(estimate: Estimate) -> tuple[float, float, float]:
    lower, upper = estimate.interval.lower, estimate.interval.upper
    return (
        -1.0 if lower is None else lower,
        1.0 if upper is None else upper,
        estimate.estimate or 0.0,
    )


if __name__ == "__main__":
    print_mixture(*(int(argument) for argument in sys.argv[1:3]))
