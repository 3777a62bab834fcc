"""Which definitions can be run."""

from collections.abc import Callable
from typing import Any

import pytest

from bandit_svc.domain.experiment import (
    Definition,
    RewardDefinition,
    check_definition,
)
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput

NewDefinition = Callable[..., Definition]
NAN = float("nan")


def test_a_key_and_variants_are_enough(new_definition: NewDefinition) -> None:
    check_definition(new_definition())


@pytest.mark.parametrize(
    "fields",
    [
        {"holdout": 0.0},
        {"holdout": 0.9},
        {"exploration_floor": 0.0},
        {"exploration_floor": 1.0},
        {"description": "x" * 1000},
        {"reward": RewardDefinition(window_seconds=30 * 86_400)},
        {"reward": RewardDefinition(window_seconds=0.001)},
        {"reward": RewardDefinition(minimum=-1e9, maximum=1e9, default=-1e9)},
    ],
)
def test_the_bounds_themselves_are_accepted(
    new_definition: NewDefinition, fields: dict[str, Any]
) -> None:
    check_definition(new_definition(**fields))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"key": "no spaces"}, "/key"),
        ({"variants": ()}, "/variants"),
        ({"variants": (Variant("a", retired=True),)}, "/variants"),
        ({"description": "x" * 1001}, "/description"),
        ({"holdout": 0.91}, "/holdout"),
        ({"holdout": -0.01}, "/holdout"),
        ({"holdout": NAN}, "/holdout"),
        ({"exploration_floor": 1.01}, "/exploration_floor"),
        ({"exploration_floor": NAN}, "/exploration_floor"),
        ({"reward": RewardDefinition(window_seconds=0.0)}, "/reward/window_seconds"),
        (
            {"reward": RewardDefinition(window_seconds=2_592_001.0)},
            "/reward/window_seconds",
        ),
        ({"reward": RewardDefinition(grace_seconds=-1.0)}, "/reward/grace_seconds"),
        ({"reward": RewardDefinition(maximum=0.0)}, "/reward/maximum"),
        ({"reward": RewardDefinition(maximum=1e10)}, "/reward/maximum"),
        ({"reward": RewardDefinition(minimum=NAN)}, "/reward/minimum"),
        ({"reward": RewardDefinition(default=1.5)}, "/reward/default"),
        ({"reward": RewardDefinition(default=NAN)}, "/reward/default"),
    ],
)
def test_a_field_out_of_its_range_is_refused_with_its_pointer(
    new_definition: NewDefinition, fields: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_definition(new_definition(**fields))

    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_retired_variants_are_not_active(new_definition: NewDefinition) -> None:
    definition = new_definition(
        variants=(Variant("a"), Variant("b", retired=True), Variant("c"))
    )

    assert [v.key for v in definition.active_variants] == ["a", "c"]


def test_a_decision_closes_after_the_window_and_the_grace() -> None:
    reward = RewardDefinition(window_seconds=0.25, grace_seconds=0.5)

    assert (reward.window_ms, reward.closes_after_ms) == (250, 750)


def test_without_a_maximum_no_reward_is_cut_from_above() -> None:
    reward = RewardDefinition(minimum=-5.0, maximum=None)

    assert reward.clip(123_456.0) == 123_456.0
    assert reward.clip(-7.0) == -5.0
