"""A report as rows.

Owns the flat form of a report: section, name, measure, value.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

from bandit_svc.domain.experiment import TREATMENT

Row = tuple[str, str, str, Any]
POLICY_MEASURES = (
    *("n", "behind", "effective_sample_size", "mean_weight", "max_weight"),
    "refused",
)
HEADER = ("section", "name", "measure", "value")


def report_rows(report: dict[str, Any]) -> Iterator[Row]:
    """Give one row for each number of a report."""
    yield ("report", report["experiment"], "as_of", report["as_of"])
    yield ("report", report["experiment"], "verdict", report["verdict"])
    for name, value in report["decisions"].items():
        yield ("decisions", name, "count", value)
    yield from _uplift(report["uplift"])
    for row in report["groups"]:
        yield ("groups", row["group"], "n", row["n"])
        yield from _measured("groups", row["group"], row, "mean")
    for row in report["variants"]:
        yield ("variants", row["variant"], "n", row["n"])
        yield ("variants", row["variant"], "share", row["share"])
        yield from _measured("variants", row["variant"], row, "mean")
        yield from _estimated("variants", row["variant"], {"ips": row["ips"]})
    yield from _policies(report)
    for measure, value in report["reward_model"].items():
        yield ("reward_model", "treatment", measure, value)
    for row in report["metrics"]:
        yield from _metric(row)
    for row in report["segments"]:
        yield from _segment(row)
    yield from _latency(report["latency"])
    for point in report["history"]:
        yield from _point(point)
    for name in ("version", "learned", "age_seconds", "lag_seconds"):
        yield ("model", "served", name, report["model"][name])
    for check in report["health"]:
        yield from _checked(check)


def report_csv(report: dict[str, Any]) -> str:
    """Give a report as CSV with a header line; nothing known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(report_rows(report))
    return text.getvalue()


def _uplift(uplift: dict[str, Any]) -> Iterator[Row]:
    for kind in ("absolute", "relative"):
        yield from _measured("uplift", kind, uplift[kind], "estimate")
    adjusted = uplift.get("adjusted")
    if adjusted:
        yield from _measured("uplift", "adjusted", adjusted, "estimate")
        for measure in ("covariate", "variance_reduction", "n", "missing"):
            yield ("uplift", "adjusted", measure, adjusted[measure])


def _point(point: dict[str, Any]) -> Iterator[Row]:
    for measure in ("joined", "treatment", "baseline"):
        yield ("history", point["at"], measure, point[measure])
    yield from _measured("history", point["at"], point["uplift"], "estimate")


def _metric(row: dict[str, Any]) -> Iterator[Row]:
    name = f"{row['metric']}/{row['group']}"
    for measure in ("n", "reported", "total", "mean"):
        yield ("metrics", name, measure, row[measure])
    guardrail = row["guardrail"]
    if guardrail and row["group"] == TREATMENT:
        for measure in ("status", "margin", "direction"):
            yield ("guardrails", row["metric"], measure, guardrail[measure])
        difference = guardrail["difference"]
        yield from _measured("guardrails", row["metric"], difference, "estimate")


def _segment(row: dict[str, Any]) -> Iterator[Row]:
    section = "segments/folded" if row["folded"] else "segments"
    name = f"{row['key']}={row['value']}"
    for group in row["groups"]:
        yield (section, name, f"n/{group['group']}", group["n"])
        yield (section, name, f"mean/{group['group']}", group["mean"])
    yield from _measured(section, name, row["uplift"], "estimate")
    yield (section, name, "significant", row["significant"])


def _latency(latency: dict[str, Any]) -> Iterator[Row]:
    for measure in ("rewards", "late", "late_share", "window_seconds", "detail"):
        yield ("latency", "reward", measure, latency[measure])
    for window in latency["windows"]:
        yield ("latency", f"window for {window['share']:.0%}", "seconds",
               window["seconds"])  # fmt: skip


def _checked(check: dict[str, Any]) -> Iterator[Row]:
    for measure in ("status", "detail", "p_value"):
        if measure in check:
            yield ("health", check["check"], measure, check[measure])


def _measured(
    section: str, name: str, row: dict[str, Any], measure: str
) -> Iterator[Row]:
    yield (section, name, measure, row[measure])
    yield (section, name, "lower", row["interval"][0])
    yield (section, name, "upper", row["interval"][1])


def _policies(report: dict[str, Any]) -> Iterator[Row]:
    for row in report["policies"]:
        for measure in POLICY_MEASURES:
            yield ("policies", row["policy"], measure, row[measure])
        yield from _estimated("policies", row["policy"], row["estimates"])


def _estimated(section: str, name: str, estimates: dict[str, Any]) -> Iterator[Row]:
    for estimator, one in estimates.items():
        yield (section, name, estimator, one["estimate"])
        yield (section, name, f"{estimator}_lower", one["interval"][0])
        yield (section, name, f"{estimator}_upper", one["interval"][1])
