"""The form of a new experiment says how long it will take."""

import pytest

from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

ASKED = {"traffic": "20000", "base_rate": "0.05", "smallest_lift": "0.1"}


def send(service: WorkerInProcess, path: str, **fields: object) -> tuple[int, str]:
    visitor = Visitor(service)
    token = visitor.get("/new").fields["form_token"]
    filled = {"key": "hero", "variant_key": ["a", "b"], **fields}
    filled |= {"variant_features": ["", ""], "variant_payload": ["", ""]}
    answer = visitor.client.post(path, data={"form_token": token, **filled})
    return answer.status_code, answer.text


def test_the_form_says_what_the_planner_does(service: WorkerInProcess) -> None:
    query = "traffic=20000&base_rate=0.05&lift=0.1&holdout=0.2"
    plan = service.get(f"/v1/plan?{query}").json
    _, source = send(service, "/new/check", **ASKED, holdout="0.2")

    assert f"{plan['decisions_median']:,} and {plan['decisions_80']:,}" in source


def test_nothing_is_planned_while_a_number_is_missing(service: WorkerInProcess) -> None:
    status, source = send(service, "/new/check", traffic="20000", base_rate="0.05")

    assert status == 200
    assert "with a chance of" not in source
    assert 'class="problem"' not in source


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("traffic", "-3", "raffic is -3.0; it must be above 0"),
        ("base_rate", "2", "rewards of 0 and 1 have a mean below 1"),
        ("smallest_lift", "much", "is not a number"),
        ("horizon_days", "-1", "must be"),
        ("icc", "2", "it must be between 0 and 1"),
    ],
)
def test_a_wrong_number_is_marked_at_its_field(
    service: WorkerInProcess, field: str, value: str, told: str
) -> None:
    _, source = send(service, "/new/check", **ASKED | {field: value})

    _, _, problem = source.partition(f'id="p-{field}">')
    assert told in problem.partition("</p>")[0].replace("&#39;", "'")


def test_the_experiment_keeps_lift_and_planned_decisions(
    service: WorkerInProcess,
) -> None:
    status, _ = send(service, "/new", do="create", **ASKED, horizon_days="14")
    made = service.get("/v1/experiments/hero").json

    assert status == 303
    assert (made["smallest_lift"], made["planned_decisions"]) == (0.1, 280_000)
