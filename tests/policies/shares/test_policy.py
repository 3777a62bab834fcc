"""Limits on the shares of variants, for policies of every kind."""

import random
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import pytest

from policies.base import Action, Context, PolicyError
from policies.examples import Example
from policies.pmf import mix_floor, sample, validate_pmf
from policies.shares.policy import without_limits
from policies.spec import KINDS, build_policy, fixed_weights, normalise_spec

Spec = dict[str, Any]

FLOOR = 0.02
ROUNDS, DELAY, PUBLISHED_EVERY = 4_000, 1_000, 32
KEYS = "abcd"
CHANCES = {
    "mobile": {"a": 0.35, "b": 0.12, "c": 0.08, "d": 0.05},
    "tablet": {"a": 0.30, "b": 0.22, "c": 0.10, "d": 0.10},
    "desktop": {"a": 0.10, "b": 0.10, "c": 0.35, "d": 0.12},
}
"""Variant a is best for the first two, so that a policy without limits shows it most.
"""
BEST = {"rules": ["when device = 'desktop' then c"], "otherwise": "a"}
OWN: dict[str, Spec] = {
    "fixed": {"variant": "a"},
    "weighted": {"weights": {"a": 8, "b": 1, "c": 1}},
    "rules": BEST,
}


def spec_of(kind: str, shares: dict[str, float] | None) -> Spec:
    limits = {"max_shares": {"floor": FLOOR, "shares": shares}} if shares else {}
    return {"kind": kind} | OWN.get(kind, {}) | limits


class World(NamedTuple):
    """What one run of a policy in the world gave.

    Attributes:
        shares: (ROUNDS, 4) the pmf of each decision; 0 for what was not eligible.
        log: each decision with its reward.
    """

    shares: np.ndarray[Any, np.dtype[np.float64]]
    log: list[Example]


