"""The registry of aggregates is the one list of them."""

import msgspec
import pytest

from bandit_svc.domain.aggregates import AGGREGATES
from bandit_svc.domain.experiment import RewardDefinition


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_entry_can_be_declared(name: str) -> None:
    declared = msgspec.convert({"aggregate": name}, RewardDefinition)

    assert declared.aggregate == name


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_entry_aggregates_one_reward_to_itself(name: str) -> None:
    assert AGGREGATES[name].of([0.25]) == 0.25


def test_a_name_without_an_entry_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'median'"):
        msgspec.convert({"aggregate": "median"}, RewardDefinition)


def test_the_interface_describes_the_entries() -> None:
    schema = msgspec.json.schema(RewardDefinition)
    described = schema["$defs"]["RewardDefinition"]["properties"]["aggregate"]

    assert set(described["enum"]) == set(AGGREGATES)
