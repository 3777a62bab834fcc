"""Each record of a source is taken once, however its messages overlap."""

import pytest

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import REWARD, Record
from bandit_svc.domain.stream.progress import Taken
from bandit_svc.eventlog.stream.overlap import new_of
from bandit_svc.eventlog.stream.shipment import NO_OUTBOX, Run, Unpacked

AT_FIVE = Taken(Cursor(1, 50, 5))


def run(
    first: int, last: int, *, source: str = "w1", sequences: list[int] | None = None
) -> Unpacked:
    """Return the run of the records from one sequence number to before another."""
    numbers = list(range(first, last)) if sequences is None else sequences
    after = Cursor(1, 10 * first, first) if first else START
    upto = Cursor(1, 10 * last, last)
    records = [Record(REWARD, b"%d" % number) for number in numbers]
    return Unpacked(Run(source, after, upto, len(records)), records, numbers)


@pytest.mark.parametrize(
    ("first", "last", "taken"),
    [
        (5, 8, [b"5", b"6", b"7"]),
        (3, 7, [b"5", b"6"]),
        (0, 6, [b"5"]),
        (5, 5, []),
    ],
)
def test_what_was_taken_already_is_cut(
    first: int, last: int, taken: list[bytes]
) -> None:
    new = new_of(run(first, last), AT_FIVE)

    assert [record.payload for record in new.records] == taken
    assert new.taken == Taken(Cursor(1, 10 * last, last))
    assert not new.is_gap


@pytest.mark.parametrize(("first", "last"), [(0, 5), (1, 3), (5, 5), (0, 0)])
def test_a_repeat_moves_nothing_back(first: int, last: int) -> None:
    assert new_of(run(first, last), AT_FIVE) == ((), AT_FIVE, False)


def test_what_begins_behind_a_gap_waits() -> None:
    assert new_of(run(6, 9), AT_FIVE) == ((), AT_FIVE, True)


def test_records_of_other_partitions_between_two_are_no_gap() -> None:
    new = new_of(run(2, 40, sequences=[4, 17, 39]), AT_FIVE)

    assert [record.payload for record in new.records] == [b"17", b"39"]


def test_a_run_without_records_moves_the_source_on() -> None:
    assert new_of(run(2, 40, sequences=[]), AT_FIVE).taken.cursor.sequence == 40


def test_behind_a_loss_that_was_accepted_the_next_run_is_taken_once() -> None:
    resumed = AT_FIVE._replace(resumes=True)
    new = new_of(run(8, 9), resumed)

    assert [record.payload for record in new.records] == [b"8"]
    assert new.taken == Taken(Cursor(1, 90, 9))
    assert new_of(run(2, 4), resumed) == ((), resumed, False)


def test_what_came_past_every_outbox_is_always_taken() -> None:
    known = Taken(START)
    new = new_of(run(0, 1, source=NO_OUTBOX), known)

    assert ([record.payload for record in new.records], new.taken) == ([b"0"], known)
