"""The enrichers of one experiment: what they add to the context of a decision.

Owns the order of the steps and their rules: nothing that the request brought is
overridden, nothing that is read for it is kept, an enricher that knows nothing adds
nothing, and one that takes too long rests. Nothing here waits for a network or a file.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Final, NamedTuple, Protocol, assert_never

from bandit_svc.domain.enriching.clocks import (
    USUAL_WEEKEND,
    day_of,
    local_time,
    time_features,
)
from bandit_svc.domain.enriching.declared import (
    DeviceEnricher,
    Enrich,
    Enricher,
    EnricherName,
    Filled,
    Outcome,
    ProfileEnricher,
    TimeEnricher,
    WeatherEnricher,
    input_key,
    is_country,
    listed,
)
from bandit_svc.domain.enriching.skies import place_of, weather_features
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.people.field_policy import FieldPolicies
from bandit_svc.domain.plain_values import Context, Payload
from bandit_svc.domain.programmes.quiet import zone_named
from bandit_svc.services.serving.enriching.agents import device_of, parser
from bandit_svc.services.serving.enriching.calendars import ANY_YEAR, library, year_of
from bandit_svc.services.serving.enriching.known_weather import KnownWeather

MOST_LATE: Final = 3
"""So many times in a row an enricher may be late before it rests."""
REST_S: Final = 10.0
_ANY_COUNTRY: Final = "DE"

NO_TRAITS: Context = {}
NO_OUTCOMES: Mapping[EnricherName, Outcome] = {}
_Found = tuple[Payload, Outcome]


class Surroundings(NamedTuple):
    """What the enrichers of a process share.

    Attributes:
        weather: that it knows.
        has_source: whether anything finds the weather out.
        spent_s: CPU time of the thread, for the limits on time: nothing waits, and what
            else the machine does is no fault of an enricher.
        elapsed_s: a clock that never steps, for rests.
    """

    weather: KnownWeather
    has_source: bool
    spent_s: Callable[[], float]
    elapsed_s: Callable[[], float]


class Visitor(Protocol):
    """What a request tells of who it is for."""

    @property
    def context(self) -> Payload:
        """As it was sent."""

    @property
    def user_agent(self) -> str | None:
        """The visitor's User-Agent."""

    @property
    def client_hints(self) -> Mapping[str, str] | None:
        """Client hints by the names of their headers."""


class Enriched(NamedTuple):
    """The context of a decision, and what was added to it."""

    context: Payload
    filled: tuple[Filled, ...]
    outcomes: Mapping[EnricherName, Outcome]


class _Sight(NamedTuple):
    """What an enricher may look at."""

    asked: Visitor
    traits: Context
    now_ms: int
    around: Surroundings


class Enrichers:
    """Of one experiment, ready to be used.

    Threads share them: at worst a late one is counted once less.
    """

    def __init__(self, declared: Enrich) -> None:
        self._declared = tuple(declared.declared())
        self._taken = declared.taken_keys
        self._late: dict[EnricherName, int] = {}
        self._rests_until_s: dict[EnricherName, float] = {}
        self.missing = _load(declared)
        """Libraries that are needed and not installed."""

    def without_inputs(self, context: Payload) -> Payload:
        """Return a context without what is read of it and never kept."""
        if self._taken.isdisjoint(context):
            return context
        return {name: v for name, v in context.items() if name not in self._taken}

    def added_to(
        self,
        context: Payload,
        asked: Visitor,
        traits: Context,
        now_ms: int,
        around: Surroundings,
        fields: FieldPolicies | None = None,
    ) -> Enriched:
        """Return a context with what is known.

        Args:
            context: as it is kept of the request.
            asked: the request.
            traits: of the unit.
            now_ms: the decision's own time.
            around: what the process shares.
            fields: what is done to what is added, too.
        """
        sight = _Sight(asked, traits, now_ms, around)
        found = dict(self.without_inputs(context))
        filled: list[Filled] = []
        outcomes: dict[EnricherName, Outcome] = {}
        for name, one in self._declared:
            features, outcome = self._in_time(name, one, sight)
            if features:
                if fields is not None:
                    features = fields.kept_inside(one.namespace, features)
                keys = _put(found, one.namespace, features)
                if keys:
                    filled.append(Filled(name, keys))
                else:
                    outcome = "sent"
            outcomes[name] = outcome
        return Enriched(found, tuple(filled), outcomes)

    def _in_time(self, name: EnricherName, one: Enricher, sight: _Sight) -> _Found:
        """Return what an enricher knows; nothing if it took longer than it may."""
        spent_s, elapsed_s = sight.around.spent_s, sight.around.elapsed_s
        if self._rests_until_s and elapsed_s() < self._rests_until_s.get(name, 0.0):
            return {}, "late"
        began_s = spent_s()
        found = _found(one, sight)
        if (spent_s() - began_s) * 1_000 <= one.within_ms:
            if self._late:
                self._late.pop(name, None)
            return found
        self._late[name] = self._late.get(name, 0) + 1
        if self._late[name] >= MOST_LATE:
            self._late.pop(name, None)
            self._rests_until_s[name] = elapsed_s() + REST_S
        return {}, "late"


