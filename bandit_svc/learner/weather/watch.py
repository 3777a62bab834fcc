"""The thread that keeps the weather fresh while a process holds the learner's lease.

Owns how often a place is asked for, and the pauses after a fault. What it finds out
goes to `storage.weather`, where every web worker reads it.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from bandit_svc import metrics
from bandit_svc.clock import now_ms
from bandit_svc.domain.enriching.forecasts import (
    MOST_PLACES,
    BadAnswer,
    answer_of,
    question,
)
from bandit_svc.domain.enriching.skies import Observed, Place
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.learner.weather.source import Source
from bandit_svc.services.checks.degraded import WEATHER
from bandit_svc.storage.weather.kept_weather import KeptWeather
from bandit_svc.wiring import Backends

LOOK_EVERY_S: Final = 1.0
FRESH_MS: Final = 900_000
"""Milliseconds after which a place is asked for again: sources have new weather each
quarter of an hour."""
FIRST_PAUSE_MS: Final = 10_000
LONGEST_PAUSE_MS: Final = 600_000

_log = logging.getLogger(__name__)


class Asking(Protocol):
    """A source of weather."""

    def ask(self, query: str) -> bytes:
        """Return the body of an answer.

        Raises:
            BadAnswer: there is none.
        """


class WeatherWatch:
    """Asks a source for what the web workers want to know."""

    def __init__(
        self, kept: KeptWeather, source: Asking, now_ms: Callable[[], int]
    ) -> None:
        self._kept = kept
        self._source = source
        self._now_ms = now_ms
        self._known: dict[Place, Observed] | None = None
        self._asked_ms: dict[Place, int] = {}
        self._pause_ms = 0
        self._waits_until_ms = 0
        self._fault = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End; a question that is under way ends by itself."""
        self._stop.set()

    def step(self) -> None:
        """Ask once for what is wanted and not fresh; keep what was answered."""
        now_ms = self._now_ms()
        if now_ms < self._waits_until_ms:
            return
        if self._known is None:
            self._known = dict(self._kept.news() or {})
        wanted = self._kept.asked(now_ms - DAY_MS)
        due = sorted(
            place
            for place in wanted
            if now_ms - self._asked_ms.get(place, -FRESH_MS) >= FRESH_MS
        )
        if not due:
            return
        self._ask(due[:MOST_PLACES], now_ms)
        self._asked_ms = {p: ms for p, ms in self._asked_ms.items() if p in wanted}
        self._known = {p: one for p, one in self._known.items() if p in wanted}
        self._kept.keep(self._known, self._fault)

    def _ask(self, places: Sequence[Place], now_ms: int) -> None:
        try:
            found, fault = answer_of(self._source.ask(question(places)), places, now_ms)
        except BadAnswer as error:
            self._note(str(error))
            longer_ms = max(FIRST_PAUSE_MS, 2 * self._pause_ms)
            self._pause_ms = min(longer_ms, LONGEST_PAUSE_MS)
            self._waits_until_ms = now_ms + self._pause_ms
            return
        self._note(fault)
        self._pause_ms = 0
        self._asked_ms |= dict.fromkeys(places, now_ms)
        if self._known is not None:
            self._known |= found

    def _note(self, fault: str) -> None:
        """Log what is wrong, once."""
        if fault and fault != self._fault:
            _log.warning("the weather is not known: %s", fault)
        self._fault = fault
        metrics.DEGRADED.labels(WEATHER).set(bool(fault))

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.step()
            except OSError:
                _log.exception("the weather can't be kept now; trying again")


def watch_of(backends: Backends) -> WeatherWatch:
    """Return a watch, begun where there is a source."""
    url = backends.settings.weather_url
    watch = WeatherWatch(backends.kept_weather, Source(url), now_ms)
    if url:
        watch.start()
    return watch
