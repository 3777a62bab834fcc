"""Two learners over one store on a server, of which one is stopped for a while."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandit_svc.cli.service.launch import prepare
from bandit_svc.settings import Settings
from bandit_svc.storage.interface import Storage
from tests.harness.learner_process import LearnerProcess
from tests.harness.process import plain_environment
from tests.harness.stored.postgres import SCHEMA, url_of
from tests.harness.waiting import wait_until

Start = Callable[[], LearnerProcess]


@pytest.fixture
def start(postgres: str, tmp_path: Path) -> Iterator[Start]:
    settings = Settings(data=str(tmp_path), store=url_of(postgres, SCHEMA))
    prepare(settings)
    started: list[LearnerProcess] = []

    def one() -> LearnerProcess:
        environment = plain_environment(**settings.environment())
        started.append(LearnerProcess(environment | {"BANDIT_LEARNER_NICE": "0"}))
        return started[-1]

    yield one
    for process in started:
        process.end()


@pytest.mark.e2e
def test_one_that_was_stopped_waits_for_its_lease_and_takes_it_again(
    storage: Storage, start: Start
) -> None:
    first = start()
    wait_until(lambda: learns(storage, first), "the first one learns")
    second = start()
    second.wait_for_words("another learner holds the lease")
    first.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: learns(storage, second), "the second one learns")
    first.process.send_signal(signal.SIGCONT)

    first.wait_for_words("waiting for the lease")
    second.process.send_signal(signal.SIGKILL)
    wait_until(lambda: learns(storage, first), "the first one learns again")


def learns(storage: Storage, learner: LearnerProcess) -> bool:
    """Return whether a learner's process holds the lease."""
    holder = storage.leases.holder("learner")
    return holder is not None and holder.process.startswith(f"{learner.pid} ")
