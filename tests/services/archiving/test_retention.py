"""Nothing leaves the store that anything which follows the joined order has to read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bandit_svc.domain.programmes.programme import ProgrammeDefinition
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.archiving.retention import droppable
from bandit_svc.services.managing.programmes.manage import create_programme
from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow, RewardModelRow
from tests.harness.service import Service
from tests.harness.stored.archived import archive, days
from tests.harness.stored.retained import KEPT, drop, with_archive

ROUNDS = 60
SPLIT = {
    "policies": {"current": 0.5, "linear": 0.5},
    "policy": {"kind": "linear"},
    "advance_when": "never",
    "rollback_when": "never",
}


@pytest.fixture
def ports(service: Service, tmp_path: Path) -> ArchivePorts:
    return with_archive(service, f"file://{tmp_path}/archive")


def files_that_may_go(service: Service) -> int:
    """Return how many files of old days the store may drop."""
    experiment = service.storage.experiments.get("hero")
    return len(droppable(service.storage, experiment, service.now_ms, 1, kept=1))


def a_candidate(service: Service) -> None:
    behind = EvaluationRow("behind", {}, ROUNDS - 1, b"", b"")
    service.storage.evaluations.save(1, EvaluationChanges((behind,), ("behind",)))


def a_reward_model(service: Service) -> None:
    behind = (RewardModelRow(0, ROUNDS - 1, b"", b""),)
    service.storage.evaluations.save(1, EvaluationChanges((), (), behind))


def a_programme(service: Service) -> None:
    (programme,) = service.storage.programmes.all()
    service.storage.programme_totals.begin_anew(programme.number)


def a_split(service: Service) -> None:
    """It begins after the days, and learns them from the first on."""
    service.change(split=SPLIT)


@pytest.mark.parametrize(
    ("fall_behind", "catches_up"),
    [
        (a_candidate, False),
        (a_reward_model, False),
        (a_programme, True),
        (a_split, True),
    ],
)
def test_a_reader_that_is_behind_holds_every_file_that_it_has_to_read(
    service: Service,
    ports: ArchivePorts,
    fall_behind: Callable[[Service], None],
    *,
    catches_up: bool,
) -> None:
    """Until it has caught up; the rows of the first two are never read again."""
    shop = ProgrammeDefinition("shop", holdout=0.25, business_as_usual=0.15)
    create_programme(service.storage, shop, "salt", service.now_ms)
    service.create(programme="shop", holdout=0.0)
    days(service, 3, rounds=ROUNDS)
    archive(service, ports)
    before = files_that_may_go(service)
    fall_behind(service)
    held = files_that_may_go(service)
    for _ in range(5):
        service.mature()

    assert (before, held) == (2, 0)
    assert files_that_may_go(service) == (2 if catches_up else 0)


def test_a_model_holds_what_comes_behind_its_last_publication(
    service: Service, ports: ArchivePorts
) -> None:
    """A process that begins learns on from the published one."""
    service.create()
    days(service, 1, rounds=ROUNDS)
    service.settings = replace(service.settings, publish_every_ms=10**12)
    service.learner = service.new_learner()
    days(service, 3, rounds=ROUNDS)
    archive(service, ports)

    # The first model of a process is published at once.
    assert service.model().meta.cursor == 2 * ROUNDS
    assert service.storage.joins.last_position(1) == 4 * ROUNDS
    assert 0 < files_that_may_go(service) * ROUNDS <= 2 * ROUNDS


def test_a_challenger_that_comes_later_learns_from_the_archive(
    service: Service, ports: ArchivePorts
) -> None:
    """Another policy learns all decisions before it takes the place of the first."""
    service.create(policy={"kind": "linear"})
    days(service, 3, rounds=KEPT)
    dropped = drop(service, ports)
    service.change(policy={"kind": "vw"})
    service.mature()
    service.mature()
    meta = service.model().meta
    joined = service.storage.joins.last_position(1)

    assert dropped == 2 * KEPT
    assert meta.policy["kind"] == "vw"
    assert meta.cursor == joined
    assert meta.spans[0][0] == 0
    assert service.replay().matches
