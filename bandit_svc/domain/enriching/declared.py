"""Enrichers: what the service adds to the context of a decision, as it is declared.

Owns the declarations, their checks, and the words by which they name their inputs: a
value, `context.KEY` or `unit.TRAIT`. Pure but for the table of time zones.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.programmes.quiet import UTC_ZONE, zone_named
from bandit_svc.errors import InvalidInput

EnricherName = Literal["device", "time", "weather", "profile"]
Outcome = Literal["filled", "sent", "unknown", "stale", "late", "unavailable"]
OUTCOMES: Final[tuple[Outcome, ...]] = (
    *("filled", "sent", "unknown", "stale"),
    *("late", "unavailable"),
)
"""filled: at least one key; sent: the request had brought all of them; unknown: no
input, or nothing is known of it; stale: what is known is too old; late: it took longer
than its time limit, or rests after that; unavailable: a library or a source is missing.
"""

MAX_TRAITS: Final = 32
MAX_WORDS: Final = 5
_OF_CONTEXT: Final = "context."
_OF_UNIT: Final = "unit."
_NAMESPACE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TAKEN: Final = frozenset({"unit", "slot"})
"""Where features of a unit and of a slot are put."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_LIMITS_MS: Final = (0.1, 1_000.0)
_AGES_S: Final = (60.0, 604_800.0)
_LATITUDE: Final = 90.0
_LONGITUDE: Final = 180.0


class DeviceEnricher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Class of the device, operating system, browser, and whether it is a bot.

    Attributes:
        namespace: of the context, where its keys are put.
        user_agent: `context.KEY` where callers put the visitor's User-Agent, which is
            never kept; empty for the request's `user_agent` alone.
        within_ms: milliseconds that it may take; beyond, it adds nothing.
    """

    namespace: str = "device"
    user_agent: str = ""
    within_ms: float = 20.0


class TimeEnricher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hour, part of the day, weekday, weekend and holiday where the person is.

    Attributes:
        namespace: of the context, where its keys are put.
        zone: IANA names such as Europe/Berlin, `context.KEY` or `unit.TRAIT`; of a
            list the first one that names a zone. UTC where none does.
        holidays: ISO 3166 codes such as DE or DE-BY, `context.KEY` or `unit.TRAIT`; of
            a list the first one that names a country.
        within_ms: milliseconds that it may take; beyond, it adds nothing.
    """

    namespace: str = "time"
    zone: str | tuple[str, ...] = UTC_ZONE
    holidays: str | tuple[str, ...] = ()
    within_ms: float = 20.0


class WeatherEnricher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sky and temperature where the person is, by a place of about 50 km.

    Attributes:
        namespace: of the context, where its keys are put.
        latitude: in degrees, or `context.KEY` or `unit.TRAIT`; such a key of the
            context is never kept.
        longitude: likewise.
        max_age_seconds: older weather is not used.
        within_ms: milliseconds that it may take; beyond, it adds nothing.
    """

    namespace: str = "weather"
    latitude: float | str = "context.latitude"
    longitude: float | str = "context.longitude"
    max_age_seconds: float = 7_200.0
    within_ms: float = 20.0


class ProfileEnricher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Traits of the unit, unless it has denied consent.

    Attributes:
        traits: those that are used; no other one is.
        namespace: of the context, where its keys are put.
        within_ms: milliseconds that it may take; beyond, it adds nothing.
    """

    traits: tuple[str, ...]
    namespace: str = "profile"
    within_ms: float = 20.0


Enricher = DeviceEnricher | TimeEnricher | WeatherEnricher | ProfileEnricher


