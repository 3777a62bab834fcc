"""A learner that is killed at any moment ends where an undisturbed one does.

A killed learner is one whose objects are thrown away: nothing but the folder goes
on. Killing real processes is the business of tests/e2e.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import join
from bandit_svc.storage.rows import EvaluationRow, RewardModelRow
from tests.harness.service import Service

ROUNDS = 400
TICKS = 8
Tallied = tuple[str, str, str, int, float, float]
State = tuple[
    list[tuple[int, float, bool, str]],
    list[Tallied],
    list[tuple[object, ...]],
    list[EvaluationRow],
    list[RewardModelRow],
    bytes,
]


# The last one does not resume exactly by itself, and is reloaded as it learns.
@pytest.fixture(
    params=[
        {"kind": "vw"},
        {"kind": "auto"},
        {"kind": "linear", "change": "detect", "memory": 100},
        {"kind": "vw", "explorer": "bag"},
    ],
    ids=["vw", "auto", "linear", "vw-bag"],
)
def written(
    request: pytest.FixtureRequest, new_service: Callable[[str], Service]
) -> Service:
    """A folder whose log two workers have written, and no learner has read.

    Rewards come late, from the other worker, twice, in conflict, under
    `first_reward` in a second experiment; some decisions are deferred.
    """
    service = new_service("written")
    service.start()
    policy = request.param
    # Beside the standing ones, to the last bit as the served model.
    shared = {"policy": policy, "candidates": [policy, {"kind": "thompson"}]}
    service.create(**shared, reward={"grace_seconds": 0.5})
    service.create("quick", **shared, reward={"learn_on": "first_reward"})
    for i in range(ROUNDS // 2):
        one = service.round(service.workers[i % 2], defer=i % 5 == 0)
        other = service.round(service.workers[i % 3 % 2], experiment="quick")
        if i % 10 == 0:
            service.activate(one, service.workers[i % 3 % 2])
        for decided in (one, other):
            worker = service.workers[(i + 1) % 2]
            value = i % 7 / 6
            if i % 3 == 0:
                service.reward(decided, value, reward_id="late", worker=worker)
                service.reward(decided, 1 - value, reward_id="late")
    for worker in service.workers:
        worker.close()
    service.backends.close()
    return service


@pytest.fixture
def copied(
    written: Service,
    new_service: Callable[[str], Service],
    tmp_path: Path,
) -> Callable[[str], Service]:
    """Copy the written folder, for one more learner to read."""

    def copy(name: str) -> Service:
        shutil.copytree(written.settings.data, tmp_path / name)
        return new_service(name)

    return copy


def times_ms(service: Service, count: int) -> list[int]:
    """The times of the ticks: from the first decision to after the last window."""
    span_ms = ROUNDS * 10 + 3000
    return [service.now_ms + span_ms * (i + 1) // count for i in range(count)]


def state_of(service: Service, key: str) -> State:
    """Return what must not depend on interruptions: order, sums, model."""
    number = service.storage.experiments.get(key).number
    rows = service.storage.joins.after(number, 0, 10**6)
    ids = service.joined_ids(number)
    joined = [
        (row.position, row.reward, row.learnable, decision_id)
        for row, decision_id in zip(rows, ids, strict=True)
    ]
    # Sums of floats depend on where the batches were cut, in the last bits.
    tallies: list[Tallied] = [
        (
            t.group,
            t.variant,
            t.metric,
            t.n,
            round(t.total, 9),
            round(t.total_squares, 9),
        )
        for t in service.storage.joins.tallies(number)
    ]
    evaluations = service.storage.evaluations.all(number)
    breakdowns = breakdowns_of(service, number)
    models = service.storage.evaluations.reward_models(number)
    state = service.model(key).state
    return joined, tallies, breakdowns, evaluations, models, state


def breakdowns_of(service: Service, number: int) -> list[tuple[object, ...]]:
    """The sums by time and latency, rounded as the tallies are, and the drift."""
    found = service.storage.breakdowns
    return [
        tuple(round(cell, 9) if isinstance(cell, float) else cell for cell in row)
        for row in (
            *found.history(number),
            *found.latencies(number),
            *found.drift(number),
        )
    ]


def undisturbed(service: Service) -> None:
    for now_ms in times_ms(service, TICKS):
        service.now_ms = now_ms
        service.learner.tick()


def restarted_before_each_tick(service: Service) -> None:
    for now_ms in times_ms(service, TICKS):
        service.now_ms = now_ms
        service.new_learner().tick()


def killed_after_each_step(service: Service) -> None:
    for now_ms in times_ms(service, TICKS):
        service.now_ms = now_ms
        for steps in range(3):
            backends = service.open()
            definitions = Definitions(backends.storage.experiments)
            facts, reader = backends.storage.facts, backends.reader
            ingested = ingest(facts, reader, backends.decoder, definitions, now_ms)
            if steps == 1:
                ready_ms = ingested.watermark_ms
                join(backends.storage.joins, definitions, ready_ms, now_ms)
        service.new_learner().tick()


def killed_before_it_published(service: Service) -> None:
    times = times_ms(service, TICKS)
    for now_ms in times:
        service.now_ms = now_ms
        learner = service.new_learner()
        # Joins and learns, and loses in memory what it learned every other time.
        backends = service.open()
        definitions = Definitions(backends.storage.experiments)
        facts, reader = backends.storage.facts, backends.reader
        ingested = ingest(facts, reader, backends.decoder, definitions, now_ms)
        join(backends.storage.joins, definitions, ingested.watermark_ms, now_ms)
        if now_ms == times[-1] or times.index(now_ms) % 2:
            learner.tick()


def down_until_the_end(service: Service) -> None:
    service.now_ms = times_ms(service, 1)[0]
    service.new_learner().tick()


@pytest.mark.parametrize(
    "disturbed",
    [
        restarted_before_each_tick,
        killed_after_each_step,
        killed_before_it_published,
        down_until_the_end,
    ],
)
def test_the_end_is_the_same_as_without_an_interruption(
    copied: Callable[[str], Service], disturbed: Callable[[Service], None]
) -> None:
    calm, killed = copied("calm"), copied("killed")
    undisturbed(calm)
    disturbed(killed)

    for key in ("hero", "quick"):
        state = state_of(calm, key)
        assert state_of(killed, key) == state
        # 40 of the 200 decisions on `hero` were deferred, 20 of them activated, and
        # some of the others by a reward.
        joined = len(state[0])
        assert joined == 200 if key == "quick" else 180 < joined < 200
        # uniform, baseline, three fixed variants, the two that are named, what the
        # scorecard compares, and the watch of histories; and their reward model.
        assert [row.cursor for row in state[3]] == [len(state[0])] * 9
        assert [row.cursor for row in state[4]] == [len(state[0])]
        assert killed.replay(key).matches
    assert killed.storage.facts.check() == []


def test_five_restarts_and_one_go_give_the_same_bytes(
    copied: Callable[[str], Service],
) -> None:
    one_go, restarts = copied("one-go"), copied("restarts")
    one_go.now_ms = times_ms(one_go, 1)[0]
    one_go.learner.tick()
    for now_ms in times_ms(restarts, 10):
        restarts.now_ms = now_ms
        restarts.new_learner().tick()

    # Each but the last published one by a learner that was started anew.
    assert restarts.model().meta.version >= 6
    assert restarts.model().state == one_go.model().state
    assert restarts.model("quick").state == one_go.model("quick").state
    kept, expected = (
        [
            (s.storage.evaluations.all(n), s.storage.evaluations.reward_models(n))
            for n in (1, 2)
        ]
        for s in (restarts, one_go)
    )
    assert kept == expected
