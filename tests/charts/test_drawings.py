"""Every drawing is XML that a parser reads, whatever the numbers and the names."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.charts.bars import Bar, latency_bars
from bandit_svc.charts.forest import Mark, Row, forest
from bandit_svc.charts.over_time import Series, line_chart, share_chart
from bandit_svc.charts.scale import Scale, moments, round_values
from bandit_svc.charts.svg import (
    NARROW,
    WIDE,
    clipped,
    frame,
    label,
    shortened,
    spread,
    text_width,
)

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert('1')</script>\x00\x1b&\"<b>"
NOON_S = 1_800_014_400.0


def write(value: float) -> str:
    return f"{value:g}"


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own drawing


def drawn_by(name: str, number: float) -> dict[str, Callable[[float], str]]:
    at_s = [NOON_S, NOON_S + 60, NOON_S + 120]
    values: list[float | None] = [None, number, number]
    bands = [(number - 1, number + 1)] * 3
    rows = [
        Row(name, number, number - 1, number + 1, name, heading=name),
        Row(name, None, None, None, name, note=name),
    ]
    return {
        "lines": lambda width: line_chart(
            at_s, [Series(name, values, bands), Series(name, values)],
            name, name, write, width,
        ),
        "shares": lambda width: share_chart(
            at_s, [Series(name, [0.5] * 3), Series(name, [0.5, None, 0.5])],
            name, name, write, width,
        ),
        "forest": lambda width: forest(
            rows, [Mark(number, name)], name, name, write, width
        ),
        "bars": lambda width: latency_bars(
            [Bar(0, 0.1, 3, 1), Bar(6.4, 7.6, 0, 2)], 6.0, name, lambda _: name, width
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["lines", "shares", "forest", "bars"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_hostile_name_is_text_and_no_markup(kind: str, width: float) -> None:
    svg = drawn_by(HOSTILE, 0.5)[kind](width)
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing

    assert root.find(f".//{SVG}script") is None
    assert any(text.startswith("</text>") for text in texts(svg))
    assert "\x00" not in svg


@settings(deadline=None, max_examples=40)
@given(
    name=st.text(max_size=20),
    number=st.floats(-1e9, 1e9).map(lambda value: round(value, 6)),
)
def test_every_drawing_is_valid_xml(name: str, number: float) -> None:
    for draw in drawn_by(name, number).values():
        for width in (WIDE, NARROW):
            svg = draw(width)
            root = ET.fromstring(svg)  # noqa: S314 - our own drawing
            assert root.tag == f"{SVG}svg"
            assert not re.search(r' (?:[xy][12]?|c[xy]|d|height)="[^"]*nan', svg)


def test_one_moment_is_drawn() -> None:
    svg = line_chart([NOON_S], [Series("a", [0.5])], "t", "y", write)

    assert "y" in texts(svg)


def test_a_line_leaves_the_picture_and_comes_back_at_its_edge() -> None:
    # The first fifth does not decide about the range, so 9 is outside of it.
    values = [0.25, 9.0, *([0.2, 0.3] * 4)]
    at_s = [NOON_S + i for i in range(10)]
    svg = line_chart(at_s, [Series("a", values)], "t", "y", write)
    left, back = re.findall(r'd="M([^"]*)" class="line s0"', svg)
    top = "30.0"

    assert left.split(" L")[-1].split()[1] == top
    assert back.split(" L")[0].split()[1] == top
    assert (left.count("L"), back.count("L")) == (1, 8)


def test_a_value_is_drawn_where_it_belongs_and_inside_the_axis() -> None:
    scale = Scale(0.0, 10.0, 100.0, 200.0)

    # 2.5 is a fourth of the way; 11 and -1 stay at the ends.
    assert [scale(v) for v in (0, 2.5, 10, 11, -1)] == [100, 125, 200, 200, 100]


def test_an_interval_beyond_the_scale_ends_in_an_arrow() -> None:
    near = [Row(f"r{i}", 0.0, -1.0, 1.0, "") for i in range(4)]
    svg = forest([*near, Row("far", 0.0, -50.0, 1.0, "")], [], "t", "x", write)

    assert svg.count(" open") == 1


def test_a_row_without_an_estimate_says_why() -> None:
    svg = forest([Row("p", None, None, None, "", "no overlap")], [], "t", "x", write)

    assert "no overlap" in texts(svg)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.5, 1]),
        (-0.3, 0.3, [-0.2, 0, 0.2]),
        (0, 0.07, [0, 0.05]),
    ],
)
def test_an_axis_shows_round_values(
    low: float, high: float, expected: list[float]
) -> None:
    assert round_values(low, high, 3) == pytest.approx(expected)


def test_an_axis_of_time_shows_round_moments() -> None:
    assert [t.text for t in moments(NOON_S, NOON_S + 100, 4)] == [
        *("12:00:00", "12:00:30", "12:01:00", "12:01:30"),
    ]
    assert [t.text for t in moments(NOON_S, NOON_S + 3 * 86_400, 3)] == [
        *("16 Jan", "17 Jan", "18 Jan"),
    ]


def test_labels_move_apart_and_stay_in_the_picture() -> None:
    assert spread([10, 11, 90], 10, 0, 90) == [10, 20, 90]
    assert spread([90, 89], 10, 0, 90) == [90, 80]


def test_a_long_name_is_cut_in_its_middle_so_that_its_end_tells_it_apart() -> None:
    cut = {shortened(f"product-card-number-{n:02}", 110) for n in range(40)}

    assert len(cut) == 40
    assert all(text.startswith("produ") and text_width(text) <= 110 for text in cut)
    assert shortened("coat", 66) == "coat"


@pytest.mark.parametrize(
    "name", ["WWWWWWWWWWWW", "ملابس الصيف للأطفال", "夏のドレスと靴"]
)
def test_a_name_of_wide_characters_fits_into_its_room(name: str) -> None:
    assert "…" in shortened(name, 66)
    assert text_width(shortened(name, 66)) <= 66


def test_a_sentence_is_cut_at_its_end() -> None:
    assert clipped("too few decisions", 80) == "too few d…"


def test_coordinates_have_a_tenth_of_a_pixel() -> None:
    svg = frame(WIDE, 10, "t", [label(1 / 3, 2.0, "a")])

    assert 'x="0.3" y="2"' in svg