class Enrich(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The enrichers of an experiment; None for those that it does not have."""

    device: DeviceEnricher | None = None
    time: TimeEnricher | None = None
    weather: WeatherEnricher | None = None
    profile: ProfileEnricher | None = None

    def declared(self) -> Iterator[tuple[EnricherName, Enricher]]:
        """Yield the enrichers that are declared, by their names."""
        if self.device is not None:
            yield "device", self.device
        if self.time is not None:
            yield "time", self.time
        if self.weather is not None:
            yield "weather", self.weather
        if self.profile is not None:
            yield "profile", self.profile

    @property
    def taken_keys(self) -> frozenset[str]:
        """Return the keys of a context that are read, and never kept."""
        words: list[str | float] = []
        if self.device is not None:
            words.append(self.device.user_agent)
        if self.weather is not None:
            words += [self.weather.latitude, self.weather.longitude]
        return frozenset(
            word.removeprefix(_OF_CONTEXT)
            for word in words
            if isinstance(word, str) and word.startswith(_OF_CONTEXT)
        )

    @property
    def reads_traits(self) -> bool:
        """Return whether what is known of the unit has to be read."""
        words: list[str | float] = []
        if self.time is not None:
            words += [*listed(self.time.zone), *listed(self.time.holidays)]
        if self.weather is not None:
            words += [self.weather.latitude, self.weather.longitude]
        return self.profile is not None or any(
            isinstance(word, str) and word.startswith(_OF_UNIT) for word in words
        )


class Filled(NamedTuple):
    """The keys of a decision's context that one enricher has put there.

    Attributes:
        keys: NAMESPACE.KEY, in order.
    """

    enricher: str
    keys: tuple[str, ...]


def listed(words: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return words that are declared as one, or as a list of them."""
    return (words,) if isinstance(words, str) else words


def input_key(word: str) -> tuple[str, str] | None:
    """Return where an input is found (`context` or `unit`) and its key.

    None for a word that is the value itself.
    """
    for prefix in (_OF_CONTEXT, _OF_UNIT):
        if word.startswith(prefix):
            return prefix[:-1], word.removeprefix(prefix)
    return None


def check_enrich(enrich: Enrich | None) -> None:
    """Refuse enrichers that can't work.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    if enrich is None:
        return
    namespaces: dict[str, str] = {}
    for name, one in enrich.declared():
        pointer = f"/enrich/{name}"
        _check_namespace(one.namespace, f"{pointer}/namespace", namespaces)
        _check_between(f"{pointer}/within_ms", one.within_ms, *_LIMITS_MS)
    if enrich.device is not None and enrich.device.user_agent:
        _check_input("/enrich/device/user_agent", enrich.device.user_agent, _OF_CONTEXT)
    if enrich.time is not None:
        _check_time(enrich.time)
    if enrich.weather is not None:
        _check_weather(enrich.weather)
    if enrich.profile is not None:
        _check_traits(enrich.profile.traits)


def _check_namespace(given: str, pointer: str, taken: dict[str, str]) -> None:
    if not _NAMESPACE.fullmatch(given) or given in _TAKEN:
        raise InvalidInput.at(
            pointer,
            f"namespace is {given[:128]!r}; it has 1 to 64 letters, digits and _, "
            "begins with a letter, and is neither unit nor slot",
        )
    if given in taken:
        raise InvalidInput.at(
            pointer, f"namespace is {given!r}, as {taken[given]} says too; name another"
        )
    taken[given] = pointer


def _check_time(one: TimeEnricher) -> None:
    zones, countries = listed(one.zone), listed(one.holidays)
    for name, words in (("zone", zones), ("holidays", countries)):
        if len(words) > MAX_WORDS:
            raise InvalidInput.at(
                f"/enrich/time/{name}",
                f"{name} has {len(words)} entries; at most {MAX_WORDS} are allowed",
            )
    for word in zones:
        if input_key(word) is not None:
            _check_input("/enrich/time/zone", word)
        elif zone_named(word) is None:
            raise InvalidInput.at(
                "/enrich/time/zone",
                f"{word[:128]!r} is no time zone; write an IANA name such as "
                "Europe/Berlin, context. and a key, or unit. and a trait",
            )
    for word in countries:
        if input_key(word) is not None:
            _check_input("/enrich/time/holidays", word)
        elif not is_country(word):
            raise InvalidInput.at(
                "/enrich/time/holidays",
                f"{word[:128]!r} is no country; write an ISO 3166 code such as DE or "
                "DE-BY, context. and a key, or unit. and a trait",
            )


def is_country(word: str) -> bool:
    """Return whether a word has the form of an ISO 3166 code."""
    return _COUNTRY.fullmatch(word) is not None


def _check_weather(one: WeatherEnricher) -> None:
    for name, word, most in (
        ("latitude", one.latitude, _LATITUDE),
        ("longitude", one.longitude, _LONGITUDE),
    ):
        if isinstance(word, str):
            _check_input(f"/enrich/weather/{name}", word)
        else:
            _check_between(f"/enrich/weather/{name}", word, -most, most)
    _check_between("/enrich/weather/max_age_seconds", one.max_age_seconds, *_AGES_S)


def _check_traits(traits: tuple[str, ...]) -> None:
    if not 1 <= len(traits) <= MAX_TRAITS:
        raise InvalidInput.at(
            "/enrich/profile/traits",
            f"{len(traits)} traits are declared; it takes from 1 to {MAX_TRAITS}",
        )
    for index, trait in enumerate(traits):
        if not 0 < len(trait) <= MAX_STRING_LENGTH:
            raise InvalidInput.at(
                f"/enrich/profile/traits/{index}",
                f"the name has {len(trait)} characters; it takes from 1 to "
                f"{MAX_STRING_LENGTH}",
            )


def _check_input(pointer: str, word: str, only: str = "") -> None:
    found = input_key(word)
    if (
        found is None
        or not 0 < len(found[1]) <= MAX_STRING_LENGTH
        or not word.startswith(only)
    ):
        ways = "context. and a key" + ("" if only else ", or unit. and a trait")
        raise InvalidInput.at(pointer, f"{word[:128]!r} names nothing; write {ways}")


def _check_between(pointer: str, value: float, low: float, high: float) -> None:
    # NaN fails the comparison too.
    if not low <= value <= high:
        name = pointer.rsplit("/", 1)[-1]
        raise InvalidInput.at(
            pointer, f"{name} is {value}; it must be between {low:g} and {high:g}"
        )
