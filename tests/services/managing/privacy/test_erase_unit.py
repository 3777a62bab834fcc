"""An erasure ends whole wherever it is cut short, and touches nothing of others."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.people.unit_fact import UnitChange, encode_unit_fact
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.wiring import Backends
from tests.harness.service import Service

SCORE = 0.8413725190264
NAMES = ("ü-erika", "e", "anon-erika", "only-hers", "gold-trait", "r-erika")
MARKS = (*NAMES, str(SCORE))
LONG: dict[str, object] = {f"key-{i}": f"only-hers-{i:03d}" for i in range(40)}
CONTEXTS: list[dict[str, object]] = [
    {},
    {"device": "mobile"},
    {"hat": "only-hers", "user": {"segment": "only-hers", "device": "mobile"}},
    {"ü": "only-hers-ü", "score": SCORE, "n": -7, "yes": True, "no": None},
    LONG,
]


class Cut(Exception):
    """Stands for the death of the process."""


@pytest.fixture
def world(service: Service) -> Service:
    """Return a service with a unit of three ids, among others, all joined."""
    # The model of a limited policy holds the contexts of the last decisions.
    limited = [{"key": "a", "max_share": 0.6}, {"key": "b"}, {"key": "c"}]
    service.create(policy={"kind": "linear"}, variants=limited)
    service.create("plain", policy={"kind": "vw"})
    change = UnitChange("f-1", "ü-erika", service.now_ms, {"tier": "gold-trait"})
    change = msgspec.structs.replace(change, links=("anon-erika", "e"))
    service.worker.log.append(encode_unit_fact(change))
    service.learner.tick()
    for n, context in enumerate(CONTEXTS):
        service.rounds(20)
        for key in ("hero", "plain"):
            for unit in ("ü-erika", "anon-erika", "e"):
                decided = service.decide(
                    experiment=key,
                    unit_id=unit,
                    context=dict(context),
                    request_id=f"r-erika-{unit}-{n}" if n % 2 else None,
                )
                service.reward(decided, reward_id=f"order-{n}")
    service.rounds(20)
    service.mature()
    return service


def erase(service: Service, on_batch: Callable[[], None] = lambda: None) -> str:
    """Do what the learner does with an erasure that waits; return its step."""
    with closing(Backends(service.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom, on_batch)
    assert done is not None
    return done.step


def marks_in(folder: Path, marks: tuple[str, ...]) -> list[tuple[str, str]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return [
        (name, mark)
        for name, content in contents.items()
        for mark in marks
        if mark.encode() in content
    ]


def folder_of(service: Service) -> Path:
    return Path(service.settings.data)


def decisions_of(service: Service) -> Iterator[Decision]:
    for number in (1, 2):
        for row in service.storage.joins.after(number, 0, 10_000):
            yield row.decision


@pytest.mark.parametrize("cut_at", range(0, 12, 2))
def test_an_erasure_that_is_cut_short_is_ended_by_the_next(
    world: Service, cut_at: int
) -> None:
    before = {d.id: d for d in decisions_of(world)}
    hers = {
        d.id for d in before.values() if d.unit_id in {"anon-erika", "ü-erika", "e"}
    }
    uplift = world.storage.joins.uplift(2)
    ask_erasure(world.storage, "e", bytes(9), world.now_ms)
    calls = 0

    def cut() -> None:
        nonlocal calls
        calls += 1
        if calls == cut_at:
            raise Cut

    try:
        step = erase(world, cut)
    except Cut:
        step = erase(world)
    with closing(Backends(world.settings)) as fresh:
        after = {
            row.decision.id: row.decision
            for number in (1, 2)
            for row in fresh.storage.joins.after(number, 0, 10_000)
        }
        states = rebuild(fresh.storage.unit_facts, fresh.storage.units, keep=False)
        assert fresh.storage.facts.check() == []

    with closing(sqlite3.connect(folder_of(world) / "bandit.db")) as store:
        (tombstones,) = store.execute("SELECT count(*) FROM tombstones").fetchone()
    assert tombstones == 3
    assert step == "done"
    assert uplift is not None
    marks = tuple(mark for mark in MARKS if mark != "e")
    assert marks_in(folder_of(world), marks) == []
    assert {i for i, d in after.items() if d != before[i]} == hers
    for id_ in hers:
        assert (after[id_].unit_id or "").startswith("e_")
        left = set(after[id_].context.items())
        assert left <= {("device", "mobile")}
        for kept in (
            "variants",
            "pmf",
            "chosen",
            "propensity",
            "group",
            "treatment_pmf",
        ):
            assert getattr(after[id_], kept) == getattr(before[id_], kept)
    assert states.matches


def test_models_are_those_of_the_blanked_log_and_earlier_ones_are_gone(
    world: Service,
) -> None:
    versions = {key: world.model(key).meta.version for key in ("hero", "plain")}
    ask_erasure(world.storage, "ü-erika", bytes(9), world.now_ms)

    assert erase(world) == "done"
    for key, version in versions.items():
        assert world.replay(key).matches
        metas = world.storage.model_versions.metas(world.model(key).meta.number)
        assert [meta.version for meta in metas] == [version + 1]


def test_the_log_holds_as_many_facts_as_before_and_no_damage(world: Service) -> None:
    before = world.logged()
    ask_erasure(world.storage, "ü-erika", bytes(9), world.now_ms)
    erase(world)
    after = world.logged()

    assert len(after) == len(before)
    same = [old for old, new in zip(before, after, strict=True) if old == new]
    changed = len(before) - len(same)
    assert changed == 1 + 2 * 3 * len(CONTEXTS)
    world.rounds(10)
    world.mature()
    assert world.storage.damages.all() == []


def test_a_unit_of_which_nothing_is_stored_is_erased_too(world: Service) -> None:
    ask_erasure(world.storage, "nobody", bytes(9), world.now_ms)
    before = list(decisions_of(world))

    assert erase(world) == "done"
    assert list(decisions_of(world)) == before
