"""A data folder of the release before the redesign: nothing in it reads differently."""

import json
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bandit_svc.learner.loop import Learner
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends

Run = Callable[..., Result]
Report = dict[str, Any]

ARCHIVE = Path(__file__).with_name("fixtures") / "before_redesign.tar.gz"
OF_THE_CLOCK = {"as_of", "health"}
OF_ANOTHER_RULE = {
    *("segments", "segment_rule", "uplift", "groups", "history", "metrics", "variants"),
}
"""Segments are corrected by e-BH now, for their number; the others are by unit."""
TIMEOUT_S = 120.0


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The unpacked archive: `data`, `report.json` and `replay.txt`."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def migrated(old: Path, run: Run) -> Path:
    """The same, brought to the schema of today."""
    again = run("init", "--data", old / "data")
    assert "initialised already" in again.output
    return old


def report_of(run: Run, folder: Path) -> Report:
    result = run("report", "hero", "--format", "json", "--data", folder / "data")
    assert result.exit_code == 0, result.output
    return plain(json.loads(result.stdout))


def drain(folder: Path) -> None:
    """Let a learner do all that there is to do."""
    settings = Settings(data=str(folder / "data"))
    with closing(Backends(settings)) as backends:
        learned_at_ms = backends.storage.model_versions.metas(1)[0].created_at_ms
        Learner(backends, lambda: learned_at_ms + 60_000).drain(TIMEOUT_S)


def plain(report: Report) -> Report:
    """Leave out what depends on when the report was asked for."""
    del report["model"]["age_seconds"]
    return report


def as_told(part: object, before: object) -> object:
    """Leave out fields that were not there before, and what a sentence says.

    An interval that excludes nothing was the whole range before; it is unknown now.
    """
    if part == [None, None] and before in ([-1.0, 1.0], [0.0, 1.0]):
        return before
    if isinstance(part, list) and isinstance(before, list):
        assert len(part) == len(before)
        return [as_told(one, old) for one, old in zip(part, before, strict=True)]
    if isinstance(part, dict) and isinstance(before, dict):
        return {name: as_told(part[name], old) for name, old in before.items()}
    return "a sentence" if isinstance(part, str) and " " in part else part


def statuses(report: Report) -> dict[str, str]:
    return {check["check"]: check["status"] for check in report["health"]}


def test_its_model_is_still_the_one_that_its_log_gives(
    run: Run, migrated: Path
) -> None:
    result = run("replay", "hero", "--verify", "--data", migrated / "data")

    assert result.exit_code == 0, result.output
    assert result.stdout == (migrated / "replay.txt").read_text()


def test_doctor_finds_no_fault_in_it(run: Run, migrated: Path) -> None:
    result = run("doctor", "--data", migrated / "data")

    assert result.output == "no faults found\n"


def test_its_report_says_what_it_said(run: Run, migrated: Path) -> None:
    before = plain(json.loads((migrated / "report.json").read_text()))
    early = report_of(run, migrated)
    drain(migrated)
    after = report_of(run, migrated)

    told = set(before) - OF_THE_CLOCK - OF_ANOTHER_RULE
    for name in sorted(told):
        assert as_told(after[name], before[name]) == as_told(before[name], before[name])
    # A check that had too little to go by said "ok"; it says "early" now. That no
    # learner has run on the migrated store yet is told.
    same = {n: s for n, s in statuses(early).items() if s != "early"}
    assert same.pop("learner") == "warn"
    assert same.pop("sticky_window") == "ok"
    assert same.pop("personal_fields") == "ok"
    assert same.items() <= statuses(before).items()


def test_its_uplift_is_by_unit_with_the_former_one_beside_it(
    run: Run, migrated: Path
) -> None:
    before = json.loads((migrated / "report.json").read_text())
    early = report_of(run, migrated)["uplift"]
    drain(migrated)
    after = report_of(run, migrated)
    uplift, former = after["uplift"], after["uplift"]["former"]

    assert early["absolute"]["estimate"] is None
    assert "300 matured decisions are still to come" in early["absolute"]["reason"]
    assert as_told(former["absolute"], before["uplift"]["absolute"]) == as_told(
        before["uplift"]["absolute"], before["uplift"]["absolute"]
    )
    assert former["method"] == before["uplift"]["method"]
    # Its log has no pmf of the other group, so that the group alone is what is known.
    estimate = before["uplift"]["absolute"]["estimate"]
    assert uplift["absolute"]["estimate"] == pytest.approx(estimate)
    assert uplift["randomised"]["absolute"] == uplift["absolute"]
    for row, old in zip(after["groups"], before["groups"], strict=True):
        assert row["n"] == old["n"]
        assert row["mean"] == pytest.approx(old["mean"])
        assert 0 < row["units"] <= row["n"]


def test_its_sums_and_evaluations_know_their_period(run: Run, migrated: Path) -> None:
    drain(migrated)
    report = report_of(run, migrated)

    for row in (*report["groups"], *report["variants"], *report["policies"]):
        assert row["period"]["first"] < row["period"]["last"]


def test_its_candidates_are_valued_again_from_its_log(run: Run, migrated: Path) -> None:
    """The sums of before had the decisions of one group only."""
    before = report_of(run, migrated)
    drain(migrated)
    settings = Settings(data=str(migrated / "data"))
    with closing(Backends(settings)) as backends:
        evaluated = backends.storage.evaluations.all(1)
        (model,) = backends.storage.evaluations.reward_models(1)

    assert {row["behind"] for row in before["policies"]} == {300}
    assert {row.cursor for row in evaluated} == {model.cursor} == {300}
    after = report_of(run, migrated)
    assert {row["behind"] for row in after["policies"]} == {0}
    assert after["reward_model"] == before["reward_model"]
