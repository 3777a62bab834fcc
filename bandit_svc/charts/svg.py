"""SVG as text: elements, escaping, the frame of a chart.

Owns how a drawing is written. Colours are classes (`s0` to `s6`, `axis`, `grid`),
so that the page decides about light, dark and print.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape
from itertools import accumulate

Point = tuple[float, float]

WIDE, NARROW = 720.0, 340.0
SERIES = 7
"""Classes s0 to s6; a chart with more series reuses them."""
CHARACTER = 7.7
"""The width of a small letter or a digit at the size of chart texts, in pixels."""
_NARROW_PX, _CAPITAL_PX, _WIDE_PX = 4.9, 8.6, 12.0
_NARROW = frozenset("fijlrtI .,:;'|!()[]/-")
_WIDE = frozenset("mwMW@%\N{HORIZONTAL ELLIPSIS}\N{EM DASH}")

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
    """Return a whole drawing, with its name for screen readers."""
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


def text_width(text: str) -> float:
    """Return the width of a text in pixels, on the safe side for DejaVu Sans."""
    return sum(map(_character_width, text))


def shortened(name: str, width: float) -> str:
    """Cut a name in its middle to what fits into a width in pixels.

    Names of one experiment often begin alike and differ at their end.
    """
    if text_width(name) <= width:
        return name
    room = width - _WIDE_PX
    head = _fitting(name, room / 2)
    tail = _fitting(name[::-1], room - text_width(head))[::-1]
    return f"{head}\N{HORIZONTAL ELLIPSIS}{tail}"


def clipped(sentence: str, width: float) -> str:
    """Cut a sentence at its end to what fits into a width in pixels."""
    if text_width(sentence) <= width:
        return sentence
    return _fitting(sentence, width - _WIDE_PX) + "\N{HORIZONTAL ELLIPSIS}"


def _fitting(text: str, width: float) -> str:
    ends = accumulate(map(_character_width, text))
    return text[: sum(end <= width for end in ends)]


@lru_cache(maxsize=1_000)
def _character_width(character: str) -> float:
    if character in _NARROW or unicodedata.combining(character):
        return _NARROW_PX
    if character in _WIDE or unicodedata.east_asian_width(character) in {"W", "F"}:
        return _WIDE_PX
    return _CAPITAL_PX if character.isupper() else CHARACTER


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