def served(spec: Spec, *, drift: bool, narrowed: bool, seed: int = 5) -> World:
    """Serve a policy that learns each decision DELAY decisions later.

    Args:
        drift: the share of mobiles goes from .3 to .7.
        narrowed: three decisions in ten leave b, c or d out.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulated world
    learner, server = build_policy(spec), build_policy(spec)
    waiting: deque[Example] = deque()
    log: list[Example] = []
    shares = np.zeros((ROUNDS, len(KEYS)))
    for number in range(ROUNDS):
        mobile = 0.3 + 0.4 * number / ROUNDS if drift else 0.5
        rest = (1.0 - mobile) / 2
        device = rng.choices(list(CHANCES), [mobile, rest, rest])[0]
        out = rng.choice("bcd") if narrowed and rng.random() < 0.3 else ""
        actions = tuple(Action(key) for key in KEYS if key != out)
        if len(waiting) == DELAY:
            learner.learn(*waiting.popleft())
        if number % PUBLISHED_EVERY == 0:
            server.load(learner.dump())
        context: Context = {"device": device}
        pmf = mix_floor(server.pmf(context, actions), FLOOR)
        validate_pmf(pmf, len(actions), FLOOR)
        chosen = sample(pmf, rng.random())
        for action, probability in zip(actions, pmf, strict=True):
            shares[number, KEYS.index(action.key)] = probability
        reward = float(rng.random() < CHANCES[device][actions[chosen].key])
        log.append(Example(context, actions, chosen, pmf[chosen], reward))
        waiting.append(log[-1])
    return World(shares, log)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    "shares", [{"a": 0.4}, {"a": 0.4, "b": 0.35, "c": 0.35, "d": 0.35}], ids=len
)
def test_no_variant_gets_more_than_its_share_in_a_moving_world(
    kind: str, shares: dict[str, float]
) -> None:
    """4,000 decisions learned 1,000 later, among contexts and variants that change.

    The seed is fixed. A draw adds a standard error of .008 to a share; the shares here
    are sums of chances, which have none of it.
    """
    world = served(spec_of(kind, shares), drift=True, narrowed=True)

    for key, most in shares.items():
        assert world.shares[:, KEYS.index(key)].mean() <= most + 0.02


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["auto", "vw", "linear", "thompson", "fixed", "rules"])
def test_a_wanted_variant_gets_its_whole_share(kind: str) -> None:
    """Serve a world that stays; a policy without limits gives a over .5."""
    world = served(spec_of(kind, {"a": 0.4}), drift=False, narrowed=False)

    assert world.shares[-1_500:, 0].mean() == pytest.approx(0.4, abs=0.02)


@pytest.mark.statistical
def test_decisions_that_matter_less_give_the_share_up_first() -> None:
    """Desktops want c, and keep it; tablets lose least by b, and get less of a."""
    world = served(spec_of("linear", {"a": 0.4}), drift=False, narrowed=False)
    last = range(ROUNDS - 1_500, ROUNDS)
    of = {
        device: world.shares[
            [n for n in last if world.log[n].context["device"] == device]
        ].mean(axis=0)
        for device in CHANCES
    }

    assert of["mobile"][0] > of["tablet"][0] > of["desktop"][0]
    assert of["desktop"][2] > 0.8


@pytest.mark.statistical
def test_what_a_policy_without_limits_earns_is_estimated_right() -> None:
    """Inverse propensity scoring on the log of a limited policy; three standard errors.

    The target is the best table of rules, which shows a in three decisions of four.
    """
    log = served(spec_of("auto", {"a": 0.4}), drift=False, narrowed=False).log
    target = build_policy({"kind": "rules"} | BEST)
    terms = np.array(
        [
            one.reward
            * target.pmf(one.context, one.actions)[one.chosen]
            / one.propensity
            for one in log
        ]
    )
    truth = np.mean([max(CHANCES[str(one.context["device"])].values()) for one in log])
    error = terms.std(ddof=1) / np.sqrt(len(log))

    assert abs(terms.mean() - truth) < 3 * error
    assert error < 0.02


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_limit_that_is_not_reached_changes_nothing(kind: str) -> None:
    """A pmf is then that of the policy alone, to the last bit."""
    alone = build_policy(spec_of(kind, None))
    limited = build_policy(spec_of(kind, {"d": 0.9}))
    rng = random.Random(2)  # noqa: S311 - a simulated log
    actions = tuple(Action(key) for key in KEYS)
    for number in range(150):
        context: Context = {"device": rng.choice(list(CHANCES))}
        pmf = alone.pmf(context, actions)
        assert limited.pmf(context, actions) == pmf
        example = Example(context, actions, number % 4, 0.25, float(number % 4 == 0))
        alone.learn(*example)
        limited.learn(*example)

    assert without_limits(limited).dump() == alone.dump()


def test_a_policy_that_has_learned_nothing_keeps_the_limits_in_each_decision() -> None:
    actions = tuple(Action(key) for key in KEYS)
    policy = build_policy(spec_of("fixed", {"a": 0.4, "b": 0.1}))

    pmf = mix_floor(policy.pmf({}, actions), FLOOR)

    assert pmf == pytest.approx([0.4, 0.1, 0.25, 0.25])


def test_limits_that_the_eligible_variants_can_t_keep_are_shared_out() -> None:
    """Among a and b at most .4 and .2 are allowed: they get two parts and one."""
    policy = build_policy({"kind": "fixed", "variant": "a"} | _limits(a=0.4, b=0.2))

    assert policy.pmf({}, [Action("a"), Action("b")]) == pytest.approx([2 / 3, 1 / 3])
    assert policy.pmf({}, [Action("b")]) == [1.0]


def _limits(**shares: float) -> Spec:
    return {"max_shares": {"floor": 0.0, "shares": shares}}


def test_a_state_follows_from_the_log_and_not_from_how_often_it_was_published() -> None:
    spec = spec_of("linear", {"a": 0.4})
    whole, parts = build_policy(spec), build_policy(spec)
    log = served(spec, drift=True, narrowed=True).log[:400]
    for number, example in enumerate(log):
        whole.learn(*example)
        if number % 7 == 0:
            state = parts.dump()
            parts = build_policy(spec)
            parts.load(state)
        parts.learn(*example)

    assert parts.dump() == whole.dump()


def test_specs_without_limits_are_as_before() -> None:
    for kind in KINDS:
        assert "max_shares" not in normalise_spec(spec_of(kind, None))
    empty = {"kind": "uniform", "max_shares": {"shares": {}}}
    assert normalise_spec(empty) == {"kind": "uniform"}


def test_a_spec_comes_back_unchanged_and_its_weights_are_not_all_of_it() -> None:
    spec = normalise_spec({"kind": "fixed", "variant": "a"} | _limits(b=1, a=0.5))

    assert spec["max_shares"] == {"floor": 0.0, "shares": {"a": 0.5, "b": 1.0}}
    assert list(spec["max_shares"]["shares"]) == ["a", "b"]
    assert normalise_spec(spec) == spec
    assert fixed_weights(spec) is None


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (3, "max_shares"),
        ({"floor": 0.1}, "max_shares"),
        ({"shares": [0.4]}, "max_shares"),
        ({"shares": {"a": 0.4}, "other": 1}, "max_shares.other"),
        ({"shares": {"a": 0.4}, "floor": 2}, "max_shares.floor"),
        ({"shares": {"a": 0}}, "max_shares.shares"),
        ({"shares": {"a": 1.1}}, "max_shares.shares"),
        ({"shares": {"a": float("nan")}}, "max_shares.shares"),
        ({"shares": {"a": True}}, "max_shares.shares"),
        ({"shares": {"a": "0.4"}}, "max_shares.shares"),
    ],
)
def test_a_setting_that_is_no_limit_is_refused(limits: object, field: str) -> None:
    with pytest.raises(PolicyError) as refused:
        normalise_spec({"kind": "auto", "max_shares": limits})

    assert refused.value.field == field
