"""What every store keeps of splits: steps, sums, and the models of branches."""

import msgspec
import pytest

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta
from bandit_svc.domain.splits.step import Evidence, Step
from bandit_svc.errors import Conflict
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.splits.kept import SplitSums

EVIDENCE = Evidence(0.1, (-0.2, None), 0.05, (7, 3), (6, 2), ("orders",))
STEP = Step(2, 2, 5, "begun", 0.0, "why", "me", EVIDENCE)


def version(number: int, state: bytes = b"x") -> ModelVersion:
    meta = ModelVersionMeta(1, number, {"kind": "uniform"}, ((0, 9),), 9, "ab", 7)
    return ModelVersion(meta, state)


def test_a_revision_and_its_steps_are_kept_together(
    storage: Storage, hero: Experiment
) -> None:
    changed = msgspec.structs.replace(hero.definition, holdout=0.25)
    later = msgspec.structs.replace(STEP, kind="rolled_back", revision=3)
    revised = storage.splits.revise(hero, changed, 9, (STEP, later), "a note")

    assert revised.revision == 2
    assert storage.splits.steps(1) == [STEP, later]
    assert storage.experiments.revisions(1)[-1].note == "a note"
    assert storage.splits.steps(2) == []


def test_neither_is_kept_where_somebody_was_faster(
    storage: Storage, hero: Experiment
) -> None:
    changed = msgspec.structs.replace(hero.definition, holdout=0.25)
    storage.experiments.revise(hero, changed, 1)
    with pytest.raises(Conflict, match="changed by somebody else"):
        storage.splits.revise(hero, changed, 9, (STEP,), model=version(1))

    assert storage.splits.steps(1) == []
    assert storage.model_versions.latest(1) is None


def test_a_model_takes_its_place_with_the_revision(
    storage: Storage, hero: Experiment
) -> None:
    changed = msgspec.structs.replace(hero.definition, holdout=0.25)
    with pytest.raises(Conflict, match="published a model at the same moment"):
        storage.splits.revise(hero, changed, 9, (STEP,), model=version(2))
    assert storage.splits.steps(1) == []
    storage.splits.revise(hero, changed, 9, (STEP,), model=version(1))
    assert storage.model_versions.latest(1) == version(1)


def test_sums_and_units_are_replaced_together(storage: Storage) -> None:
    assert storage.splits.sums(1) is None
    first = SplitSums(2, 10, b"one")
    storage.splits.save(1, first, {5: b"five", -7: b"seven"}, anew=True)
    second = SplitSums(2, 20, b"two")
    storage.splits.save(1, second, {5: b"FIVE"}, anew=False)

    assert storage.splits.sums(1) == second
    assert storage.splits.unit_states(1, [5, -7, 9]) == {5: b"FIVE", -7: b"seven"}
    storage.splits.save(1, SplitSums(3, 0, b""), {}, anew=True)
    assert storage.splits.unit_states(1, [5, -7]) == {}
    assert storage.splits.unit_states(2, [5]) == {}


def test_versions_of_branches_are_apart_from_those_of_the_policy(
    storage: Storage, hero: Experiment
) -> None:
    assert hero.number == 1
    assert storage.branch_versions.publish(version(1), 0)
    assert not storage.branch_versions.publish(version(3), 2)
    assert storage.branch_versions.publish(version(2, b"y"), 1, {1})

    assert storage.branch_versions.latest_versions() == {1: 2}
    assert storage.branch_versions.latest(1) == version(2, b"y")
    assert storage.branch_versions.get(1, 1) is None
    assert storage.model_versions.latest(1) is None
    assert storage.splits.outdated_to(1) == 0
