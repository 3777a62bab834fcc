"""Who gets what: the cells of two keys, from the newest decisions."""

from typing import Any

import pytest

from bandit_svc.services.report.who_gets_what import (
    MISSING,
    MOST_VALUES,
    OTHER,
    SAMPLE,
    VariantInCell,
    WhoGetsWhat,
    who_gets_what,
)
from tests.harness.service import Service


def found_in(service: Service, *keys: str) -> WhoGetsWhat:
    return who_gets_what(
        service.storage, service.storage.experiments.get("hero"), *keys
    )


def fixed(
    service: Service, contexts: list[dict[str, Any]], reward: float = 1.0
) -> None:
    """Show variant a to all of these contexts."""
    service.create(
        holdout=0.0, exploration_floor=0.0, policy={"kind": "fixed", "variant": "a"}
    )
    for index, context in enumerate(contexts):
        service.now_ms += 1
        decided = service.decide(context=context)
        if index % 2:
            service.reward(decided, reward)
    service.mature()


def test_cells_count_shares_and_means(service: Service) -> None:
    contexts = [{"device": d, "night": n} for d in "xy" for n in (True, False)] * 6
    fixed(service, contexts)
    found = found_in(service, "device", "night")

    assert (found.row_key, found.column_key) == ("device", "night")
    assert (found.rows, found.columns) == (("x", "y"), ("false", "true"))
    assert found.n == 24
    cells = {(c.row, c.column): c for c in found.cells}
    # Every second decision is rewarded: those at night never, the others always.
    assert cells["x", "true"].n == 6
    assert cells["x", "true"].mean == 0.0
    assert cells["y", "false"].mean == 1.0
    assert cells["y", "false"].variants == {"a": VariantInCell(share=1.0, mean=1.0)}


def test_the_keys_that_tell_most_stand_first(service: Service) -> None:
    """The variant follows the device alone; 600 rounds, seed 7."""
    service.create(holdout=0.0)
    service.rounds(600)
    service.mature()
    service.rounds(400)
    service.mature()
    found = found_in(service)

    assert found.row_key == "device"
    assert found.column_key == "hour"
    assert found.keys == ("device", "hour")


def test_numbers_are_cut_into_ranges_and_many_values_folded(service: Service) -> None:
    contexts = [
        {"hour": n % 24, "shop": f"s{min(n % 40, 12)}", "id": f"u{n}"}
        for n in range(240)
    ]
    fixed(service, contexts)
    found = found_in(service, "shop", "hour")

    assert len(found.columns) == 5
    assert found.columns[0].startswith("0 to <")
    assert found.columns[-1].endswith("to 23")
    assert len(found.rows) == MOST_VALUES + 1
    assert OTHER in found.rows
    assert "id" not in found.keys


def test_nested_keys_have_a_name_and_a_missing_value_a_cell(service: Service) -> None:
    fixed(
        service, [{"user": {"plan": p}} if p else {} for p in ("free", "", "pro")] * 5
    )
    found = found_in(service)

    assert found.keys == ("user.plan",)
    assert found.rows == ("free", "pro", MISSING)
    assert found.column_key is None


@pytest.mark.parametrize("contexts", [[], [{}] * 5, [{"a": 1}] * 5])
def test_without_a_key_that_differs_there_is_none(
    service: Service, contexts: list[dict[str, Any]]
) -> None:
    fixed(service, contexts)
    found = found_in(service)

    assert (found.row_key, found.column_key) == (None, None)
    assert found.n == len(contexts)


def test_no_more_than_the_newest_are_read(service: Service) -> None:
    fixed(service, [{"a": "old"}] * 30 + [{"a": v} for v in "xy"] * (SAMPLE // 2))
    found = found_in(service)

    assert found.n == SAMPLE
    assert found.rows == ("x", "y")
