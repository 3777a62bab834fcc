"""Damages of the event log: kept with the cursor, until they are acknowledged."""

import psycopg
import pytest

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.errors import NotFound
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import FoundDamages

CHANGED = Damage("p", 2, 94, 1, 40, "changed")
CUT = Damage("p", 3, 0, 5, 0, "cut", at_least=True)


MEBIBYTE = 1_048_576


def found(storage: Storage, *damages: Damage, at_ms: int = 100) -> None:
    storage.facts.ingest([], {"p": Cursor(3, 0)}, FoundDamages(damages, at_ms))


def test_a_damage_is_kept_as_it_was_found(storage: Storage) -> None:
    found(storage, CHANGED, CUT)
    kept = storage.damages.all()

    assert [one.damage for one in kept] == [CHANGED, CUT]
    assert {one.found_at_ms for one in kept} == {100}
    assert storage.damages.unacknowledged() == kept


def test_the_same_damage_is_kept_once(storage: Storage) -> None:
    found(storage, CHANGED)
    found(storage, CHANGED, at_ms=200)
    (kept,) = storage.damages.all()

    assert kept.found_at_ms == 100


def test_an_acknowledged_damage_stays_and_is_not_shown_again(storage: Storage) -> None:
    found(storage, CHANGED, CUT)
    first, second = storage.damages.all()
    storage.damages.acknowledge(first.id, 300)
    storage.damages.acknowledge(first.id, 400)
    found(storage, CHANGED)

    assert storage.damages.unacknowledged() == [second]
    assert storage.damages.all()[0].acknowledged_at_ms == 300


def test_an_unknown_damage_can_not_be_acknowledged(storage: Storage) -> None:
    with pytest.raises(NotFound, match="there is no damage 7"):
        storage.damages.acknowledge(7, 300)


def test_the_cursor_does_not_move_past_a_damage_that_is_not_kept(
    storage: Storage,
) -> None:
    too_large = CHANGED._replace(facts=2**70)
    with pytest.raises((OverflowError, psycopg.DataError)):
        found(storage, CUT, too_large)

    assert storage.damages.all() == []
    assert storage.facts.cursors() == {}


def test_the_first_64_kb_of_a_damage_are_kept(storage: Storage) -> None:
    remains = {CHANGED: b"x" * 70_000}
    storage.facts.ingest([], {}, FoundDamages([CHANGED, CUT], 100, remains))
    changed, cut = storage.damages.all()

    assert storage.damages.remains(changed.id) == b"x" * 65_536
    assert storage.damages.remains(cut.id) == b""
    with pytest.raises(NotFound, match="there is no damage 7"):
        storage.damages.remains(7)


def test_at_most_16_mb_of_all_damages_are_kept(storage: Storage) -> None:
    damages = [CHANGED._replace(offset=offset) for offset in range(300)]
    remains = dict.fromkeys(damages, b"x" * 65536)
    storage.facts.ingest([], {}, FoundDamages(damages, 100, remains))
    sizes = [len(storage.damages.remains(one.id)) for one in storage.damages.all()]

    assert len(sizes) == 300
    assert sum(sizes) == 16 * MEBIBYTE
    assert sizes[-1] == 0


def test_a_partition_that_waits_again_keeps_its_latest_wait_as_over(
    storage: Storage,
) -> None:
    waiting = Damage("p", 3, 0, 0, 0, "waiting")
    other = waiting._replace(partition="q")
    storage.damages.replace_waiting([waiting, other], [], 100)
    assert [one.damage for one in storage.damages.waiting()] == [waiting, other]

    storage.damages.replace_waiting([other], [], 200)
    storage.damages.replace_waiting([waiting, other], [], 300)
    again = storage.damages.waiting()[-1]
    storage.damages.replace_waiting([other], [CUT], 400)

    assert [one.damage for one in storage.damages.waiting()] == [other]
    assert [one.damage for one in storage.damages.unacknowledged()] == [other, CUT]
    (over,) = (one for one in storage.damages.all() if one.damage.what == "waited")
    assert (over.id, over.found_at_ms, over.acknowledged_at_ms) == (again.id, 300, 400)
