"""What the store drops is read from the archive, and nobody can tell the difference."""

from pathlib import Path

import pytest

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.errors import Conflict, NotFound, Unprocessable
from bandit_svc.services.archiving.drop_archived import drop_archived
from bandit_svc.services.archiving.faults import archive_faults
from bandit_svc.services.archiving.mend_archive import mend_archive
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.archiving.retention import droppable
from bandit_svc.storage.archive.below import NoArchive
from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow
from tests.harness.service import Service
from tests.harness.stored.archived import archive, days
from tests.harness.stored.retained import (
    KEPT,
    drop,
    readable,
    stored_positions,
    with_archive,
)


@pytest.fixture
def ports(service: Service, tmp_path: Path) -> ArchivePorts:
    return with_archive(service, f"file://{tmp_path}/archive")


def lived(service: Service) -> None:
    """Play three days of decisions and pages, with late and corrected rewards."""
    service.create(reward={"maximum": 2.0}, policy={"kind": "linear"})
    days(service, 1, rounds=30)
    decided = service.rounds(20)
    for _ in range(5):
        page = service.round(slots=2)
        service.reward(page, 0.5)
    service.reward(decided[3], 0.25, reward_id="first")
    service.reward(decided[4], 0.5, reward_id="first")
    service.mature()
    service.reward(decided[5], 1.0, reward_id="late")
    service.correct(decided[3], 0.75, reward_id="first")
    service.relearn()
    service.now_ms += DAY_MS
    days(service, 1, rounds=110)


def played(service: Service) -> None:
    """Play four days; the store may drop the first two of them."""
    days(service, 4, rounds=50)


def test_everything_that_is_read_is_what_it_was(
    service: Service, ports: ArchivePorts
) -> None:
    lived(service)
    archive(service, ports)
    before = readable(service)
    dropped = drop(service, ports)

    assert dropped == 55
    assert stored_positions(service) == [*range(56, 166)]
    assert readable(service) == before
    assert service.storage.facts.check() == []
    assert archive_faults(service.storage, ports) == []
    assert service.replay().matches


