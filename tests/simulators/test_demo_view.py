"""What the demo shows of a report."""

from typing import Any

import pytest
from rich.console import Console

from simulators import demo_view

REPORT: dict[str, Any] = {
    "experiment": "homepage-hero",
    "decisions": {"treatment": 900, "baseline": 100, "pending": 60},
    "uplift": {"absolute": {"estimate": 0.0812, "interval": [0.0119, 0.1499]}},
    "groups": [
        {"group": "treatment", "n": 900, "mean": 0.3125},
        {"group": "baseline", "n": 100, "mean": 0.231},
    ],
    "variants": [
        {"variant": "sandals", "share": 0.25},
        {"variant": "summer-dress", "share": 0.75},
    ],
    "model": {"version": 12, "age_seconds": 1.2, "lag_seconds": 0.31},
}
EMPTY: dict[str, Any] = {
    "experiment": "homepage-hero",
    "decisions": {"treatment": 0, "baseline": 0, "pending": 0},
    "uplift": {"absolute": {"estimate": None, "interval": None}},
    "groups": [{"group": "treatment", "n": 0, "mean": None}],
    "variants": [{"variant": "sandals", "share": None}, {"variant": "a", "share": 0.0}],
}


def test_a_plain_line_says_everything_on_one_line() -> None:
    (line,) = demo_view.lines([REPORT], 42.0)

    assert line.split(" | ") == [
        "   42 s  homepage-hero",
        "1000 decisions (60 pending)",
        "reward treatment 0.312, baseline 0.231",
        "uplift +0.081 (+0.012 to +0.150)",
        "share summer-dress 75 %, sandals 25 %",
        "model v12, lag 0.3 s",
    ]


@pytest.mark.parametrize("report", [EMPTY, {"experiment": "homepage-hero"}])
def test_what_is_not_known_yet_is_a_dash(report: dict[str, Any]) -> None:
    (line,) = demo_view.lines([report], 2.0)

    assert line.endswith(
        "0 decisions (0 pending) | reward - | uplift - | share - | model -"
    )


def test_the_table_shows_the_same_facts() -> None:
    console = Console(width=160, force_terminal=False)

    with console.capture() as captured:
        console.print(demo_view.table([REPORT, EMPTY], 42.0, "http://127.0.0.1:8000"))

    shown = captured.get()
    for fact in ("1000", "+0.081 (+0.012 to +0.150)", "summer-dress 75 %", "v12"):
        assert fact in shown


@pytest.mark.parametrize(
    ("interval", "above"),
    [([0.01, 0.2], True), ([0.0, 0.2], False), ([-0.1, 0.2], False), (None, False)],
)
def test_an_uplift_is_above_zero_when_all_of_its_interval_is(
    *, interval: list[float] | None, above: bool
) -> None:
    report = {"uplift": {"absolute": {"estimate": 0.1, "interval": interval}}}

    assert demo_view.is_above_zero(report) is above
