"""Public holidays and weekends of countries.

Owns the optional library that knows them, and the bounded memory of what it said: a
country's holidays of a year are made once. Thread-safe.
"""

from collections.abc import Collection
from datetime import date
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from bandit_svc.domain.enriching.clocks import USUAL_WEEKEND
from bandit_svc.domain.enriching.declared import Enrich, input_key, listed
from bandit_svc.errors import InvalidInput

MOST_YEARS = 1_024
ANY_YEAR = 2026
"""In which a country is tried."""


class Year(NamedTuple):
    """The days off of a country in one year.

    Attributes:
        holidays: public ones, with those that are observed on another day.
        weekend: days of the week, counted from Monday = 0.
    """

    holidays: Collection[date]
    weekend: Collection[int]


@cache
def library() -> ModuleType | None:
    """Return the library of holidays, None where it is not installed."""
    try:
        return import_module("holidays")
    except ImportError:
        return None


def check_countries(enrich: Enrich | None) -> None:
    """Refuse a country that the library does not know, where it is installed.

    Raises:
        InvalidInput: with the pointer.
    """
    if enrich is None or enrich.time is None or library() is None:
        return
    for word in listed(enrich.time.holidays):
        if input_key(word) is None and year_of(word, ANY_YEAR) is None:
            raise InvalidInput.at(
                "/enrich/time/holidays",
                f"no holidays are known of {word[:128]!r}; write a country that has "
                "some, such as DE, or a part of it, such as DE-BY",
            )


@lru_cache(maxsize=MOST_YEARS)
def year_of(country: str, year: int) -> Year | None:
    """Return the days off of a year, None where nothing is known of the country.

    Args:
        country: an ISO 3166 code, such as DE or DE-BY.
        year: of the Gregorian calendar.
    """
    found = library()
    if found is None:
        return None
    land, _, part = country.partition("-")
    try:
        days = found.country_holidays(land, subdiv=part or None, years=(year,))
    except (NotImplementedError, KeyError):
        return None
    return Year(frozenset(days), frozenset(getattr(days, "weekend", USUAL_WEEKEND)))
