"""`bandit-svc doctor` over a store with damaged rows, and its way out."""

from pathlib import Path

from tests.harness.command import Run
from tests.harness.raw_store import damage_store


def test_a_damaged_row_is_named_until_it_is_acknowledged(
    run: Run, trained: Path
) -> None:
    damage_store(trained, "UPDATE joined SET reward = 0.75 WHERE position = 3")
    found = run("doctor", "--data", trained)
    accepted = run("doctor", "--acknowledge", "1", "--data", trained)
    again = run("doctor", "--data", trained)

    assert found.exit_code == 1
    (fault,) = found.stdout.splitlines()
    assert "the table joined of the store" in fault
    assert "(bandit.db)" in fault
    assert "1 fact is lost" in fault
    assert "`bandit-svc doctor --acknowledge 1`" in fault
    assert accepted.stdout == again.stdout == "no faults found\n"
