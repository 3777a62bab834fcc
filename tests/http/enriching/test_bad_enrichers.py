"""Enrichers and visitors that are refused, each with the field at fault."""

import json
from collections.abc import Callable

from bandit_svc.domain.enriching.devices import MAX_AGENT_LENGTH, MAX_HINTS

Case = tuple[str, str, bytes | str, int, str | None]
CREATE = "POST /v1/experiments"
DECIDE = "POST /v1/decisions"


def declared(name: str, enrich: object, pointer: str) -> Case:
    body = {"key": "new", "variants": [{"key": "a"}], "enrich": enrich}
    return CREATE, name, json.dumps(body), 400, f"/enrich{pointer}"


def asked(name: str, fields: dict[str, object], pointer: str) -> Case:
    return DECIDE, name, json.dumps({"experiment": "hero"} | fields), 400, pointer


CASES: list[Case] = [
    declared("a word", "device", ""),
    declared("an enricher that is none", {"moon": {}}, "/moon"),
    declared("a field that is none", {"device": {"os": True}}, "/device/os"),
    declared("no namespace", {"device": {"namespace": ""}}, "/device/namespace"),
    declared("a dot in it", {"time": {"namespace": "a.b"}}, "/time/namespace"),
    declared("that of units", {"time": {"namespace": "unit"}}, "/time/namespace"),
    declared(
        "one for two",
        {"time": {"namespace": "x"}, "device": {"namespace": "x"}},
        "/time/namespace",
    ),
    declared("no time at all", {"device": {"within_ms": 0}}, "/device/within_ms"),
    declared("a second more", {"device": {"within_ms": 2_000}}, "/device/within_ms"),
    declared(
        "an agent of a unit",
        {"device": {"user_agent": "unit.agent"}},
        "/device/user_agent",
    ),
    declared("no zone", {"time": {"zone": "Mars/Olympus"}}, "/time/zone"),
    declared("no zone in a list", {"time": {"zone": ["UTC", "x"]}}, "/time/zone"),
    declared("a key without a name", {"time": {"zone": "context."}}, "/time/zone"),
    declared("no country", {"time": {"holidays": "Germany"}}, "/time/holidays"),
    declared("an unknown country", {"time": {"holidays": "ZZ"}}, "/time/holidays"),
    declared("an unknown part", {"time": {"holidays": "DE-ZZ"}}, "/time/holidays"),
    declared("too many", {"time": {"holidays": ["DE"] * 6}}, "/time/holidays"),
    declared("beyond the pole", {"weather": {"latitude": 91}}, "/weather/latitude"),
    declared("no key", {"weather": {"longitude": "lon"}}, "/weather/longitude"),
    declared("no age", {"weather": {"max_age_seconds": 1}}, "/weather/max_age_seconds"),
    declared("no traits", {"profile": {}}, "/profile/traits"),
    declared("an empty list", {"profile": {"traits": []}}, "/profile/traits"),
    declared("an empty name", {"profile": {"traits": [""]}}, "/profile/traits/0"),
    asked("a long agent", {"user_agent": "x" * (MAX_AGENT_LENGTH + 1)}, "/user_agent"),
    asked("an agent that is a number", {"user_agent": 7}, "/user_agent"),
    asked(
        "many hints",
        {"client_hints": {f"h{n}": "" for n in range(MAX_HINTS + 1)}},
        "/client_hints",
    ),
    asked("a long hint", {"client_hints": {"a": "x" * 513}}, "/client_hints/a"),
    asked("a hint that is a list", {"client_hints": {"a": []}}, "/client_hints"),
]


def test_it_is_refused_and_nothing_is_kept(
    case: Case, refused: Callable[[Case], None]
) -> None:
    refused(case)
