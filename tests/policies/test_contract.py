"""The promises of every policy, of any kind."""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from policies.base import Action, Context, Policy, PolicyError
from policies.pmf import mix_floor, validate_pmf
from policies.spec import build_policy

Spec = dict[str, Any]
Log = list[Any]
Train = Callable[[Spec, Log], Policy]

HOSTILE: Context = {
    "a b|c:d\n|e\tf=g#h!i@j/k&l%m": "0:1:0.5 |x y\r\nshared |z",
    "naïve ☃": "\ud800 \x00 日本語",
    "huge": 1e308,
    "small": -5e-324,
    "big": 10**30,
    "none": None,
    "yes": True,
    "": {"": "", "|": 0, "a:b": -1.5},
}


def test_pmf_has_an_entry_an_action_and_sums_to_one(
    spec: Spec, log: Log, contexts: list[Context], trained: Train
) -> None:
    policy = trained(spec, log)

    for context in contexts:
        for n_actions in range(1, 6):
            pmf = policy.pmf(context, log_actions(log)[:n_actions])
            validate_pmf(pmf, n_actions, floor=0.0)
            assert all(isinstance(probability, float) for probability in pmf)


def test_untrained_policy_gives_a_pmf(
    spec: Spec, contexts: list[Context], actions: Sequence[Action]
) -> None:
    policy = build_policy(spec)

    validate_pmf(policy.pmf(contexts[0], actions), len(actions), floor=0.0)


def test_every_propensity_is_at_least_the_floor_over_the_number_of_actions(
    spec: Spec,
    log: Log,
    contexts: list[Context],
    actions: Sequence[Action],
    trained: Train,
) -> None:
    policy = trained(spec, log)

    for context in contexts:
        mixed = mix_floor(policy.pmf(context, actions), 0.02)
        validate_pmf(mixed, len(actions), floor=0.02)
        assert min(mixed) >= 0.02 / 5


def test_loaded_policy_gives_the_same_pmfs_and_bytes(
    spec: Spec,
    log: Log,
    contexts: list[Context],
    actions: Sequence[Action],
    trained: Train,
) -> None:
    policy = trained(spec, log)
    loaded = build_policy(spec)

    loaded.load(policy.dump())

    assert loaded.dump() == policy.dump()
    for context in contexts:
        assert loaded.pmf(context, actions) == policy.pmf(context, actions)


def test_loading_replaces_what_was_learned_before(
    spec: Spec, log: Log, trained: Train
) -> None:
    policy = trained(spec, log)
    untrained = build_policy(spec)

    policy.load(untrained.dump())

    assert policy.dump() == untrained.dump()


def test_same_log_gives_the_same_bytes(spec: Spec, log: Log, trained: Train) -> None:
    assert trained(spec, log).dump() == trained(spec, log).dump()


def test_learning_changes_the_bytes(spec: Spec, log: Log, trained: Train) -> None:
    assert trained(spec, log).dump() != build_policy(spec).dump()


def test_predicting_changes_neither_bytes_nor_later_learning(
    spec: Spec, log: Log, contexts: list[Context], trained: Train
) -> None:
    asked = build_policy(spec)

    for place, example in enumerate(log):
        for context in contexts[: place % 3]:
            asked.pmf(context, example.actions)
        asked.learn(*example)
    asked.pmf(HOSTILE, log[0].actions)

    assert asked.dump() == trained(spec, log).dump()


def test_policy_resumed_from_its_dump_ends_with_the_same_bytes(
    spec: Spec, log: Log, trained: Train
) -> None:
    resumed = reloaded_at(spec, log, {7, 60, 64, 65, 100}, trained)

    assert resumed.dump() == trained(spec, log).dump()


def test_pmf_follows_the_action_and_not_its_position(
    spec: Spec,
    log: Log,
    contexts: list[Context],
    actions: Sequence[Action],
    trained: Train,
) -> None:
    policy = trained(spec, log)

    for context in contexts:
        forward = policy.pmf(context, actions)
        backward = policy.pmf(context, tuple(reversed(actions)))
        assert backward[::-1] == pytest.approx(forward, abs=1e-6)


def test_a_variant_can_be_added_later(
    spec: Spec, log: Log, actions: Sequence[Action], trained: Train
) -> None:
    policy = trained(spec, log)
    wider = [*actions, Action("new", {"category": "hat"})]

    validate_pmf(policy.pmf(log[0].context, wider), 6, floor=0.0)
    policy.learn(log[0].context, wider, 5, 0.1, 1.0)
    validate_pmf(policy.pmf(log[0].context, wider), 6, floor=0.0)


def test_hostile_context_is_learned_like_any_other(
    spec: Spec, log: Log, actions: Sequence[Action], trained: Train
) -> None:
    policy = trained(spec, log)
    hostile = [*actions, Action("a b|c:\n", {"|": "\n", " ": 1e300}), Action("")]

    for chosen in range(7):
        policy.learn(HOSTILE, hostile, chosen, 0.5, 1.0)

    validate_pmf(policy.pmf(HOSTILE, hostile), 7, floor=0.0)
    validate_pmf(policy.pmf({}, hostile), 7, floor=0.0)
    loaded = build_policy(spec)
    loaded.load(policy.dump())
    assert loaded.pmf(HOSTILE, hostile) == policy.pmf(HOSTILE, hostile)


