"""Weather of coarse places.

Owns the grid of half degrees that places are rounded to before anything is asked, kept
or logged, what a weather code of the WMO (table 4677) means, and the features of an
observation. Pure.
"""

import math
from typing import Final, NamedTuple

GRID_DEGREES: Final = 0.5
"""About 55 km from north to south."""
CODES: Final = (
    (frozenset({0, 1}), "clear"),
    (frozenset({2, 3}), "cloudy"),
    (frozenset({45, 48}), "fog"),
    (frozenset({51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 80, 81, 82}), "rain"),
    (frozenset({71, 73, 75, 77, 85, 86}), "snow"),
    (frozenset({95, 96, 99}), "storm"),
)
_HALF_TURN: Final = 180.0


class Place(NamedTuple):
    """A point of the grid, in half degrees from the equator and from Greenwich."""

    north: int
    east: int

    @property
    def latitude(self) -> float:
        """In degrees."""
        return self.north * GRID_DEGREES

    @property
    def longitude(self) -> float:
        """In degrees."""
        return self.east * GRID_DEGREES

    @property
    def text(self) -> str:
        """Both, by which it is kept."""
        return f"{self.north},{self.east}"


class Observed(NamedTuple):
    """The weather of a place.

    Attributes:
        at_ms: when it was asked for, in milliseconds since the epoch.
        code: of the WMO; None where it is none that is known.
        temperature_c: in degrees Celsius.
        is_day: whether the sun is up; None where that is not known.
    """

    at_ms: int
    code: int | None
    temperature_c: float
    is_day: bool | None


def place_of(latitude: object, longitude: object) -> Place | None:
    """Return the nearest point of the grid; None for what is no place on earth."""
    north, east = _degrees(latitude, 90.0), _degrees(longitude, _HALF_TURN)
    if north is None or east is None:
        return None
    place = Place(round(north / GRID_DEGREES), round(east / GRID_DEGREES))
    # 180 degrees east is 180 degrees west.
    if place.longitude == _HALF_TURN:
        return Place(place.north, -place.east)
    return place


def place_named(text: str) -> Place | None:
    """Return the place of `Place.text`; None for another text."""
    north, _, east = text.partition(",")
    try:
        place = Place(int(north), int(east))
    except ValueError:
        return None
    found = place_of(place.latitude, place.longitude)
    return found if found == place else None


def sky_of(code: int) -> str | None:
    """Return the word for a weather code, None for one that is not known."""
    return next((word for codes, word in CODES if code in codes), None)


def weather_features(observed: Observed) -> dict[str, str | int | bool]:
    """Return the features of the weather of a place; what is not known is absent."""
    found: dict[str, str | int | bool] = {}
    sky = None if observed.code is None else sky_of(observed.code)
    if sky is not None:
        found["sky"] = sky
    found["temperature_c"] = round(observed.temperature_c)
    if observed.is_day is not None:
        found["is_day"] = observed.is_day
    return found


def _degrees(value: object, most: float) -> float | None:
    """Return a number of degrees; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        degrees = float(value)
    except (ValueError, OverflowError):
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= most else None
