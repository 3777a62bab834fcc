"""Derived metrics, chances and claims: the form, and one number on every way out."""

import csv
import io
import re
from typing import Any

import msgspec
import pytest

from bandit_svc.domain.numbers import amount, percent
from bandit_svc.prose.derived import chance_text
from bandit_svc.services.report.metrics.rows import Chance
from tests.harness.command import run_command
from tests.harness.pages import ReadPage
from tests.harness.worker_in_process import WorkerInProcess

Json = dict[str, Any]
METRICS = [
    {"name": "orders", "minimum": 0, "maximum": 1},
    {"name": "revenue", "minimum": 0, "maximum": None},
]
DERIVED = [
    {
        "name": "basket",
        "kind": "ratio",
        "numerator": "revenue",
        "denominator": "orders",
    },
    {"name": "person", "kind": "per_unit", "of": "revenue"},
    {"name": "week", "kind": "retention", "days": 7},
]
DAY_S = 86_400


def shop(service: WorkerInProcess) -> Json:
    """Let units buy and come again; return the report of the API."""
    service.create(
        "hero",
        holdout=0.5,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward={"window_seconds": 60},
        metrics=METRICS,
        derived_metrics=DERIVED,
    )
    for day, units in ((0, 300), (3, 150), (9, 300)):
        service.now_ms += day * DAY_S * 1000
        asked = [{"experiment": "hero", "unit_id": f"u{n}"} for n in range(units)]
        made = service.post("/v1/decisions/batch", {"decisions": asked}).json
        bought = made["decisions"][::2]
        rewards = [
            {"decision_id": one["decision_id"], "value": value, "metric": metric}
            for place, one in enumerate(bought)
            for metric, value in (
                ("orders", 1.0),
                ("revenue", 10.0 + place % 7 + 9 * (one["group"] == "treatment")),
            )
        ]
        service.post("/v1/rewards/batch", {"rewards": rewards})
        service.learn(after_s=61)
    report: Json = service.get("/v1/experiments/hero/report").json
    return report


def test_command_interface_and_page_tell_the_same_numbers(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    report = shop(service)
    page = read_page(service, "/experiments/hero")
    at = service.now_ms

    def command(form: str) -> str:
        found = run_command(
            *("report", "hero", "--format", form, "--data", service.folder)
        )
        assert found.exit_code == 0, found.output
        return found.output

    told = msgspec.json.decode(command("json"))
    text, made = command("text"), command("html")
    cells = {tuple(row[:3]): row[3] for row in csv.reader(io.StringIO(command("csv")))}

    assert service.now_ms == at
    assert [row["metric"] for row in report["derived_metrics"]] == [
        "basket",
        "person",
        "week",
    ]
    assert told["derived_metrics"] == report["derived_metrics"]
    assert told["claims"] == report["claims"]
    for row in report["derived_metrics"]:
        difference, relative = row["difference"], row["relative"]
        chance = row["chance_to_beat"]["probability"]
        assert None not in (difference["estimate"], *difference["interval"], chance)
        lower, upper = difference["interval"]
        on_page = [
            *(amount(group["mean"]) for group in row["groups"]),
            amount(difference["estimate"], signed=True),
            f"{amount(lower, signed=True)} to {amount(upper, signed=True)}",
            percent(relative["estimate"], signed=True),
            chance_text(msgspec.convert(row["chance_to_beat"], Chance)),
        ]
        for shown in (" ".join(page.text.split()), re.sub("<[^>]*>", " ", made)):
            assert " ".join(on_page) in " ".join(shown.split())
        in_text = [
            *(f"{group['mean']:.4f}" for group in row["groups"]),
            f"{difference['estimate']:+.4f}",
            f"{lower:+.4f} to {upper:+.4f}",
        ]
        line = next(li for li in text.splitlines() if li.startswith(row["metric"]))
        assert " ".join(in_text) in " ".join(line.split())
        name = row["metric"]
        assert float(cells["derived_metrics", name, "estimate"]) == pytest.approx(
            difference["estimate"]
        )
    claimed = [one["metric"] for one in report["claims"]["metrics"] if one["claimed"]]
    assert "basket" in claimed
    assert report["claims"]["detail"] in page.text
    assert report["claims"]["detail"] in text


def test_the_form_takes_metrics_of_both_kinds(service: WorkerInProcess) -> None:
    client = service.app.test_client()
    client.post("/sign-in", data={"key": service.secret})
    page = client.get("/new").text
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found is not None
    fields = {
        "form_token": found[1],
        "do": "create",
        "key": "hero",
        "variant_key": ["a", "b"],
        "variant_features": ["", ""],
        "variant_payload": ["", ""],
        "metrics": msgspec.json.encode(METRICS).decode(),
        "derived_metrics": msgspec.json.encode(DERIVED).decode(),
    }
    wrong = client.post("/new", data=fields | {"metrics": ""}).text
    answer = client.post("/new", data=fields)
    kept = service.get("/v1/experiments/hero").json

    assert "there is no metric" in wrong.replace("There", "there")
    assert answer.status_code == 303
    derived = kept["derived_metrics"]
    assert [one["kind"] for one in derived] == ["ratio", "per_unit", "retention"]
    assert [one["name"] for one in kept["metrics"]] == ["orders", "revenue"]
