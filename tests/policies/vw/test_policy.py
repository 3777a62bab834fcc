"""Vowpal Wabbit behind its seam: exact resumption, broken models, memory."""

import gc
import math
import resource
from pathlib import Path
from typing import Any

import pytest

from policies.base import Action, PolicyError, RewardRange
from policies.spec import build_policy, normalise_spec
from policies.vw.explorers import command_line, resumes_exactly
from policies.vw.model import without_predictions
from policies.vw.policy import distribution

ACTIONS = (Action("boots"), Action("coat"))
EXACT = {
    ("squarecb", "mtr"),
    ("regcb", "mtr"),
    *((name, kind) for name in ("epsilon", "softmax") for kind in ("mtr", "ips", "dm")),
}

Log = list[Any]


def test_combinations_that_resume_exactly_are_the_measured_ones(
    vw_spec: dict[str, Any],
) -> None:
    combination = (vw_spec["explorer"], vw_spec["cb_type"])

    assert resumes_exactly(normalise_spec(vw_spec)) == (combination in EXACT)


def test_two_thousand_examples_with_a_reload_in_the_middle(
    vw_spec: dict[str, Any], long_log: Log
) -> None:
    """The bytes are those of going on, whatever the explorer."""
    reloaded = run(vw_spec, long_log, reload_at=1000)

    assert reloaded == run(vw_spec, long_log, reload_at=None)


def test_seed_is_what_bootstraps_differ_by(long_log: Log) -> None:
    one, other = (
        build_policy({"explorer": "bag", "bag_size": 7, "seed": seed})
        for seed in (1, 2)
    )
    for example in long_log[:200]:
        one.learn(*example)
        other.learn(*example)

    pmfs = [
        (one.pmf(context, ACTIONS), other.pmf(context, ACTIONS))
        for context, *_ in long_log[:50]
    ]
    assert any(first != second for first, second in pmfs)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0], "1 probabilities for 2 actions"),
        ([0.5, 0.25, 0.25], "3 probabilities for 2 actions"),
        ([math.nan, 0.5], "state is broken"),
        ([math.nan, math.nan], "state is broken"),
        ([1.1, -0.1], "state is broken"),
        ([1.0, 1.0], "the sum 2.0"),
        ([0.0, 0.0], "the sum 0.0"),
        ([math.inf, 0.0], "state is broken"),
    ],
)
def test_result_that_is_no_distribution_is_refused(
    scores: list[float], message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        distribution(scores, 2)


def test_distribution_sums_to_one_in_float64() -> None:
    probabilities = distribution([0.25, 0.7500001], 2)

    assert math.fsum(probabilities) == pytest.approx(1.0, abs=1e-15)
    assert probabilities[1] / probabilities[0] == pytest.approx(3.0000004)


def test_model_without_its_counters_is_refused() -> None:
    with pytest.raises(PolicyError, match="counters"):
        without_predictions(bytes(range(200)), 3, 4)


def test_more_passes_learn_faster() -> None:
    once, thrice = build_policy({"passes": 1}), build_policy({"passes": 3})
    for policy in (once, thrice):
        for chosen in (0, 1):
            policy.learn({}, ACTIONS, chosen, 0.5, float(chosen))

    assert thrice.pmf({}, ACTIONS)[1] > once.pmf({}, ACTIONS)[1]


def test_reward_range_is_mapped_to_costs() -> None:
    """A log in cents and the same log in shares are one log to learn from."""
    shares = build_policy({"kind": "vw"})
    cents = build_policy({"kind": "vw"}, RewardRange(-100.0, 300.0))
    for place in range(100):
        chosen = place % 2
        shares.learn({}, ACTIONS, chosen, 0.5, 0.25 + 0.5 * chosen)
        cents.learn({}, ACTIONS, chosen, 0.5, 200.0 * chosen)

    assert cents.pmf({}, ACTIONS) == shares.pmf({}, ACTIONS)


@pytest.mark.parametrize(
    ("interactions", "flags"),
    [("none", []), ("context:variant", ["-q", "ca"])],
)
def test_interactions_are_quadratic_features(
    interactions: str, flags: list[str]
) -> None:
    arguments = command_line(normalise_spec({"interactions": interactions}))

    assert [arg for arg in arguments if arg in {"-q", "ca"}] == flags


def test_context_decides_once_it_has_been_learned() -> None:
    policy = build_policy({"kind": "vw"})
    for place in range(600):
        device, chosen = place % 2, place // 2 % 2
        context = {"user": {"device": ("mobile", "desktop")[device]}}
        policy.learn(context, ACTIONS, chosen, 0.5, float(device == chosen))

    assert policy.pmf({"user": {"device": "mobile"}}, ACTIONS)[0] > 0.9
    assert policy.pmf({"user": {"device": "desktop"}}, ACTIONS)[1] > 0.9


def test_actions_that_come_again_get_the_pmf_of_actions_seen_first(
    vw_spec: dict[str, Any], long_log: Log
) -> None:
    """A tuple is parsed once and kept, a list at each call; no bit may tell which."""
    kept, parsed = build_policy(vw_spec), build_policy(vw_spec)
    offered = [(*ACTIONS, Action("scarf", {"price": 9.5})), ACTIONS]
    for place, (context, *_) in enumerate(long_log[:200]):
        actions = offered[place // 20 % 2]

        assert kept.pmf(context, actions) == parsed.pmf(context, list(actions))

        if place % 3 == 0:
            for policy in (kept, parsed):
                policy.learn(context, actions, place % 2, 0.5, float(place % 2))
    assert kept.dump() == parsed.dump()


@pytest.mark.parametrize("kind", ["vw", "auto"])
def test_workspaces_and_examples_are_given_back(kind: str, long_log: Log) -> None:
    """Two hundred policies and 30,000 calls cost less than 30 MB.

    A workspace that isn't finished costs 1 MB, an example that isn't 190 kB: a leak
    of either would be 200 MB or more.
    """
    churn(kind, long_log, policies=5)
    before = resident_bytes()

    churn(kind, long_log, policies=200)

    assert resident_bytes() - before < 30e6


def churn(kind: str, log: Log, policies: int) -> None:
    taught = build_policy({"kind": kind})
    for example in log[50:60]:
        taught.learn(*example)
    state = taught.dump()
    for _ in range(policies):
        policy = build_policy({"kind": kind})
        policy.load(state)
        for example in log[:50]:
            policy.pmf(example[0], example[1])
            policy.learn(*example)
            policy.pmf(example[0], ACTIONS)
    gc.collect()


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def run(spec: dict[str, Any], log: Log, reload_at: int | None) -> bytes:
    policy = build_policy(spec)
    for place, example in enumerate(log):
        if place == reload_at:
            state = policy.dump()
            policy = build_policy(spec)
            policy.load(state)
        policy.learn(*example)
    return policy.dump()
