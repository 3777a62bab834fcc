"""Another system's log becomes the beginning of what an experiment has learned."""

import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bandit_svc.domain.model_version import BEFORE_IMPORTS
from bandit_svc.errors import Conflict, InvalidInput
from bandit_svc.services.decision_logs.imports.worded import Wording
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.storage.imports.kept import ImportedChoice
from bandit_svc.wiring import Backends
from tests.harness.service import Service
from tests.harness.stored.old_log import chance_of, import_into, old_rows, write_log

LINEAR = {"kind": "linear"}
OLD = 300


@pytest.fixture
def old_log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "old.csv", old_rows(OLD))


@pytest.fixture
def hero(service: Service) -> Service:
    """A service with an experiment that nobody has asked yet."""
    service.create(holdout=0.0, policy=LINEAR)
    return service


def test_an_import_is_learned_before_the_first_decision(
    hero: Service, old_log: Path
) -> None:
    done = import_into(hero, old_log)
    hero.mature()
    hero.mature()

    assert done.file.decisions == hero.model().meta.learned == OLD
    assert hero.model().meta.spans == ((BEFORE_IMPORTS, BEFORE_IMPORTS + OLD), (0, 0))
    assert chance_of(hero, "a", "mobile") > 0.9
    assert chance_of(hero, "b", "desktop") > 0.9
    assert hero.replay().matches


def test_it_counts_in_no_sum_and_no_order(hero: Service, old_log: Path) -> None:
    import_into(hero, old_log)
    hero.rounds(20)
    hero.mature()
    totals = hero.storage.facts.totals(1)

    assert len(hero.joined_ids()) == totals.joined == 20
    assert sum(t.n for t in hero.storage.joins.tallies(1)) == 20
    assert hero.storage.joins.last_position(1) == 20
    assert hero.model().meta.learned == OLD + 20


def test_one_that_comes_later_is_learned_where_the_model_stands(
    hero: Service, old_log: Path
) -> None:
    hero.rounds(20)
    hero.mature()
    import_into(hero, old_log)
    hero.mature()
    hero.rounds(20)
    hero.mature()

    assert hero.model().meta.spans == (
        (0, 20),
        (BEFORE_IMPORTS, BEFORE_IMPORTS + OLD),
        (20, 40),
    )
    assert hero.replay().matches


def test_two_files_are_learned_one_behind_the_other(
    hero: Service, old_log: Path, tmp_path: Path
) -> None:
    import_into(hero, old_log)
    hero.mature()
    import_into(hero, write_log(tmp_path / "older.csv", old_rows(50, seed=4)))
    hero.mature()
    names = [file.name for file in hero.storage.imports.files(1)]

    assert names == ["old.csv", "older.csv"]
    assert hero.model().meta.learned == OLD + 50
    assert hero.replay().matches


def test_a_file_is_imported_once(hero: Service, old_log: Path, tmp_path: Path) -> None:
    first = import_into(hero, old_log)
    renamed = tmp_path / "renamed.csv"
    renamed.write_bytes(old_log.read_bytes())
    again = import_into(hero, renamed)
    hero.mature()

    assert again.again
    assert again.file == first.file
    assert hero.model().meta.learned == OLD


def test_what_a_killed_import_left_is_never_learned(
    hero: Service, old_log: Path
) -> None:
    half = ImportedChoice(("a", "b", "c"), 0, 1 / 3, 1.0, {"device": "mobile"})
    hero.storage.imports.add(1, BEFORE_IMPORTS, [half] * 20)
    hero.rounds(5)
    hero.mature()

    assert hero.model().meta.learned == 5

    import_into(hero, old_log)
    hero.mature()

    assert hero.model().meta.learned == OLD + 5
    assert hero.replay().matches


def test_a_learner_that_is_killed_within_an_import_publishes_none_of_it(
    hero: Service, tmp_path: Path
) -> None:
    import_into(hero, write_log(tmp_path / "long.csv", old_rows(1_200)))
    # Each look at the clock is a second on, so that a turn ends with its first batch.
    seconds = iter(range(10**6))
    halted = hero.new_learner(0.5, lambda: float(next(seconds)))
    hero.learner_lives()
    halted.tick()

    assert hero.storage.model_versions.latest(1) is None

    hero.mature()
    hero.mature()

    assert hero.model().meta.learned == 1_200
    assert hero.replay().matches