def _load(declared: Enrich) -> tuple[str, ...]:
    """Load the libraries, which takes longer than any later use; return the missing."""
    missing: list[str] = []
    if declared.device is not None and parser() is None:
        missing.append("ua-parser")
    if declared.time is not None and declared.time.holidays and library() is None:
        missing.append("holidays")
    if declared.device is not None:
        device_of("Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", None)
    words = () if declared.time is None else listed(declared.time.holidays)
    for word in words:
        country = word if is_country(word) else _ANY_COUNTRY
        year_of(country, ANY_YEAR)
    return tuple(missing)


def without_filled(context: Context, filled: tuple[Filled, ...]) -> Payload:
    """Return the context of a decision without what enrichers had added."""
    found: Payload = dict(context)
    for one in filled:
        for key in one.keys:
            namespace, _, name = key.partition(".")
            inside = found.get(namespace)
            if isinstance(inside, Mapping):
                rest = {n: v for n, v in inside.items() if n != name}
                if rest:
                    found[namespace] = rest
                else:
                    found.pop(namespace)
    return found


def _put(context: Payload, namespace: str, features: Payload) -> tuple[str, ...]:
    """Put features where nothing is; return their keys."""
    inside = context.get(namespace)
    if inside is None and namespace not in context:
        context[namespace] = features
        return tuple([f"{namespace}.{name}" for name in features])
    if not isinstance(inside, Mapping) or not inside:
        # The request says something else under that name.
        return ()
    added = {name: v for name, v in features.items() if name not in inside}
    if added:
        context[namespace] = {**inside, **added}
    return tuple([f"{namespace}.{name}" for name in added])


def _found(one: Enricher, sight: _Sight) -> _Found:
    match one:
        case DeviceEnricher():
            return _device(one, sight)
        case TimeEnricher():
            return _time(one, sight)
        case WeatherEnricher():
            return _weather(one, sight)
        case ProfileEnricher():
            return _profile(one, sight)
        case _:
            assert_never(one)


def _device(one: DeviceEnricher, sight: _Sight) -> _Found:
    agent = sight.asked.user_agent
    if agent is None and one.user_agent:
        given = _input(one.user_agent, sight)
        agent = given if isinstance(given, str) else None
    if parser() is None:
        return {}, "unavailable"
    features = device_of(agent, sight.asked.client_hints)
    return features, "filled" if features else "unknown"


def _time(one: TimeEnricher, sight: _Sight) -> _Found:
    zone = None
    for word in listed(one.zone):
        name = _input(word, sight)
        zone = zone_named(name) if isinstance(name, str) else None
        if zone is not None:
            break
    clock = local_time(sight.now_ms, zone or UTC)
    words = listed(one.holidays)
    if not words:
        return dict(time_features(clock)), "filled"
    for word in words:
        country = _input(word, sight)
        if isinstance(country, str) and is_country(country):
            year = year_of(country, clock.year)
            if year is not None:
                features = time_features(clock, year.weekend)
                return {**features, "holiday": day_of(clock) in year.holidays}, "filled"
    # Without the library, or of an unknown country, all but the holiday is known.
    missing: Outcome = "unavailable" if library() is None else "unknown"
    return dict(time_features(clock, USUAL_WEEKEND)), missing


def _weather(one: WeatherEnricher, sight: _Sight) -> _Found:
    if not sight.around.has_source:
        return {}, "unavailable"
    place = place_of(_input(one.latitude, sight), _input(one.longitude, sight))
    if place is None:
        return {}, "unknown"
    observed = sight.around.weather.of(place)
    if observed is None:
        return {}, "unknown"
    if sight.now_ms - observed.at_ms > one.max_age_seconds * 1_000:
        return {}, "stale"
    return dict(weather_features(observed)), "filled"


def _profile(one: ProfileEnricher, sight: _Sight) -> _Found:
    features = {
        name: sight.traits[name] for name in one.traits if _fits(sight.traits, name)
    }
    return features, "filled" if features else "unknown"


def _fits(traits: Context, name: str) -> bool:
    value = traits.get(name)
    return value is not None and not (
        isinstance(value, str) and len(value) > MAX_STRING_LENGTH
    )


def _input(word: str | float, sight: _Sight) -> object:
    """Return what a declared word means for a request; None for nothing."""
    where = input_key(word) if isinstance(word, str) else None
    if where is None:
        return word
    source, key = where
    if source == "unit":
        return sight.traits.get(key)
    context = sight.asked.context
    found = context.get(key)
    if found is None and "." in key:
        namespace, _, name = key.partition(".")
        inside = context.get(namespace)
        found = inside.get(name) if isinstance(inside, Mapping) else None
    return found
