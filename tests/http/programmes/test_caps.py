"""Caps and quiet hours over HTTP: what is kept out, said, counted and told again."""

import os
from collections.abc import Mapping
from contextlib import closing

import pytest

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.wiring import Backends
from tests.harness.simulated.capped_shop import (
    DAY_S,
    MAIL,
    NOTHING,
    OFFER,
    OUT,
    REMINDER,
    STRICT,
    VOUCHER,
    Declare,
    kept_out,
    show,
)
from tests.harness.worker_in_process import WorkerInProcess


def test_a_cap_holds_over_experiments_until_its_time_is_over(declare: Declare) -> None:
    service = declare(OFFER)
    show(service)
    service.learn()

    for key in ("popup", "cart-mail"):
        answer = service.decide(key, unit_id="u")
        assert answer["ineligible"] == OUT
        assert answer["variant"] != "voucher"
    assert kept_out(service, "another") == {}

    service.now_ms += 30 * DAY_MS
    assert kept_out(service) == {}


def test_the_log_says_later_what_the_answer_said(declare: Declare) -> None:
    service = declare(OFFER)
    show(service)
    again = {"unit_id": "u", "request_id": "r-1", "context": {"page": "cart"}}
    first = service.decide("popup", **again)
    assert first["ineligible"] == OUT
    service.learn()
    service.patch("/v1/programmes/shop", {"caps": []})
    service.now_ms += 40 * DAY_MS

    assert service.decide("popup", **again) == first
    found = service.get(f"/v1/decisions/{first['decision_id']}").json
    assert found["ineligible"] == OUT
    assert [one["variant"] for one in found["variants"]] == ["nothing", "reminder"]
    page = service.get(f"/experiments/popup/decisions/{first['decision_id']}")
    assert page.status_code in {200, 302, 404}


def test_the_holdout_keeps_the_same_caps(declare: Declare) -> None:
    service = declare(OFFER, holdout=0.5)
    fixed = {"kind": "fixed", "variant": "voucher"}
    only = [VOUCHER, REMINDER]
    service.create("banner", programme="shop", baseline=fixed, variants=only)
    units = [f"u{n}" for n in range(40)]
    for unit in units:
        show(service, unit, experiment="banner")
    service.learn()

    again = [service.decide("banner", unit_id=unit) for unit in units]

    assert {one["programme"]["group"] for one in again} == {"holdout", "experiment"}
    assert all(one["ineligible"] == OUT for one in again)
    assert all(one["variant"] == "reminder" for one in again)


def test_the_last_variant_left_is_certain_and_not_learned_from(
    declare: Declare,
) -> None:
    service = declare(OFFER)
    show(service)

    answer = service.decide("popup", unit_id="u", exclude=["reminder"])

    assert (answer["variant"], answer["propensity"]) == ("nothing", 1.0)
    service.learn(DAY_S)
    report = service.get("/v1/experiments/popup/report").json
    assert report["decisions"]["forced"] == 2


def test_where_nothing_is_left_the_answer_is_422_with_the_reason(
    declare: Declare,
) -> None:
    service = declare(OFFER)
    show(service)

    answer = service.post(
        "/v1/decisions",
        {"experiment": "popup", "unit_id": "u", "variants": ["voucher"]},
    )

    assert answer.status_code == 422
    assert answer.json["type"].endswith("nothing_eligible"), answer.json
    assert "cap: offer 1 per 30d" in answer.json["detail"]


def test_variants_that_a_request_brings_are_capped_by_their_tags(
    declare: Declare,
) -> None:
    service = declare(OFFER)
    service.create(
        "items",
        programme="shop",
        request_variants="replace",
        variants=[NOTHING, REMINDER],
    )
    gift = {"key": "gift", "tags": ["offer"]}
    service.decide("items", unit_id="u", variants=[gift])

    asked = [gift, {"key": "dress"}]
    answer = service.decide("items", unit_id="u", variants=asked, request_id="r")

    assert answer["ineligible"] == {"gift": "cap: offer 1 per 30d"}
    assert answer["variant"] == "dress"
    again = service.decide("items", unit_id="u", variants=asked, request_id="r")
    assert again == answer


def test_a_deferred_decision_counts_when_it_is_activated(declare: Declare) -> None:
    service = declare(OFFER)
    deferred = show(service, defer=True)
    service.learn()
    assert kept_out(service) == {}

    path = f"/v1/decisions/{deferred['decision_id']}/activate"
    assert service.post(path).status_code == 202
    service.learn()

    assert kept_out(service) == OUT


def test_a_deferred_decision_keeps_its_place_under_a_strict_cap_for_its_time(
    declare: Declare,
) -> None:
    service = declare(STRICT)
    deferred = show(service, defer=True)
    assert kept_out(service) == OUT

    service.now_ms += 2 * 1_800_000
    assert kept_out(service) == {}
    path = f"/v1/decisions/{deferred['decision_id']}/activate"
    assert service.post(path).status_code == 409


def test_a_deferred_decision_that_is_shown_keeps_its_place(declare: Declare) -> None:
    service = declare(STRICT)
    named = show(service, defer=True, request_id="batch-7")
    other = show(service, "v", defer=True)
    service.now_ms += 1_000
    for one in (named, other):
        path = f"/v1/decisions/{one['decision_id']}/activate"
        assert service.post(path).status_code == 202

    service.now_ms += 2 * 1_800_000

    assert kept_out(service) == kept_out(service, "v") == OUT


def test_the_reward_of_a_deferred_decision_keeps_its_place(declare: Declare) -> None:
    service = declare(STRICT)
    deferred = show(service, defer=True)
    service.now_ms += 1_000
    service.reward(deferred["decision_id"], 1.0)

    service.now_ms += 2 * 1_800_000

    assert kept_out(service) == OUT


