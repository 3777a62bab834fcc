"""Quiet hours: by the wall clock of a zone, on days when clocks are changed too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.programmes.quiet import (
    Quiet,
    check_quiet,
    quiet_rules,
    why_quiet,
)
from bandit_svc.errors import InvalidInput

NIGHT = Quiet("push", "21:00", "08:00", "Europe/Berlin")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def unknown(_what: str) -> object:
    return None


@pytest.mark.parametrize(
    ("instant", "quiet"),
    [
        ("2026-12-01T20:59:59+01:00", False),
        ("2026-12-01T21:00:00+01:00", True),
        ("2026-12-02T00:00:00+01:00", True),
        ("2026-12-02T07:59:59.999+01:00", True),
        ("2026-12-02T08:00:00+01:00", False),
        # In summer the same hours on the wall are other ones of UTC.
        ("2026-07-01T18:59:59Z", False),
        ("2026-07-01T19:00:00Z", True),
        ("2026-07-02T05:59:59Z", True),
        ("2026-07-02T06:00:00Z", False),
    ],
)
def test_hours_over_midnight_are_those_of_the_wall_clock(
    instant: str, *, quiet: bool
) -> None:
    assert NIGHT.holds("Europe/Berlin", ms(instant)) is quiet


@pytest.mark.parametrize(
    ("instant", "quiet"),
    [
        # On 2026-03-29 Berlin's clocks go from 01:59:59 to 03:00:00.
        ("2026-03-29T00:59:59Z", False),
        ("2026-03-29T01:00:00Z", True),
        ("2026-03-29T01:29:59Z", True),
        ("2026-03-29T01:30:00Z", False),
    ],
)
def test_hours_that_begin_in_the_gap_of_spring_begin_with_its_end(
    instant: str, *, quiet: bool
) -> None:
    rule = Quiet("push", "02:15", "03:30", "Europe/Berlin")

    assert rule.holds("Europe/Berlin", ms(instant)) is quiet


def test_hours_that_lie_in_the_gap_of_spring_are_left_out_that_day() -> None:
    rule = Quiet("push", "02:00", "03:00", "Europe/Berlin")
    begin = ms("2026-03-28T23:00:00Z")

    minutes = [rule.holds("Europe/Berlin", begin + 60_000 * n) for n in range(23 * 60)]

    assert not any(minutes)


def test_hours_that_come_twice_in_autumn_are_quiet_twice() -> None:
    # On 2026-10-25 Berlin's clocks go from 02:59:59 back to 02:00:00.
    rule = Quiet("push", "02:00", "03:00", "Europe/Berlin")
    begin = ms("2026-10-24T22:00:00Z")

    minutes = [rule.holds("Europe/Berlin", begin + 60_000 * n) for n in range(25 * 60)]

    assert sum(minutes) == 120
    assert minutes.index(True) == 120


@given(
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    begins=st.integers(0, 1_439),
    length=st.integers(1, 1_439),
    at=st.integers(ms("2026-01-01T00:00:00Z"), ms("2027-12-31T00:00:00Z")),
)
def test_it_is_quiet_where_a_clock_on_the_wall_says_so(
    zone: str, begins: int, length: int, at: int
) -> None:
    ends = (begins + length) % 1_440
    rule = Quiet(
        "push",
        f"{begins // 60:02}:{begins % 60:02}",
        f"{ends // 60:02}:{ends % 60:02}",
        zone,
    )
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    on_the_wall = f"{utc.astimezone(ZoneInfo(zone)):%H:%M}"

    passed = (int(on_the_wall[:2]) * 60 + int(on_the_wall[3:]) - begins) % 1_440

    assert rule.holds(zone, at) is (passed < length)


def test_the_reason_names_channel_hours_and_zone() -> None:
    why = why_quiet([NIGHT], "push", unknown, ms("2026-12-01T23:00:00Z"))

    assert why == "quiet: push 21:00-08:00 Europe/Berlin"


def test_other_channels_are_not_quiet() -> None:
    at_ms = ms("2026-12-01T23:00:00Z")

    assert why_quiet([NIGHT], "web", unknown, at_ms) is None
    assert why_quiet([NIGHT], None, unknown, at_ms) is None


@pytest.mark.parametrize(
    ("known", "zone"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (None, "UTC"),
        ("Mars/Olympus", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("/etc/localtime", "UTC"),
        ("Europe", "UTC"),
        ("", "UTC"),
        ("\0", "UTC"),
        ("\ud800", "UTC"),
        ("x" * 10_000, "UTC"),
        (7, "UTC"),
        (True, "UTC"),
    ],
)
@pytest.mark.parametrize("place", ["unit.zone", "context.zone"])
def test_a_persons_zone_is_utc_where_it_is_unknown_or_none(
    known: object, zone: str, place: str
) -> None:
    rule = Quiet("push", "21:00", "08:00", place)

    assert rule.zone_name({place: known}.get) == zone


@pytest.mark.parametrize(
    ("rule", "pointer", "words"),
    [
        (Quiet("", "21:00", "08:00"), "/quiet/channel", "a key has"),
        (Quiet("push", "9pm", "08:00"), "/quiet/from", "from is '9pm'"),
        (Quiet("push", "21:00", "24:00"), "/quiet/to", "to is '24:00'"),
        (Quiet("push", "21:00", "8:00"), "/quiet/to", "to is '8:00'"),
        (Quiet("push", "21:00", "21:00"), "/quiet/to", "as from is"),
        (Quiet("push", "21:00", "08:00", "Mars"), "/quiet/zone", "no time zone"),
        (Quiet("push", "21:00", "08:00", "unit."), "/quiet/zone", "names nothing"),
    ],
)
def test_hours_that_cannot_be_kept_are_refused_at_their_field(
    rule: Quiet, pointer: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        check_quiet(rule)
    with pytest.raises(InvalidInput) as in_list:
        check_quiet((NIGHT, rule))

    assert refused.value.fields[0].pointer == pointer
    assert in_list.value.fields[0].pointer == pointer.replace("quiet/", "quiet/1/")


def test_one_object_a_list_and_none_are_all_lists_of_rules() -> None:
    assert quiet_rules(NIGHT) == (NIGHT,)
    assert quiet_rules((NIGHT, NIGHT)) == (NIGHT, NIGHT)
    assert quiet_rules(None) == ()
    check_quiet(None)
    check_quiet((NIGHT,))


def test_more_hours_than_anyone_needs_are_refused() -> None:
    with pytest.raises(InvalidInput, match="21 quiet hours"):
        check_quiet((NIGHT,) * 21)
