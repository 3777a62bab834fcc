"""Estimates of the baseline from all decisions, against the truth and the holdout.

`python -m benchmarks.truth.live_check [DECISIONS] [SEEDS] [WORLD ...]` lets the default
policy decide and learn in simulated worlds of clicks, a tenth of the decisions being a
holdout, at exploration floors of 0.02 and 0.1. Decisions are evaluated by the service's
own code as they come, each by what either group could have shown. It prints, of each
run, what the baseline's doubly robust and IPS estimates are off by, relative to the
truth, and whether the interval holds the truth and meets the holdout's mean; then the
mean of each. `values.py` has the same runs as a section of `make bench-truth`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.progressive.weighing import Draw, mixed_draw, weight_of_action
from bandit_svc.ope.progressive.weighted import WeightedRewards
from bandit_svc.ope.sequences.asymptotic import mean_interval
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.services.evaluation.rows import refused
from policies.base import RewardRange
from policies.pmf import mix_floor, sample
from policies.reward_model import RewardModel
from policies.spec import build_policy, normalise_spec
from simulators.environment import expected_rewards
from simulators.worlds.registry import WORLDS, world

DECISIONS, SEEDS = 100_000, 3
HOLDOUT = 0.1
FLOORS = (0.02, 0.1)


@dataclass
class Check:
    """The estimates of the baseline in one run; rewards are 0 or 1 in every world.

    Attributes:
        truth: its mean reward in the contexts that came.
        rewards: from the decisions of both groups, as a report has them.
        treated: from those of the treatment alone, as the scorecard has them.
        holdout: what it earned.
    """

    truth: float
    rewards: WeightedRewards
    treated: WeightedRewards
    holdout: Moments

    @property
    def dr_error(self) -> float:
        """The error of the doubly robust estimate, as a share of the truth."""
        corrected = self.rewards.summary().corrected
        value = float("nan") if corrected is None else corrected.doubly_robust
        return value / self.truth - 1

    @property
    def ips_error(self) -> float:
        """The error of IPS, as a share of the truth."""
        return self.rewards.summary().sums.ips / self.truth - 1

    def line(self) -> str:
        """Return the numbers of the run."""
        summary = self.rewards.summary()
        assert summary.corrected is not None  # noqa: S101 - every decision has one
        interval = summary.corrected.interval(0.95)
        lower, upper = float(interval.lower or 0), float(interval.upper or 1)
        weighted = summary.value_interval(0.95)
        earned = mean_interval(self.holdout, 0.95, 0.0, 1.0)
        agree = max(lower, earned.lower or 0) <= min(upper, earned.upper or 1)
        return (
            f"truth {self.truth:.4f}  holdout {self.holdout.mean:.4f}  dr "
            f"{summary.corrected.doubly_robust:.4f} [{lower:.4f}, {upper:.4f}] "
            f"{self.dr_error:+.1%}  ips {summary.sums.ips:.4f} "
            f"[{weighted.lower:.4f}, {weighted.upper:.4f}] {self.ips_error:+.1%}  "
            f"{'holds' if lower <= self.truth <= upper else 'MISSES'} the truth, "
            f"{'meets' if agree else 'MISSES'} the holdout"
            f"{'' if refused(summary) is None else ', refused by the report'}"
        )


def checked(
    name: str,
    decisions: int,
    floor: float,
    seed: int,
    holdout: float = HOLDOUT,
    kind: str = "vw",
) -> Check:
    """Let a policy decide and learn, and evaluate the baseline on that."""
    place, rng = world(name), np.random.default_rng([seed, 17])
    keys = tuple(action.key for action in place.actions)
    baseline = keys.index(place.experiment()["baseline"]["variant"])
    reference = tuple(float(index == baseline) for index in range(len(keys)))
    policy = build_policy(normalise_spec({"kind": kind}), place.reward_range)
    model = RewardModel(place.reward_range)
    check = Check(0.0, WeightedRewards(), WeightedRewards(), Moments())
    for number in range(decisions):
        context = place.draw_context(rng, number)
        expected = expected_rewards(place, context, number)
        check.truth += expected[baseline] / decisions
        pmf = tuple(mix_floor(policy.pmf(context, place.actions), floor))
        treated = rng.random() >= holdout
        chosen = sample(pmf if treated else reference, rng.random())
        reward = float(rng.random() < expected[chosen])
        bound = len(keys) / floor
        mixed = mixed_draw(chosen, pmf, reference, holdout, bound)
        assert mixed is not None  # noqa: S101 - the choice had a chance
        predicted = model.predict(context, place.actions)
        _add(check.rewards, mixed, baseline, reward, predicted)
        if not treated:
            check.holdout = check.holdout.merge(Moments(1, reward, reward))
            continue
        own = Draw(chosen, pmf, pmf[chosen], bound)
        _add(check.treated, own, baseline, reward, predicted)
        example = (place.actions, chosen, pmf[chosen], reward)
        model.learn(context, *example)
        policy.learn(context, *example)
    return check


def _add(
    rewards: WeightedRewards,
    draw: Draw,
    baseline: int,
    reward: float,
    predicted: Sequence[float],
) -> None:
    """Add a decision under the baseline, as services.evaluation.candidate does."""
    weighted = weight_of_action(draw, baseline, predicted)
    bound = draw.largest_weight(as_baseline=True)
    assert bound is not None  # noqa: S101 - there is a floor
    rewards.add(weighted.weight, reward, bound, weighted.correction)


def main(arguments: Sequence[str]) -> None:
    """Run every world and print the lines."""
    numbers = [int(text) for text in arguments[:2]]
    decisions, seeds = (*numbers, *(DECISIONS, SEEDS)[len(numbers) :])
    clicks = [one for one in WORLDS if world(one).reward_range == RewardRange()]
    names = arguments[2:] or clicks
    if unknown := [name for name in names if name not in clicks]:
        sys.exit(f"no worlds of clicks: {unknown}; they are {', '.join(clicks)}")
    for name in names:
        for floor in FLOORS:
            checks = [checked(name, decisions, floor, s) for s in range(seeds)]
            print(f"{name}, floor {floor}, {decisions:,} decisions")
            for check in checks:
                print("  " + check.line(), flush=True)
            dr = np.mean([abs(check.dr_error) for check in checks])
            ips = np.mean([abs(check.ips_error) for check in checks])
            print(f"  mean relative error: dr {dr:.1%}, ips {ips:.1%}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
