"""What every store promises of progressive evaluation; see storage.interface."""

import hashlib

import msgspec
import pytest

from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow, RewardModelRow

UNIFORM = EvaluationRow("uniform", {"kind": "uniform"}, 7, b"\x00s\xff", b"")
SHADOW = EvaluationRow(
    "shadow", {"kind": "linear", "ridge": 0.30000000000000004}, 3, b"s", bytes(range(9))
)
AHEAD = RewardModelRow(0, 7, b"q\x00", bytes(range(9)))
BEHIND = RewardModelRow(1, 3, b"", b"\xff")
BOTH = EvaluationChanges((UNIFORM, SHADOW), ("uniform", "shadow"))


def first_version() -> ModelVersion:
    meta = ModelVersionMeta(
        number=1,
        version=1,
        policy={"kind": "vw"},
        spans=((0, 7),),
        learned=7,
        sha256=hashlib.sha256(b"m").hexdigest(),
        created_at_ms=9,
    )
    return ModelVersion(meta, b"m")


def test_rows_come_back_byte_for_byte_by_label(storage: Storage) -> None:
    storage.evaluations.save(1, BOTH)

    assert storage.evaluations.all(1) == [SHADOW, UNIFORM]
    assert storage.evaluations.all(2) == []


def test_scores_come_without_the_states(storage: Storage) -> None:
    storage.evaluations.save(1, BOTH)

    assert storage.evaluations.scores(1) == [
        msgspec.structs.replace(SHADOW, state=b""),
        UNIFORM,
    ]


def test_what_did_not_change_stays_and_what_is_no_candidate_goes(
    storage: Storage,
) -> None:
    storage.evaluations.save(1, BOTH)
    storage.evaluations.save(2, BOTH)
    moved = msgspec.structs.replace(UNIFORM, cursor=8)
    storage.evaluations.save(1, EvaluationChanges((moved,), ("uniform", "shadow")))
    both = storage.evaluations.all(1)
    storage.evaluations.save(1, EvaluationChanges((), ("shadow",)))

    assert both == [SHADOW, moved]
    assert storage.evaluations.all(1) == [SHADOW]
    assert storage.evaluations.all(2) == [SHADOW, UNIFORM]


def test_reward_models_come_back_byte_for_byte_by_slot(storage: Storage) -> None:
    storage.evaluations.save(1, EvaluationChanges((), (), (BEHIND, AHEAD)))

    assert storage.evaluations.reward_models(1) == [AHEAD, BEHIND]
    assert storage.evaluations.reward_models(2) == []
    assert storage.evaluations.all(1) == []


def test_the_quality_is_that_of_the_most_advanced_reward_model(
    storage: Storage,
) -> None:
    storage.evaluations.save(1, EvaluationChanges((), (), (AHEAD, BEHIND)))

    assert storage.evaluations.reward_model_quality(1) == AHEAD.quality
    assert storage.evaluations.reward_model_quality(2) is None


def test_reward_models_are_replaced_together_or_left_alone(storage: Storage) -> None:
    storage.evaluations.save(1, EvaluationChanges((), (), (AHEAD, BEHIND)))
    storage.evaluations.save(2, EvaluationChanges((), (), (AHEAD,)))
    storage.evaluations.save(1, BOTH)
    left_alone = storage.evaluations.reward_models(1)
    storage.evaluations.save(1, EvaluationChanges((), (), (AHEAD,)))

    assert left_alone == [AHEAD, BEHIND]
    assert storage.evaluations.reward_models(1) == [AHEAD]
    assert storage.evaluations.reward_models(2) == [AHEAD]


@pytest.mark.parametrize("parent_version", [0, 5])
def test_a_model_and_its_evaluations_are_kept_together_or_not_at_all(
    storage: Storage, parent_version: int
) -> None:
    published = storage.model_versions.publish(
        first_version(), parent_version, (), BOTH
    )

    assert published == (parent_version == 0)
    assert storage.evaluations.all(1) == ([SHADOW, UNIFORM] if published else [])
