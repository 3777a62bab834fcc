"""The weather is found out from a real source, which is slow, wrong and down."""

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path

import pytest

from bandit_svc.domain.enriching.skies import Observed, Place, place_of
from bandit_svc.learner.weather.source import Source
from bandit_svc.learner.weather.watch import (
    FRESH_MS,
    LONGEST_PAUSE_MS,
    WeatherWatch,
)
from bandit_svc.storage.weather.kept_weather import KeptWeather
from tests.harness.fakes.weather_source import (
    Answer,
    Question,
    WeatherSource,
    forecast,
    reply,
)

NOW_MS = 1_800_000_000_000
BERLIN, MUNICH = Place(105, 27), Place(96, 23)
RAIN = Observed(NOW_MS, 61, 7.6, is_day=True)


@pytest.fixture
def source() -> Iterator[WeatherSource]:
    with WeatherSource() as found:
        yield found


class Desk:
    """A watch over a folder, with a clock by hand."""

    def __init__(self, folder: Path, source: WeatherSource) -> None:
        self.now_ms = NOW_MS
        self.kept = KeptWeather(folder)
        own = KeptWeather(folder)
        asking = Source(source.url, deadline_s=0.5)
        self.watch = WeatherWatch(own, asking, lambda: self.now_ms)
        self._known: dict[Place, Observed] = {}

    def ask(self, *places: Place, name: str = "w-1") -> None:
        self.kept.ask(name, places, self.now_ms)

    def known(self) -> dict[Place, Observed]:
        news = self.kept.news()
        if news is not None:
            self._known = dict(news)
        return self._known


@pytest.fixture
def desk(tmp_path: Path, source: WeatherSource) -> Desk:
    return Desk(tmp_path, source)


def test_what_workers_ask_for_is_found_out_in_one_question(
    desk: Desk, source: WeatherSource
) -> None:
    desk.ask(BERLIN)
    desk.ask(BERLIN, MUNICH, name="w-2")

    desk.watch.step()
    desk.watch.step()

    assert desk.known() == {BERLIN: RAIN, MUNICH: RAIN}
    (question,) = source.asked
    assert question.places == [(48.0, 11.5), (52.5, 13.5)]
    assert question.query["apikey"] == "k-7"


def test_a_place_is_asked_for_again_when_it_is_no_longer_fresh(
    desk: Desk, source: WeatherSource
) -> None:
    desk.ask(BERLIN)
    desk.watch.step()
    desk.now_ms += FRESH_MS - 1
    desk.watch.step()
    before = len(source.asked)
    desk.now_ms += 1
    desk.watch.step()

    assert (before, len(source.asked)) == (1, 2)
    assert desk.known()[BERLIN].at_ms == desk.now_ms


def test_a_place_that_nobody_asks_for_any_more_is_forgotten(
    desk: Desk, source: WeatherSource
) -> None:
    desk.ask(BERLIN)
    desk.watch.step()
    desk.now_ms += 90_000_000
    desk.ask(MUNICH, name="w-2")
    desk.watch.step()

    assert list(desk.known()) == [MUNICH]
    assert source.asked[-1].places == [(48.0, 11.5)]


def test_more_places_than_fit_take_several_questions(
    desk: Desk, source: WeatherSource
) -> None:
    places = [Place(north, 0) for north in range(120)]
    desk.ask(*places)

    for _ in range(4):
        desk.watch.step()

    assert [len(q.places) for q in source.asked] == [50, 50, 20]
    assert set(desk.known()) == set(places)


def _of(text: str | bytes, status: int = 200) -> Answer:
    body = text if isinstance(text, bytes) else text.encode()

    def answer(handler: BaseHTTPRequestHandler, question: Question) -> None:
        del question
        reply(handler, body, status)

    return answer


def _current(**current: object) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, question: Question) -> None:
        body = json.dumps(forecast(question.places[0], **current))
        reply(handler, body.encode())

    return answer


def _elsewhere(handler: BaseHTTPRequestHandler, question: Question) -> None:
    del question
    reply(handler, json.dumps(forecast((0.0, 0.0))).encode())


def _fahrenheit(handler: BaseHTTPRequestHandler, question: Question) -> None:
    body = json.dumps(forecast(question.places[0])).replace("\\u00b0C", "\\u00b0F")
    reply(handler, body.encode())


def _drips(handler: BaseHTTPRequestHandler, question: Question) -> None:
    """Send a byte now and then: each one begins the patience of a socket anew."""
    del question
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
    source_ended = handler.server.ended  # type: ignore[attr-defined]
    while not source_ended.wait(0.1):
        handler.wfile.write(b"x")


def _mute(handler: BaseHTTPRequestHandler, question: Question) -> None:
    del question
    handler.server.ended.wait(60)  # type: ignore[attr-defined]


