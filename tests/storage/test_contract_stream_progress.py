"""Sources and marks move with the cursors, in one transaction with the facts."""

import pytest

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import Progress, Taken
from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage

TWO, NINE = Cursor(0, 2), Cursor(0, 9)
W1 = ("0", "w1")


def test_a_new_store_has_no_sources_and_no_marks(storage: Storage) -> None:
    assert storage.facts.sources(["0"]) == {}
    assert storage.facts.marks() == {}


def test_sources_and_marks_are_kept_with_the_cursors(storage: Storage) -> None:
    sources = {W1: Taken(Cursor(1, 500, 7)), ("0", "w2"): Taken(NINE, resumes=True)}
    marks = {("0", "web-1"): Mark(1_000, 1_020, "live", -3)}
    first = Progress({"0": START}, sources, marks)
    storage.facts.ingest([], {"0": TWO}, progress=first)
    later = {("0", "web-1"): Mark(2_000, 2_010, "closed", 4, 2**53 - 1, 9)}
    further = Progress({"0": TWO}, {W1: Taken(Cursor(2, 0, 8))}, later)
    storage.facts.ingest([], {"0": NINE}, progress=further)

    assert storage.facts.cursors() == {"0": NINE}
    assert storage.facts.sources(["0"]) == {**sources, W1: Taken(Cursor(2, 0, 8))}
    assert storage.facts.sources(["1"]) == {}
    assert storage.facts.marks() == later


@pytest.mark.parametrize("was", [START, Cursor(0, 1), NINE])
def test_a_cursor_that_another_process_has_moved_stays(
    storage: Storage, was: Cursor
) -> None:
    storage.facts.ingest([], {"0": TWO}, progress=Progress({"0": START}))
    late = Progress({"0": was, "1": START}, {W1: Taken(TWO)}, {W1: Mark(1, 1)})

    with pytest.raises(Unavailable, match="was read by another process"):
        storage.facts.ingest([], {"1": TWO, "0": NINE}, progress=late)
    assert storage.facts.cursors() == {"0": TWO}
    assert storage.facts.sources(["0"]) == {}
    assert storage.facts.marks() == {}


def test_marks_change_without_a_cursor(storage: Storage) -> None:
    marks = {("0", "web-1"): Mark(1, 2, "silent")}
    storage.facts.ingest([], {}, progress=Progress(marks=marks))

    assert storage.facts.marks() == marks
