"""What an experiment is worth: one number by API, command and page."""

from typing import Any

import pytest

from bandit_svc.clock import now_ms
from bandit_svc.domain.numbers import amount
from tests.harness.command import run_command
from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

Json = dict[str, Any]
DAY_MS = 86_400_000


@pytest.fixture
def shop(service: WorkerInProcess) -> tuple[WorkerInProcess, Json]:
    """Return a service whose bandit shows `b` mostly, which sells for more."""
    service.now_ms = now_ms() - 20 * DAY_MS
    service.create(
        "hero",
        holdout=0.4,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.4,
        reward={"window_seconds": 60, "maximum": None, "unit": "EUR"},
    )
    for unit in range(1_000):
        service.now_ms += 60_000
        decided = service.decide("hero", unit_id=f"u{unit}")
        if unit % 2:
            value = 30 if decided["variant"] == "b" else 10
            service.reward(decided["decision_id"], value)
    service.learn(after_s=61)
    return service, dict(service.get("/v1/experiments/hero/report").json)


def test_amounts_are_differences_times_decisions(
    shop: tuple[WorkerInProcess, Json],
) -> None:
    _, report = shop
    money, uplift = report["money"], report["uplift"]["absolute"]
    treatment, baseline = (group["n"] for group in report["groups"])

    assert money["unit"] == "EUR"
    for name, n in (("extra", treatment), ("holdout", baseline)):
        found = money[name]["so_far"]
        assert found["estimate"] == pytest.approx(uplift["estimate"] * n)
        ends = [end * n for end in uplift["interval"]]
        assert found["interval"] == pytest.approx(ends)
    # One decision a minute; by the holdout, 60 % of them are the bandit's.
    month = money["extra"]["a_month"]["estimate"]
    assert month == pytest.approx(uplift["estimate"] * 30 * 1_440 * 0.6, rel=0.02)
    cost = money["exploration"]
    # By hand: a fifth of the decisions showed `a`, which sells for 10 less on average.
    assert cost["estimate"] == pytest.approx(2, abs=1.5)
    assert money["exploration_a_month"]["estimate"] == pytest.approx(
        cost["estimate"] * 30 * 1_440 * 0.6, rel=0.02
    )


def test_command_html_and_page_say_what_the_api_does(
    shop: tuple[WorkerInProcess, Json],
) -> None:
    service, report = shop
    page = Visitor(service).get("/experiments/hero").text
    text = run_command("report", "hero", "--data", service.folder).stdout
    html = run_command(
        "report", "hero", "--data", service.folder, "--format", "html"
    ).stdout
    money = report["money"]

    for found in (
        money["extra"]["so_far"],
        money["extra"]["a_month"],
        money["holdout"]["so_far"],
        money["exploration"],
    ):
        shown = f"{amount(found['estimate'], signed=True)} EUR"
        for words in (page, text, html):
            assert shown in words


def test_no_amount_comes_without_an_interval(service: WorkerInProcess) -> None:
    service.create("hero", reward={"window_seconds": 60})
    service.decide("hero", unit_id="u")
    service.learn(after_s=61)

    money = service.get("/v1/experiments/hero/report").json["money"]

    for worth in (money["extra"], money["holdout"]):
        for found in worth.values():
            assert (found["estimate"], found["interval"]) == (None, [None, None])
            assert found["reason"]
    assert money["exploration"]["reason"]


def test_a_unit_that_is_too_long_is_refused(service: WorkerInProcess) -> None:
    answer = service.post(
        "/v1/experiments",
        {"key": "hero", "variants": [{"key": "a"}, {"key": "b"}],
         "reward": {"unit": "E" * 17}},
    )  # fmt: skip

    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json["errors"]] == ["/reward/unit"]
