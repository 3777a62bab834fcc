"""Figures and goals as lines of text."""

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.speed.rows import Outcome


def figures_table(series: Mapping[str, Sequence[float]]) -> str:
    """Return one line per figure: median, least, most."""
    return "\n".join(
        f"{name:<52} {statistics.median(values):>10,.2f}  "
        f"({min(values):,.2f} to {max(values):,.2f})"
        for name, values in series.items()
    )


def outcomes_table(outcomes: Sequence[Outcome]) -> str:
    """Return the goals in Markdown: median ratio, its range, the limit, the verdict."""
    lines = [
        "| what | goal | ratio | min to max | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in outcomes:
        sign = "≥" if row.goal.sense == ">=" else "≤"
        verdict = "reached" if row.reached else "**missed**"
        lines.append(
            f"| {row.goal.title} | {sign} {row.goal.limit:g} | {row.median:.2f} | "
            f"{row.least:.2f} to {row.most:.2f} | {verdict} |"
        )
    return "\n".join(lines)