def _half(handler: BaseHTTPRequestHandler, question: Question) -> None:
    del question
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 900\r\n\r\n[{")


WRONG: dict[str, Answer] = {
    "no JSON": _of("<html>Too many requests</html>"),
    "half a JSON": _of('{"current": {'),
    "nothing": _of(""),
    "a number": _of("7"),
    "deep": _of("[" * 100_000),
    "NaN": _current(temperature_2m=float("nan")),
    "infinite": _current(temperature_2m=float("inf")),
    "a text": _current(temperature_2m="7.6"),
    "null": _current(temperature_2m=None),
    "hotter than the sun": _current(temperature_2m=6_000),
    "the future": _current(time="2031-01-01T00:00"),
    "no time": _current(time="yesterday"),
    "another unit": _fahrenheit,
    "another place": _elsewhere,
    "another number of places": _of("[]"),
    "huge": _of(b"[" + b" " * 600_000),
    "an error": _of('{"error": true, "reason": "limit"}', 429),
    "a fault of its own": _of("{}", 500),
    "moved": _of("{}", 302),
    "drips": _drips,
    "mute": _mute,
    "half an answer": _half,
}


@pytest.mark.parametrize("name", WRONG)
def test_what_was_known_stays_and_the_source_is_left_alone_for_a_while(
    desk: Desk, source: WeatherSource, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.ask(BERLIN)
    desk.watch.step()
    source.answer = WRONG[name]
    desk.now_ms += FRESH_MS

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            desk.watch.step()

    assert desk.known() == {BERLIN: RAIN}
    assert desk.kept.fault
    assert len(source.asked) == 2
    assert len(caplog.records) == 1
    assert "k-7" not in caplog.text
    assert source.url not in caplog.text


def test_one_wrong_place_does_not_spoil_the_others(
    desk: Desk, source: WeatherSource
) -> None:
    def answer(handler: BaseHTTPRequestHandler, question: Question) -> None:
        first, second = question.places
        found = [forecast(first, temperature_2m=900), forecast(second)]
        reply(handler, json.dumps(found).encode())

    source.answer = answer
    desk.ask(BERLIN, MUNICH)
    desk.watch.step()

    assert desk.known() == {BERLIN: RAIN}
    assert desk.kept.fault


def test_a_source_that_is_down_is_asked_less_and_less_often(
    desk: Desk, source: WeatherSource
) -> None:
    source.answer = _of("{}", 503)
    desk.ask(BERLIN)
    times = []
    for _ in range(1_300):
        before = len(source.asked)
        desk.watch.step()
        if len(source.asked) > before:
            times.append(desk.now_ms)
        desk.now_ms += 1_000

    pauses = [b - a for a, b in pairwise(times)]
    assert pauses[:3] == [10_000, 20_000, 40_000]
    assert max(pauses) == LONGEST_PAUSE_MS


def test_a_source_that_is_gone_is_a_fault_and_one_that_is_back_is_none(
    desk: Desk, source: WeatherSource, tmp_path: Path
) -> None:
    source.close()
    desk.ask(BERLIN)
    desk.watch.step()
    gone = (desk.known(), bool(desk.kept.fault))
    with WeatherSource() as other:
        again = Desk(tmp_path, other)
        again.watch.step()

        assert gone == ({}, True)
        assert again.known() == {BERLIN: RAIN}
        assert not again.kept.fault


def test_an_answer_that_drips_is_told_as_what_it_is(
    desk: Desk, source: WeatherSource
) -> None:
    source.answer = _drips
    desk.ask(BERLIN)
    desk.watch.step()
    desk.kept.news()

    assert desk.kept.fault.startswith("there was no whole answer in 0.5 s")


@pytest.mark.parametrize(
    ("current", "observed"),
    [
        (
            {"time": "2027-01-15T07:45"},
            Observed(NOW_MS - 900_000, 61, 7.6, is_day=True),
        ),
        ({"weather_code": 2.5}, Observed(NOW_MS, None, 7.6, is_day=True)),
        ({"weather_code": None}, Observed(NOW_MS, None, 7.6, is_day=True)),
        ({"is_day": 7}, Observed(NOW_MS, 61, 7.6, is_day=None)),
        ({"is_day": 0}, Observed(NOW_MS, 61, 7.6, is_day=False)),
        ({"temperature_2m": -40}, Observed(NOW_MS, 61, -40, is_day=True)),
    ],
)
def test_what_an_answer_leaves_open_is_not_known(
    desk: Desk, source: WeatherSource, current: dict[str, object], observed: Observed
) -> None:
    source.answer = _current(**current)
    desk.ask(BERLIN)
    desk.watch.step()

    assert desk.known() == {BERLIN: observed}


def test_places_are_rounded_before_anything_is_asked(
    desk: Desk, source: WeatherSource
) -> None:
    place = place_of(52.516274, 13.377703)
    assert place is not None
    desk.ask(place)
    desk.watch.step()

    assert source.asked[0].places == [(52.5, 13.5)]
