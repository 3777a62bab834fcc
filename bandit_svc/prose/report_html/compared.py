"""The charts that compare: segments, policies, guardrails, and the latencies.

Owns how those parts of a report become charts and tables.
"""

from bandit_svc.charts.bars import Bar, latency_bars
from bandit_svc.charts.forest import Mark, Row, forest
from bandit_svc.domain.numbers import NOTHING, amount, count, duration
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT
from bandit_svc.prose.report_html.figure import (
    Figure,
    Json,
    figure,
    short,
    span,
    with_sign,
)

TOO_FEW = f"too few decisions yet ({MINIMAL_COUNT} in each group)"
FOLDED = "rare values together, not tested"


def segments(rows: list[Json]) -> Figure:
    """Draw the uplift in each segment, below the name of its key."""
    title, x_title = "Uplift by segment", "Extra reward a decision"
    keys = [None, *(row["key"] for row in rows)]
    drawn = [
        _segment(row, heading=row["key"] if row["key"] != key else "")
        for row, key in zip(rows, keys, strict=False)
    ]
    marks = [Mark(0.0, "no difference")]
    return figure(
        lambda width: forest(drawn, marks, title, x_title, with_sign, width),
        (
            *("Segment", "Bandit n", "Baseline n", "Bandit", "Baseline"),
            *("Uplift", "Interval", "Decided"),
        ),
        [_segment_cells(row) for row in rows],
    )


def _segment(row: Json, *, heading: str) -> Row:
    lower, upper = row["uplift"]["interval"]
    estimate = row["uplift"]["estimate"] if _is_bounded(row) else None
    n = f"n = {count(sum(group['n'] for group in row['groups']))}"
    return Row(
        row["value"],
        estimate,
        lower,
        upper,
        n if estimate is None else f"{amount(estimate, signed=True)} · {n}",
        FOLDED if row["folded"] else TOO_FEW,
        heading,
        row["significant"],
    )


def _segment_cells(row: Json) -> tuple[str, ...]:
    treatment, baseline = row["groups"]
    uplift = row["uplift"]
    return (
        f"{row['key']}: {row['value']}",
        count(treatment["n"]),
        count(baseline["n"]),
        amount(treatment["mean"]),
        amount(baseline["mean"]),
        amount(uplift["estimate"], signed=True),
        span(uplift["interval"], signed=True) if _is_bounded(row) else NOTHING,
        "yes" if row["significant"] else "no",
    )


def _is_bounded(row: Json) -> bool:
    """Whether its interval says more than the range of the rewards."""
    few = min(group["n"] for group in row["groups"]) < MINIMAL_COUNT
    return not few and not row["folded"]


def policies(report: Json) -> Figure:
    """Draw what each policy would have earned, or why that can't be said.

    The doubly robust estimate is drawn; what weights alone say stands beside it.
    """
    rows, cells = [], []
    for one in report["policies"]:
        name, found = _best(one)
        estimate = found.get("estimate")
        lower, upper = found.get("interval") or (None, None)
        size = one.get("effective_sample_size")
        note = f"no estimate: {one['refused'] or 'nothing is known yet'}"
        n = f"n = {count(one['n'])}"
        numbers = n if estimate is None else f"{amount(estimate)} · {n}"
        rows.append(Row(one["policy"], estimate, lower, upper, numbers, note))
        weighted = {} if one["refused"] else one["estimates"].get("ips", {})
        cells.append(
            (
                one["policy"],
                count(one["n"]),
                NOTHING if size is None else count(round(size)),
                name or NOTHING,
                amount(estimate),
                span((lower, upper)),
                amount(weighted.get("estimate")),
                span(weighted.get("interval") or (None, None)),
                one["refused"] or "",
            )
        )
    mean = report["groups"][0]["mean"]
    marks = [] if mean is None else [Mark(mean, "the bandit")]
    title, x_title = "What other policies would have earned", "Reward a decision"
    return figure(
        lambda width: forest(rows, marks, title, x_title, short, width),
        (
            *("Policy", "Decisions", "Worth", "Estimator", "Estimate"),
            *("Interval", "ips", "Its interval", "Refused because"),
        ),
        cells,
    )


def _best(policy: Json) -> tuple[str, Json]:
    """Give the first estimate that has a value and an interval."""
    estimates = {} if policy["refused"] else policy["estimates"]
    for name in ("dr", "ips", "snips", *estimates):
        found = estimates.get(name) or {}
        bounded = found.get("interval") or (None, None)
        if found.get("estimate") is not None and bounded[0] is not None:
            return name, found
    return "", {}


def latency(part: Json) -> Figure:
    """Draw how long rewards took, with the window."""
    bars = [
        Bar(b["from_seconds"], b["to_seconds"], b["counted"], b["late"])
        for b in part["histogram"]
    ]
    title, window_s = "How long rewards take", part["window_seconds"]
    return figure(
        lambda width: latency_bars(bars, window_s, title, duration, width),
        ("Up to", "In time", "Too late"),
        [(duration(b.to_s), count(b.counted), count(b.late)) for b in bars],
    )


def guardrail(row: Json) -> Figure:
    """Draw the difference in one metric beside what is allowed."""
    part = row["guardrail"]
    difference = part["difference"]
    lower, upper = difference["interval"]
    allowed = part["margin"] * (-1 if part["direction"] == "higher" else 1)
    shown = amount(difference["estimate"], signed=True)
    decided = part["status"] != "undecided"
    name = row["metric"]
    drawn = Row(name, difference["estimate"], lower, upper, shown, strong=decided)
    title, x_title = f"Difference in {name}", "Bandit minus baseline, a decision"
    marks = [Mark(allowed, "limit")]
    return figure(
        lambda width: forest([drawn], marks, title, x_title, with_sign, width),
        ("Metric", "Difference", "Interval", "Limit"),
        [
            (
                name,
                shown,
                span(difference["interval"], signed=True),
                amount(allowed, signed=True),
            )
        ],
    )
