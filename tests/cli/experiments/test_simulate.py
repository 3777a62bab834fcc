"""`bandit-svc simulate` against a running service."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.summary import Summary
from tests.harness.command import Run, StartCommand
from tests.harness.process import COMMAND
from tests.harness.waiting import GENEROUS_S


@pytest.mark.e2e
def test_a_run_is_told_in_plain_lines_and_is_in_the_report(
    start: StartCommand, run: Run
) -> None:
    service = start("serve", "--dev", "--port", "0", "--workers", "1")
    service.wait_until_up()
    done = subprocess.run(
        [
            *(COMMAND, "simulate", "null", "--url", service.url),
            *("--rounds", "60", "--seed", "3", "--window", "0.5"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=GENEROUS_S,
    )
    (key,) = [
        line.split()[-1] for line in done.stdout.splitlines() if "experiment" in line
    ]

    assert "decisions                60" in done.stdout
    assert "null: 60/60 decisions" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    service.wait_for(
        lambda: "\ndecisions,pending,count,0\n" in report(run, service.data, key),
        "joined",
    )


def report(run: Run, data: Path, key: str) -> str:
    result = run("report", key, "--format", "csv", "--data", data)
    return result.stdout.replace("\r\n", "\n")


def test_a_service_that_is_not_there_is_a_sentence(run: Run) -> None:
    result = run("simulate", "hero", "--url", "http://127.0.0.1:9", "--rounds", "5")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output


def test_what_was_done_until_an_interruption_is_printed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        scenario: str, *_: object, on_progress: Callable[[Summary], None], **__: object
    ) -> None:
        on_progress(
            Summary(
                experiment=scenario,
                decisions=3,
                fallbacks=0,
                unseen=0,
                rewards=0,
                deliveries=0,
                lost=0,
                undelivered=0,
                true_mean={},
                true_best=0.5,
                true_uniform=0.25,
            )
        )
        raise KeyboardInterrupt

    monkeypatch.setattr("simulators.traffic.simulate", interrupted)
    result = run("simulate", "hero")

    assert result.exit_code == 1
    assert "decisions                3" in result.stdout
