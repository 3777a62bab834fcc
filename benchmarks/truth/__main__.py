"""Measure whether the intervals tell the truth, and at what price.

Run it with `make bench-truth`, or `python -m benchmarks.truth [--runs N] [--cells
TEXT ...]`, which runs the cells whose name, or whose section's name, holds one of the
texts. Logs of 10,000 rounds with known truth, looked at after every single round. Every
row says in what share of runs the interval was ever wrong (promised: at most 5 %), how
wide it was at the end against a normal interval that may be looked at once only, and
how often that normal interval was ever wrong when looked at as often. In the section
`live` the service's own policies make the logs, in `units` units come back, in
`segments` parts of the traffic are compared, in `money` rewards are orders, in
`trajectories` a choice limits later ones, in `values` a policy seldom shows the
baseline, in `rare rewards` logs of other systems have few rewards and large weights,
in `planner` planned durations are held against simulated ones, in `metrics` ratios and
totals a unit are compared, in `claims` many metrics and retention, in `people` the
service itself plays a site whose visitors sign in, in `splits` a policy split takes the
steps that follow from its comparison, in `programmes` two channels say the same.
All of it takes about three hours on one core; 1,000 runs are the default.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, boundary, padded_variance
from bandit_svc.ope.sequences.betting import ValueSequence
from benchmarks.truth import audit as truth_audit
from benchmarks.truth import live as truth_live
from benchmarks.truth.asked import is_asked, options
from benchmarks.truth.mixture import print_mixture
from benchmarks.truth.money import print_money
from benchmarks.truth.parts.claims import print_claims
from benchmarks.truth.parts.metrics import print_metrics
from benchmarks.truth.parts.people import print_people
from benchmarks.truth.parts.planner import print_planner
from benchmarks.truth.parts.programmes import print_programmes
from benchmarks.truth.parts.rare_rewards import print_rare_rewards
from benchmarks.truth.parts.segments import print_segments
from benchmarks.truth.parts.slates import print_slates
from benchmarks.truth.parts.splits import print_splits
from benchmarks.truth.trajectories import print_trajectories
from benchmarks.truth.units import print_units
from benchmarks.truth.values import print_values
from benchmarks.truth.worlds import FloatArray, World, draw

ROUNDS = 10_000
RUNS = 1_000
SEED = 1
CHUNK = 100
RISK = 0.05
QUANTILE = float(special.ndtri(1 - RISK / 2))
WORLDS = {
    "on-policy (1)": World(10, 0.08, 0.1, learns=False, target="logging"),
    "on-policy (1), learning log": World(10, 0.08, 0.1, learns=True, target="logging"),
    "uniform (10)": World(10, 0.08, 0.1, learns=False, target="uniform"),
    "uniform (10), learning log": World(10, 0.08, 0.1, learns=True, target="uniform"),
    "rare variant (50)": World(10, 0.08, 0.2, learns=False, target="worst"),
    "rare variant (50), learning log": World(5, 0.08, 0.1, learns=True, target="worst"),
    "rare variant (50), reward 0.5": World(5, 0.5, 0.1, learns=True, target="worst"),
    "learning target (50), learning log": World(
        5, 0.08, 0.1, learns=True, target="shadow"
    ),
    "rare variant (500), learning log": World(
        5, 0.08, 0.01, learns=True, target="worst"
    ),
    "rare variant (500), reward 0.5": World(5, 0.5, 0.01, learns=True, target="worst"),
}
UPLIFTS = ((0.05, 0.1), (0.3, 0.1), (0.01, 0.1), (0.95, 0.1), (0.05, 0.5))
"""Mean reward without any effect, and the share of the baseline group."""


def main() -> None:
    """Print the tables of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    for name, print_section in SECTIONS.items():
        whole = any(part in name for part in asked.cells)
        print_section(asked.runs, () if whole else asked.cells)


