"""Small pictures: an interval, chances, a heat map; each says itself in text."""

import re
from xml.etree import ElementTree as ET

import pytest

from bandit_svc.charts.chances import MOST_BARS, Chance, chances
from bandit_svc.charts.heat_map import Cell, Side, heat_map
from bandit_svc.charts.interval import Interval, shared_reach, small_interval
from bandit_svc.charts.svg import NARROW, WIDE

NAME = "<script>&\"'"
SPACE = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    assert "style=" not in svg
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


@pytest.mark.parametrize(
    ("bounds", "class_"),
    [((0.1, 0.3), "better"), ((-0.3, -0.1), "worse"), ((-0.1, 0.3), "weak")],
)
def test_an_interval_has_its_zero_in_the_middle_and_its_side_as_a_class(
    bounds: tuple[float, float], class_: str
) -> None:
    svg = parsed(small_interval(Interval(sum(bounds) / 2, *bounds), 0.3, NAME))
    zero = svg.find(f"{SPACE}line[@class='zero']")

    assert zero is not None
    assert float(zero.attrib["x1"]) == 66.0
    assert svg.findtext(f"{SPACE}title") == NAME
    assert svg.find(f"{SPACE}circle[@class='dot {class_}']") is not None


def test_an_interval_of_nothing_is_still_a_picture() -> None:
    none = Interval(0.0, 0.0, 0.0)

    assert parsed(small_interval(none, shared_reach([none]), "")).tag == f"{SPACE}svg"


def test_intervals_of_one_table_share_a_scale() -> None:
    reach = shared_reach([Interval(0.1, 0.0, 0.2), Interval(0.3, 0.2, 0.4)])
    narrow = whisker(small_interval(Interval(0.1, 0.0, 0.2), reach, ""))
    wide = whisker(small_interval(Interval(0.2, 0.0, 0.4), reach, ""))

    # From the margin of 6 pixels, 60 pixels are half of the scale: the reach of 0.4.
    assert narrow == (66.0, 96.0)
    assert wide == (66.0, 126.0)


def test_a_bound_beyond_the_scale_is_an_arrow_at_its_edge() -> None:
    usual = [Interval(0.0, -0.1, 0.1)] * 4
    reach = shared_reach([*usual, Interval(0.05, -9.0, 9.0)])
    svg = small_interval(Interval(0.05, -9.0, 9.0), reach, "")

    assert reach == 0.1
    assert whisker(svg) == (6.0, 126.0)
    assert len(parsed(svg).findall(f"{SPACE}path")) == 2


def whisker(svg: str) -> tuple[float, float]:
    """Return where the line of an interval begins and ends, in pixels."""
    drawn = parsed(svg).findall(f"{SPACE}line")[1]
    return float(drawn.attrib["x1"]), float(drawn.attrib["x2"])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_bars_are_as_long_as_their_chances(width: float) -> None:
    bars = [Chance(NAME, 0.25, chosen=True), Chance("b", 0.5), Chance("c", 0.25)]
    svg = parsed(chances(bars, "Chances", str, width))
    lengths = [float(r.attrib["width"]) for r in svg.iter(f"{SPACE}rect")]

    assert lengths[1] == pytest.approx(2 * lengths[0], abs=0.2)
    assert "0.25 · chosen" in [t.text for t in svg.iter(f"{SPACE}text")]


def test_of_very_many_bars_the_likeliest_and_the_chosen_stay() -> None:
    bars = [Chance(f"v{n}", n / 10_000, chosen=n == 0) for n in range(200)]
    texts = [
        t.text for t in parsed(chances(bars, "", str)).iter(f"{SPACE}text") if t.text
    ]

    assert "v0" in texts
    assert "v199" in texts
    assert len([t for t in texts if t.startswith("v")]) == MOST_BARS


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_cell_says_what_it_shows_and_cuts_no_number(width: float) -> None:
    rows, columns = Side("row", [NAME, "r2"]), Side("column", ["c1", "c2", "c3"])
    lines = ("a-very-long-variant-name", "12.5 %", "earns 0.1234567")
    cells = {(NAME, "c1"): Cell(0, 0.125, lines), ("r2", "c3"): Cell(9, 1.0, lines)}
    svg = parsed(heat_map(rows, columns, cells, "Who", width))
    boxes = [r.attrib for r in svg.iter(f"{SPACE}rect")]
    texts = [t.text or "" for t in svg.iter(f"{SPACE}text")]

    assert [b["class"] for b in boxes] == ["cell s0", "cell s2"]
    assert float(boxes[0]["fill-opacity"]) < float(boxes[1]["fill-opacity"])
    assert texts.count("12.5 %") == 2
    assert not [t for t in texts if re.fullmatch(r"earns 0\.\d{1,6}…?", t)]
