"""The charts that compare: segments, policies, guardrails, and the latencies.

Owns how those parts of a report become charts and tables.
"""

from collections.abc import Sequence

from msgspec import UNSET

from bandit_svc.charts.bars import Bar, latency_bars
from bandit_svc.charts.forest import Mark, Row, forest
from bandit_svc.domain.experiment import BASELINE
from bandit_svc.domain.numbers import NOTHING, amount, count, duration, percent
from bandit_svc.prose.periods import during
from bandit_svc.prose.report_html.figure import (
    Figure,
    figure,
    short,
    span,
    with_sign,
)
from bandit_svc.services.evaluation.history_watch import ONE_STEP_NOTE
from bandit_svc.services.report.report import (
    Group,
    Guardrail,
    Latency,
    PolicyChoice,
    Report,
    Segment,
    SegmentGroup,
)
from bandit_svc.services.values import TRAJECTORY

TOO_FEW = "too few units or rewards yet"
ONE_GROUP = "one group alone, nothing to compare"
FOLDED = "rare values together, not tested"


def segments(rows: Sequence[Segment]) -> Figure:
    """Draw the uplift in each segment, below the name of its key."""
    title, x_title = "Uplift by segment", "Extra reward a decision"
    keys = [None, *(row.key for row in rows)]
    drawn = [
        _segment(row, heading=row.key if row.key != key else "")
        for row, key in zip(rows, keys, strict=False)
    ]
    marks = [Mark(0.0, "no difference")]
    return figure(
        lambda width: forest(drawn, marks, title, x_title, with_sign, width),
        (
            *("Segment", "Bandit n / units", "Baseline n / units"),
            *("Bandit", "Baseline", "Uplift", "Interval", "Decided"),
        ),
        [_segment_cells(row) for row in rows],
    )


def _segment(row: Segment, *, heading: str) -> Row:
    lower, upper = row.uplift.interval
    estimate = None if lower is None else row.uplift.estimate
    n = f"n = {count(sum(group.n for group in row.groups))}"
    return Row(
        row.value,
        estimate,
        lower,
        upper,
        n if estimate is None else f"{amount(estimate, signed=True)} · {n}",
        _why_open(row),
        heading,
        row.significant,
    )


def _why_open(row: Segment) -> str:
    if row.folded:
        return FOLDED
    return ONE_GROUP if row.uplift.estimate is None else TOO_FEW


def _size(group: SegmentGroup) -> str:
    units = NOTHING if group.units is None else count(group.units)
    return f"{count(group.n)} / {units}"


def _segment_cells(row: Segment) -> tuple[str, ...]:
    treatment, baseline = row.groups
    uplift = row.uplift
    return (
        f"{row.key}: {row.value}",
        _size(treatment),
        _size(baseline),
        amount(treatment.mean),
        amount(baseline.mean),
        amount(uplift.estimate, signed=True),
        span(uplift.interval, signed=True),
        "yes" if row.significant else "no",
    )


def policies(report: Report) -> Figure:
    """Draw what each policy would have earned, or why that can't be estimated.

    Each policy has one number, that of the preferred estimator; under the baseline's
    comes what the holdout earned itself. Where there are values along histories, those
    of one changed decision are faded.
    """
    rows: list[Row] = []
    cells: list[tuple[str, ...]] = []
    # Its first row is that of the deployed policy, if there is one.
    first = next((r for r in report.policies if r.policy == BASELINE), None)
    for one in report.policies:
        name, found = one.shown
        lower, upper = found.interval
        note = f"no estimate: {one.refused or 'nothing is known yet'}"
        n = f"n = {count(one.n)}"
        numbers = n if found.estimate is None else f"{amount(found.estimate)} · {n}"
        title = one.policy
        if one.estimand == TRAJECTORY:
            title = f"{one.policy}, deployed"
        faded = one.note == ONE_STEP_NOTE
        row = Row(title, found.estimate, lower, upper, numbers, note, faded=faded)
        rows.append(row)
        cells.append(
            (
                title,
                count(one.n),
                NOTHING if one.units is UNSET else count(one.units),
                during(one.period),
                count(round(one.effective_sample_size or 0)),
                name or NOTHING,
                amount(found.estimate),
                span(found.interval),
                one.refused or "",
            )
        )
        if one is first:
            rows.append(_holdout(report.groups[1]))
            cells.append(_holdout_cells(report.groups[1]))
    mean = report.groups[0].mean
    marks = [] if mean is None else [Mark(mean, "the bandit")]
    title, x_title = "What other policies would have earned", "Reward a decision"
    return figure(
        lambda width: forest(rows, marks, title, x_title, short, width),
        (
            *("Policy", "Decisions", "Units", "Made (UTC)", "Worth", "Estimator"),
            *("Estimate", "Interval", "Refused because"),
        ),
        cells,
    )


HOLDOUT = "the holdout itself"


def _holdout(group: Group) -> Row:
    """Return what the holdout earned, in the form of a policy's row."""
    n = f"n = {count(group.n)}"
    numbers = n if group.mean is None else f"{amount(group.mean)} · {n}"
    note = "no mean: no decision of the holdout has matured"
    return Row(HOLDOUT, group.mean, *group.interval, numbers, note)


def _holdout_cells(group: Group) -> tuple[str, ...]:
    return (
        HOLDOUT,
        count(group.n),
        count(group.units),
        during(group.period),
        NOTHING,
        "mean",
        amount(group.mean),
        span(group.interval),
        "",
    )


def policy_choice(choice: PolicyChoice) -> Figure:
    """Draw the error of each model of the served policy, beside that of the average."""
    drawn, cells = [], []
    for row in choice.evidence:
        lower, upper = row.interval
        weight = percent(row.weight)
        note = "left out, or too few decisions"
        drawn.append(
            Row(
                row.policy,
                row.estimate,
                lower,
                upper,
                f"weight {weight}",
                note,
                strong=row.policy == choice.serving,
                faded=not row.weight,
            )
        )
        cells.append((row.policy, weight, amount(row.estimate), span(row.interval)))
    title, x_title = "How well each model predicts", "Squared error, served average = 1"
    return figure(
        lambda width: forest(
            drawn, [Mark(1.0, "served average")], title, x_title, short, width
        ),
        ("Model", "Weight", "Relative error", "Interval"),
        cells,
    )


def latency(part: Latency) -> Figure:
    """Draw how long rewards took, with the window."""
    bars = [
        Bar(b.from_seconds, b.to_seconds, b.counted, b.late) for b in part.histogram
    ]
    title, window_s = "How long rewards take", part.window_seconds
    return figure(
        lambda width: latency_bars(bars, window_s, title, duration, width),
        ("Up to", "In time", "Too late"),
        [(duration(b.to_s), count(b.counted), count(b.late)) for b in bars],
    )


def guardrail(name: str, part: Guardrail) -> Figure:
    """Draw the difference in one metric beside what is allowed."""
    difference = part.difference
    lower, upper = difference.interval
    allowed = part.margin * (-1 if part.direction == "higher" else 1)
    shown = amount(difference.estimate, signed=True)
    decided = part.status != "undecided"
    drawn = Row(name, difference.estimate, lower, upper, shown, strong=decided)
    title, x_title = f"Difference in {name}", "Bandit minus baseline, a decision"
    marks = [Mark(allowed, "limit")]
    return figure(
        lambda width: forest([drawn], marks, title, x_title, with_sign, width),
        ("Metric", "Difference", "Interval", "Limit"),
        [
            (
                name,
                shown,
                span(difference.interval, signed=True),
                amount(allowed, signed=True),
            )
        ],
    )