def test_a_named_decision_that_waited_too_long_is_refused_where_it_has_a_place(
    declare: Declare,
) -> None:
    service = declare(STRICT)
    named = show(service, defer=True, request_id="batch-7")
    service.now_ms += 1_800_001

    path = f"/v1/decisions/{named['decision_id']}/activate"
    answer = service.post(path)

    assert answer.status_code == 409
    assert "place under a strict cap" in answer.json["detail"]


@pytest.mark.parametrize("cap", [OFFER, STRICT], ids=["counted", "strict"])
def test_links_of_the_request_count_at_once(
    declare: Declare, cap: Mapping[str, object]
) -> None:
    service = declare(cap)
    show(service, "anon-7f")
    service.learn()

    assert kept_out(service, "u-81", links=["anon-7f"]) == OUT
    service.learn()
    assert kept_out(service, "u-81") == OUT


def test_a_strict_cap_knows_a_link_before_the_learner_does(declare: Declare) -> None:
    service = declare(STRICT)
    show(service, "anon-7f")

    assert kept_out(service, "u-81", links=["anon-7f"]) == OUT
    assert kept_out(service, "u-81") == OUT


def test_a_strict_cap_knows_a_link_of_a_unit_before_the_learner_does(
    declare: Declare,
) -> None:
    service = declare(STRICT)
    show(service, "anon-7f")

    put = service.call("PUT", "/v1/units/u-81", {"links": ["anon-7f"]})

    assert put.status_code == 202
    assert kept_out(service, "u-81") == OUT


def test_without_consent_strict_caps_count_and_nothing_else_does(
    declare: Declare,
) -> None:
    service = declare(STRICT, MAIL)
    service.call("PUT", "/v1/units/u", {"consent": "denied"})
    service.learn()
    denied = show(service)
    service.learn()

    assert kept_out(service) == OUT
    for _ in range(3):
        service.decide("cart-mail", unit_id="u", variants=["reminder"])
        service.learn()
    assert kept_out(service, experiment="cart-mail") == OUT
    stored = service.get(f"/v1/decisions/{denied['decision_id']}").json
    assert stored["unit_id"] is None
    assert service.get("/v1/units/u").json["caps"] == {
        "shop": {"offer 1 per 30d": 1, "email 2 per 7d": 0}
    }


def test_a_browser_that_asks_for_privacy_is_counted_by_strict_caps(
    declare: Declare,
) -> None:
    service = declare(STRICT)
    body = {"experiment": "popup", "unit_id": "u", "variants": ["voucher"]}
    private = {"Sec-GPC": "1"}
    assert service.post("/v1/decisions", body, private).status_code == 201

    assert service.post("/v1/decisions", body, private).status_code == 422
    assert kept_out(service) == OUT


def test_a_unit_tells_how_much_of_its_caps_is_used(declare: Declare) -> None:
    service = declare(STRICT, MAIL)
    service.call("PUT", "/v1/units/u", {"traits": {"tier": "gold"}})
    service.learn()
    empty = {"offer 1 per 30d": 0, "email 2 per 7d": 0}
    assert service.get("/v1/units/u").json["caps"] == {"shop": empty}

    show(service, experiment="cart-mail")
    service.learn()

    used = {"offer 1 per 30d": 1, "email 2 per 7d": 1}
    assert service.get("/v1/units/u").json["caps"] == {"shop": used}


def test_states_with_caps_are_a_function_of_the_log(declare: Declare) -> None:
    service = declare(OFFER, MAIL)
    for n in range(30):
        service.decide("cart-mail", unit_id=f"u{n % 5}")
        service.now_ms += DAY_MS // 4
        service.learn()

    storage = service.worker.storage
    compared = rebuild(storage.unit_facts, storage.units, keep=False)

    assert compared.matches
    assert compared.facts > 0
    assert storage.units.overshoot() == {}


def test_another_worker_shows_it_once_more_until_the_learner_knows(
    declare: Declare,
) -> None:
    """So the overshoot of a cap that is not strict comes about, and is counted."""
    service = declare(OFFER)
    other = WorkerInProcess(
        service.folder, dev=False, suffix="cd34", now_ms=service.now_ms
    )
    show(service)
    show(other)
    other.close()
    service.learn()

    assert service.worker.storage.units.overshoot() == {("shop", "offer 1 per 30d"): 1}


def test_hits_are_counted_by_cap_and_reported(declare: Declare) -> None:
    service = declare(OFFER, MAIL)
    show(service)
    kept_out(service)
    kept_out(service, experiment="cart-mail")
    kept_out(service, "another")
    service.learn()

    report = service.get("/v1/programmes/shop/report").json

    assert [(r["match"], r["hits"], r["overshoot"]) for r in report["caps"]] == [
        ("tag=offer", 2, 0),
        ("channel=email", 0, 0),
    ]


def test_an_erased_unit_leaves_no_count_and_no_place(declare: Declare) -> None:
    service = declare(STRICT, MAIL)
    show(service, experiment="cart-mail")
    service.learn()
    answer = service.call("DELETE", "/v1/units/u")
    assert answer.status_code == 202
    service.learn()
    with closing(Backends(service.worker.settings)) as fresh:
        erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)

    done = service.get(answer.headers["Location"]).json

    assert done["status"] == "done"
    assert (service.folder / "caps.db").exists()
    assert done["erased"]["cap_places"] == 1
    # The process itself remembers what it has shown for ten minutes.
    service.now_ms += 600_001
    assert kept_out(service) == {}
