"""What a programme earns, as a chart.

Owns how whole, parts and interaction become a forest plot and its table.
"""

from bandit_svc.charts.forest import Mark, Row, forest
from bandit_svc.domain.numbers import amount, count
from bandit_svc.prose.report_html.figure import Figure, figure, span, with_sign
from bandit_svc.services.report.programmes.build import Compared, ProgrammeReport


def programme_figure(report: ProgrammeReport) -> Figure:
    """Draw the whole, each part, and what is left of the whole without them."""
    named = [
        ("against the holdout", report.whole),
        ("against business as usual", report.versus_business_as_usual),
        *report.parts.items(),
        ("the whole less its parts", report.interaction),
    ]
    headings = {0: "The programme", 2: "Its parts", len(named) - 1: "Together"}
    rows = [
        _row(name, found, headings.get(place, ""))
        for place, (name, found) in enumerate(named)
    ]
    marks = [Mark(0.0, "no difference")]
    title, x_title = "What the programme earns", "Extra reward a unit"
    return figure(
        lambda width: forest(rows, marks, title, x_title, with_sign, width),
        ("Compared", "Extra reward a unit", "Interval", "Units", "Note"),
        [_cells(name, found) for name, found in named],
    )


def _row(name: str, found: Compared, heading: str) -> Row:
    lower, upper = found.interval
    known = found.estimate is not None and lower is not None and upper is not None
    n = f"{count(found.units)} units"
    return Row(
        name,
        found.estimate if known else None,
        lower,
        upper,
        n if found.estimate is None else f"{amount(found.estimate, signed=True)} · {n}",
        found.reason or "",
        heading,
        lower is not None and upper is not None and not lower <= 0 <= upper,
    )


def _cells(name: str, found: Compared) -> tuple[str, ...]:
    return (
        name,
        amount(found.estimate, signed=True),
        span(found.interval, signed=True),
        count(found.units),
        found.reason or "",
    )