@pytest.mark.parametrize(
    ("chosen", "propensity", "reward"),
    [
        (0, 0.5, math.nan),
        (0, 0.5, math.inf),
        (0, 0.5, -0.1),
        (0, 0.5, 1.1),
        (0, 0.0, 1.0),
        (0, -0.5, 1.0),
        (0, 1.5, 1.0),
        (0, math.nan, 1.0),
        (-1, 0.5, 1.0),
        (5, 0.5, 1.0),
    ],
)
def test_example_out_of_range_is_refused_and_nothing_learned(
    *,
    spec: Spec,
    log: Log,
    actions: Sequence[Action],
    trained: Train,
    chosen: int,
    propensity: float,
    reward: float,
) -> None:
    policy = trained(spec, log[:20])
    before = policy.dump()

    with pytest.raises(PolicyError):
        policy.learn(log[0].context, actions, chosen, propensity, reward)

    assert policy.dump() == before


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, [1]])
def test_feature_that_is_no_finite_scalar_is_refused_and_nothing_learned(
    spec: Spec, log: Log, actions: Sequence[Action], trained: Train, value: object
) -> None:
    if spec["kind"] not in {"vw", "linear", "auto"}:
        spec = {"kind": "linear", "explorer": "ucb"}
    policy = trained(spec, log[:20])
    before = policy.dump()
    # A caller that checks no types sends it.
    context = cast("Context", {"fresh": "x", "user": {"other": value}})

    with pytest.raises(PolicyError):
        policy.learn(context, actions, 0, 0.5, 1.0)
    with pytest.raises(PolicyError):
        policy.pmf(context, actions)

    assert policy.dump() == before


def test_refused_feature_of_any_action_changes_nothing(
    spec: Spec, log: Log, actions: Sequence[Action], trained: Train
) -> None:
    """Also of one that was not chosen; kinds that don't read it may learn."""
    policy = trained(spec, log[:20])
    before = policy.dump()
    broken = (*actions, Action("scarf", {"price": math.nan}))

    try:
        policy.learn(log[0].context, broken, 0, 0.5, 1.0)
    except PolicyError:
        assert policy.dump() == before
    else:
        assert spec["kind"] not in {"vw", "auto"}


def test_empty_list_of_actions_is_refused(spec: Spec) -> None:
    policy = build_policy(spec)

    with pytest.raises(PolicyError, match="no action"):
        policy.pmf({}, [])
    with pytest.raises(PolicyError, match="no action"):
        policy.learn({}, [], 0, 0.5, 1.0)


def test_damaged_state_is_refused_and_the_old_one_kept(
    spec: Spec, log: Log, trained: Train
) -> None:
    policy = trained(spec, log[:20])
    before = policy.dump()
    state = trained(spec, log).dump()
    flipped = bytearray(state)
    flipped[-1] ^= 1

    for damaged in (b"", state[:10], state[:-1], state + b"\0", bytes(flipped)):
        with pytest.raises(PolicyError):
            policy.load(damaged)

    assert policy.dump() == before


def test_state_of_another_spec_is_refused(spec: Spec, log: Log, trained: Train) -> None:
    other = build_policy({"kind": "fixed", "variant": "another"})

    with pytest.raises(PolicyError, match="another spec"):
        other.load(trained(spec, log[:20]).dump())


def log_actions(log: Log) -> Sequence[Action]:
    longest: Sequence[Action] = max((example.actions for example in log), key=len)
    return longest


def reloaded_at(spec: Spec, log: Log, places: set[int], trained: Train) -> Policy:
    policy = trained(spec, [])
    for place, example in enumerate(log):
        if place in places:
            fresh = build_policy(spec)
            fresh.load(policy.dump())
            policy = fresh
        policy.learn(*example)
    return policy


def test_features_that_come_after_a_load_are_learned_as_without_it(spec: Spec) -> None:
    """Spare room of a state must be as new after a load, to the last bit."""
    rng = random.Random(6)  # noqa: S311 - a simulated log
    actions = (Action("boots"), Action("sandals"))
    whole, first, resumed = (build_policy(spec) for _ in range(3))
    for place in range(150):
        context: dict[str, str | float] = {"device": "mobile" if place % 2 else "tv"}
        if place >= 90:
            context |= {"segment": f"s{place % 3}", "age": rng.randrange(80)}
        chosen = rng.randrange(2)
        reward = float(rng.random() < 0.3 + 0.3 * chosen)
        whole.learn(context, actions, chosen, 0.5, reward)
        if place == 90:
            resumed.load(first.dump())
        later = resumed if place >= 90 else first
        later.learn(context, actions, chosen, 0.5, reward)

    assert resumed.dump() == whole.dump()
