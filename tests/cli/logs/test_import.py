"""`bandit-svc import`: what an operator is told."""

from pathlib import Path

import pytest

from tests.harness.command import Run

ROWS = "banner,clicked,p,device\nold-dress,1,0.5,mobile\nsandals,0,0.5,tv\n"


@pytest.fixture
def old_log(tmp_path: Path) -> Path:
    file = tmp_path / "old.csv"
    file.write_text(ROWS)
    return file


def options(log: Path, data: Path, *others: object) -> list[object]:
    return [
        *("import", "hero", log, "--data", data),
        *("--action-column", "banner", "--reward-column", "clicked"),
        *("--propensity-column", "p", "--context-columns", "device"),
        *others,
    ]


def test_a_log_is_imported_once_and_learned(
    run: Run, trained: Path, old_log: Path
) -> None:
    first = run(*options(old_log, trained, "--map", "old-dress=dress"))
    again = run(*options(old_log, trained, "--map", "old-dress=dress"))

    assert first.exit_code == again.exit_code == 0, first.output
    assert "2 decisions of old.csv imported into hero." in first.stdout
    assert "nothing was changed" in again.stdout


def test_unknown_variants_are_listed_with_the_way_out(
    run: Run, trained: Path, old_log: Path
) -> None:
    result = run(*options(old_log, trained))

    assert result.exit_code == 2
    assert "old-dress (1 rows); it has dress, sandals." in result.stderr
    assert "--map OLD=NEW" in result.stderr

    skipped = run(*options(old_log, trained, "--skip-unknown"))

    assert "1 decision of old.csv imported" in skipped.stdout
    assert "Left out: 1 of variants that the experiment doesn't have." in skipped.stdout


@pytest.mark.parametrize("given", ["old-dress", "=dress", "old-dress="])
def test_a_map_without_two_names_is_refused(
    run: Run, trained: Path, old_log: Path, given: str
) -> None:
    result = run(*options(old_log, trained, "--map", given))

    assert result.exit_code != 0
    assert "it must be OLD=NEW" in result.stderr
