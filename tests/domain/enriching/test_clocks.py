"""Features of an instant on the clocks of a zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bandit_svc.domain.enriching.clocks import local_time, time_features


def at_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("instant", "zone", "told"),
    [
        # The clocks go from 01:59 to 03:00, and back from 02:59 to 02:00.
        ("2026-03-29T00:59:59Z", "Europe/Berlin", (1, "night", "sunday", True)),
        ("2026-03-29T01:00:00Z", "Europe/Berlin", (3, "night", "sunday", True)),
        ("2026-10-25T00:30:00Z", "Europe/Berlin", (2, "night", "sunday", True)),
        ("2026-10-25T01:30:00Z", "Europe/Berlin", (2, "night", "sunday", True)),
        ("2026-10-25T02:30:00Z", "Europe/Berlin", (3, "night", "sunday", True)),
        ("2026-03-08T06:59:00Z", "America/New_York", (1, "night", "sunday", True)),
        ("2026-03-08T07:00:00Z", "America/New_York", (3, "night", "sunday", True)),
        # Half an hour of summer time, and a zone that is 45 minutes off.
        ("2026-10-03T15:29:00Z", "Australia/Lord_Howe", (1, "night", "sunday", True)),
        ("2026-10-03T15:30:00Z", "Australia/Lord_Howe", (2, "night", "sunday", True)),
        ("2026-06-01T06:14:00Z", "Asia/Kathmandu", (11, "morning", "monday", False)),
        ("2026-06-01T06:15:00Z", "Asia/Kathmandu", (12, "afternoon", "monday", False)),
        # One instant on two days.
        ("2026-01-01T10:30:00Z", "Pacific/Kiritimati", (0, "night", "friday", False)),
        ("2026-01-01T10:30:00Z", "Pacific/Niue", (23, "evening", "wednesday", False)),
        ("2026-07-04T17:59:59Z", "UTC", (17, "afternoon", "saturday", True)),
        ("2026-07-04T18:00:00Z", "UTC", (18, "evening", "saturday", True)),
    ],
)
def test_an_instant_is_what_the_clocks_show(
    instant: str, zone: str, told: tuple[int, str, str, bool]
) -> None:
    found = time_features(local_time(at_ms(instant), ZoneInfo(zone)))

    assert tuple(found.values()) == told
    assert list(found) == ["hour", "part_of_day", "weekday", "weekend"]


def test_a_weekend_is_the_countrys_own() -> None:
    friday = local_time(at_ms("2026-06-05T12:00:00Z"), ZoneInfo("UTC"))

    assert time_features(friday, {4, 5})["weekend"] is True
    assert time_features(friday)["weekend"] is False
