"""A standby takes the place of the store's server, and lacks what was written last."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.control.server import GAP
from tests.harness.service import Service
from tests.harness.stored.standby import Pair, pair_of_servers
from tests.harness.waiting import wait_until


@pytest.fixture
def pair() -> Iterator[Pair]:
    with pair_of_servers() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, pair: Pair) -> Iterator[Service]:
    made = Service(tmp_path, pair.url)
    made.start()
    made.create(policy={"kind": "linear"})
    yield made
    made.close()


class Seen:
    """The models that workers have served, by version."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.made_at_ms: defaultdict[int, set[int]] = defaultdict(set)

    def look(self) -> None:
        """Let the workers look for models until they have the newest."""
        for worker in self._service.workers:
            # The first question over a lost connection fails.
            with suppress(Unavailable):
                worker.catalog.refresh_models()
            for served in worker.catalog.served():
                policy = served.policy
                self.made_at_ms[policy.version].add(policy.created_at_ms)

    def wait_for(self, version: int) -> None:
        """Wait until both workers serve a version."""

        def serve_it() -> bool:
            self.look()
            return all(
                served.policy.version == version
                for worker in self._service.workers
                for served in worker.catalog.served()
            )

        wait_until(serve_it, f"the workers serve version {version}")


def newest(storage: Storage) -> int:
    return storage.model_versions.latest_versions()[1]


def test_what_a_standby_lacks_is_read_again_and_no_version_names_two_models(
    service: Service, pair: Pair
) -> None:
    seen = Seen(service)
    made = service.rounds(30)
    service.mature()
    pair.add_standby()
    seen.wait_for(1)
    pair.stop_standby()
    for version in (2, 3):
        made += service.rounds(30)
        service.mature()
        seen.wait_for(version)
    made += service.rounds(10)
    assert {one.decision.model_version for one in made} == {0, 1, 2, 3}

    pair.kill_primary()
    made += service.rounds(10)
    with pytest.raises(Unavailable):
        service.mature_only()
    pair.promote()
    # Who had written before is told once, as what it remembers may be gone.
    wait_until(lambda: is_up(service), "the standby is tried again")
    with pytest.raises(Unavailable, match="has taken the place"):
        service.learner_lives()
    # A learner begins anew after a fault, as its process does.
    service.learner = service.new_learner()
    assert newest(service.storage) == 1
    made += service.rounds(30)
    service.mature_only()
    wait_until(lambda: newest(service.storage) > GAP, "a model is published")
    seen.wait_for(newest(service.storage))

    assert all(len(times) == 1 for times in seen.made_at_ms.values())
    assert {1, 2, 3} < {*seen.made_at_ms}
    assert service.storage.joins.last_position(1) == len(made)
    assert set(service.joined_ids()) == {one.decision.id for one in made}
    assert service.storage.facts.check() == []
    assert service.replay().matches


def test_the_log_stays_until_a_standby_has_what_was_read(
    service: Service, pair: Pair
) -> None:
    pair.add_standby()
    pair.stop_standby()
    service.rounds(20)
    for worker in service.workers:
        # Its partition has ended, and may be deleted.
        worker.close()
    service.mature_only()
    assert service.storage.joins.last_position(1) == 20
    assert len(service.backends.reader.partitions()) == 2

    pair.start_standby()
    wait_until(lambda: pair.behind() == 0, "the standby has all")
    service.mature_only()
    service.mature_only()

    assert service.backends.reader.partitions() == []


def test_a_standby_of_which_nothing_is_known_is_named(
    service: Service, pair: Pair
) -> None:
    standbys = service.storage.standbys
    assert standbys.faults() == []

    with pair.receiver():
        (fault,) = wait_until(standbys.faults, "a standby without a slot is seen")

    assert "1 standby whose state can't be seen" in fault
    cursors = {"w1": Cursor(1, 2, 3)}
    assert standbys.covered(cursors) == cursors


def test_a_server_that_was_stopped_at_once_has_all_that_was_written(
    service: Service, pair: Pair
) -> None:
    service.rounds(30)
    service.mature()
    before = service.model()

    pair.kill_primary()
    made = service.rounds(10)
    pair.restart_primary()
    service.learner = service.new_learner()
    wait_until(lambda: is_up(service), "the server recovers")
    service.mature_only()

    assert service.storage.model_versions.get(1, 1) == before
    assert newest(service.storage) == 2
    assert service.storage.joins.last_position(1) == 30 + len(made)
    assert service.replay().matches


def is_up(service: Service) -> bool:
    try:
        return newest(service.storage) == 1
    except Unavailable:
        return False
