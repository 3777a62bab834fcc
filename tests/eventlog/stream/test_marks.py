"""What is believed of a node, and up to when a partition is whole."""

import pytest

from bandit_svc.domain.stream.mark import (
    ANY_CHAIN,
    MARGIN_MS,
    NOTHING_SAID,
    Mark,
    fallen_silent,
    watermark_of,
)

KNOWN = Mark(1_000, 1_010, "live", 0, chain=7, number=4)


def said(chain: int, number: int) -> Mark:
    return Mark(2_000, 2_010, "live", 3, chain, number)


@pytest.mark.parametrize(
    ("known", "mark"),
    [
        (KNOWN, said(7, 5)),
        (KNOWN, said(8, 0)),
        (KNOWN._replace(state="silent"), said(8, 0)),
        (NOTHING_SAID, said(9, 0)),
        (KNOWN._replace(chain=ANY_CHAIN), said(9, 33)),
    ],
)
def test_a_mark_is_believed_behind_all_messages_before(known: Mark, mark: Mark) -> None:
    assert known.followed_by(mark) == mark


@pytest.mark.parametrize(
    "mark",
    [said(7, 6), said(7, 4), said(7, 3), said(8, 5), said(8, 1)],
)
@pytest.mark.parametrize("closed", [False, True])
def test_behind_a_message_that_is_missing_no_mark_is_believed(
    mark: Mark, *, closed: bool
) -> None:
    mark = mark._replace(state="closed") if closed else mark

    # It is heard of, and waited for as before.
    expected = KNOWN._replace(seen_ms=2_010, ahead_ms=3)
    assert KNOWN.followed_by(mark) == expected
    assert KNOWN.followed_by(mark).followed_by(said(9, 0)) == said(9, 0)


def test_a_node_whose_first_message_is_missing_holds_everything_back() -> None:
    known = NOTHING_SAID.followed_by(said(9, 1))

    assert watermark_of([known], 5_000) == -MARGIN_MS


def test_the_slowest_node_that_lives_says_how_far_joining_goes() -> None:
    marks = [Mark(3_000, 0), Mark(2_000, 0), Mark(1, 0, "closed"), Mark(2, 0, "silent")]

    assert watermark_of(marks, 9_000) == 2_000 - MARGIN_MS
    # A clock that is ahead moves nothing beyond the learner's own.
    assert watermark_of([Mark(9_500, 0)], 9_000) == 9_000 - MARGIN_MS
    assert watermark_of(marks[2:], 9_000) == watermark_of([], 9_000) == 8_950


def test_a_node_is_silent_when_nothing_came_for_longer_than_the_limit() -> None:
    marks = {"a": Mark(0, 1_000), "b": Mark(0, 1_001), "c": Mark(0, 0, "closed")}

    assert fallen_silent(marks, 1_060, since_ms=0, timeout_ms=60) == {}
    assert fallen_silent(marks, 1_061, since_ms=0, timeout_ms=60) == {
        "a": Mark(0, 1_000, "silent")
    }
    assert fallen_silent(marks, 1_061, since_ms=1_030, timeout_ms=60) == {}
