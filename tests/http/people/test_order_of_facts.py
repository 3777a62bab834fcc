"""What is told of a unit through several workers holds in the order of its telling."""

import itertools

import pytest

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
