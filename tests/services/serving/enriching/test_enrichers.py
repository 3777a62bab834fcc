"""The limits on time of enrichers, and what is done without a library."""

import json
import subprocess
import sys
from typing import NamedTuple

from bandit_svc.domain.enriching.declared import (
    Enrich,
    Filled,
    ProfileEnricher,
    TimeEnricher,
)
from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.serving.enriching.enrichers import (
    MOST_LATE,
    REST_S,
    Enriched,
    Enrichers,
    Surroundings,
    without_filled,
)
from bandit_svc.services.serving.enriching.known_weather import KnownWeather

NOW_MS = 1_800_000_000_000
PROFILE = Enrich(profile=ProfileEnricher(traits=("tier",), within_ms=5.0))
GOLD = {"profile": {"tier": "gold"}}


class Clock:
    """A clock that goes on by a step at each look."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.step_s = 0.0

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


class Asked(NamedTuple):
    context: Payload
    user_agent: str | None = None
    client_hints: dict[str, str] | None = None


def added(enrichers: Enrichers, clock: Clock, traits: Payload) -> Enriched:
    around = Surroundings(
        KnownWeather(), has_source=False, spent_s=clock, elapsed_s=clock
    )
    return enrichers.added_to({}, Asked({}), traits, NOW_MS, around)


def test_what_takes_too_long_is_left_out_and_counted() -> None:
    enrichers, clock = Enrichers(PROFILE), Clock()
    clock.step_s = 0.004
    in_time = added(enrichers, clock, {"tier": "gold"})
    clock.step_s = 0.006
    late = added(enrichers, clock, {"tier": "gold"})

    assert (in_time.context, in_time.outcomes) == (GOLD, {"profile": "filled"})
    assert late == Enriched({}, (), {"profile": "late"})


def test_an_enricher_that_is_late_again_and_again_rests() -> None:
    enrichers, clock = Enrichers(PROFILE), Clock()
    clock.step_s = 0.006
    for _ in range(MOST_LATE):
        added(enrichers, clock, {"tier": "gold"})
    clock.step_s = 0.0
    resting = added(enrichers, clock, {"tier": "gold"})
    clock.now_s += REST_S
    rested = added(enrichers, clock, {"tier": "gold"})

    assert (resting.context, resting.outcomes) == ({}, {"profile": "late"})
    assert rested.context == GOLD


def test_one_late_moment_among_good_ones_brings_no_rest() -> None:
    enrichers, clock = Enrichers(PROFILE), Clock()
    for _ in range(3 * MOST_LATE):
        clock.step_s = 0.006
        late = added(enrichers, clock, {"tier": "gold"})
        clock.step_s = 0.0
        good = added(enrichers, clock, {"tier": "gold"})
        assert (late.context, good.context) == ({}, GOLD)


def test_a_late_enricher_takes_nothing_from_the_others() -> None:
    enrich = Enrich(
        time=TimeEnricher(within_ms=1_000.0),
        profile=ProfileEnricher(traits=("tier",), within_ms=5.0),
    )
    clock = Clock()
    clock.step_s = 0.006

    found = added(Enrichers(enrich), clock, {"tier": "gold"})

    assert found.outcomes == {"time": "filled", "profile": "late"}
    assert list(found.context) == ["time"]


def test_traits_that_are_no_feature_are_left_out() -> None:
    enrich = Enrich(profile=ProfileEnricher(traits=("a", "b", "c", "d")))
    traits = {"a": "x" * 257, "b": False, "c": None, "d": 0.5, "e": 1}

    found = added(Enrichers(enrich), Clock(), traits)

    assert found.context == {"profile": {"b": False, "d": 0.5}}


def test_what_was_added_can_be_taken_out_again() -> None:
    context = {"a": 1, "device": {"class": "tv", "os": "Tizen"}, "time": {"hour": 1}}
    filled = (Filled("device", ("device.os",)), Filled("time", ("time.hour",)))

    assert without_filled(context, filled) == {"a": 1, "device": {"class": "tv"}}


_WITHOUT = """
import sys, json
sys.modules["ua_parser"] = sys.modules["holidays"] = None
from bandit_svc.domain.enriching.declared import *
from bandit_svc.services.serving.enriching.calendars import check_countries
from bandit_svc.services.serving.enriching.enrichers import Enrichers, Surroundings
from bandit_svc.services.serving.enriching.known_weather import KnownWeather
from tests.services.serving.enriching.test_enrichers import Asked, NOW_MS
enrich = Enrich(device=DeviceEnricher(), time=TimeEnricher(holidays="DE"))
check_countries(enrich)
enrichers = Enrichers(enrich)
now = lambda: 0.0
around = Surroundings(KnownWeather(), has_source=False, spent_s=now, elapsed_s=now)
found = enrichers.added_to({}, Asked({}, "curl/8.5.0"), {}, NOW_MS, around)
print(json.dumps([found.context, found.outcomes, enrichers.missing]))
"""


def test_without_the_libraries_the_rest_is_known() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True
    )

    context, outcomes, missing = json.loads(found.stdout)
    assert set(context["time"]) == {"hour", "part_of_day", "weekday", "weekend"}
    assert outcomes == {"device": "unavailable", "time": "unavailable"}
    assert missing == ["ua-parser", "holidays"]
