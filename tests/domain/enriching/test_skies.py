"""Weather of coarse places."""

import pytest

from bandit_svc.domain.enriching.skies import (
    Observed,
    Place,
    place_named,
    place_of,
    sky_of,
    weather_features,
)


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (52.5163, 13.3777, (105, 27)),
        ("48.137", "11.575", (96, 23)),
        (-33.87, 151.21, (-68, 302)),
        (0, 0, (0, 0)),
        (90, 180, (180, -360)),
        (-90.0, -180.0, (-180, -360)),
        (0.1, 179.9, (0, -360)),
    ],
)
def test_a_place_is_rounded_to_half_degrees(
    latitude: object, longitude: object, place: tuple[int, int]
) -> None:
    found = place_of(latitude, longitude)

    assert found == Place(*place)
    assert place_named(found.text) == found


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        (None, 13.4),
        (91, 0),
        (0, 180.5),
        ("north", 0),
        (float("nan"), 0),
        (float("inf"), 0),
        (True, False),
        ([52], 13),
        ("1e999", 0),
        (10**400, 0),
    ],
)
def test_what_is_no_place_is_none(latitude: object, longitude: object) -> None:
    assert place_of(latitude, longitude) is None


@pytest.mark.parametrize("text", ["", "1", "a,b", "999,0", "1,2,3", "0,360"])
def test_only_the_text_of_a_place_names_one(text: str) -> None:
    assert place_named(text) is None


def test_every_code_of_the_source_has_a_word_and_no_other() -> None:
    told = {
        "clear": [0, 1],
        "cloudy": [2, 3],
        "fog": [45, 48],
        "rain": [51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 80, 81, 82],
        "snow": [71, 73, 75, 77, 85, 86],
        "storm": [95, 96, 99],
    }
    words = {code: word for word, codes in told.items() for code in codes}

    assert {c: sky_of(c) for c in range(-1, 101)} == {
        c: words.get(c) for c in range(-1, 101)
    }


def test_what_is_not_known_of_the_weather_is_absent() -> None:
    known = weather_features(Observed(0, 61, 7.6, is_day=True))
    little = weather_features(Observed(0, None, -0.2, None))

    assert known == {"sky": "rain", "temperature_c": 8, "is_day": True}
    assert little == {"temperature_c": 0}
