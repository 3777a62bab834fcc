"""What every store promises of models; see storage.interface."""

import hashlib
import threading

import msgspec
import pytest

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta
from bandit_svc.storage.interface import Storage


def new_model_version(version: int, state: bytes = b"\x00model\xff") -> ModelVersion:
    meta = ModelVersionMeta(
        number=1,
        version=version,
        policy={"kind": "vw", "learning_rate": 0.30000000000000004},
        spans=((0, 5), (8, 8)),
        learned=4,
        sha256=hashlib.sha256(state).hexdigest(),
        created_at_ms=9,
        restored_from=2,
    )
    return ModelVersion(meta, state)


def test_a_model_comes_back_byte_for_byte(storage: Storage) -> None:
    published = new_model_version(1, bytes(range(256)) * 1000)

    assert storage.model_versions.publish(published, 0)
    assert storage.model_versions.latest(1) == published
    assert storage.model_versions.get(1, 1) == published
    assert storage.model_versions.metas(1) == [published.meta]
    assert published.meta.cursor == 8


def test_an_experiment_without_a_model_has_none(storage: Storage) -> None:
    assert storage.model_versions.latest(1) is None
    assert storage.model_versions.get(1, 1) is None
    assert storage.model_versions.metas(1) == []
    assert dict(storage.model_versions.latest_versions()) == {}


@pytest.mark.parametrize("parent_version", [0, 1, 3])
def test_a_model_on_another_parent_than_the_newest_is_refused(
    storage: Storage, parent_version: int
) -> None:
    storage.model_versions.publish(new_model_version(1), 0)
    storage.model_versions.publish(new_model_version(2), 1)

    assert not storage.model_versions.publish(new_model_version(3), parent_version)
    assert [meta.version for meta in storage.model_versions.metas(1)] == [2, 1]


def test_models_are_dropped_by_their_version_and_experiment(storage: Storage) -> None:
    other = new_model_version(1)
    other = ModelVersion(msgspec.structs.replace(other.meta, number=2), other.state)
    storage.model_versions.publish(other, 0)
    for version in range(1, 6):
        drop = {1, 3} if version == 5 else ()
        storage.model_versions.publish(new_model_version(version), version - 1, drop)

    assert [meta.version for meta in storage.model_versions.metas(1)] == [5, 4, 2]
    assert [one.version for one in storage.model_versions.ages(1)] == [2, 4, 5]
    assert storage.model_versions.get(1, 3) is None
    assert storage.model_versions.latest(2) == other


def test_the_newest_version_of_each_experiment_is_told_at_once(
    storage: Storage, hero: Experiment
) -> None:
    second = msgspec.structs.replace(hero.definition, key="second")
    storage.experiments.create(second, "salt", 0)
    for version in (1, 2):
        storage.model_versions.publish(new_model_version(version), version - 1)

    assert dict(storage.model_versions.latest_versions()) == {1: 2}


def test_of_many_threads_that_publish_on_one_parent_one_wins(storage: Storage) -> None:
    published: list[bool] = []
    start = threading.Barrier(8)

    def publish(state: bytes) -> None:
        start.wait()
        published.append(storage.model_versions.publish(new_model_version(1, state), 0))

    threads = [threading.Thread(target=publish, args=(bytes([i]),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latest = storage.model_versions.latest(1)

    assert sorted(published) == [False] * 7 + [True]
    assert latest is not None
    assert latest.meta.sha256 == hashlib.sha256(latest.state).hexdigest()
