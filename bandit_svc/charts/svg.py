"""SVG as text: elements, escaping, the frame of a chart.

Owns how a drawing is written. Colours are classes (`s0` to `s6`, `axis`, `grid`),
so that the page decides about light, dark and print.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape

Point = tuple[float, float]

WIDE, NARROW = 720.0, 340.0
SERIES = 7
"""Classes s0 to s6; a chart with more series reuses them."""
CHARACTER = 6.6
"""The width of a character of the page's chart font, in pixels, on the safe side."""

# XML 1.0 has no place for these, not even escaped.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def written(text: str) -> str:
    """Escape a text for an element or an attribute of XML."""
    return escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def element(name: str, *children: str, **attributes: object) -> str:
    """Write an element around children that are written already.

    A trailing or inner underscore of an attribute stands for nothing or a dash:
    `class_`, `text_anchor`. Floats are rounded to a tenth of a pixel.
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{written(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return f"<{name}{pairs}/>"
    return f"<{name}{pairs}>{''.join(children)}</{name}>"


def label(x: float, y: float, text: str, **attributes: object) -> str:
    """Write a text at a place."""
    return element("text", written(text), x=x, y=y, **attributes)


def line(start: Point, end: Point, class_: str) -> str:
    """Draw a straight line."""
    (x1, y1), (x2, y2) = start, end
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[Point], class_: str, *, closed: bool = False) -> str:
    """Draw a line through points, or the area that they go round."""
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", d=f"M{steps}{'Z' if closed else ''}", class_=class_)


def frame(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """Give a whole drawing with its name for those who can't see it."""
    narrow = "narrow" if width < (WIDE + NARROW) / 2 else "wide"
    return element(
        "svg",
        element("title", written(title)),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        class_=f"chart {narrow}",
        role="img",
    )


def shortened(text: str, width: float) -> str:
    """Cut a text to what fits into a width in pixels."""
    most = max(2, int(width / CHARACTER))
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart by at least `gap`, within a range if they fit into it."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    placed = [0.0] * len(wanted)
    at = low - gap
    for index in order:
        at = max(wanted[index], at + gap)
        placed[index] = at
    at = high + gap
    for index in reversed(order):
        at = min(placed[index], at - gap)
        placed[index] = at
    return placed


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
