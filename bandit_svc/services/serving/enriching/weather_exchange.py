"""What a web worker tells of the weather, and what it is told.

Owns the steps between the memory that requests read and the files that processes share.
It runs behind the requests' back.
"""

from bandit_svc.domain.enriching.skies import Place
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.services.serving.enriching.known_weather import KnownWeather
from bandit_svc.storage.weather.kept_weather import KeptWeather

EVERY_MS = 500
ASK_AGAIN_MS = 3_600_000


class WeatherExchange:
    """One a web worker."""

    def __init__(self, kept: KeptWeather, known: KnownWeather, name: str) -> None:
        self._kept = kept
        self._known = known
        self._name = name
        self._told: frozenset[Place] = frozenset()
        self._told_ms = 0
        self._looked_ms: int | None = None

    @property
    def fault(self) -> str:
        """Return why the weather is not known; empty for nothing."""
        return self._kept.fault

    def step_if_due(self, now_ms: int) -> None:
        """Keep which places are asked for, and learn what is new.

        Raises:
            OSError: it can't be written.
        """
        looked_ms = self._looked_ms
        if looked_ms is not None and 0 <= now_ms - looked_ms < EVERY_MS:
            return
        self._looked_ms = now_ms
        asked = self._known.asked(now_ms // DAY_MS)
        again = now_ms - self._told_ms >= ASK_AGAIN_MS
        if asked and (again or asked != self._told):
            self._kept.ask(self._name, asked, now_ms)
            self._told, self._told_ms = asked, now_ms
        news = self._kept.news()
        if news is not None:
            self._known.learn(news)
