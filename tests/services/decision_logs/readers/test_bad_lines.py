"""`--skip-bad N`: bad lines are left out and counted, and one too many refuses the log.

Owns the claim that a log with bad lines is the log without them.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.errors import Unprocessable
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.read import read_log
from bandit_svc.services.decision_logs.readers.rows import (
    Columns,
    Reading,
    UnreadableLog,
)

COLUMNS = Columns(
    action="item",
    reward="click",
    propensity="p",
    target_propensity=("t",),
    context=("device",),
    unit="who",
    position="place",
)
NAMES = "item,click,p,t,device,who,place"
GOOD = ("a,1,0.5,0.25,tv,u1,1", "b,0,0.25,1,mobile,u2,2", "a,0,0.5,0.25,tv,u1,1")
BAD = (
    "a,x,0.5,0.25,tv,u1,1",
    "a,1,1.5,0.25,tv,u1,1",
    "a,1,0,0.25,tv,u1,1",
    "a,1,0.5,-1,tv,u1,1",
    ",1,0.5,0.25,tv,u1,1",
    "a,1,0.5",
    "a,1,0.5,0.25,tv,u1,1,more",
    "new,nan,nan,9,radio,u9,9",
)
TWO_CHANCES = Columns(action="item", reward="click", propensities="p_")


def read(
    folder: Path,
    text: str,
    most: int,
    name: str = "log.csv",
    columns: Columns = COLUMNS,
) -> DecisionLog:
    file = folder / name
    file.write_text(text)
    return read_log(file, columns, reading=Reading(skip_bad=most))


def same(one: DecisionLog, other: DecisionLog) -> bool:
    return one.actions == other.actions and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("action", "reward", "propensity", "features", "unit", "position")
    )


@settings(deadline=None)
@given(
    lines=st.lists(st.sampled_from((*GOOD, *BAD)), max_size=12),
    quoted=st.booleans(),
)
def test_a_log_with_bad_lines_is_the_log_without_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], *, quoted: bool
) -> None:
    folder = tmp_path_factory.mktemp("log")
    # A quote in the first line sends a file to the reader that reads cell by cell.
    names = NAMES.replace("item", '"item"') if quoted else NAMES
    bad = sum(line in BAD for line in lines)
    whole = "\n".join((names, GOOD[1], *lines)) + "\n"
    sound = "\n".join((names, GOOD[1], *(n for n in lines if n in GOOD))) + "\n"

    log = read(folder, whole, bad)

    assert same(log, read(folder, sound, 0, "sound.csv"))
    assert log.left_out == ({"bad": bad} if bad else {})
    if bad:
        with pytest.raises(UnreadableLog, match="--skip-bad"):
            read(folder, whole, bad - 1)


@pytest.mark.parametrize("line", BAD)
def test_one_bad_line_is_refused_with_the_way_out(tmp_path: Path, line: str) -> None:
    with pytest.raises(UnreadableLog, match=r"line 3: .*pass --skip-bad N$"):
        read(tmp_path, f"{NAMES}\n{GOOD[0]}\n{line}\n{GOOD[1]}\n", 0)


def test_one_too_many_says_how_many_there_were(tmp_path: Path) -> None:
    lines = (NAMES, GOOD[0], *BAD[:3], GOOD[1])

    with pytest.raises(UnreadableLog) as caught:
        read(tmp_path, "\n".join(lines), 2)

    assert "line 5: " in caught.value.message
    assert "(and 2 bad lines before it; --skip-bad is 2)" in caught.value.message


def test_an_open_quote_does_not_swallow_lines_unseen(tmp_path: Path) -> None:
    text = "\n".join((NAMES, GOOD[0], 'a,1,0.5,"open', *GOOD * 3)) + "\n"

    with pytest.raises(UnreadableLog, match="it goes over 10 lines; --skip-bad is 9"):
        read(tmp_path, text, 9)
    assert read(tmp_path, text, 10).left_out == {"bad": 10}


def test_a_pmf_that_gives_the_choice_no_chance_is_a_bad_row(tmp_path: Path) -> None:
    text = "item,click,p_a,p_b\na,1,0.5,0.5\na,1,0,1\nb,0,0.2,0.9\nc,1,1,0\nb,1,0,1\n"
    log = read(tmp_path, text, 3, columns=TWO_CHANCES)

    assert log.action.tolist() == [0, 1]
    assert log.propensity.tolist() == [0.5, 1]
    assert log.pmf is not None
    assert log.pmf.tolist() == [[0.5, 0.5], [0, 1]]
    assert log.left_out == {"bad": 3}


@pytest.mark.parametrize(
    ("name", "lines", "count"),
    [
        ("log.jsonl", ('{"item": "a"', "[1]", "3"), 3),
        ("log.jsonl", ('{"item": "a", "item": "b", "click": 1, "p": 0.5}',), 1),
        ("log.jsonl", ('{"item": ["a"], "click": 1, "p": 0.5}',), 1),
        ("log.jsonl", ('{"item": "a", "click": 1, "p": true}',), 1),
        ("log.jsonl", ('{"item": NaN, "click": 1, "p": 0.5}',), 1),
        ("log.jsonl", ('{"item": "a", "click": [1], "p": 0.5}',), 1),
        ("log.jsonl", ('{"item": "a", "click": 1, "p": {}}',), 1),
    ],
)
def test_lines_of_json_that_are_no_row_are_bad(
    tmp_path: Path, name: str, lines: tuple[str, ...], count: int
) -> None:
    good = json.dumps({"item": "a", "click": True, "p": 0.5})
    columns = Columns(action="item", reward="click", propensity="p")
    log = read(tmp_path, "\n".join((good, *lines, good)), count, name, columns)

    assert log.reward.tolist() == [1, 1]
    assert log.left_out == {"bad": count}


@pytest.mark.parametrize("name", ["click", "p", "t_a", "kept"])
def test_a_column_of_lists_is_no_column_of_numbers(tmp_path: Path, name: str) -> None:
    columns = Columns(
        action="item", reward="click", propensity="p", targets="t_", weight="kept"
    )
    row = {"item": "a", "click": 1, "p": 0.5, "t_a": 1, "kept": 1}

    for cell in ([1], []):
        line = json.dumps(row | {name: cell})
        with pytest.raises(UnreadableLog, match=rf"line 1: {name[0]}\S* is \["):
            read(tmp_path, f"{line}\n{line}\n", 0, "log.jsonl", columns)


def test_bad_decisions_of_vw_text_are_left_out(tmp_path: Path) -> None:
    adf = "shared |u x\n0:-1:0.5 | a\n| b\n\nshared | x\n\n0:1 | a\n| b\n"
    lines = "1:-1:0.5 | a\n1:x:0.5 | a\n1:0:0 | a\n2:0:0.5 | b\n"

    assert read(tmp_path, adf, 2, "log.dat", Columns()).left_out == {"bad": 2}
    assert read(tmp_path, lines, 2, "log.dat", Columns()).reward.tolist() == [1, 0]


def test_a_log_of_bad_lines_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match=r"no decision .*\(left out: 2 bad\)"):
        read(tmp_path, f"{NAMES}\n{BAD[0]}\n{BAD[1]}\n", 5)
