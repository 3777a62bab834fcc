"""A learner that is killed in the middle of an erasure or of a correction.

Owns the moments: each kill is at a step that the store shows, of real processes. What
the next learner ends is held against what was there before.
"""

import os
import signal
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.settings import Settings
from bandit_svc.storage.privacy import Privacy
from bandit_svc.wiring import Backends
from tests.harness.process import children_of
from tests.harness.served import Served, StartServed
from tests.harness.stored.data_folder import found_in, pseudonyms_of, run

KEYS = ("linear", "vw")
STEPS = ("asked", "blanked", "forgotten")
MOST_PEOPLE = 12
OTHERS = 40
VISITS = 300


def definition(kind: str) -> dict[str, Any]:
    return {
        "key": kind,
        "variants": [{"key": "a"}, {"key": "b"}],
        "policy": {"kind": kind},
        "reward": {"window_seconds": 0.5, "credit": "last_exposed"},
        "features": {"style": "top(viewed.style, 30d)"},
        "holdout": 0.3,
        "candidates": [{"name": "slow", "kind": "linear", "ridge": 5}],
    }


def marks(n: int) -> list[str]:
    """Return what is known of a person alone: id, device, trait, property, value."""
    words = ("unit", "device", "trait", "property", "context")
    return [f"{word}-of-person-{n:02d}" for word in words]


def live(service: Served, n: int) -> None:
    """Let a person leave all of that."""
    unit, device, trait, style, value = marks(n)
    viewed = {"unit_id": device, "event": "viewed", "properties": {"style": style}}
    assert service.post("/v1/events", viewed) is not None
    visit(service, unit, {"links": [device]}, {"hat": value, "n": n % 3})
    visit(service, device, {}, {"n": n % 3})
    order = {"unit_id": unit, "value": 1.0, "reward_id": f"order-{n}"}
    assert service.post("/v1/rewards", order) is not None
    assert service.post("/v1/events", {"unit_id": unit, "event": trait}) is not None


def visit(
    service: Served, unit: str, fields: dict[str, Any], context: dict[str, Any]
) -> dict[str, str]:
    """Decide in each experiment, and reward; return the ids by key."""
    ids = {}
    for key in KEYS:
        body = {"experiment": key, "unit_id": unit, "context": context, **fields}
        made = service.post("/v1/decisions", body)
        ids[key] = str(made["decision_id"])
        reward = {"decision_id": ids[key], "value": 1.0, "reward_id": "first"}
        assert service.post("/v1/rewards", reward) is not None
    return ids


def populated(start_service: StartServed, people: int) -> Served:
    """Return a service with people and others, everything joined and learned."""
    service = start_service(segment_bytes="65536", keep_log_days="1")
    for key in KEYS:
        assert service.post("/v1/experiments", definition(key)) is not None
    for n in range(people):
        live(service, n)
    ids = [
        visit(service, f"other-{n % OTHERS}", {}, {"device": "mobile", "n": n % 3})
        for n in range(VISITS)
    ]
    wait_until_learned(service, ids[-1])
    return service


def wait_until_learned(service: Served, last: dict[str, str]) -> None:
    """Wait until all decisions up to these are learned from."""

    def learned() -> bool:
        for key in KEYS:
            if service.get(f"/v1/decisions/{last[key]}")["state"] != "joined":
                return False
            report = service.get(f"/v1/experiments/{key}/report")
            decided = report["decisions"]
            made = decided["treatment"] + decided["baseline"]
            if decided["pending"] or made != decided["joined"] or not made:
                return False
            if report["model"]["learned"] != decided["treatment"]:
                return False
        return True

    service.wait_for(learned, "everything learned")


def kill(service: Served, pid: int) -> None:
    """Kill a learner; wait until the supervisor has put another in its place."""
    os.kill(pid, signal.SIGKILL)
    service.wait_for(lambda: learner_of(service) not in {0, pid}, "another learner")


def learner_of(service: Served) -> int:
    return next(iter(service.by_role()["learner"]), 0)


def sums_of(service: Served) -> list[object]:
    """Return what an erasure leaves as it is."""
    reports = [service.get(f"/v1/experiments/{key}/report") for key in KEYS]
    return [(r["decisions"], r["uplift"], r["groups"]) for r in reports]


