"""What every store promises of experiments and keys; see storage.interface."""

import threading
from collections.abc import Callable

import msgspec
import pytest

from bandit_svc.domain.experiment import Definition, Experiment, RewardDefinition
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Conflict, NotFound, Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.keys import KeyRow

FULL = Definition(
    key="full",
    variants=(Variant("a", {"size": 2, "w": 0.1}, {"img": [1, None]}, retired=True),),
    description="\x00 ü",
    policy={"kind": "vw", "learning_rate": 0.30000000000000004},
    baseline={"kind": "fixed", "variant": "a"},
    reward=RewardDefinition(window_seconds=0.001),
    status="paused",
)


def test_a_definition_comes_back_as_it_was(storage: Storage) -> None:
    created = storage.experiments.create(FULL, "salt", 7)

    assert storage.experiments.get("full") == created
    assert created == Experiment(1, 1, "salt", 7, 7, FULL)


def test_a_key_is_taken_once(storage: Storage, hero: Experiment) -> None:
    with pytest.raises(Conflict, match="'hero' exists already"):
        storage.experiments.create(hero.definition, "other", 1)

    assert storage.experiments.all() == [hero]


def test_an_unknown_key_is_not_found(storage: Storage) -> None:
    with pytest.raises(NotFound, match="no experiment 'nowhere'"):
        storage.experiments.get("nowhere")


def test_experiments_are_listed_oldest_first(storage: Storage) -> None:
    for key in ("b", "a", "c"):
        storage.experiments.create(msgspec.structs.replace(FULL, key=key), "salt", 0)

    assert [e.key for e in storage.experiments.all()] == ["b", "a", "c"]
    assert [e.number for e in storage.experiments.all()] == [1, 2, 3]


def test_a_revision_replaces_the_current_one_and_keeps_the_older(
    storage: Storage, hero: Experiment
) -> None:
    changed = msgspec.structs.replace(hero.definition, holdout=0.25)
    revised = storage.experiments.revise(hero, changed, 9, "why not")

    assert (revised.revision, revised.created_at_ms, revised.revised_at_ms) == (2, 0, 9)
    assert storage.experiments.get("hero") == revised
    assert storage.experiments.at_revision(1, 1) == hero.definition
    assert storage.experiments.at_revision(1, 2) == changed
    assert storage.experiments.at_revision(1, 3) is None
    assert [
        (r.revision, r.revised_at_ms, r.definition["holdout"], r.note)
        for r in storage.experiments.revisions(1)
    ] == [(1, 0, 0.1, ""), (2, 9, 0.25, "why not")]


def test_the_second_of_two_revisions_of_one_state_conflicts(
    storage: Storage, hero: Experiment
) -> None:
    first = msgspec.structs.replace(hero.definition, holdout=0.2)
    second = msgspec.structs.replace(hero.definition, holdout=0.3)
    storage.experiments.revise(hero, first, 1)

    with pytest.raises(Conflict, match="changed by somebody else after revision 1"):
        storage.experiments.revise(hero, second, 2)
    assert storage.experiments.get("hero").definition == first
    assert len(storage.experiments.revisions(1)) == 2


def test_of_many_threads_that_revise_at_once_one_wins(
    storage: Storage, hero: Experiment
) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def revise(share: float) -> None:
        definition = msgspec.structs.replace(hero.definition, holdout=share)
        start.wait()
        try:
            storage.experiments.revise(hero, definition, 1)
        except Conflict:
            outcomes.append("conflict")
        else:
            outcomes.append("revised")

    threads = [threading.Thread(target=revise, args=(i / 10,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["conflict"] * 7 + ["revised"]


def test_the_version_stays_while_nothing_changes(
    storage: Storage, open_store: Callable[[], Storage], hero: Experiment
) -> None:
    versions = {storage.experiments.version(), open_store().experiments.version()}
    storage.experiments.get(hero.key)
    versions.add(storage.experiments.version())

    assert len(versions) == 1


@pytest.mark.parametrize("change", ["create", "revise", "add_key", "revoke_key"])
@pytest.mark.usefixtures("hero")
def test_the_version_differs_after_a_change_in_another_process(
    storage: Storage, in_other_process: Callable[[str], None], change: str
) -> None:
    storage.keys.add(KeyRow("k-1", "secret", "1" * 64, 0))
    before = storage.experiments.version()
    in_other_process(change)

    assert storage.experiments.version() != before


def test_keys_are_listed_oldest_first_and_stay_when_revoked(storage: Storage) -> None:
    later = KeyRow("k-1", "secret", "1" * 64, 2)
    earlier = KeyRow("k-2", "publishable", "2" * 64, 1)
    storage.keys.add(later)
    storage.keys.add(earlier)
    storage.keys.revoke("k-1", 5)
    storage.keys.revoke("k-1", 6)

    # Revoked twice: the first time stays.
    assert storage.keys.all() == [
        earlier,
        msgspec.structs.replace(later, revoked_at_ms=5),
    ]


def test_what_a_key_is_restricted_to_is_kept(storage: Storage) -> None:
    row = KeyRow(
        *("k-1", "publishable", "1" * 64, 2),
        experiments=("hero", "artwork"),
        origins=("https://shop.example",),
        expires_at_ms=9,
    )
    storage.keys.add(row)

    assert storage.keys.get("k-1") == row
    assert [row.is_expired(now_ms) for now_ms in (8, 9)] == [False, True]


def test_the_last_use_of_a_key_never_goes_back_and_is_no_change(
    storage: Storage,
) -> None:
    for key_id in ("k-1", "k-2"):
        storage.keys.add(KeyRow(key_id, "secret", key_id * 16, 2))
    before = storage.experiments.version()
    storage.keys.used({"k-1": 50, "k-2": 60})
    storage.keys.used({"k-1": 40, "k-2": 70})

    assert [row.last_used_at_ms for row in storage.keys.all()] == [50, 70]
    assert storage.experiments.version() == before


def test_an_ended_session_is_kept_until_its_time_is_over(storage: Storage) -> None:
    ended = storage.ended_sessions
    ended.end("s-1", 100, now_ms=10)
    ended.end("s-1", 100, now_ms=20)
    ended.end("s-2", 200, now_ms=99)
    before = [ended.has(session) for session in ("s-1", "s-2", "s-3")]
    ended.end("s-3", 300, now_ms=100)

    assert before == [True, True, False]
    assert [ended.has(session) for session in ("s-1", "s-2", "s-3")] == [
        *(False, True, True),
    ]


def test_an_unknown_key_can_not_be_revoked(storage: Storage) -> None:
    with pytest.raises(NotFound, match="no key 'k-9'"):
        storage.keys.revoke("k-9", 0)


def test_the_secret_is_kept_once(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    assert not storage.initialise(b"\xff" * 32, 1)
    assert open_store().secret() == bytes(32)


def test_a_store_that_was_never_initialised_says_how_to(
    open_store: Callable[[], Storage],
) -> None:
    with pytest.raises(Unavailable, match="create one with `bandit-svc init"):
        open_store().secret()


def test_migrating_again_changes_nothing(storage: Storage, hero: Experiment) -> None:
    storage.migrate()

    assert storage.experiments.all() == [hero]


def test_a_closed_store_opens_again_when_it_is_used(
    storage: Storage, hero: Experiment
) -> None:
    storage.close()
    storage.close()

    assert storage.experiments.all() == [hero]
    assert storage.size_bytes() > 0
