"""What a process has read of units, and who tells it that a state has changed."""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.people.unit_state import UnitState, linked, new_state
from bandit_svc.errors import Unavailable
from bandit_svc.storage.sqlite.people.state_marks import StateMarks
from bandit_svc.storage.sqlite.people.units import SqliteUnits
from bandit_svc.storage.units import Units


def secret() -> bytes:
    return b"s" * 32


@contextmanager
def opened(folder: Path) -> Iterator[SqliteUnits]:
    """Return the states as another process has them."""
    with closing(SqliteUnits(folder / "units.db", secret)) as units:
        yield units


def save(units: Units, *states: UnitState) -> None:
    position = units.position()
    assert units.save(states, position, position + 1)


def seen(state: UnitState, at_ms: int) -> UnitState:
    return msgspec.structs.replace(state, last_ms=at_ms)


def test_a_process_sees_at_once_what_another_has_saved_linked_or_deleted(
    tmp_path: Path,
) -> None:
    one, other = new_state("one", 1), new_state("other", 2)
    with opened(tmp_path) as worker, opened(tmp_path) as learner:
        assert worker.state("one") is None
        save(learner, one, other)
        assert [worker.state(id_) for id_ in ("one", "other")] == [one, other]
        both = linked([one, other])
        save(learner, both)
        assert [worker.state(id_) for id_ in ("one", "other")] == [both, both]
        save(learner, seen(both, 9))
        assert worker.state("other") == seen(both, 9)
        learner.forget(["one", "other"])
        assert [worker.state(id_) for id_ in ("one", "other")] == [None, None]


def test_what_is_kept_is_what_would_be_read_after_any_changes(tmp_path: Path) -> None:
    """200 changes of 30 units by two processes, each followed by reads of a third."""
    chance = random.Random(7)  # noqa: S311 - a test's own draws
    names = [f"u-{n}" for n in range(30)]
    with (
        opened(tmp_path) as worker,
        opened(tmp_path) as one,
        opened(tmp_path) as other,
    ):
        for at_ms in range(200):
            learner, some = chance.choice([one, other]), chance.sample(names, 2)
            persons = [learner.state(id_) or new_state(id_, at_ms) for id_ in some]
            ids = {id_ for person in persons for id_ in person.ids}
            match chance.randrange(4):
                case 0:
                    learner.forget(ids)
                case 1 if persons[0] != persons[1]:
                    save(learner, linked(persons))
                case _:
                    save(learner, seen(persons[0], at_ms))
            asked = chance.choices(names, k=20)
            with opened(tmp_path) as fresh:
                assert [*map(worker.state, asked)] == [*map(fresh.state, asked)]


def test_the_rows_of_all_units_are_replaced_for_every_process(tmp_path: Path) -> None:
    with opened(tmp_path) as worker, opened(tmp_path) as learner:
        save(learner, new_state("u", 1))
        assert worker.state("u") == new_state("u", 1)
        with learner.empty() as fresh:
            save(fresh, new_state("u", 5))
            with fresh.snapshot() as rows:
                learner.replace(rows)
        assert worker.state("u") == new_state("u", 5)


def test_while_a_change_is_under_way_nothing_is_kept(tmp_path: Path) -> None:
    path, key, state = tmp_path / "marks", b"key.", new_state("u", 1)
    reader, writer = StateMarks(path), StateMarks(path)
    with closing(reader), closing(writer):
        reader.keep("u", key, reader.number(key), state)
        before = reader.kept("u")
        with writer.changing([key]):
            during = reader.kept("u")
            reader.keep("u", key, reader.number(key), state)
            still = reader.kept("u")
        reader.keep("u", key, reader.number(key), state)
        after = reader.kept("u")

    assert (during, still) == (None, None)
    for kept in (before, after):
        assert kept is not None
        assert kept.state == state


def test_without_the_file_every_state_is_read_and_none_is_changed(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as learner:
        save(learner, new_state("u", 1))
    (tmp_path / "units.db.marks").unlink()
    (tmp_path / "units.db.marks").mkdir()
    with opened(tmp_path) as worker:
        assert worker.state("u") == new_state("u", 1)
        with pytest.raises(Unavailable, match="can't be opened"):
            save(worker, new_state("u", 2))
        assert worker.state("u") == new_state("u", 1)
