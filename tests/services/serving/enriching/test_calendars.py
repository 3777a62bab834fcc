"""Public holidays of several countries."""

from datetime import date

import pytest

from bandit_svc.services.serving.enriching.calendars import year_of


@pytest.mark.parametrize(
    ("country", "day", "kind"),
    [
        ("DE", date(2026, 10, 3), "holiday"),
        ("DE", date(2026, 11, 1), "usual"),
        ("DE-BY", date(2026, 11, 1), "holiday"),
        ("DE-BE", date(2026, 11, 1), "usual"),
        ("DE", date(2026, 4, 6), "holiday"),
        ("US", date(2026, 7, 4), "holiday"),
        # Independence Day falls on a Saturday, and is observed the day before.
        ("US", date(2026, 7, 3), "holiday"),
        ("US", date(2026, 11, 26), "holiday"),
        ("GB-ENG", date(2026, 8, 31), "holiday"),
        ("GB-SCT", date(2026, 8, 31), "usual"),
        ("FR", date(2026, 7, 14), "holiday"),
        ("JP", date(2026, 5, 5), "holiday"),
        ("BR", date(2026, 9, 7), "holiday"),
        ("IN", date(2026, 8, 15), "holiday"),
        ("IL", date(2026, 9, 21), "holiday"),
        ("US", date(2026, 7, 14), "usual"),
    ],
)
def test_a_country_has_its_own_holidays(country: str, day: date, kind: str) -> None:
    found = year_of(country, day.year)

    assert found is not None
    assert ("holiday" if day in found.holidays else "usual") == kind


def test_a_country_has_its_own_weekend() -> None:
    weekends = {
        code: sorted(found.weekend)
        for code in ("DE", "IL", "SA", "IR")
        if (found := year_of(code, 2026)) is not None
    }

    assert weekends["DE"] == [5, 6]
    assert weekends["IL"] == [4, 5]
    assert weekends["SA"] == [4, 5]
    assert weekends["IR"] == [4]


@pytest.mark.parametrize("country", ["ZZ", "DE-ZZ", "XX-1"])
def test_of_an_unknown_country_nothing_is_known(country: str) -> None:
    assert year_of(country, 2026) is None


def test_a_year_without_holidays_has_none() -> None:
    found = year_of("DE", 1_700)

    assert found is None or not found.holidays
