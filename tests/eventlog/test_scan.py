"""What counts as the next whole frame behind damage."""

from bandit_svc.domain.events.record import DECISION
from bandit_svc.eventlog.files.frames import encode_frame, identity_of
from bandit_svc.eventlog.files.scan import find_next

IDENTITY = identity_of(7, 1)
MOST = 1_000
GARBAGE = bytes(30)


def frame(sequence: int, identity: int = IDENTITY) -> bytes:
    return encode_frame(identity, sequence, DECISION, b"payload")[0]


def test_a_frame_is_found_with_the_number_that_the_skipped_bytes_explain() -> None:
    assert find_next(GARBAGE + frame(2), IDENTITY, 0, MOST) == (len(GARBAGE), 2)


def test_a_number_that_no_skipped_bytes_explain_needs_a_frame_behind_it() -> None:
    alone = frame(900) + GARBAGE
    followed = frame(900) + frame(901) + GARBAGE

    assert find_next(alone, IDENTITY, 0, MOST) is None
    assert find_next(followed, IDENTITY, 0, MOST) == (0, 900)


def test_a_number_beyond_the_known_end_is_none() -> None:
    # A CRC is linear, so that frames of another segment hold somewhere in 2^32.
    foreign = frame(3, identity_of(7, 2)) + frame(4, identity_of(7, 2))

    assert find_next(foreign, IDENTITY, 0, MOST) is None
