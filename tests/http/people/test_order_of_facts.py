"""What is told of a unit through several workers holds in the order of its telling."""

import itertools
import sqlite3
from contextlib import closing

import msgspec
import pytest

from bandit_svc.domain.people.unit_state import decode_state, encode_state
from tests.harness.worker_in_process import StartWorker


@pytest.mark.parametrize("order", list(itertools.product((0, 1), repeat=4)))
def test_of_changes_within_a_tick_the_last_one_holds_whichever_worker_took_it(
    start_worker: StartWorker, order: tuple[int, ...]
) -> None:
    service = start_worker()
    workers = service, service.beside()
    service.learn()
    told = ("unknown", "granted", "denied", "granted")
    for n, (place, consent) in enumerate(zip(order, told, strict=True)):
        worker = workers[place]
        worker.now_ms = service.now_ms + 1
        service.now_ms = worker.now_ms
        body = {"traits": {"n": n}, "consent": consent}
        assert worker.call("PUT", "/v1/units/u", body).status_code == 202
    service.learn()
    state = service.get("/v1/units/u").json

    # The denial before it has taken the traits of before it.
    assert (state["consent"], state["traits"]) == ("granted", {"n": 3})


@pytest.mark.parametrize("first", [0, 1])
def test_a_denial_after_a_consent_holds(start_worker: StartWorker, first: int) -> None:
    service = start_worker()
    workers = service, service.beside()
    for place, consent in ((first, "granted"), (1 - first, "denied")):
        workers[place].now_ms = service.now_ms = service.now_ms + 1
        told = workers[place].call("PUT", "/v1/units/u", {"consent": consent})
        assert told.status_code == 202
    service.learn()

    assert service.get("/v1/units/u").json["consent"] == "denied"


def test_a_worker_whose_log_is_read_later_changes_nothing_newer(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    late = service.beside()
    # Its log is read when it has answered, and another's before.
    late.now_ms = service.now_ms
    service.now_ms += 1_000
    newer = {"traits": {"n": 2}, "consent": "granted"}
    assert service.call("PUT", "/v1/units/u", newer).status_code == 202
    service.learn()
    older = {"traits": {"n": 1, "m": 1}, "consent": "denied"}
    assert late.call("PUT", "/v1/units/u", older).status_code == 202
    service.learn()
    state = service.get("/v1/units/u").json

    # The denial has taken the traits of before it.
    assert (state["consent"], state["traits"]) == ("granted", {"n": 2})


def test_states_that_a_former_version_kept_are_made_anew(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    denied = {"consent": "denied"}
    assert service.call("PUT", "/v1/units/u", denied).status_code == 202
    service.learn()
    with closing(sqlite3.connect(service.folder / "units.db")) as database, database:
        ((key, kept),) = database.execute("SELECT key, state FROM units").fetchall()
        wrong = msgspec.structs.replace(decode_state(kept[1:]), consent="granted")
        database.execute(
            "UPDATE units SET state = ? WHERE key = ?",
            (kept[:1] + encode_state(wrong), key),
        )
        database.execute("PRAGMA user_version = 0")
    service.learn()

    assert service.beside().get("/v1/units/u").json["consent"] == "denied"