def test_a_reward_that_came_late_is_in_the_archive_before_its_decision_goes(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    decided = service.rounds(20)[0]
    service.mature()
    service.now_ms += DAY_MS
    archive(service, ports)
    service.reward(decided, 1.0, reward_id="very-late")
    days(service, 2, rounds=110)
    before = service.storage.facts.decision(decided.decision.id)
    drop(service, ports)

    assert before is not None
    assert [one.reward_id for one in before.rewards if one.late] == ["very-late"]
    assert service.storage.facts.decision(decided.decision.id) == before


def test_facts_about_dropped_decisions_are_counted_and_change_nothing(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    first = service.round(request_id="again")
    service.reward(first, 1.0)
    played(service)
    drop(service, ports)
    before = readable(service)._replace(report={})
    counts = service.storage.facts.totals(1).counts
    other = service.new_worker("cc")
    with pytest.raises(NotFound, match="keep_days"):
        service.correct(first, 0.5)
    service.reward(first, 0.5, reward_id="too-late", worker=other)
    service.mature()
    after = service.storage.facts.totals(1)

    assert after.counts["rewards_after_retention"] == 1
    assert after.counts == dict(counts) | {"rewards_after_retention": 1}
    assert after.orphans == 0
    assert readable(service)._replace(report={}) == before


def test_a_request_that_comes_again_after_its_decision_was_dropped_is_answered_alike(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    first = service.decide(unit_id="u", request_id="again")
    played(service)
    drop(service, ports)
    again = service.decide(service.new_worker("cc"), unit_id="u", request_id="again")
    joined = service.storage.joins.last_position(1)
    service.mature()

    assert again.decision == first.decision
    assert service.storage.joins.last_position(1) == joined


def test_a_candidate_that_comes_later_learns_from_the_first_decision_on(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    played(service)
    drop(service, ports)
    service.change(candidates=[{"name": "new", "kind": "linear"}])
    service.rounds(3)
    service.mature()
    service.mature()
    rows = {row.policy: row.cursor for row in service.storage.evaluations.scores(1)}

    assert rows["new"] == service.storage.joins.last_position(1)


def test_a_correction_behind_the_border_learns_everything_again(
    service: Service, ports: ArchivePorts
) -> None:
    service.create(reward={"maximum": 2.0})
    days(service, 2)
    decided = service.round()
    service.reward(decided, 1.0, reward_id="kept")
    days(service, 1, rounds=110)
    drop(service, ports)
    service.correct(decided, 0.25, reward_id="kept")
    service.relearn()
    view = service.storage.facts.decision(decided.decision.id)

    assert view is not None
    assert view.joined_reward is not None
    assert view.joined_reward < 2.0
    assert service.replay().matches
    assert service.storage.facts.check() == []
    assert archive(service, ports).rewritten == 1
    assert archive_faults(service.storage, ports) == []


def test_a_process_without_the_archive_says_what_to_set(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    played(service)
    drop(service, ports)
    service.storage.archived.read_below(NoArchive())
    with pytest.raises(Unprocessable, match="BANDIT_ARCHIVE"):
        service.storage.joins.after(1, 0, 10)
    last = service.storage.joins.last_position(1)

    assert service.storage.joins.after(1, last - KEPT, 10)


def test_nothing_goes_that_a_reader_has_not_read(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create()
    service.rounds(30)
    service.mature_only()
    service.now_ms += 5 * DAY_MS
    archive(service, ports)
    where = service.storage, experiment, service.now_ms, 1

    assert droppable(*where, kept=30) == []
    assert droppable(*where, kept=0) != []
    behind = EvaluationRow("behind", {}, 3, b"", b"")
    service.storage.evaluations.save(1, EvaluationChanges((behind,), ("behind",)))
    assert droppable(*where, kept=0) == []


def test_a_file_that_is_damaged_keeps_its_decisions_in_the_store(
    service: Service, ports: ArchivePorts, tmp_path: Path
) -> None:
    service.create()
    played(service)
    archive(service, ports)
    first, *_ = sorted((tmp_path / "archive").rglob("*.parquet"))
    whole = first.read_bytes()
    first.write_bytes(whole[:-1])
    with pytest.raises(Unprocessable, match="other bytes"):
        drop(service, ports)
    assert service.storage.archived.dropped(1) == 0
    first.write_bytes(whole)
    assert drop(service, ports) == 100
    first.write_bytes(whole[:-1])
    experiment = service.storage.experiments.get("hero")
    with pytest.raises(Unprocessable, match="has dropped its decisions"):
        mend_archive(ports, experiment)

    assert "has dropped its decisions" in archive_faults(service.storage, ports)[0]


def test_what_a_killed_process_has_left_is_taken_away_by_the_next(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create()
    played(service)
    archive(service, ports)
    before = readable(service)

    class Killed(Exception):
        pass

    def killed(done: int, total: int) -> None:
        del done, total
        raise Killed

    archived = service.storage.archived
    first = archived.files(1)[0]
    assert archived.drop(first)
    assert readable(service) == before
    assert archived.remove(1, 7) == 7
    assert readable(service) == before
    assert service.storage.facts.check() == []
    with pytest.raises(Killed):
        drop_archived(ports, experiment, service.now_ms, 1, killed, kept=KEPT)
    assert readable(service) == before
    drop(service, ports)

    assert stored_positions(service) == [*range(101, 201)]
    assert readable(service) == before
    assert service.storage.facts.check() == []


def test_only_one_process_drops(service: Service, ports: ArchivePorts) -> None:
    experiment = service.create()
    with service.storage.leases.hold("archive"), pytest.raises(Conflict):
        drop_archived(ports, experiment, service.now_ms, 1)


def test_ids_are_forgotten_when_rewards_for_them_are_refused(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    decided = service.rounds(1)[0]
    played(service)
    drop(service, ports)
    archived = service.storage.archived
    known = archived.dropped_place(decided.decision.id)
    for _ in range(2):
        service.now_ms += 60 * DAY_MS
        days(service, 2, rounds=110)
        drop(service, ports)

    assert known == 1
    assert archived.dropped_place(decided.decision.id) is None
