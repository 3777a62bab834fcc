"""The learner as a process: its lease, its recovery, its end."""

import os
import resource
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.learner_process import StartLearner
from tests.harness.process import children_of, command_of, is_gone
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.e2e

Act = Callable[[], None]
Learned = Callable[[], int]


def test_a_matured_decision_is_in_a_published_model(
    start: StartLearner, initialise: Act, decide_once: Act, learned: Learned
) -> None:
    initialise()
    learner = start()
    decide_once()

    learner.wait_for(lambda: learned() == 1, "learned")


def test_the_second_learner_takes_over_when_the_first_is_killed(
    start: StartLearner, initialise: Act, decide_once: Act, learned: Learned
) -> None:
    initialise()
    first = start()
    first.wait_for_words("learning from")
    second = start()
    second.wait_for_words("another learner holds the lease")
    decide_once()
    first.wait_for(lambda: learned() == 1, "learned")
    first.process.kill()
    decide_once()

    second.wait_for(lambda: learned() == 2, "learned")
    assert second.said.count("another learner holds the lease") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_it_with_0(
    start: StartLearner, initialise: Act, number: signal.Signals
) -> None:
    initialise()
    learner = start()
    learner.wait_for_words("learning from")
    learner.process.send_signal(number)

    assert learner.wait_for_end() == 0
    assert "Traceback" not in learner.said


def test_a_stop_signal_ends_the_wait_for_the_lease_with_0(
    start: StartLearner, initialise: Act
) -> None:
    initialise()
    start().wait_for_words("learning from")
    second = start()
    second.wait_for_words("another learner holds the lease")
    second.process.terminate()

    assert second.wait_for_end() == 0


def test_it_recovers_by_itself_when_the_store_becomes_usable(
    start: StartLearner, initialise: Act, decide_once: Act, learned: Learned
) -> None:
    learner = start()
    learner.wait_for_words("beginning anew from the store")
    assert "Traceback" in learner.said
    initialise()
    decide_once()

    learner.wait_for(lambda: learned() == 1, "learned")


def test_it_recovers_by_itself_when_the_log_becomes_readable(
    start: StartLearner,
    settings: Settings,
    initialise: Act,
    decide_once: Act,
    learned: Learned,
) -> None:
    initialise()
    log = Path(settings.data) / "log"
    log.touch()
    learner = start()
    learner.wait_for_words("beginning anew from the store")
    log.unlink()
    decide_once()

    learner.wait_for(lambda: learned() == 1, "learned")


def test_it_recovers_by_itself_from_a_full_disk(
    start: StartLearner, initialise: Act, decide_once: Act, learned: Learned
) -> None:
    initialise()
    learner = start()
    learner.wait_for_words("learning from")
    pid = learner.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # No file of it may grow beyond one byte: to the learner, the disk is full.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    decide_once()
    learner.wait_for_words("the store can't be used now")
    assert learned() == 0
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    learner.wait_for(lambda: learned() == 1, "learned")
    assert learner.process.poll() is None


def test_it_ends_with_the_supervisor_that_it_was_given(
    start: StartLearner, initialise: Act
) -> None:
    initialise()
    ours = start(BANDIT_SUPERVISOR_PID=str(os.getpid()))
    ours.wait_for_words("learning from")
    # As if the parent had died and somebody else had adopted it.
    orphan = start(BANDIT_SUPERVISOR_PID="1")

    assert orphan.wait_for_end() == 0
    assert ours.process.poll() is None


def test_its_scorers_live_and_die_with_it(
    start: StartLearner,
    settings: Settings,
    initialise: Act,
    decide_once: Act,
    learned: Learned,
) -> None:
    initialise()
    learner = start(BANDIT_SCORERS="2")
    decide_once()
    learner.wait_for(lambda: learned() == 1, "learned")

    def scored() -> bool:
        with closing(Backends(settings)) as backends:
            rows = backends.storage.evaluations.scores(1)
        return bool(rows) and all(row.cursor == 1 for row in rows)

    learner.wait_for(scored, "scored")
    # One experiment is scored by one of them, and the other one is not needed yet.
    (scorer,) = children_of(learner.pid)
    assert "bandit_svc.learner.scoring" in command_of(scorer)
    learner.process.kill()

    wait_until(lambda: is_gone(scorer), "the scorer gone")


def test_a_wrong_setting_is_a_sentence_and_exit_2(start: StartLearner) -> None:
    learner = start(BANDIT_LEARNER_TICK_MS="soon")

    assert learner.wait_for_end() == 2
    assert learner.said.startswith("Error: a setting is wrong")
    assert "Traceback" not in learner.said
