"""A data folder of an earlier version: refused, then migrated, then it goes on."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bandit_svc.cli.service.launch import prepare
from bandit_svc.domain.events.event import encode_event
from bandit_svc.learner.loop import Learner
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from tests.harness.command import Run
from tests.harness.old_store import make_old_store
from tests.harness.waiting import GENEROUS_S

LATER_MS = 1_750_000_100_000
WINDOW_MS = 10_000
CANDIDATES = [{"kind": "linear", "ridge": 5.0, "name": "heavier"}]


@pytest.fixture
def evaluated(trained: Path) -> Path:
    """A folder of this version, with a candidate that learns."""
    settings = Settings(data=str(trained))
    with closing(Backends(settings)) as backends:
        lifecycle.change(backends.storage, "hero", {"candidates": CANDIDATES}, LATER_MS)
        Learner(backends, lambda: LATER_MS).drain(GENEROUS_S)
    return trained


@pytest.fixture
def make_old() -> Callable[[Path], None]:
    """Put a folder's facts into a store of the fifth migration, with its forms."""

    def make(data: Path) -> None:
        make_old_store(data, before="m007_jobs")
        path = data / "bandit.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            rows = connection.execute("SELECT policy, scores FROM evaluations")
            for policy, scores in rows.fetchall():
                content = msgspec.msgpack.decode(scores)
                if isinstance(content, dict):
                    # What the check `history` keeps was not there yet.
                    connection.execute(
                        "DELETE FROM evaluations WHERE policy = ?", [policy]
                    )
                    continue
                # What a reward model adds was not there yet, nor was the model.
                shorter = msgspec.msgpack.encode(content[:3])
                connection.execute(
                    "UPDATE evaluations SET scores = ? WHERE policy = ?",
                    [shorter, policy],
                )

    return make


def report(run: Run, data: Path) -> dict[str, Any]:
    result = run("report", "hero", "--format", "json", "--data", data)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_commands_name_the_migrations_that_are_to_come_and_change_nothing(
    run: Run, evaluated: Path, make_old: Callable[[Path], None]
) -> None:
    make_old(evaluated)
    (evaluated / "bandit.db").chmod(0o600)
    (evaluated / "bandit.db").chmod(0o600)
    before = (evaluated / "bandit.db").read_bytes()
    doctor = run("doctor", "--data", evaluated)
    asked = run("report", "hero", "--data", evaluated)

    for result in (doctor, asked):
        assert result.exit_code == 1
        assert "m007_jobs" in result.output
        assert "Run `bandit-svc serve` or `bandit-svc init`" in result.output
    assert len(doctor.stdout.splitlines()) == 1
    assert (evaluated / "bandit.db").read_bytes() == before


def test_init_migrates_a_store_that_is_there(
    run: Run, evaluated: Path, make_old: Callable[[Path], None]
) -> None:
    make_old(evaluated)
    again = run("init", "--data", evaluated)

    assert (again.exit_code, "initialised already" in again.output) == (1, True)
    assert run("doctor", "--data", evaluated).exit_code == 0


def test_a_migrated_store_reports_the_same_and_computes_its_candidates_again(
    run: Run, evaluated: Path, make_old: Callable[[Path], None]
) -> None:
    before = report(run, evaluated)
    make_old(evaluated)
    settings = Settings(data=str(evaluated))
    prepare(settings)
    halfway = report(run, evaluated)
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: LATER_MS).drain(GENEROUS_S)
    after = report(run, evaluated)

    at_once = ("decisions", "latency")
    assert {part: halfway[part] for part in at_once} == {p: before[p] for p in at_once}
    told = (*at_once, "groups", "history", "segments")
    assert {part: after[part] for part in told} == {p: before[p] for p in told}
    assert "is being computed" in halfway["uplift"]["absolute"]["reason"]
    for kind in ("absolute", "relative", "randomised"):
        assert after["uplift"][kind] == before["uplift"][kind]
    assert "heavier" in {row["policy"] for row in after["policies"]}
    assert after["policies"] == before["policies"]
    assert after["variants"] == before["variants"]


def test_a_migrated_store_goes_on_deciding_and_learning(
    run: Run, evaluated: Path, make_old: Callable[[Path], None]
) -> None:
    make_old(evaluated)
    settings = Settings(data=str(evaluated), publish_every_ms=0)
    prepare(settings)
    with closing(Worker(settings, LATER_MS, "cd34")) as worker:
        for number in range(30):
            request = DecisionRequest(
                experiment="hero", unit_id=f"new {number}", context={"device": "tv"}
            )
            decide(worker.serving, request, LATER_MS, (2**60 + number).to_bytes(9))
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: LATER_MS + 2 * WINDOW_MS).drain(GENEROUS_S)
        breakdowns = backends.storage.breakdowns
        joined = backends.storage.joins.last_position(1)
        over_time = sum(row.n for row in breakdowns.history(1))
        # With the uplift, which is summed up anew.
        in_drift = sum(row.n for row in breakdowns.drift(1))
        # Kept from the migration on.
        units = max(row.treatment + row.baseline for row in breakdowns.units(1))
        version = backends.storage.model_versions.latest_versions()[1]

    assert (joined, over_time, in_drift, units) == (70, 70, 70, 30)
    assert version == 2
    assert report(run, evaluated)["decisions"]["joined"] == 70
    assert run("doctor", "--data", evaluated).stdout == "no faults found\n"


def test_segments_of_format_1_that_are_unread_are_learned_after_the_migration(
    run: Run, evaluated: Path, make_old: Callable[[Path], None]
) -> None:
    settings = Settings(data=str(evaluated), publish_every_ms=0)
    lines = []
    with closing(Worker(settings, LATER_MS, "cd34")) as worker:
        for number in range(30):
            request = DecisionRequest("hero", context={"device": "tv"})
            entropy = (2**60 + number).to_bytes(9)
            made = decide(worker.serving, request, LATER_MS, entropy)
            lines.append(encode_event(made.decision) + b"\n")
    shutil.rmtree(evaluated / "log" / worker.log.partition)
    for file in (evaluated / "log" / "manifests").glob("w*"):
        file.unlink()
    make_old(evaluated)
    old = evaluated / "log" / "w1740000000000-1-ab12"
    old.mkdir(parents=True)
    (old / "00000001.jsonl").write_bytes(b"".join(lines))
    prepare(settings)
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: LATER_MS + 2 * WINDOW_MS).drain(GENEROUS_S)
        joined = backends.storage.joins.last_position(1)

    assert joined == 70
    assert not old.exists()
    shown = run("replay", "hero", "--verify", "--data", evaluated)
    assert shown.exit_code == 0, shown.output
    assert run("doctor", "--data", evaluated).stdout == "no faults found\n"
