"""`bandit-svc archive`, and the commands that read what it has written."""

from pathlib import Path

from tests.harness.command import Run


def test_decisions_are_archived_checked_and_replayed(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    url = f"file://{tmp_path}/archive"
    options = ("--data", trained, "--archive", url)
    archived = run("archive", *options)
    again = run("archive", *options)
    replayed = run("replay", "hero", "--verify", *options)
    sound = run("doctor", *options)
    evaluated = run("evaluate", "hero", "--archive", url, "--data", trained)
    by_setting = run("evaluate", "hero", "--data", trained, BANDIT_ARCHIVE=url)
    (file,) = (tmp_path / "archive").rglob("*.parquet")
    file.unlink()
    faulty = run("doctor", *options)
    unknown = run("doctor", "--data", trained)
    mended = run("archive", "--mend", *options)

    assert archived.stdout == "hero: 1 file written\n"
    assert again.stdout == "hero: 0 files written\n"
    assert replayed.exit_code == 0, replayed.output
    assert "effective sample size of " in evaluated.stdout, evaluated.output
    assert "the archive of hero" in evaluated.stdout
    assert "the archive of hero" not in by_setting.stdout
    state = "1 file of 40 joined decisions, of which 0 have left the store"
    assert sound.stdout == f"the archive {url} has {state}\nno faults found\n"
    assert (faulty.exit_code, "is missing" in faulty.stdout) == (1, True)
    assert "BANDIT_ARCHIVE" in unknown.stdout
    assert mended.stdout == "hero: 0 files written, 1 mended\n"
    assert file.exists()


def test_the_archive_must_be_named(run: Run, trained: Path) -> None:
    result = run("archive", "--data", trained)

    assert result.exit_code == 2
    assert "--archive URL" in result.stderr
