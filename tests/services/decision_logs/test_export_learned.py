"""Vowpal Wabbit elsewhere comes to the weights that a replay comes to."""

import importlib
import shlex
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bandit_svc.errors import NotFound, Unprocessable
from bandit_svc.services.decision_logs.export_learned import (
    LearnedLog,
    export_learned,
)
from bandit_svc.services.policy_inputs import policy_of
from policies.vw.policy import VwPolicy
from tests.harness.service import Service
from tests.harness.stored.old_log import import_into, old_rows, write_log

BITS = 12
SPECS: list[dict[str, object]] = [
    {},
    {"scale": "range", "learning_rate": 0.5},
    {"explorer": "softmax", "cb_type": "ips"},
    {"explorer": "epsilon", "cb_type": "dm", "interactions": "quadratic"},
    {"passes": 2, "explorer": "regcb", "l2": 1e-6},
]


def learned(service: Service) -> LearnedLog:
    return export_learned(service.storage, service.storage.experiments.get("hero"))


def weights_of(workspace: object) -> NDArray[np.float64]:
    get_weight = workspace.get_weight  # type: ignore[attr-defined]  # VW has no types
    return np.array([get_weight(index) for index in range(1 << BITS)])


def trained_elsewhere(log: LearnedLog, folder: Path) -> NDArray[np.float64]:
    """Return the weights of Vowpal Wabbit's own package over the exported lines."""
    file = folder / "hero.dsjson"
    file.write_bytes(b"".join(line for batch in log.lines() for line in batch))
    vw = importlib.import_module("vowpalwabbit")
    arguments = shlex.join([*log.arguments.split(), "-d", str(file)])
    workspace = vw.Workspace(f"{arguments} --quiet --no_stdin")
    found = weights_of(workspace)
    workspace.finish()
    return found


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_weights_are_those_of_the_published_model(
    service: Service, tmp_path: Path, spec: dict[str, object]
) -> None:
    experiment = service.create(holdout=0.2, policy={"kind": "vw", "bits": BITS} | spec)
    import_into(service, write_log(tmp_path / "old.csv", old_rows(60)))
    service.rounds(80)
    service.round(exclude=("c",))
    service.mature()
    published, log = service.model(), learned(service)
    policy = policy_of(experiment.definition, published.meta.policy, published.state)
    assert isinstance(policy, VwPolicy)
    ours = weights_of(policy._model._workspace)  # noqa: SLF001 - its weights, as they are
    theirs = trained_elsewhere(log, tmp_path)

    assert service.replay().matches
    assert log.decisions == published.meta.learned > 100
    assert np.count_nonzero(ours) > 10
    # To the last bit: each number is written as the parser of text would read it.
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ({"kind": "linear"}, "only one of kind vw"),
        ({"kind": "vw", "explorer": "bag"}, "depend on more than its examples"),
        ({"kind": "vw", "memory": 500}, "memory is limited"),
    ],
)
def test_a_policy_without_such_examples_is_refused(
    service: Service, policy: dict[str, object], fault: str
) -> None:
    service.create(holdout=0.0, policy=policy)
    service.rounds(5)
    service.mature()

    with pytest.raises(Unprocessable, match=fault):
        learned(service)


def test_without_a_model_there_is_nothing(service: Service) -> None:
    service.create(policy={"kind": "vw"})

    with pytest.raises(NotFound, match="no published model"):
        learned(service)


def test_what_an_apprentice_has_learned_is_no_list_of_examples(
    service: Service,
) -> None:
    service.create(policy={"kind": "vw"}, mode="apprentice")
    for device in ("mobile", "tv"):
        service.decide(context={"device": device}, shown="a")
    service.mature()

    with pytest.raises(Unprocessable, match="the caller's own system"):
        list(learned(service).lines())
