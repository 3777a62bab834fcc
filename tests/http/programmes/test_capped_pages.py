"""Pages in a programme: its caps, and its holdout, which is the baseline's page."""

import pytest

from tests.harness.simulated.capped_shop import (
    NOTHING,
    OFFER,
    OUT,
    REMINDER,
    STRICT,
    VOUCHER,
    Declare,
)

OTHERS = [{"key": "news"}, {"key": "tips"}]


@pytest.mark.parametrize("cap", [OFFER, STRICT])
def test_what_a_page_has_shown_is_kept_off_the_next_one(
    declare: Declare, cap: dict[str, object]
) -> None:
    service = declare(cap)
    variants = [VOUCHER, REMINDER, *OTHERS]
    service.create("rows", programme="shop", channel="web", variants=variants)
    asked = {"unit_id": "u", "slots": 3}
    first = service.decide("rows", **asked, pinned={"2": "voucher"})
    service.learn()

    for key in ("rows", "popup"):
        fields = asked if key == "rows" else {"unit_id": "u"}
        again = service.decide(key, **fields)
        assert again["ineligible"] == OUT
    page = service.decide("rows", **asked)
    assert [one["variant"] for one in first["slots"]][1] == "voucher"
    assert "voucher" not in [one["variant"] for one in page["slots"]]
    refused = service.post(
        "/v1/decisions",
        {"experiment": "rows", **asked, "pinned": {"1": "voucher"}},
    )
    assert refused.status_code == 422


def test_the_holdout_of_a_programme_gets_the_baselines_page(declare: Declare) -> None:
    service = declare(holdout=0.5)
    weights = {"news": 5, "tips": 3, "reminder": 1, "nothing": 0}
    service.create(
        "rows",
        programme="shop",
        variants=[NOTHING, REMINDER, *OTHERS],
        baseline={"kind": "weighted", "weights": weights},
    )

    pages = [service.decide("rows", unit_id=f"u{n}", slots=2) for n in range(30)]
    service.learn()

    held = [one for one in pages if one["programme"]["group"] == "holdout"]
    assert held
    for page in held:
        assert page["group"] == "baseline"
        left = dict(weights)
        for slot in page["slots"]:
            chance = left.pop(slot["variant"])
            total = chance + sum(left.values())
            assert slot["propensity"] == pytest.approx(chance / total)
