"""Ids of units are kept as pseudonyms: nothing in the folder has what was sent."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.people.pseudonyms import Pseudonyms
from tests.harness.worker_in_process import WorkerInProcess

KEY = bytes(range(32))
UNIT, DEVICE = "erika.mustermann@example.org", "device-5512-erika"


def pseudonym(unit_id: str) -> str:
    """Return a pseudonym as docs/people.md defines it."""
    hashed = hashlib.blake2b(unit_id.encode(), key=KEY, digest_size=12)
    return f"p_{hashed.hexdigest()}"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WorkerInProcess]:
    started = WorkerInProcess(tmp_path, dev=False, pseudonym_key=KEY)
    started.create("hero", features={"views": "count(viewed, 7d)"})
    started.create("sticky", sticky={"for_seconds": 3600})
    yield started
    started.close()


@pytest.mark.parametrize("unit_id", ["u-81", "ü", "x" * 256, "p_" + 24 * "0"])
def test_a_pseudonym_is_a_keyed_hash_of_the_id(unit_id: str) -> None:
    assert Pseudonyms(KEY).of(unit_id) == pseudonym(unit_id)
    assert Pseudonyms(None).of(unit_id) == unit_id


@pytest.mark.parametrize("unit_id", ["", "x" * 257])
def test_an_id_that_is_none_is_refused_at_its_field(unit_id: str) -> None:
    for pseudonyms in (Pseudonyms(KEY), Pseudonyms(None)):
        with pytest.raises(InvalidInput) as refused:
            pseudonyms.of(unit_id, pointer="/links/1")
        assert refused.value.fields[0].pointer == "/links/1"


def test_no_file_of_the_folder_has_an_id_that_was_sent(
    service: WorkerInProcess, tmp_path: Path
) -> None:
    service.post("/v1/events", {"unit_id": DEVICE, "event": "viewed"})
    body = {"events": [{"unit_id": DEVICE, "event": "viewed"}]}
    service.post("/v1/events/batch", body)
    service.call(
        "PUT", f"/v1/units/{UNIT}", {"traits": {"tier": "gold"}, "links": [DEVICE]}
    )
    service.learn()
    for key in ("hero", "sticky"):
        service.decide(key, unit_id=UNIT, links=[DEVICE])
        one = {"experiment": key, "unit_id": DEVICE}
        service.post("/v1/decisions/batch", {"decisions": [one, one]})
    service.learn()

    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for sent in (UNIT, DEVICE):
        assert not [str(path) for path, data in kept.items() if sent.encode() in data]
    assert any(pseudonym(DEVICE).encode() in data for data in kept.values())


def test_only_the_sender_gets_an_id_back(service: WorkerInProcess) -> None:
    service.post("/v1/events", {"unit_id": DEVICE, "event": "viewed"})
    service.call("PUT", f"/v1/units/{UNIT}", {"links": [DEVICE]})
    service.learn()
    unit = service.get(f"/v1/units/{UNIT}").json
    made = service.decide("hero", unit_id=UNIT)
    record = service.get(f"/v1/decisions/{made['decision_id']}").json

    assert unit["unit_id"] == UNIT
    assert (unit["group_id"], unit["links"]) == (pseudonym(DEVICE), [pseudonym(DEVICE)])
    assert unit["features"] == {"hero": {"views": 1}}
    assert (record["unit_id"], record["group_id"]) == (
        pseudonym(UNIT),
        pseudonym(DEVICE),
    )
    assert record["context"] == {"unit": {"views": 1}}


def test_a_secret_key_may_name_a_pseudonym_a_publishable_one_may_not(
    service: WorkerInProcess,
) -> None:
    named = pseudonym(UNIT)
    service.call("PUT", f"/v1/units/{UNIT}", {"traits": {"tier": "gold"}})
    service.learn()
    body = {"experiment": "hero", "unit_id": named}
    publishable = {"Authorization": f"Bearer {service.publishable}"}
    units = [
        service.get(f"/v1/decisions/{answer.json['decision_id']}").json["unit_id"]
        for answer in (
            service.post("/v1/decisions", body),
            service.post("/v1/decisions", body, publishable),
        )
    ]

    assert service.get(f"/v1/units/{named}").json["traits"] == {"tier": "gold"}
    assert units == [named, pseudonym(named)]