def _print_off_policy(runs: int, cells: Sequence[str]) -> None:
    worlds = {name: world for name, world in WORLDS.items() if is_asked(name, cells)}
    if not worlds:
        return
    print(f"{runs} runs of {ROUNDS:,} rounds, seed {SEED}, a look after every round\n")
    print("| off-policy (largest weight) | ever wrong | width / naive | naive ever "
          "wrong | mean width | excludes +25 % | excludes +50 % |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, world in worlds.items():
        _print_world(name, world, runs)


def _print_uplifts(runs: int, cells: Sequence[str]) -> None:
    if cells:
        return
    print("\n| A/A uplift, asymptotic | ever wrong | width / naive | naive ever wrong |"
          " finds +20 % | finds +50 % |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- |")
    for mean, share in UPLIFTS:
        _print_uplift(mean, share, runs)


def _print_audit(runs: int, cells: Sequence[str]) -> None:
    if cells:
        return
    audited = min(runs, 200)
    print(f"\nPropensity audit: {audited} logs of {truth_audit.ROUNDS:,} decisions a "
          "cell; share flagged / failed, by what the audit is told\n")  # fmt: skip
    print("| log | " + " | ".join(truth_audit.TOLD) + " |\n| --- |" + " --- |" * 4)
    for n_actions in (3, 10):
        truth_audit.print_audit(n_actions, audited)


def _print_live(runs: int, cells: Sequence[str]) -> None:
    if cells:
        return
    print("\nThe service's own policies logging; share of runs ever wrong\n")
    truth_live.print_live(runs)


def _print_mixture(runs: int, cells: Sequence[str]) -> None:
    if cells:
        return
    print()
    print_mixture(min(runs, 100))


SECTIONS: dict[str, Callable[[int, Sequence[str]], None]] = {
    "off-policy": _print_off_policy,
    "uplift by decision": _print_uplifts,
    "audit": _print_audit,
    "live": _print_live,
    "units": print_units,
    "segments": print_segments,
    "mixture": _print_mixture,
    "values": print_values,
    "money": print_money,
    "trajectories": print_trajectories,
    "rare rewards": print_rare_rewards,
    "planner": print_planner,
    "metrics": print_metrics,
    "claims": print_claims,
    "people": print_people,
    "splits": print_splits,
    "slates": print_slates,
    "programmes": print_programmes,
}
"""Sections by name; each prints the cells whose names hold one of the texts passed, all
of its cells if none is. Sections without cells run whole or not at all."""


def _print_world(name: str, world: World, runs: int) -> None:
    wrong, naive_wrong = 0, 0
    widths: list[float] = []
    naive_widths: list[float] = []
    excluded = np.zeros(2)
    start = ValueSequence(world.max_weight)
    for first in range(0, runs, CHUNK):
        logs = draw(world, min(CHUNK, runs - first), ROUNDS, SEED + first)
        for weight, reward, value in zip(
            logs.weight, logs.reward, logs.value, strict=True
        ):
            truth = np.cumsum(value) / np.arange(1, ROUNDS + 1)
            wrong += _ever_wrong(start, weight, reward, truth)
            lower, upper = start.over(weight, reward, np.array([ROUNDS]))
            widths.append(float(upper[0] - lower[0]))
            terms = weight * reward
            naive_widths.append(2 * QUANTILE * float(terms.std()) / ROUNDS**0.5)
            naive_wrong += _naive_ever_wrong(terms, truth)
            excluded += [upper[0] < truth[-1] * more for more in (1.25, 1.5)]
    ratio = np.mean(widths) / np.mean(naive_widths)
    print(f"| {name} | {wrong / runs:.1%} | {ratio:.2f} | {naive_wrong / runs:.1%} | "
          f"{np.mean(widths):.4f} | {excluded[0] / runs:.0%} | "
          f"{excluded[1] / runs:.0%} |", flush=True)  # fmt: skip


def _ever_wrong(
    start: ValueSequence, weight: FloatArray, reward: FloatArray, truth: FloatArray
) -> bool:
    """Return true if either side refutes the truth at any look."""
    sides = start.log_capitals(weight, reward, truth)
    return any(bool(np.any(logs >= -np.log(RISK / 2))) for logs in sides)


def _naive_ever_wrong(terms: FloatArray, truth: FloatArray) -> bool:
    """Return true if a normal interval misses, from MINIMAL_COUNT rounds on."""
    n = np.arange(1.0, terms.size + 1)
    mean = np.cumsum(terms) / n
    spread = np.sqrt(np.maximum(np.cumsum(terms**2) / n - mean**2, 1e-12) / n)
    return bool(np.any((np.abs(mean - truth) > QUANTILE * spread)[MINIMAL_COUNT:]))


def _print_uplift(mean: float, share: float, runs: int) -> None:
    generator = np.random.default_rng(SEED)
    n = np.arange(1.0, ROUNDS + 1)
    counted = np.zeros(2)
    ratios: list[float] = []
    found = np.zeros(2)
    for first in range(0, runs, CHUNK):
        size = (min(CHUNK, runs - first), ROUNDS)
        baseline = generator.random(size) < share
        chance = generator.random(size)
        gap, ours, naive = _uplift(chance < mean, baseline, n)
        looks = np.minimum(baseline.cumsum(1), (~baseline).cumsum(1)) >= MINIMAL_COUNT
        for index, half in enumerate((ours, naive)):
            counted[index] += np.any((np.abs(gap) > half) & looks, axis=1).sum()
        ratios += list(ours[:, -1] / naive[:, -1])
        for index, effect in enumerate((1.2, 1.5)):
            better = chance < np.where(baseline, mean, min(1.0, mean * effect))
            gap, ours, _ = _uplift(better, baseline, n)
            found[index] += np.any((gap > ours) & looks, axis=1).sum()
    print(f"| mean {mean}, baseline {share:.0%} | {counted[0] / runs:.1%} | "
          f"{np.mean(ratios):.2f} | {counted[1] / runs:.1%} | "
          f"{found[0] / runs:.0%} | {found[1] / runs:.0%} |", flush=True)  # fmt: skip


def _uplift(
    reward: npt.NDArray[np.bool_], baseline: npt.NDArray[np.bool_], n: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the difference of means and two half widths at each look; (CHUNK, n)."""
    means, errors, plain = [], [], []
    for member in (~baseline, baseline):
        count = np.maximum(np.cumsum(member, axis=1), 1.0)
        mean = np.cumsum(reward & member, axis=1) / count
        variance = mean * (1 - mean)
        means.append(mean)
        errors.append(padded_variance(count, variance, 1.0) / count)
        plain.append(variance / count)
    ours = boundary(n, 1 - RISK) * np.sqrt(n * (errors[0] + errors[1]))
    return means[0] - means[1], ours, QUANTILE * np.sqrt(plain[0] + plain[1])


if __name__ == "__main__":
    main()
