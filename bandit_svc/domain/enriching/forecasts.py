"""Answers of a source of weather, in the form of Open-Meteo's forecast API.

Owns the question, and which answers are believed: of the place that was asked for, in
degrees Celsius, finite, and not of the future. Pure; a fault names no address.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from bandit_svc.domain.enriching.skies import Observed, Place
from bandit_svc.errors import InvalidInput

MOST_PLACES: Final = 50
"""In one question."""
MAX_ANSWER_BYTES: Final = 524_288
CELSIUS: Final = "°C"
COLDEST_C: Final = -100.0
HOTTEST_C: Final = 70.0
AHEAD_MS: Final = 3_600_000
"""Milliseconds by which the clock of the source may be ahead of ours."""
NEAR_DEGREES: Final = 1.0
"""A source answers for the nearest point of a grid of its own."""


class BadAnswer(Exception):
    """An answer of a source is none that can be used; the message says why."""


class _Current(msgspec.Struct):
    temperature_2m: float
    weather_code: float | None = None
    is_day: float | None = None
    time: str = ""


class _Units(msgspec.Struct):
    temperature_2m: str = ""


class _Forecast(msgspec.Struct):
    current: _Current
    current_units: _Units
    latitude: float | None = None
    longitude: float | None = None


def check_source(url: str) -> None:
    """Refuse what is no address; it may hold a key, so it is never printed.

    Raises:
        InvalidInput: it is neither empty nor an address of HTTP.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = None
    if url and not known:
        raise InvalidInput(
            "weather_url is no address of a source of weather; write it with its "
            "scheme, as in https://api.open-meteo.com/v1/forecast, or leave it empty"
        )


def question(places: Sequence[Place]) -> str:
    """Return the query for the weather of places now."""
    return urlencode(
        {
            "latitude": ",".join(f"{place.latitude:g}" for place in places),
            "longitude": ",".join(f"{place.longitude:g}" for place in places),
            "current": "temperature_2m,weather_code,is_day",
            "temperature_unit": "celsius",
            "timezone": "UTC",
        },
        safe=",",
    )


def answer_of(
    body: bytes, places: Sequence[Place], now_ms: int
) -> tuple[Mapping[Place, Observed], str]:
    """Return the weather of places, and what was wrong with the others.

    Args:
        body: of the answer.
        places: that were asked for, in order.
        now_ms: when they were.

    Raises:
        BadAnswer: nothing in it can be used.
    """
    try:
        whole = body if body.lstrip()[:1] == b"[" else b"[" + body + b"]"
        raw = msgspec.json.decode(whole, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadAnswer("the answer is no JSON") from error
    if len(raw) != len(places):
        raise BadAnswer(f"{len(places)} places were asked for, {len(raw)} answered")
    found: dict[Place, Observed] = {}
    fault = ""
    for place, one in zip(places, raw, strict=True):
        try:
            found[place] = _observed(bytes(one), place, now_ms)
        except BadAnswer as error:
            fault = str(error)
    if not found:
        raise BadAnswer(fault)
    return found, fault


def _observed(body: bytes, place: Place, now_ms: int) -> Observed:
    try:
        forecast = msgspec.json.decode(body, type=_Forecast)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadAnswer("the answer has no current temperature") from error
    current = forecast.current
    if forecast.current_units.temperature_2m != CELSIUS:
        raise BadAnswer("the temperature is not in degrees Celsius")
    if not COLDEST_C <= current.temperature_2m <= HOTTEST_C:
        raise BadAnswer("the temperature is none that is measured on earth")
    for given, asked in (
        (forecast.latitude, place.latitude),
        (forecast.longitude, place.longitude),
    ):
        if given is not None and not _near(given, asked):
            raise BadAnswer("the answer is for another place")
    code, is_day = current.weather_code, current.is_day
    return Observed(
        at_ms=min(_time_ms(current.time, now_ms), now_ms),
        code=int(code) if code is not None and code % 1 == 0 else None,
        temperature_c=current.temperature_2m,
        is_day=bool(is_day) if is_day in {0, 1} else None,
    )


def _near(given: float, asked: float) -> bool:
    apart = abs(given - asked)
    return min(apart, abs(apart - 360)) <= NEAR_DEGREES


def _time_ms(text: str, now_ms: int) -> int:
    """Return the time of an observation; without one, the time of the question."""
    if not text:
        return now_ms
    try:
        at = datetime.fromisoformat(text)
        at_ms = round(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise BadAnswer("the time of the weather is none") from error
    if at_ms > now_ms + AHEAD_MS:
        raise BadAnswer("the time of the weather is in the future")
    return at_ms
