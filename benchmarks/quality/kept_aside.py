"""Worlds of other kinds, on which nothing was tuned.

Owns three: `pairs`, where the best variant follows from two keys together and neither
of them alone; `stars`, whose rewards are ratings and not acts; `losses`, where most
rewards are 0 and the others gains or larger losses. `python -m benchmarks.quality
--worlds pairs stars losses` plays them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.quality.site_rounds import SiteRounds
from benchmarks.quality.site_worlds import Build, Rng, drawn_rounds
from policies.base import Action, Context, RewardRange
from simulators.environment import FloatArray

_LAYOUTS, _PLACES = 4, 5
_STARS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def pairs(n_rounds: int, seed: int) -> SiteRounds:
    """Build a world in which every pair of two keys has a variant of its own."""
    rng = np.random.default_rng([seed, 21])
    n_actions = 6
    best = rng.integers(n_actions, size=(_LAYOUTS, _PLACES))
    layout, place = (
        rng.integers(_LAYOUTS, size=n_rounds),
        rng.integers(_PLACES, size=n_rounds),
    )
    chances = np.where(np.arange(n_actions) == best[layout, place][:, None], 0.35, 0.12)
    contexts: list[Context] = [
        {"layout": f"l{one}", "place": f"p{other}", "noise": float(noise)}
        for one, other, noise in zip(
            layout.tolist(), place.tolist(), rng.normal(size=n_rounds), strict=True
        )
    ]
    return drawn_rounds("pairs", _actions(n_actions), contexts, chances, rng)


def stars(n_rounds: int, seed: int) -> SiteRounds:
    """Build a world of ratings: five stars, whose mean follows tastes of a visitor."""
    rng = np.random.default_rng([seed, 22])
    n_actions, tastes = 8, rng.normal(size=(n_rounds, 3))
    weights = rng.normal(0.0, 0.12, size=(n_actions, 3))
    drawn = 0.5 + tastes @ weights.T + rng.normal(0, 0.05, n_actions)
    level = np.clip(drawn, 0.05, 0.95)
    # Which of the five stars: a binomial of four throws, so that the mean is the level.
    thrown = rng.random((n_rounds, 4, 1)) < level[:, None, :]
    contexts: list[Context] = [
        {"age": round(40 + 12 * a, 1), "evenings": round(b, 3), "user": {"mood": c}}
        for a, b, c in tastes.tolist()
    ]
    ratings = _STARS[thrown.sum(axis=1)]
    return _rounds("stars", contexts, level, ratings, (0.0, 1.0), rng)


def losses(n_rounds: int, seed: int) -> SiteRounds:
    """Build a world of gains of 1 and losses of 4, each in a few of a hundred."""
    rng = np.random.default_rng([seed, 23])
    n_actions, n_kinds = 5, 4
    gains = rng.uniform(0.05, 0.3, size=(n_kinds, n_actions))
    harms = rng.uniform(0.0, 0.06, size=(n_kinds, n_actions))
    kind = rng.integers(n_kinds, size=n_rounds)
    gain, harm = gains[kind], harms[kind]
    draw = rng.random((n_rounds, 1))
    rewards = np.where(draw < gain, 1.0, np.where(draw > 1.0 - harm, -4.0, 0.0))
    contexts: list[Context] = [
        {"customer": f"k{one}", "basket": round(value, 2)}
        for one, value in zip(
            kind.tolist(), rng.lognormal(3.0, 0.8, n_rounds).tolist(), strict=True
        )
    ]
    return _rounds("losses", contexts, gain - 4.0 * harm, rewards, (-4.0, 1.0), rng)


def _actions(count: int) -> tuple[Action, ...]:
    return tuple(Action(f"v{one}") for one in range(count))


def _rounds(
    key: str,
    contexts: Sequence[Context],
    expected: FloatArray,
    rewards: FloatArray,
    bounds: tuple[float, float],
    rng: Rng,
) -> SiteRounds:
    n_rounds, n_actions = expected.shape
    return SiteRounds(
        key=key,
        actions=_actions(n_actions),
        reward_range=RewardRange(*bounds),
        contexts=contexts,
        expected=expected,
        rewards=rewards,
        live=[range(n_actions)] * n_rounds,
        choice_draws=rng.random((n_rounds,)),
    )


KEPT_ASIDE: Mapping[str, Build] = {"pairs": pairs, "stars": stars, "losses": losses}
