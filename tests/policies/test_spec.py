"""Specs: defaults, and refusals that name the field and the way out."""

import json
from typing import Any

import pytest

from policies.base import PolicyError, RewardRange
from policies.spec import KINDS, build_policy, normalise_spec
from policies.vw.explorers import EXPLORERS

Spec = dict[str, Any]


def test_the_default_chooses_among_models() -> None:
    assert normalise_spec({})["kind"] == "auto"


def test_settings_without_a_kind_are_of_vw_with_squarecb() -> None:
    normalised = normalise_spec({"passes": 1})

    assert normalised["kind"] == "vw"
    assert normalised["explorer"] == "squarecb"
    assert normalised["interactions"] == "context:variant"


def test_normalised_spec_is_a_fixed_point_that_json_holds(spec: Spec) -> None:
    normalised = normalise_spec(spec)

    assert normalise_spec(normalised) == normalised
    assert normalise_spec(json.loads(json.dumps(normalised))) == normalised
    assert {name: normalised[name] for name in spec} == spec


def test_given_spec_is_not_changed() -> None:
    given = {"kind": "vw", "gamma_scale": 5}

    normalise_spec(given)

    assert given == {"kind": "vw", "gamma_scale": 5}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vw"])
def test_unknown_setting_is_refused(kind: str) -> None:
    with pytest.raises(PolicyError, match="not a setting") as caught:
        normalise_spec({"kind": kind, "gama": 1})

    assert caught.value.field == "gama"


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {"kind": "magic"},
            "kind",
            "kind is 'magic'; it must be one of auto, vw, linear",
        ),
        ({"kind": None}, "kind", "kind is None"),
        ({"gama": 1}, "gama", "it takes explorer, gamma_scale"),
        ({"explorer": "magic"}, "explorer", "it must be one of squarecb, epsilon"),
        ({"explorer": ["epsilon"]}, "explorer", "it must be one of"),
        ({"epsilon": 0.1}, "epsilon", "a setting of explorer epsilon; the explorer"),
        ({"cb_type": "dr"}, "cb_type", "explorer squarecb takes mtr"),
        ({"bits": 30}, "bits", "between 10 and 24 (default 18)"),
        ({"bits": 18.5}, "bits", "a whole number"),
        ({"bits": True}, "bits", "a whole number"),
        ({"passes": float("inf")}, "passes", "a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate", "it must be a number"),
        ({"learning_rate": "fast"}, "learning_rate", "learning_rate is 'fast'"),
        ({"l1": -1}, "l1", "between 0 and 1"),
        ({"kind": "linear", "explorer": "igw", "alpha": 1}, "alpha", "of explorer ucb"),
        ({"kind": "linear", "dimensions": 4}, "dimensions", "between 16 and 512"),
        ({"kind": "epsilon_greedy", "epsilon": 1.5}, "epsilon", "between 0 and 1"),
        ({"kind": "thompson", "prior_failures": 0}, "prior_failures", "between 0.5"),
        ({"kind": "fixed"}, "variant", "needs the key of the variant"),
        ({"kind": "fixed", "variant": ""}, "variant", "needs the key"),
        ({"kind": "weighted"}, "weights", "needs an object"),
        ({"kind": "weighted", "weights": {}}, "weights", "needs an object"),
        ({"kind": "weighted", "weights": {"a": 0}}, "weights", "every weight is 0"),
        ({"kind": "weighted", "weights": {"a": -1}}, "weights.a", "between 0 and"),
        (
            {"kind": "weighted", "weights": {"a": float("nan")}},
            "weights.a",
            "the weight of 'a' is nan",
        ),
    ],
)
def test_refusal_names_the_field_and_the_limit(
    spec: Spec, field: str, message: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        normalise_spec(spec)

    assert caught.value.field == field
    assert message in caught.value.message
    with pytest.raises(PolicyError):
        build_policy(spec)


@pytest.mark.parametrize("explorer", list(EXPLORERS))
def test_every_explorer_has_a_cb_type_by_default(explorer: str) -> None:
    normalised = normalise_spec({"explorer": explorer})

    assert normalised["cb_type"] == "mtr"


def test_whole_number_may_come_as_a_float() -> None:
    # TOML and JSON writers in other languages send 18.0.
    bits = normalise_spec({"bits": 18.0})["bits"]

    assert bits == 18
    assert isinstance(bits, int)


@pytest.mark.parametrize(
    ("minimum", "maximum"),
    [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)],
)
def test_reward_range_must_be_finite_and_rising(minimum: float, maximum: float) -> None:
    with pytest.raises(PolicyError, match="reward range"):
        RewardRange(minimum, maximum)


def test_reward_is_scaled_by_its_range() -> None:
    # By hand: 3 is three quarters of the way from -3 to 5.
    assert RewardRange(-3.0, 5.0).scaled(3.0) == 0.75
