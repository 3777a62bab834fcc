"""Scorers come to what a learner comes to that scores candidates itself, to the bit."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bandit_svc.learner.scoring.scorers import Scorers
from bandit_svc.services.checks.degraded import UNLEARNED_MS
from bandit_svc.services.managing.doctor import examine
from tests.harness.process import children_of, command_of, is_gone
from tests.harness.service import Service
from tests.harness.waiting import wait_until

ROUNDS = 60
KEYS = ("hero", "quick", "plain")
POLICIES = (
    {"kind": "vw"},
    {"kind": "vw", "explorer": "bag"},
    {"kind": "linear", "change": "detect", "memory": 100},
)


class ScoredService(Service):
    """A service over a copy of a log, whose learner has two scorers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.scorers = Scorers(msgspec.structs.replace(self.settings, scorers=2))
        self.learner.score_with(self.scorers)

    def close(self) -> None:
        self.scorers.stop()
        super().close()


def scorers() -> list[int]:
    """Return the processes that score for this one."""
    below = [pid for pid in children_of(os.getpid()) if not is_gone(pid)]
    return [pid for pid in below if "bandit_svc.learner.scoring" in command_of(pid)]


def settle(service: Service) -> None:
    """Tick until nothing is left to be done."""
    wait_until(lambda: service.learner.tick().idle, "the learner idle")


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Service]:
    """A service that has decided, of which no learner has read anything."""
    service = Service(tmp_path / "written")
    service.start()
    for key, policy in zip(KEYS, POLICIES, strict=True):
        service.create(key, policy=policy, candidates=[policy, {"kind": "thompson"}])
    for at in range(ROUNDS):
        for key in KEYS:
            service.round(service.workers[at % 2], experiment=key)
    service.now_ms += 2_000
    yield service
    service.close()


@pytest.fixture
def scored(
    written: Service, tmp_path: Path
) -> Iterator[Callable[[], tuple[Service, ScoredService]]]:
    """Return a function that copies the folder for one learner of each kind."""
    made: list[Service] = []

    def copy() -> tuple[Service, ScoredService]:
        places = [tmp_path / name for name in ("here", "elsewhere")]
        for place in places:
            shutil.copytree(written.settings.data, place)
        here, elsewhere = Service(places[0]), ScoredService(places[1])
        made.extend((here, elsewhere))
        for one in made:
            one.now_ms = written.now_ms
            one.worker, one.other_worker = one.new_worker("cc"), one.new_worker("dd")
        return here, elsewhere

    yield copy
    for one in made:
        one.close()


def same(here: Service, elsewhere: Service) -> bool:
    """Return whether two stores have the same candidates; require the same models."""
    found = []
    for one in (here, elsewhere):
        evaluations = one.storage.evaluations
        found.append(
            [(evaluations.all(n), evaluations.reward_models(n)) for n in (1, 2, 3)]
        )
    for key in KEYS:
        assert here.model(key).state == elsewhere.model(key).state
    return found[0] == found[1]


def test_the_same_rows_and_bytes(
    scored: Callable[[], tuple[Service, ScoredService]],
) -> None:
    here, elsewhere = scored()
    settle(here)
    settle(elsewhere)

    assert same(here, elsewhere)
    rows = elsewhere.storage.evaluations.all(1)
    assert {row.cursor for row in rows} == {ROUNDS}
    assert len(scorers()) == 2


def test_changed_candidates_catch_up(
    scored: Callable[[], tuple[Service, ScoredService]],
) -> None:
    both = scored()
    for one in both:
        wait_until(one.learner.tick, "a tick")
        one.change(candidates=[{"kind": "linear"}])
        one.random.seed(8)
        one.rounds(40)
        one.now_ms += 2_000
        settle(one)

    assert same(*both)
    (row,) = (
        row
        for row in both[1].storage.evaluations.all(1)
        if row.spec.get("kind") == "linear" and row.state
    )
    assert row.cursor == ROUNDS + 40


def test_corrected_rewards_are_scored_anew(
    scored: Callable[[], tuple[Service, ScoredService]],
) -> None:
    both = scored()
    for one in both:
        one.random.seed(8)
        decided = one.decide(unit_id="u")
        one.reward(decided, 1.0)
        one.now_ms += 2_000
        settle(one)
        one.correct(decided, 0.5)
        one.relearn()
        settle(one)

    assert same(*both)
    here, elsewhere = both
    assert here.storage.corrections.waiting() == []
    assert {row.cursor for row in elsewhere.storage.evaluations.all(1)} == {ROUNDS + 1}


def test_killed_scorers_are_started_again_and_go_on_from_the_store(
    scored: Callable[[], tuple[Service, ScoredService]],
) -> None:
    here, elsewhere = scored()
    settle(here)
    killed: set[int] = set()

    def killed_twice() -> bool:
        elsewhere.learner.tick()
        for pid in scorers():
            if pid not in killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
        return len(killed) >= 4

    wait_until(killed_twice, "two scorers killed twice")
    settle(elsewhere)
    assert same(here, elsewhere)


def test_one_that_is_stopped_delays_no_model(
    scored: Callable[[], tuple[Service, ScoredService]],
) -> None:
    here, elsewhere = scored()
    settle(here)
    elsewhere.learner.tick()
    pids = scorers()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for _ in range(3):
        elsewhere.learner.tick()
    assert elsewhere.model("hero").state == here.model("hero").state
    assert elsewhere.storage.evaluations.all(1) == []
    # Minutes later an operator is told.
    elsewhere.now_ms += 2 * UNLEARNED_MS
    elsewhere.learner_lives()
    faults = examine(elsewhere.storage, elsewhere.backends.reader, elsewhere.now_ms)
    assert [fault.split(":")[0] for fault in faults] == [
        f"the candidates of experiment {key!r} are scored up to position 0, and model "
        f"version 1, 360 s old, has learned up to {ROUNDS}"
        for key in KEYS
    ]
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    settle(elsewhere)

    assert same(here, elsewhere)
    assert not examine(elsewhere.storage, elsewhere.backends.reader, elsewhere.now_ms)


def test_they_end_when_they_are_told_to_and_begin_again(
    scored: Callable[[], tuple[Service, ScoredService]],
) -> None:
    _, elsewhere = scored()
    elsewhere.learner.tick()
    pids = scorers()
    assert pids
    elsewhere.scorers.stop()
    assert all(is_gone(pid) for pid in pids)
    # As after an erasure: another learner of the same process.
    elsewhere.learner = elsewhere.new_learner()
    elsewhere.learner.score_with(elsewhere.scorers)
    settle(elsewhere)

    assert {row.cursor for row in elsewhere.storage.evaluations.all(1)} == {ROUNDS}
    assert not set(pids) & set(scorers())
