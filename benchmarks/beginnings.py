"""What a beginning is worth: `python -m benchmarks.beginnings [KIND]`.

Owns the comparison of an experiment that begins with nothing with one that begins with
the decisions of another film's images (`prior`), like it or turned. Regret against the
best image of each visitor, by true means. The policy learns at once; prints one row a
film.
"""

import sys
from collections.abc import Sequence

from policies.base import Policy
from policies.examples import Example
from policies.pmf import mix_floor, sample
from policies.spec import build_policy, normalise_spec
from simulators.environment import FloatArray
from simulators.worlds.titles import TitleWorld
from tests.harness.simulated.rounds import Rounds, draw_rounds, run

FLOOR = 0.02
LOG, FIRST = 6_000, 1_000
STRENGTHS = (300, 1_000, 3_000)
FILMS = (1, 2, 3)
_OTHER = 50


def logged(world: TitleWorld, kind: str, seed: int, count: int = LOG) -> list[Example]:
    """Return the decisions of an experiment that began with nothing."""
    rounds = draw_rounds(world, count, seed)
    policy = build_policy(normalise_spec({"kind": kind}), world.reward_range)
    found: list[Example] = []
    for index, context in enumerate(rounds.contexts):
        pmf = mix_floor(policy.pmf(context, world.actions), FLOOR)
        chosen = sample(pmf, float(rounds.choice_draws[index]))
        reward = float(rounds.rewards[index, chosen])
        one = Example(context, world.actions, chosen, pmf[chosen], reward)
        policy.learn(*one)
        found.append(one)
    return found


def regret(rounds: Rounds, kind: str, prior: Sequence[Example]) -> FloatArray:
    """Return the cumulative regret of a policy that has learned a prior first."""

    def build() -> Policy:
        policy = build_policy(normalise_spec({"kind": kind}), rounds.world.reward_range)
        for one in prior:
            policy.learn(*one)
        return policy

    return run(rounds, build, floor=FLOOR).regret


def main(kind: str) -> None:
    """Print regret with a prior over that without, by film, likeness and strength."""
    print("| film | other film | without |" + "".join(f" {n} |" for n in STRENGTHS))
    print("| --- |" * 1 + " --- |" * (2 + len(STRENGTHS)))
    for film in FILMS:
        log = logged(TitleWorld(film), kind, film)
        for turned in (False, True):
            world = TitleWorld(film + _OTHER, turned=turned)
            rounds = draw_rounds(world, FIRST, film + len(FILMS))
            without = regret(rounds, kind, ())[-1]
            ratios = [regret(rounds, kind, log[-n:])[-1] / without for n in STRENGTHS]
            words = "turned" if turned else "alike"
            cells = "".join(f" {ratio:.2f} |" for ratio in ratios)
            print(f"| {film} | {words} | {without:.1f} |{cells}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "auto")
