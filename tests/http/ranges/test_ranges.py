"""Reports of the decisions that were made in a range of time."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from bandit_svc.clock import now_ms
from tests.harness.command import run_command
from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

Json = dict[str, Any]
DAY_MS = 86_400_000
WHOLE = ("uplift", "groups", "metrics", "experiment", "status", "revision")


def at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def report_of(service: WorkerInProcess, **query: object) -> Json:
    asked = "&".join(f"{name.strip('_')}={value}" for name, value in query.items())
    answer = service.get(f"/v1/experiments/hero/report?{asked}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def begin(service: WorkerInProcess, **fields: object) -> None:
    service.create(
        "hero",
        holdout=0.5,
        policy={"kind": "uniform"},
        baseline={"kind": "uniform"},
        reward={"window_seconds": 60},
        metrics=[{"name": "returns", "minimum": 0, "maximum": 1}],
        **fields,
    )


def visits(service: WorkerInProcess, units: Iterable[int], earned: int) -> list[Json]:
    """Let units come a second apart; `earned` of ten rewards are 1. Then mature."""
    made = []
    for place, unit in enumerate(units):
        service.now_ms += 1_000
        decided = service.decide("hero", unit_id=f"u{unit}")
        made.append(decided)
        if place % 10 < earned:
            service.reward(decided["decision_id"], 1)
        if place % 7 == 0:
            service.reward(decided["decision_id"], 1, metric="returns")
    service.learn(after_s=61)
    return made


@pytest.fixture
def two_weeks(service: WorkerInProcess) -> tuple[WorkerInProcess, int]:
    """Return a service whose second week earns more, and when that began."""
    service.now_ms = now_ms() - 20 * DAY_MS
    begin(service)
    visits(service, [*range(300)] * 2, 1)
    service.now_ms += 7 * DAY_MS
    second = service.now_ms
    visits(service, [*range(200)] * 2, 5)
    return service, second


@pytest.mark.parametrize(
    "units", [range(400), [*range(200)] * 2], ids=["once", "twice"]
)
def test_a_range_of_everything_has_the_numbers_of_the_whole_report(
    service: WorkerInProcess, units: Iterable[int]
) -> None:
    begin(service)
    visits(service, units, 3)

    whole = report_of(service)
    ranged = report_of(service, from_="2020-01-01", to="2099-01-01")

    for name in WHOLE:
        assert flat(ranged[name]) == pytest.approx(flat(whole[name])), name
    for row, other in zip(ranged["variants"], whole["variants"], strict=True):
        del other["ips"]
        assert flat(row) == pytest.approx(flat(other))
    assert ranged["decisions"] == {
        name: whole["decisions"][name] for name in ("treatment", "baseline", "joined")
    }
    assert ranged["range"]["weighting"] == "trajectory"
    assert "range" not in whole


def flat(value: object, path: str = "") -> dict[str, object]:
    if isinstance(value, dict):
        return {
            p: v for k, c in value.items() for p, v in flat(c, f"{path}/{k}").items()
        }
    if isinstance(value, list):
        return {
            p: v for k, c in enumerate(value) for p, v in flat(c, f"{path}/{k}").items()
        }
    return {path: value}


def test_decisions_made_at_the_beginning_count_and_at_the_end_don_t(
    service: WorkerInProcess,
) -> None:
    begin(service)
    first = service.now_ms + 1_000
    visits(service, range(10), 10)

    ranged = report_of(service, from_=at(first + 2_000), to=at(first + 5_000))

    assert ranged["decisions"]["joined"] == 3
    assert ranged["range"]["from"] == at(first + 2_000).replace("Z", ".000Z")


def test_a_later_week_is_of_its_own_decisions_by_the_group_alone(
    two_weeks: tuple[WorkerInProcess, int],
) -> None:
    service, second = two_weeks
    early = report_of(service, to=at(second))
    late = report_of(service, from_=at(second))

    assert (early["decisions"]["joined"], late["decisions"]["joined"]) == (600, 400)
    # By hand: one in ten decisions earned in the first week, five in the second.
    for found, mean in ((early, 0.1), (late, 0.5)):
        means = [(g["mean"], g["n"]) for g in found["groups"]]
        total = sum(m * n for m, n in means) / sum(n for _, n in means)
        assert total == pytest.approx(mean)
    assert early["range"]["weighting"] == "trajectory"
    assert late["range"]["weighting"] == "randomised"
    assert late["uplift"]["method"] == "randomised"
    absolute = late["uplift"]["absolute"]
    assert absolute == late["uplift"]["randomised"]["absolute"]
    assert absolute["estimate"] == pytest.approx(
        late["groups"][0]["mean"] - late["groups"][1]["mean"]
    )
    assert absolute["interval"][0] < absolute["estimate"] < absolute["interval"][1]
    assert "chosen without looking" in late["range"]["detail"]
    assert late["history"][-1]["joined"] == 400


def test_command_page_csv_and_api_have_the_same_numbers(
    two_weeks: tuple[WorkerInProcess, int],
) -> None:
    service, second = two_weeks
    ends = {"from": at(second), "to": at(second + DAY_MS), "as_of": at(service.now_ms)}
    query = "&".join(f"{name}={value}" for name, value in ends.items())
    options = [p for n, v in ends.items() for p in (f"--{n.replace('_', '-')}", v)]
    told = report_of(service, **ends)

    printed = run_command(
        "report", "hero", "--data", service.folder, "--format", "json", *options
    )
    text = run_command("report", "hero", "--data", service.folder, *options).stdout
    html = run_command(
        "report", "hero", "--data", service.folder, "--format", "html", *options
    ).stdout
    page = Visitor(service).get(f"/experiments/hero?{query}").text
    rows = service.get(f"/v1/experiments/hero/report.csv?{query}").text
    found = {tuple(r[:3]): r[3] for r in csv.reader(io.StringIO(rows))}

    assert json.loads(printed.stdout) == told
    estimate = told["uplift"]["absolute"]["estimate"]
    assert float(found["uplift", "absolute", "estimate"]) == pytest.approx(estimate)
    assert f"{estimate:+.4f}" in text
    shown = f"{estimate:+.4f}".replace("-", "\N{MINUS SIGN}")
    assert shown in page
    assert told["verdict"] in html
    for words in (text, page, html):
        assert told["range"]["detail"] in words


def test_a_report_as_of_a_moment_has_the_same_bytes_later(
    service: WorkerInProcess,
) -> None:
    begin(service)
    visits(service, [*range(100)] * 2, 4)
    as_of = service.now_ms
    paths = [
        f"/v1/experiments/hero/{form}?as_of={at(as_of)}{more}"
        for form in ("report", "report.csv")
        for more in ("", f"&from={at(as_of - 200_000)}", f"&to={at(as_of - 100_000)}")
    ]
    before = [service.get(path).text for path in paths]
    service.decide("hero", unit_id="open")

    service.now_ms += 1_000
    service.patch("/v1/experiments/hero", {"holdout": 0.2, "status": "paused"})
    service.patch("/v1/experiments/hero", {"status": "running"})
    visits(service, range(300), 9)

    assert [service.get(path).text for path in paths] == before
    assert report_of(service)["decisions"]["joined"] == 501


def test_a_range_whose_windows_are_open_says_so(service: WorkerInProcess) -> None:
    begin(service)
    visits(service, range(50), 4)
    service.decide("hero", unit_id="open")

    closed = report_of(service, to=at(service.now_ms - 61_000))
    still = report_of(service, from_="2020-01-01")

    assert closed["range"]["complete"]
    assert not still["range"]["complete"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=yesterday", "/from"),
        ("to=2030-13-01", "/to"),
        ("from=2030-01-01T00:00:00", "/from"),
        ("as_of=9999-12-31", "/as_of"),
        ("from=2030-01-02&to=2030-01-02", "/to"),
        ("from=2030-01-01&from=2030-01-02", "/from"),
    ],
)
def test_a_range_without_sense_is_refused(
    service: WorkerInProcess, query: str, pointer: str
) -> None:
    begin(service)
    for path in ("report", "report.csv"):
        answer = service.get(f"/v1/experiments/hero/{path}?{query}")

        assert answer.status_code == 400
        assert [one["pointer"] for one in answer.json["errors"]] == [pointer]
    Visitor(service).get(f"/experiments/hero?{query}", 400)


def test_an_empty_range_says_that_nothing_is_known(service: WorkerInProcess) -> None:
    begin(service)
    visits(service, range(30), 4)

    ranged = report_of(service, to="2020-01-01")

    assert ranged["decisions"]["joined"] == 0
    assert ranged["verdict"].startswith("Nothing is known of this range")


def test_the_page_offers_weeks_since_the_creation(
    two_weeks: tuple[WorkerInProcess, int],
) -> None:
    service, _ = two_weeks
    source = Visitor(service).client.get("/experiments/hero").text

    assert source.count("week of 20") >= 2
    assert "last 7 days" in source
