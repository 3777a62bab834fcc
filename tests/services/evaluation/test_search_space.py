"""Which specs a search tries."""

from math import prod

import pytest

from bandit_svc.domain.plain_values import Spec
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.search_space import (
    GRID,
    MAX_NEIGHBOURS,
    TRIALS,
    Search,
    described,
    differs,
    space_of,
    specs_to_try,
)
from policies.spec import normalise_spec

VW = normalise_spec({"kind": "vw", "seed": 7, "interactions": "none"})
LINEAR = normalise_spec({"kind": "linear"})


def tried(
    raw: object,
    incumbent: Spec = VW,
    search: Search = "grid",
    trials: int | None = None,
    seed: int = 1,
) -> list[Spec]:
    space = None if raw is None else space_of(raw)
    return specs_to_try(incumbent, space, search, trials, seed)


@pytest.mark.parametrize(
    "incumbent", [VW, LINEAR, normalise_spec({"kind": "vw"}), {"kind": "uniform"}]
)
def test_the_default_is_small_and_begins_with_the_incumbent(
    incumbent: Spec,
) -> None:
    specs = tried(None, incumbent)

    assert specs[0] == incumbent
    grids = sum(prod(map(len, listed.values())) for listed in GRID.values())
    assert grids <= len(specs) <= 1 + MAX_NEIGHBOURS + grids
    assert all(normalise_spec(spec) == spec for spec in specs)
    assert all(specs.count(spec) == 1 for spec in specs)


AUTO = normalise_spec({"kind": "auto"})


@pytest.mark.parametrize("incumbent", [VW, LINEAR, AUTO])
def test_the_default_has_every_contextual_kind_and_detection_of_changes(
    incumbent: Spec,
) -> None:
    specs = tried(None, incumbent)

    assert {spec["kind"] for spec in specs} == {"auto", "vw", "linear"}
    same = [spec for spec in specs if spec["kind"] == incumbent["kind"]]
    assert len({spec.get("change", "ignore") for spec in same}) == 2
    assert len(specs) <= 24


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_default_random_search_has_as_many_of_each_kind(seed: int) -> None:
    _, *specs = tried(None, AUTO, "random", seed=seed)

    counts = [
        sum(spec["kind"] == kind for spec in specs) for kind in ("auto", "vw", "linear")
    ]
    assert sum(counts) == TRIALS
    assert max(counts) - min(counts) <= 1


def test_what_is_not_listed_is_the_incumbents() -> None:
    (_, spec) = tried({"learning_rate": [0.1]})

    assert spec == VW | {"learning_rate": 0.1}


def test_settings_of_one_explorer_are_not_given_to_another() -> None:
    raw = {"explorer": ["squarecb", "epsilon"], "epsilon": [0.1, 0.2]}
    specs = tried(raw)

    assert [differs(spec, VW) for spec in specs] == [
        {},
        {"explorer": "epsilon", "epsilon": 0.1},
        {"explorer": "epsilon", "epsilon": 0.2},
    ]


def test_limits_on_shares_are_those_of_the_experiment_for_every_kind() -> None:
    limits = {"floor": 0.02, "shares": {"a": 0.4}}
    incumbent = normalise_spec(AUTO | {"max_shares": limits})
    specs = tried(None, incumbent)

    assert {spec["kind"] for spec in specs} == {"auto", "vw", "linear"}
    assert all(spec["max_shares"] == limits for spec in specs)


def test_a_combination_that_no_policy_takes_is_passed_over() -> None:
    raw = {"explorer": ["squarecb", "softmax"], "cb_type": ["mtr", "dr"]}

    assert [(s["explorer"], s["cb_type"]) for s in tried(raw)] == [
        *(("squarecb", "mtr"), ("softmax", "mtr"), ("softmax", "dr")),
    ]


def test_tables_name_other_kinds() -> None:
    raw = {"learning_rate": [0.1], "linear": {"explorer": ["ucb", "igw"]}}

    assert [described(spec) for spec in tried(raw)] == [
        "vw-squarecb interactions=none seed=7",
        "vw-squarecb interactions=none learning_rate=0.1 seed=7",
        "linear-ucb",
        "linear-igw",
    ]


def test_a_random_search_is_a_sample_that_its_seed_decides() -> None:
    first, again, other = (
        tried(None, search="random", seed=seed, trials=None) for seed in (1, 1, 2)
    )

    assert len(first) == TRIALS + 1
    assert first == again
    assert first != other
    assert len(tried({"power_t": [0.1, 0.2]}, search="random", trials=9)) == 3


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], "lists values for each setting"),
        ({"explorer": "epsilon"}, "as a list"),
        ({"explorer": []}, "as a list"),
        ({"other": {}}, "is not a kind of policy"),
        ({"learning": [1]}, "'learning' is not a setting"),
        ({"learning_rate": [0.1, -1]}, "learning_rate = -1 fits no combination"),
        ({"epsilon": [0.1]}, "no listed explorer has the setting"),
        ({"cb_type": ["dr"]}, "explorer squarecb takes"),
        ({"learning_rate": [i / 1000 for i in range(1, 300)]}, "at most 200"),
        ({name: [0.1] * 300 for name in ("l1", "l2")}, "90,000 combinations"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(raw: object, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        tried(raw)
