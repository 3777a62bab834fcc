"""Quiet hours over HTTP, and declarations that can't be kept."""

from collections.abc import Mapping
from datetime import datetime

import pytest

from tests.harness.simulated.capped_shop import (
    NOTHING,
    OFFER,
    REMINDER,
    VOUCHER,
    Declare,
    kept_out,
    show,
)
from tests.harness.worker_in_process import WorkerInProcess


def night_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


def test_quiet_hours_leave_nothing_in_the_zone_of_the_person(
    declare: Declare,
) -> None:
    quiet = {"channel": "email", "from": "21:00", "to": "08:00", "zone": "unit.zone"}
    service = declare(quiet=quiet)
    service.now_ms = night_ms("2027-03-28T20:30:00+02:00")
    service.call("PUT", "/v1/units/u", {"traits": {"zone": "Europe/Berlin"}})
    service.learn()
    assert kept_out(service, experiment="cart-mail") == {}

    # Half past nine on the day on which summer begins.
    service.now_ms += 3_600_000
    answer = service.decide("cart-mail", unit_id="u")

    why = "quiet: email 21:00-08:00 Europe/Berlin"
    assert answer["ineligible"] == {"voucher": why, "reminder": why}
    assert (answer["variant"], answer["propensity"]) == ("nothing", 1.0)
    assert kept_out(service) == {}
    assert kept_out(service, "nobody", experiment="cart-mail") == {}
    refused = service.post(
        "/v1/decisions",
        {"experiment": "cart-mail", "unit_id": "u", "exclude": ["nothing"]},
    )
    assert refused.status_code == 422


def test_a_choice_that_is_kept_is_given_again_under_its_own_cap(
    service: WorkerInProcess, declare: Declare
) -> None:
    declare(OFFER)
    sticky = {"for_seconds": 86_400}
    service.create(
        "hero", programme="shop", sticky=sticky, variants=[VOUCHER, REMINDER]
    )
    first = show(service, experiment="hero")
    service.learn()

    again = service.decide("hero", unit_id="u")

    assert again["repeat"]
    assert again["decision_id"] == first["decision_id"]


def test_a_choice_that_is_kept_is_not_given_again_in_quiet_hours(
    service: WorkerInProcess, declare: Declare
) -> None:
    declare(quiet=[{"channel": "push", "from": "21:00", "to": "08:00"}])
    service.now_ms = night_ms("2027-05-01T20:30:00Z")
    service.create(
        "call",
        programme="shop",
        channel="push",
        sticky={"for_seconds": 86_400},
        variants=[NOTHING, REMINDER],
    )
    service.decide("call", unit_id="u", variants=["reminder"])
    service.now_ms += 3_600_000

    assert service.decide("call", unit_id="u")["variant"] == "nothing"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"caps": [{"match": "offer", "max": 1, "per": "1d"}]}, "/caps/0/match"),
        ({"caps": [OFFER, OFFER | {"max": 0}]}, "/caps/1/max"),
        ({"caps": [OFFER | {"per": "1w"}]}, "/caps/0/per"),
        ({"caps": [OFFER, OFFER]}, "/caps/1"),
        (
            {"quiet": {"channel": "push", "from": "9", "to": "08:00"}},
            "/quiet/from",
        ),
        (
            {"quiet": [{"channel": "p", "from": "21:00", "to": "08:00", "zone": "X"}]},
            "/quiet/0/zone",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_pointer(
    service: WorkerInProcess, body: Mapping[str, object], pointer: str
) -> None:
    answer = service.post("/v1/programmes", {"key": "shop"} | dict(body))

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == pointer
