"""The planner has one number on the command line and by the API."""

import json

import pytest

from tests.harness.command import run_command
from tests.harness.worker_in_process import WorkerInProcess

PARAMETERS = {
    "traffic": 20_000, "base_rate": 0.05, "lift": 0.1, "holdout": 0.2, "visits": 2,
    "icc": 0.1, "horizon": 30,
}  # fmt: skip


def query(**parameters: object) -> str:
    return "/v1/plan?" + "&".join(f"{name}={v}" for name, v in parameters.items())


@pytest.mark.parametrize("more", [{}, {"sd": 0.3}], ids=["rate", "amounts"])
def test_command_and_api_say_the_same(
    service: WorkerInProcess, more: dict[str, float]
) -> None:
    parameters = PARAMETERS | more
    answer = service.get(query(**parameters))
    options = [
        part
        for name, value in parameters.items()
        for part in (f"--{name.replace('_', '-')}", value)
    ]
    printed = run_command("plan", *options, "--format", "json")

    assert answer.status_code == 200
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout) == answer.json
    assert {"median_days", "days_80", "decisions_median"} <= set(answer.json)
    text = run_command("plan", *options).stdout
    assert f"{answer.json['decisions_median']:,}" in text
    assert '"planned_decisions": 600000' in text


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"traffic": 1, "base_rate": 0.1}, "/lift"),
        ({"traffic": 1, "base_rate": 0.1, "lift": "much"}, "/lift"),
        ({"traffic": 1, "base_rate": 0.1, "lift": 0.1, "holdut": 0.2}, "/holdut"),
        ({"traffic": 1, "base_rate": 0.1, "lift": -1}, "/lift"),
    ],
)
def test_a_bad_parameter_is_named(
    service: WorkerInProcess, parameters: dict[str, object], pointer: str
) -> None:
    answer = service.get(query(**parameters))

    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json["errors"]] == [pointer]


def test_a_parameter_that_is_given_twice_is_refused(service: WorkerInProcess) -> None:
    answer = service.get(query(traffic=1, base_rate=0.1, lift=0.1) + "&lift=0.2")

    assert answer.status_code == 400
    assert "2 times" in answer.json["errors"][0]["detail"]


def test_a_command_without_sense_is_wrong_usage() -> None:
    result = run_command("plan", "--traffic", 10, "--base-rate", 0.1, "--lift", 0)

    assert result.exit_code == 2
    assert "lift is 0.0; it must be above 0" in result.output