def test_a_restored_model_leaves_the_import_out_for_good(
    hero: Service, old_log: Path
) -> None:
    hero.rounds(10)
    hero.mature()
    import_into(hero, old_log)
    hero.mature()
    lifecycle.restore(hero.storage, "hero", 1, hero.now_ms)
    hero.rounds(10)
    hero.mature()

    assert hero.model().meta.learned == 20
    assert hero.replay().matches


def test_a_changed_policy_learns_the_import_too(hero: Service, old_log: Path) -> None:
    import_into(hero, old_log)
    hero.rounds(10)
    hero.mature()
    hero.change(policy={"kind": "linear", "ridge": 5.0})
    hero.mature()
    hero.mature()

    assert hero.model().meta.policy["ridge"] == 5.0
    assert hero.model().meta.learned == OLD + 10
    assert hero.replay().matches


def test_corrections_of_later_rewards_keep_the_import(
    hero: Service, old_log: Path
) -> None:
    import_into(hero, old_log)
    hero.rounds(10)
    decided = hero.decide(unit_id="v", context={"device": "mobile", "hour": 3})
    hero.reward(decided, 1.0, reward_id="order")
    hero.mature()
    hero.correct(decided, 0.0, reward_id="order")
    hero.relearn()

    assert hero.model().meta.learned == OLD + 11
    assert hero.replay().matches


def test_an_erased_unit_is_gone_from_it_and_from_the_model(
    hero: Service, tmp_path: Path
) -> None:
    rows = old_rows(50)
    rows[7][5:] = ["of-one-person", "visitor-7"]
    log = write_log(tmp_path / "old.csv", rows)
    import_into(hero, log)
    log.unlink()
    hero.mature()
    before = hero.model().meta.sha256
    ask_erasure(hero.storage, "visitor-7", bytes(16), hero.now_ms)
    with closing(Backends(hero.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: hero.now_ms, os.urandom)
    folder = Path(hero.settings.data)
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert done is not None
    assert done.counts["imported_decisions"] == 1
    assert hero.model().meta.sha256 != before
    assert hero.model().meta.learned == 50
    assert hero.replay().matches
    assert b"visitor-7" not in kept
    assert b"of-one-person" not in kept


def test_variants_that_the_experiment_does_not_have_are_listed(
    hero: Service, tmp_path: Path
) -> None:
    rows = old_rows(30)
    for row in rows[:4]:
        row[0] = "boots"
    log = write_log(tmp_path / "old.csv", rows)
    with pytest.raises(InvalidInput, match=r"boots \(4 rows\).*it has a, b, c.*--map"):
        import_into(hero, log)

    assert hero.storage.imports.files(1) == []

    done = import_into(hero, log, wording=Wording(skip_unknown=True))

    assert done.file.decisions == 26
    assert sum(done.left_out.values()) == 4


def test_names_can_be_mapped(hero: Service, tmp_path: Path) -> None:
    rows = [["boots", *row[1:]] if row[0] == "a" else row for row in old_rows(OLD)]
    log = write_log(tmp_path / "old.csv", rows)
    with pytest.raises(InvalidInput, match="has no variant 'z'"):
        import_into(hero, log, wording=Wording(names={"boots": "z"}))
    import_into(hero, log, wording=Wording(names={"boots": "a"}))
    hero.mature()

    assert chance_of(hero, "a", "mobile") > 0.9


def test_an_archived_experiment_learns_nothing_more(
    hero: Service, old_log: Path
) -> None:
    hero.change(status="archived")

    with pytest.raises(Conflict, match="archived"):
        import_into(hero, old_log)


def test_one_import_at_a_time(hero: Service, old_log: Path) -> None:
    with (
        hero.storage.leases.hold("import-1"),
        pytest.raises(Conflict, match="another import into 'hero' is under way"),
    ):
        import_into(hero, old_log)


def test_a_revision_tells_of_it(hero: Service, old_log: Path) -> None:
    import_into(hero, old_log)
    note = hero.storage.experiments.revisions(1)[-1].note

    assert note.startswith("import: 300 decisions of old.csv (sha256 ")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_log_gives_the_same_bytes(
    service: Service, tmp_path: Path, seed: int
) -> None:
    log = write_log(tmp_path / "old.csv", old_rows(200, seed))
    for key in ("one", "other"):
        service.create(key, holdout=0.0, policy=LINEAR)
        import_into(service, log, key)
    service.mature()
    service.mature()
    states = [service.model(key).state for key in ("one", "other")]

    assert states[0] == states[1]
    assert np.isfinite(chance_of(service, "a", "mobile", "one"))