@pytest.mark.e2e
def test_an_erasure_is_ended_by_the_next_learner_after_a_kill_at_any_step(
    start_service: StartServed,
) -> None:
    service = populated(start_service, MOST_PEOPLE)
    data = service.data
    gone: list[str] = []
    met: Counter[str] = Counter()
    before = sums_of(service)
    with closing(Backends(Settings(data=str(data)))) as backends:
        privacy = backends.storage.privacy
        for n in range(MOST_PEOPLE):
            unit, device, *_ = marks(n)
            gone += [*marks(n), *pseudonyms_of(data, unit, device)]
            service.wait_for(lambda: learner_of(service), "a learner")
            asked = service.delete(f"/v1/units/{unit}")
            for step in STEPS[n % len(STEPS) :]:
                met[step] += kill_at(service, backends, asked["id"], step)
            service.wait_for(partial(is_done, privacy, asked["id"]), "the erasure done")
            assert found_in(data, gone) == []
            if n >= len(STEPS) and set(met) == set(STEPS):
                break
    service.wait_for(lambda: sums_of(service) == before, "the numbers as before")
    assert service.stop() == 0

    assert all(met[step] for step in STEPS), met
    _check(data)
    assert found_in(data, gone) == []


def is_done(privacy: Privacy, erasure_id: str) -> bool:
    found = privacy.get(erasure_id)
    return found is not None and found.step == "done"


def kill_at(service: Served, backends: Backends, erasure_id: str, step: str) -> int:
    """Kill the learner once an erasure has come to a step; return 1 if it was there.

    A step may pass unseen: then nothing is killed.
    """
    privacy = backends.storage.privacy
    order = [*STEPS, "done"]

    def reached() -> bool:
        # Some steps are shorter than a pause between two looks.
        return any(
            order.index(found.step) >= order.index(step)
            for _ in range(100)
            if (found := privacy.get(erasure_id)) is not None
        )

    service.wait_for(reached, f"the erasure at {step!r}")
    learner = service.wait_for(lambda: learner_of(service), "a learner")
    # Stopped, it can't go on between the look and the kill.
    os.kill(learner, signal.SIGSTOP)
    found = privacy.get(erasure_id)
    if found is None or found.step != step:
        os.kill(learner, signal.SIGCONT)
        return 0
    kill(service, learner)
    return 1


@pytest.mark.e2e
def test_a_correction_is_ended_by_the_next_learner_after_a_kill_at_any_step(
    start_service: StartServed,
) -> None:
    service = populated(start_service, 0)
    data = service.data
    ids = [visit(service, f"buyer-{n}", {}, {"n": n % 3}) for n in range(30)]
    wait_until_learned(service, ids[-1])
    for one in ids[:20]:
        for key in KEYS:
            refund = {"decision_id": one[key], "value": 0.25, "reward_id": "first"}
            sent = service.post("/v1/rewards", {**refund, "correction": True})
            assert sent["status"] == "corrected"
    with closing(Backends(Settings(data=str(data)))) as backends:
        corrections = backends.storage.corrections
        service.wait_for(corrections.waiting, "corrections in the store")
        kill(service, learner_of(service))
        kill(service, job_of(service)[0])
        # The second time the job's own process is killed, and its learner lives on.
        learner, job = job_of(service)
        os.kill(job, signal.SIGKILL)
        service.wait_for(lambda: job_of(service)[1] != job, "another job")
        assert learner_of(service) == learner
        assert corrections.waiting()
        service.wait_for(lambda: not corrections.waiting(), "the corrections learned")
    wait_until_learned(service, ids[-1])
    views = [service.get(f"/v1/decisions/{i}") for one in ids for i in one.values()]
    reports = [service.get(f"/v1/experiments/{key}/report") for key in KEYS]
    assert service.stop() == 0

    expected = [0.25 if n < 2 * 20 else 1.0 for n in range(2 * len(ids))]
    assert [view["reward"] for view in views] == expected
    for report in reports:
        assert report["corrections"]["count"] == 20
        assert report["corrections"]["change"] == pytest.approx(-0.75 * 20)
        assert report["corrections"]["pending"] == 0
    _check(data)


def job_of(service: Served) -> tuple[int, int]:
    """Wait for a job that is at work on its own store; return its learner and it."""
    beside = service.data / "anew"

    def found() -> tuple[int, int] | None:
        learner = learner_of(service)
        jobs = children_of(learner) if learner else []
        at_work = beside.is_dir() and any(beside.iterdir())
        return (learner, jobs[0]) if jobs and at_work else None

    pids = service.wait_for(found, "a job at work")
    assert pids is not None
    return pids


def _check(data: Path) -> None:
    for key in KEYS:
        run(data, "replay", key, "--verify")
    run(data, "replay", "--units", "--verify")
    run(data, "doctor")
