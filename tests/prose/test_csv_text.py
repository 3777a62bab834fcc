"""No cell of a CSV is a formula, and numbers stay numbers."""

import csv
import io
from pathlib import Path

import pytest

from bandit_svc.prose.csv_text import Cell, csv_text


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


@pytest.mark.parametrize(
    "start", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert cells(csv_text(["h"], [[f"{start}1+1"]])) == ["h", f"'{start}1+1"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        *((-0.5, "-0.5"), (1e-300, "1e-300"), (-3, "-3"), (None, ""), (True, "True")),
        *(("-0.5", "-0.5"), ("+3", "+3"), ("-1e-5", "-1e-5"), ("a=1", "a=1")),
        *(("'=1", "'=1"), ("2026-11-28", "2026-11-28"), ("", "")),
    ],
)
def test_numbers_and_plain_texts_stay_as_they_are(cell: Cell, written: str) -> None:
    assert cells(csv_text(["h"], [[cell]])) == ["h", written]


def test_csv_is_written_in_one_place_alone() -> None:
    root = Path(__file__).parents[2]
    writers = [
        str(path.relative_to(root))
        for path in (root / "bandit_svc").rglob("*.py")
        if "csv.writer" in path.read_text() or "DictWriter" in path.read_text()
    ]

    assert writers == ["bandit_svc/prose/csv_text.py"]
