"""The demo's view of the reports: a live table, or plain lines.

Owns the texts and columns. Takes reports as the service returns them, and shows a dash
for values that a report does not have yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

Report = Mapping[str, Any]
UNKNOWN = "-"


def table(reports: Sequence[Report], elapsed_s: float, url: str) -> Table:
    """Return the live table, one row per experiment."""
    shown = Table(
        title=f"{elapsed_s:.0f} s   {url}",
        caption="uplift: treatment minus baseline, 95 % interval; green: above 0",
    )
    for column in ("experiment", "decisions", "pending", "reward", "uplift"):
        shown.add_column(column, no_wrap=column != "uplift")
    shown.add_column("share of each variant")
    shown.add_column("model", no_wrap=True)
    for report in reports:
        counts = report.get("decisions", {})
        shown.add_row(
            str(report.get("experiment", UNKNOWN)),
            str(counts.get("treatment", 0) + counts.get("baseline", 0)),
            str(counts.get("pending", 0)),
            "\n".join(group_means(report)),
            Text(uplift(report), "bold green" if is_above_zero(report) else ""),
            "\n".join(variant_shares(report)),
            model(report).replace(", ", "\n"),
        )
    return shown


def lines(reports: Sequence[Report], elapsed_s: float) -> list[str]:
    """Return one plain line per experiment, for output that is no terminal."""
    result = []
    for report in reports:
        counts = report.get("decisions", {})
        decided = counts.get("treatment", 0) + counts.get("baseline", 0)
        parts = (
            f"{elapsed_s:5.0f} s  {report.get('experiment', UNKNOWN)}",
            f"{decided} decisions ({counts.get('pending', 0)} pending)",
            f"reward {', '.join(group_means(report)) or UNKNOWN}",
            f"uplift {uplift(report)}",
            f"share {', '.join(variant_shares(report)) or UNKNOWN}",
            f"model {model(report)}",
        )
        result.append(" | ".join(parts))
    return result


def group_means(report: Report) -> list[str]:
    """Return "treatment 0.312" for each group with a mean."""
    return [
        f"{group['group']} {group['mean']:.3f}"
        for group in report.get("groups", [])
        if group.get("mean") is not None
    ]


def uplift(report: Report) -> str:
    """Return the absolute uplift with its interval."""
    absolute = report.get("uplift", {}).get("absolute", {})
    estimate, interval = absolute.get("estimate"), absolute.get("interval")
    if estimate is None or not interval or None in interval:
        return UNKNOWN
    return f"{estimate:+.3f} ({interval[0]:+.3f} to {interval[1]:+.3f})"


def is_above_zero(report: Report) -> bool:
    """Return whether the whole interval of the uplift is above 0."""
    interval = report.get("uplift", {}).get("absolute", {}).get("interval")
    return bool(interval) and interval[0] is not None and interval[0] > 0.0


def variant_shares(report: Report) -> list[str]:
    """Return "sandals 41 %" for each variant that was shown, the most shown first."""
    shares = [
        (float(variant["share"]), str(variant["variant"]))
        for variant in report.get("variants", [])
        if variant.get("share")
    ]
    shares.sort(key=lambda pair: (-pair[0], pair[1]))
    return [f"{name} {100 * share:.0f} %" for share, name in shares]


def model(report: Report) -> str:
    """Return the model's version, and how far the learner is behind."""
    state = report.get("model") or {}
    version, lag_s = state.get("version"), state.get("lag_seconds")
    if version is None:
        return UNKNOWN
    return f"v{version}" + ("" if lag_s is None else f", lag {lag_s:.1f} s")
