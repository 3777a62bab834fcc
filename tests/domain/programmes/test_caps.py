"""Caps: what they count, the words of a reason, and what can't be kept."""

import pytest

from bandit_svc.domain.programmes.caps import Cap, Shown, check_caps
from bandit_svc.errors import InvalidInput

OFFER = Shown("popup", "web", "voucher", ("offer", "money"))
MAIL = Shown("cart-mail", "email", "reminder", ())


@pytest.mark.parametrize(
    ("match", "counted"),
    [
        ("tag=offer", True),
        ("channel=web", True),
        ("experiment=popup", True),
        ("variant=voucher", True),
        ("tag=offer and channel=web", True),
        ("channel=web, tag = money", True),
        ("tag=offer and channel=email", False),
        ("channel=email", False),
        ("experiment=cart-mail", False),
        ("variant=reminder", False),
        ("tag=web", False),
    ],
)
def test_a_cap_counts_what_all_of_its_conditions_hold_for(
    match: str, *, counted: bool
) -> None:
    assert Cap(match, 1, "30d").counts(OFFER) is counted


def test_a_place_without_a_channel_is_on_no_channel() -> None:
    shown = Shown("popup", None, "voucher", ())

    assert not Cap("channel=web", 1, "30d").counts(shown)


def test_nothing_that_is_shown_counts_for_no_cap() -> None:
    shown = Shown("cart-mail", "email", "nothing", ("offer",))

    assert not Cap("channel=email", 1, "7d").counts(shown)
    assert Cap("channel=email", 1, "7d").counts(MAIL)


@pytest.mark.parametrize(
    ("cap", "words"),
    [
        (Cap("tag=offer", 1, "30d"), "offer 1 per 30d"),
        (Cap("channel=email", 2, "12h"), "email 2 per 12h"),
        (Cap("tag=offer and channel=web", 3, "7d"), "web and offer 3 per 7d"),
    ],
)
def test_the_words_of_a_cap_name_what_it_counts_and_its_limit(
    cap: Cap, words: str
) -> None:
    assert cap.words == words


def test_two_ways_to_write_a_match_count_the_same() -> None:
    assert (
        Cap("tag=offer,channel=web", 1, "1d").name
        == Cap(" channel=web  and  tag=offer ", 1, "1d").name
        == "channel=web and tag=offer"
    )


@pytest.mark.parametrize(
    ("per", "per_ms"),
    [("1h", 3_600_000), ("30d", 2_592_000_000), ("90d", 7_776_000_000)],
)
def test_the_time_of_a_cap_is_in_hours_or_days(per: str, per_ms: int) -> None:
    assert Cap("tag=offer", 1, per).per_ms == per_ms


@pytest.mark.parametrize(
    ("cap", "pointer", "words"),
    [
        (Cap("offer", 1, "30d"), "/caps/0/match", "'offer' is no condition"),
        (Cap("", 1, "30d"), "/caps/0/match", "'' is no condition"),
        (Cap("tag=", 1, "30d"), "/caps/0/match", "'tag=' is no condition"),
        (Cap("tag=a b", 1, "30d"), "/caps/0/match", "'tag=a b' is no condition"),
        (Cap("shop=x", 1, "30d"), "/caps/0/match", "'shop=x' is no condition"),
        (Cap("tag=a and ", 1, "30d"), "/caps/0/match", "is no condition"),
        (Cap("variant=nothing", 1, "30d"), "/caps/0/match", "shows nothing"),
        (Cap("tag=offer", 0, "30d"), "/caps/0/max", "max is 0"),
        (Cap("tag=offer", 1_001, "30d"), "/caps/0/max", "between 1 and 1,000"),
        (Cap("tag=offer", 1, "91d"), "/caps/0/per", "per is '91d'"),
        (Cap("tag=offer", 1, "0h"), "/caps/0/per", "per is '0h'"),
        (Cap("tag=offer", 1, "week"), "/caps/0/per", "per is 'week'"),
    ],
)
def test_a_cap_that_cannot_be_kept_is_refused_at_its_field(
    cap: Cap, pointer: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        check_caps([cap])

    assert refused.value.fields[0].pointer == pointer


def test_two_caps_whose_reasons_would_read_the_same_are_refused() -> None:
    caps = [Cap("tag=email", 1, "7d"), Cap("channel=email", 1, "7d")]

    with pytest.raises(InvalidInput, match="'email 1 per 7d'") as refused:
        check_caps(caps)

    assert refused.value.fields[0].pointer == "/caps/1"


def test_more_caps_than_anyone_needs_are_refused() -> None:
    caps = [Cap("tag=offer", 1 + n, "30d") for n in range(21)]

    with pytest.raises(InvalidInput, match="21 caps"):
        check_caps(caps)

    check_caps(caps[:20])
