"""A model in the caller's process chooses what the service chooses, of every kind."""

import json
import os
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.decision_id import ENTROPY_BYTES
from bandit_svc.services.serving.decide import DecisionRequest, decide
from policies.kind import Spec
from policies.spec import KINDS
from tests.harness.web.local_records import downloaded
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

IDS = int(os.environ.get("BANDIT_LOCAL_IDS", "60"))
ROUNDS = 24
VARIANTS = [
    {"key": "boots", "features": {"warm": True, "price": 89.0}},
    {"key": "sandals", "features": {"warm": False, "price": 39.5}},
    {"key": "scarf", "when": 'season = "winter" or hour > 18'},
    {"key": "coat", "from": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"},
    {"key": "hat", "until": "2001-01-01T00:00:00Z"},
]
SPECS = [spec for kind in KINDS.values() for spec in kind.examples]


@pytest.fixture(scope="module")
def service(start_shared_worker: StartWorker) -> WorkerInProcess:
    return start_shared_worker()


def context_of(i: int) -> dict[str, object]:
    season = "winter" if i % 3 else "summer"
    user = {"segment": f"s{i % 5}", "visits": i % 7}
    return {"season": season, "hour": i % 24, "new": i % 2 == 0, "user": user}


@pytest.mark.parametrize("spec", SPECS, ids=json.dumps)
def test_both_choose_alike_for_every_id(service: WorkerInProcess, spec: Spec) -> None:
    key = f"e-{SPECS.index(spec)}"
    service.create(
        key, variants=VARIANTS, policy=spec, holdout=0.2, reward={"window_seconds": 1}
    )
    for i in range(ROUNDS):
        made = service.decide(key, unit_id=f"u{i}", context=context_of(i))
        service.reward(made["decision_id"], (i % 4) / 3)
    service.learn(after_s=2)
    model = downloaded(service, key)
    assert model.published.version > 0

    ports = service.worker.serving
    for i in range(IDS):
        unit_id = None if i % 10 == 0 else f"v{i}"
        exclude = ("boots",) if i % 11 == 0 else ()
        request = DecisionRequest(key, unit_id, context_of(i), exclude)
        entropy = os.urandom(ENTROPY_BYTES)
        theirs = decide(ports, request, service.now_ms, entropy).decision

        ours = model.choose(theirs.id, unit_id, context_of(i), service.now_ms, exclude)

        assert (ours.variant, ours.propensity, ours.group, ours.source) == (
            (theirs.variant, theirs.propensity, theirs.group, theirs.source)
        )
        assert (ours.keys, ours.pmf) == (theirs.variants, theirs.pmf)
        assert ours.treatment == theirs.treatment_pmf


@pytest.mark.parametrize("key", [None, b"k" * 32], ids=["raw ids", "pseudonyms"])
def test_a_unit_is_in_the_same_group_and_has_the_same_variant(
    tmp_path: Path, key: bytes | None
) -> None:
    with closing(WorkerInProcess(tmp_path, dev=False, pseudonym_key=key)) as service:
        service.create("groups", holdout=0.5)
        model = downloaded(service, "groups")

        groups = set()
        for i in range(50):
            made = service.decide("groups", unit_id=f"u{i}")
            ours = model.choose(made["decision_id"], f"u{i}", {}, service.now_ms)
            found = msgspec.json.encode([ours.group, ours.variant])
            assert found == msgspec.json.encode([made["group"], made["variant"]])
            groups.add(made["group"])
        assert len(groups) == 2
