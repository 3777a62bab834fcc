"""Worlds like real sites: rare rewards, money, raw numbers, churn, change, many ids.

Owns the worlds that are drawn from a seed; data sets are in data_worlds.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.quality.site_rounds import SiteRounds
from policies.base import Action, Context, RewardRange
from simulators.environment import FloatArray

Rng = np.random.Generator
Codes = npt.NDArray[np.int64]
Build = Callable[[int, int], SiteRounds]
"""Takes the number of rounds and a seed."""

DEVICES = ("mobile", "desktop", "tablet")
COUNTRIES = ("de", "fr", "it", "es", "nl")
BOUGHT_MAXIMUM = 500.0
CHURN_LIVE = 12
FEW_VARIANTS = 10
CHURN_EVERY = 500
ABRUPT_EVERY = 1_300
GRADUAL_EVERY = 2_600
DELAY_ROUNDS = 300.0
WINDOW_ROUNDS = 600
LOST_SHARE = 0.15
N_USERS = 10_000
N_CATEGORIES = 200


def _logistic(logits: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def drawn_rounds(
    key: str,
    actions: Sequence[Action],
    contexts: Sequence[Context],
    chances: FloatArray,
    rng: Rng,
    amounts: FloatArray | None = None,
    live: Sequence[range] | None = None,
) -> SiteRounds:
    """Draw the rewards: with each chance a reward of 1, or of an amount.

    Args:
        amounts: shape (n_rounds, n_actions), the mean amount of a reward; an amount is
            drawn around it with a log deviation of 0.5 and cut at BOUGHT_MAXIMUM.
    """
    n_rounds, n_actions = chances.shape
    hits = rng.random((n_rounds, 1)) < chances
    rewards, expected, maximum = hits.astype(float), chances, 1.0
    if amounts is not None:
        noise = np.exp(rng.normal(-0.125, 0.5, (n_rounds, 1)))
        rewards = np.minimum(hits * amounts * noise, BOUGHT_MAXIMUM)
        # The cut takes less than 1 % of the mean, from all actions nearly alike.
        expected, maximum = chances * amounts, BOUGHT_MAXIMUM
    return SiteRounds(
        key=key,
        actions=tuple(actions),
        reward_range=RewardRange(0.0, maximum),
        contexts=contexts,
        expected=expected,
        rewards=rewards,
        live=live or [range(n_actions)] * n_rounds,
        choice_draws=rng.random((n_rounds,)),
    )


def _visitors(device: Codes, segment: Codes) -> list[Context]:
    return [
        {"device": DEVICES[d], "segment": f"s{s}"}
        for d, s in zip(device.tolist(), segment.tolist(), strict=True)
    ]


def _codes(rng: Rng, n_rounds: int, *sizes: int) -> list[Codes]:
    return [rng.integers(size, size=n_rounds) for size in sizes]


def sparse(n_rounds: int, seed: int, variants: int = 10) -> SiteRounds:
    """Build 2 % conversions among variants with features."""
    rng = np.random.default_rng([seed, 1])
    n_kinds = 3 if variants <= FEW_VARIANTS else 8
    kinds, price = rng.integers(n_kinds, size=variants), rng.uniform(20, 200, variants)
    actions = [
        Action(f"offer{k}", {"kind": f"k{kinds[k]}", "price": round(price[k], 2)})
        for k in range(variants)
    ]
    device, country = _codes(rng, n_rounds, 3, 5)
    hour, back = rng.integers(24, size=n_rounds), rng.random(n_rounds) < 0.4
    contexts: list[Context] = [
        {
            "device": DEVICES[device[row]],
            "country": COUNTRIES[country[row]],
            "hour": int(hour[row]),
            "returning": bool(back[row]),
        }
        for row in range(n_rounds)
    ]
    # Of many the best would else be far above all others, whatever the context.
    spread = 0.5 if variants <= FEW_VARIANTS else 0.25
    logits = rng.normal(-4.1, spread, variants) - 0.3 * (price - 110.0) / 50.0
    by_device = rng.normal(0.0, 0.45, (3, variants))
    by_kind = rng.normal(0.0, 0.4, (2, n_kinds))
    table = logits + by_device[device] + by_kind[back.astype(int)][:, kinds]
    return drawn_rounds(f"sparse{variants}", actions, contexts, _logistic(table), rng)


def revenue(n_rounds: int, seed: int) -> SiteRounds:
    """Build six variants of which one visitor in 20 buys, amounts up to 500."""
    rng = np.random.default_rng([seed, 2])
    actions = [Action(f"bundle{k}") for k in range(6)]
    amount = np.array([20.0, 35.0, 60.0, 90.0, 140.0, 220.0])
    chance = np.array([0.10, 0.075, 0.055, 0.04, 0.025, 0.014])
    chance *= np.exp(rng.normal(0.0, 0.35, 6))
    spent = np.exp(rng.normal(4.0, 1.0, n_rounds)).round(2)
    age, (device,) = rng.integers(18, 80, n_rounds), _codes(rng, n_rounds, 3)
    contexts: list[Context] = [
        {
            "device": DEVICES[device[row]],
            "age": int(age[row]),
            "user": {"spent": float(spent[row])},
        }
        for row in range(n_rounds)
    ]
    rich = (np.log(spent) - 4.0)[:, None] * np.linspace(-0.35, 0.35, 6)
    old = ((age - 49.0) / 18.0)[:, None] * rng.normal(0.0, 0.2, 6)
    chances = chance * np.exp(rich + old + rng.normal(0.0, 0.2, (3, 6))[device])
    amounts = np.broadcast_to(amount, chances.shape)
    return drawn_rounds(
        "revenue6", actions, contexts, np.minimum(chances, 0.5), rng, amounts
    )


def churn(n_rounds: int, seed: int) -> SiteRounds:
    """Build twelve variants of which the oldest is replaced every 500 rounds."""
    rng = np.random.default_rng([seed, 3])
    total = CHURN_LIVE + (n_rounds - 1) // CHURN_EVERY
    topic = rng.integers(5, size=total)
    actions = [Action(f"title{k}", {"topic": f"t{topic[k]}"}) for k in range(total)]
    segment, device = _codes(rng, n_rounds, 4, 3)
    contexts = _visitors(device, segment)
    likes = rng.normal(0.0, 1.1, (4, 5))
    own, by_device = rng.normal(-2.0, 0.3, total), rng.normal(0.0, 0.6, (3, total))
    table = own + likes[segment][:, topic] + by_device[device]
    live = [
        range(row // CHURN_EVERY, row // CHURN_EVERY + CHURN_LIVE)
        for row in range(n_rounds)
    ]
    return drawn_rounds("churn", actions, contexts, _logistic(table), rng, live=live)


def weekday(n_rounds: int, seed: int) -> SiteRounds:
    """Build six variants whose best one follows the day of the week."""
    rng = np.random.default_rng([seed, 4])
    actions = [Action(f"banner{k}") for k in range(6)]
    day = (np.arange(n_rounds) * 28 // n_rounds) % 7
    device, weather = _codes(rng, n_rounds, 3, 3)
    contexts: list[Context] = [
        {
            "weekday": f"d{day[row]}",
            "device": DEVICES[device[row]],
            "weather": f"w{weather[row]}",
        }
        for row in range(n_rounds)
    ]
    table = rng.normal(-1.6, 0.6, 6) + rng.normal(0.0, 0.35, (7, 6))[day]
    table = table + rng.normal(0.0, 0.2, (3, 6))[device]
    return drawn_rounds("weekday", actions, contexts, _logistic(table), rng)


def users(n_rounds: int, seed: int) -> SiteRounds:
    """Build contexts with one of 10,000 ids and one of 200 categories."""
    rng = np.random.default_rng([seed, 5])
    actions = [Action(f"tile{k}") for k in range(8)]
    user = np.minimum(rng.zipf(1.3, n_rounds), N_USERS) - 1
    category = np.minimum(rng.zipf(1.5, n_rounds), N_CATEGORIES) - 1
    (device,) = _codes(rng, n_rounds, 3)
    contexts: list[Context] = [
        {
            "user": {"id": f"u{user[row]}"},
            "category": f"c{category[row]}",
            "device": DEVICES[device[row]],
        }
        for row in range(n_rounds)
    ]
    table = rng.normal(-1.7, 0.2, 8) + rng.normal(0.0, 1.0, (N_CATEGORIES, 8))[category]
    table = table + rng.normal(0.0, 0.4, (3, 8))[device]
    return drawn_rounds("users", actions, contexts, _logistic(table), rng)


def numeric(n_rounds: int, seed: int) -> SiteRounds:
    """Build five variants that follow the hour, the temperature and a price."""
    rng = np.random.default_rng([seed, 6])
    actions = [Action(f"dish{k}") for k in range(5)]
    hour = rng.uniform(0.0, 24.0, n_rounds).round(2)
    warmth = rng.normal(14.0, 8.0, n_rounds).round(1)
    price = np.exp(rng.normal(3.5, 0.6, n_rounds)).round(2)
    contexts: list[Context] = [
        {
            "hour": float(hour[row]),
            "temperature": float(warmth[row]),
            "price": float(price[row]),
        }
        for row in range(n_rounds)
    ]
    peak, width = rng.uniform(0.0, 24.0, 5), rng.uniform(-0.06, 0.06, 5)
    angle = 2.0 * np.pi * (hour[:, None] - peak) / 24.0
    table = -0.8 + 1.4 * np.cos(angle) + (warmth[:, None] - 14.0) * width
    table = table + (np.log(price)[:, None] - 3.5) * rng.normal(0.0, 0.5, 5)
    return drawn_rounds("numeric", actions, contexts, _logistic(table), rng)


def abrupt(n_rounds: int, seed: int) -> SiteRounds:
    """Build five variants whose effects are drawn anew every 1,300 rounds."""
    rng = np.random.default_rng([seed, 7])
    actions = [Action(f"hero{k}") for k in range(5)]
    device, segment = _codes(rng, n_rounds, 3, 3)
    contexts = _visitors(device, segment)
    era = np.arange(n_rounds) // ABRUPT_EVERY
    eras = int(era[-1]) + 1
    table = rng.normal(-1.4, 0.8, (eras, 5))[era]
    table = table + rng.normal(0.0, 0.7, (eras, 3, 5))[era, device]
    table = table + rng.normal(0.0, 0.4, (eras, 3, 5))[era, segment]
    return drawn_rounds("abrupt", actions, contexts, _logistic(table), rng)


def gradual(n_rounds: int, seed: int) -> SiteRounds:
    """Build five variants whose effects move from draw to draw in 2,600 rounds."""
    rng = np.random.default_rng([seed, 10])
    actions = [Action(f"hero{k}") for k in range(5)]
    device, segment = _codes(rng, n_rounds, 3, 3)
    contexts = _visitors(device, segment)
    era, within = np.divmod(np.arange(n_rounds), GRADUAL_EVERY)
    eras, share = int(era[-1]) + 2, (within / GRADUAL_EVERY)[:, None]
    own = rng.normal(-1.4, 0.8, (eras, 5))
    by_device = rng.normal(0.0, 0.7, (eras, 3, 5))
    by_segment = rng.normal(0.0, 0.4, (eras, 3, 5))
    both = [
        own[e] + by_device[e, device] + by_segment[e, segment] for e in (era, era + 1)
    ]
    table = (1 - share) * both[0] + share * both[1]
    return drawn_rounds("gradual", actions, contexts, _logistic(table), rng)


def delayed(n_rounds: int, seed: int) -> SiteRounds:
    """Build eight variants whose rewards come 300 rounds later or never.

    A decision is learned after a window of 600 rounds, which 14 % of the rewards miss;
    of the others 15 % are lost on their way.
    """
    rng = np.random.default_rng([seed, 11])
    actions = [Action(f"card{k}", {"topic": f"t{k % 3}"}) for k in range(8)]
    device, segment, weather = _codes(rng, n_rounds, 3, 4, 3)
    contexts: list[Context] = [
        {
            "device": DEVICES[device[row]],
            "segment": f"s{segment[row]}",
            "weather": f"w{weather[row]}",
        }
        for row in range(n_rounds)
    ]
    table = rng.normal(-1.8, 0.4, 8) + rng.normal(0.0, 0.6, (3, 8))[device]
    table = table + rng.normal(0.0, 0.6, (4, 8))[segment]
    rounds = drawn_rounds("delayed", actions, contexts, _logistic(table), rng)
    in_time = rng.exponential(DELAY_ROUNDS, n_rounds) < WINDOW_ROUNDS
    heard = in_time & (rng.random(n_rounds) >= LOST_SHARE)
    return replace(rounds, wait=WINDOW_ROUNDS, heard=heard)


SITE_WORLDS: Mapping[str, Build] = {
    "sparse10": sparse,
    "sparse50": partial(sparse, variants=50),
    "sparse200": partial(sparse, variants=200),
    "revenue6": revenue,
    "churn": churn,
    "weekday": weekday,
    "users": users,
    "numeric": numeric,
    "abrupt": abrupt,
    "gradual": gradual,
    "delayed": delayed,
}
