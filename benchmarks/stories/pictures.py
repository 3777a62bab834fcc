"""Charts of the service as files of their own.

Owns what a chart needs outside of a page: the style, and paper to stand on.
"""

from importlib.resources import files
from pathlib import Path


def write(chart: str, path: Path) -> None:
    """Write a chart as an SVG file that any browser shows."""
    style = files("bandit_svc.charts").joinpath("charts.css").read_text()
    # A file is as wide as it is drawn, however narrow the window.
    style = style.split("@media (max-width")[0]
    style += "svg { background: var(--page); padding: 12px; box-sizing: border-box; }"
    start = chart.index(">") + 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{chart[:start]}<style>{style}</style>{chart[start:]}\n")
