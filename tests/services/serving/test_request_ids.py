"""A request that is sent again gets its first answer, whoever hears it."""

import threading
from typing import Any

import msgspec
import pytest

from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Conflict
from bandit_svc.services.serving.decide import Decided
from tests.harness.service import Service


@pytest.fixture(autouse=True)
def _hero(service: Service) -> None:
    service.create(exploration_floor=1.0, request_variants="replace")


def ask(
    service: Service, worker: int = 0, request_id: str = "r", *, defer: bool = False
) -> Decided:
    return service.decide(service.workers[worker], request_id=request_id, defer=defer)


@pytest.mark.parametrize("other", [0, 1], ids=["same worker", "another worker"])
def test_a_retry_gets_the_first_answer_and_appends_nothing(
    service: Service, other: int
) -> None:
    first = [ask(service, 0, f"r{i}") for i in range(20)]
    service.now_ms += 1
    again = [ask(service, other, f"r{i}") for i in range(20)]

    assert [d.decision for d in again] == [d.decision for d in first]
    assert [d.payload for d in again] == [d.payload for d in first]
    assert {d.repeated for d in again} == {True}
    assert len(service.logged()) == 20


def test_a_retry_after_the_log_was_moved_to_the_store_gets_the_first_answer(
    service: Service,
) -> None:
    first = [ask(service, 0, f"r{i}") for i in range(20)]
    service.learner.tick()
    again = [ask(service, 1, f"r{i}") for i in range(20)]
    service.mature()
    once_more = [ask(service, 1, f"r{i}") for i in range(20)]

    assert [d.decision for d in again] == [d.decision for d in first]
    assert [d.decision for d in once_more] == [d.decision for d in first]


def test_a_retry_after_its_worker_died_gets_the_first_answer(
    service: Service,
) -> None:
    first = ask(service)
    service.worker.close()
    service.learner.tick()

    # The dead worker's partition is gone from the log.
    assert service.backends.reader.partitions() == []
    assert ask(service, 1).decision == first.decision


def test_a_retry_is_found_behind_a_backlog_of_many_megabytes(
    service: Service,
) -> None:
    first = ask(service)
    padding = {f"f{i}": "x" * 256 for i in range(200)}
    for _ in range(120):
        service.decide(context=padding)

    # Over 6 MB that the learner has not read; the other worker has not looked yet.
    assert service.backends.reader.backlog_bytes({}) > 6_000_000
    assert ask(service, 1).decision == first.decision


def test_a_retry_of_a_request_with_its_own_variants_has_their_payload(
    service: Service,
) -> None:
    own = (Variant("x", payload={"n": 1}),)
    service.decide(request_id="own", variants=own)
    again = service.decide(service.other_worker, request_id="own", variants=own)

    assert (again.repeated, again.payload) == (True, {"n": 1})


def test_a_retry_after_a_revision_has_the_window_and_the_payload_of_the_first_answer(
    service: Service,
) -> None:
    service.change(variants=[{"key": "a", "payload": 1}])
    first = ask(service)
    service.change(variants=[{"key": "a", "payload": 2}], reward={"window_seconds": 99})
    again = ask(service, 1)

    assert (again.payload, again.expires_at_ms) == (1, first.expires_at_ms)


def test_a_retry_while_the_experiment_is_paused_gets_the_first_answer(
    service: Service,
) -> None:
    first = service.decide(request_id="r-1")
    service.change(status="paused")

    assert service.decide(request_id="r-1").decision == first.decision
    with pytest.raises(Conflict):
        service.decide(request_id="r-2")


def test_request_ids_of_two_experiments_have_nothing_to_do_with_each_other(
    service: Service,
) -> None:
    service.create("other")
    one = ask(service)
    other = service.decide(experiment="other", request_id="r")

    assert not other.repeated
    assert one.decision.id != other.decision.id


def test_a_deferred_request_is_another_one(service: Service) -> None:
    ask(service)

    assert not ask(service, defer=True).repeated
    assert ask(service, 1, defer=True).repeated


@pytest.mark.parametrize("other", [0, 1], ids=["same worker", "another worker"])
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"unit_id": "v"}, "/unit_id"),
        ({"unit_id": None}, "/unit_id"),
        ({"context": {"hour": 22}}, "/context"),
        ({"variants": ("a", "b")}, "/variants"),
        ({"exclude": ("c",)}, "/variants"),
        ({"variants": (Variant("a"), Variant("b"), Variant("c"))}, "/variants"),
    ],
)
def test_a_request_id_does_not_answer_another_request(
    service: Service, other: int, change: dict[str, Any], pointer: str
) -> None:
    asked: dict[str, Any] = {"unit_id": "u", "context": {"hour": 21}}
    first = service.decide(service.workers[0], request_id="r", **asked)
    service.change(variants=[{"key": k} for k in "abcd"])

    with pytest.raises(Conflict, match="another") as refused:
        service.decide(service.workers[other], request_id="r", **(asked | change))
    again = service.decide(service.workers[other], request_id="r", **asked)

    assert [field.pointer for field in refused.value.fields] == [pointer]
    assert again.decision == first.decision
    assert len(service.logged()) == 1


def test_threads_of_one_worker_that_race_give_one_answer(service: Service) -> None:
    answers: list[Decided] = []
    start = threading.Barrier(4)

    def retry() -> None:
        start.wait()
        answers.extend(ask(service, 0, f"race-{i}") for i in range(25))

    threads = [threading.Thread(target=retry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 100
    assert len({d.decision.id for d in answers}) == 25
    assert len(service.logged()) == 25


def test_two_workers_that_raced_to_different_variants_leave_an_ambiguous_decision(
    service: Service,
) -> None:
    experiment = service.storage.experiments.get("hero")
    first = ask(service).decision
    # What the other worker would have appended, had it not seen the first answer:
    # at the same id, the draw falls on another variant of another pmf.
    chosen = (first.chosen + 1) % 3
    raced = msgspec.structs.replace(first, chosen=chosen, propensity=first.pmf[chosen])
    service.other_worker.log.append(DecisionEncoder().encode(raced))
    service.reward(service.decide(unit_id="sure"))
    service.mature()
    view = service.storage.facts.decision(first.id)

    assert view is not None
    assert view.state == "ambiguous"
    assert first.id not in service.joined_ids()
    assert len(service.joined_ids()) == 1
    totals = service.storage.facts.totals(experiment.number)
    assert totals.counts["decisions_ambiguous"] == 1
    assert sum(t.n for t in service.storage.joins.tallies(experiment.number)) == 1
    assert service.storage.facts.check() == []
