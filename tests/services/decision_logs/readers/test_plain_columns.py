"""The two readers of CSV: whole columns where they are plain, cell by cell elsewhere.

Owns the claim that nobody can tell which one read a file. A quoted cell in the line of
names sends a file to the one that reads cell by cell, and changes nothing else.
"""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.errors import Unprocessable
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers import plain_columns
from bandit_svc.services.decision_logs.readers.plain_columns import (
    NotPlainError,
    plain_batches,
)
from bandit_svc.services.decision_logs.readers.read import read_log
from bandit_svc.services.decision_logs.readers.rows import Columns

COLUMNS = Columns(
    action="item",
    reward="click",
    propensity="p",
    target_propensity=("t",),
    context=("device", "hour"),
)
NAMES = ("item", "click", "p", "t", "device", "hour")
QUOTED = '"item",click,p,t,device,hour'
ROW = "a,1,0.5,0.25,phone,3"


def both(folder: Path, body: str) -> list[DecisionLog | str]:
    """Read a file by either reader: its log, or the sentence it is refused with."""
    found: list[DecisionLog | str] = []
    for header in (",".join(NAMES), QUOTED):
        path = folder / "log.csv"
        path.write_bytes(f"{header}\n{body}".encode())
        try:
            found.append(read_log(path, COLUMNS))
        except Unprocessable as error:
            found.append(error.message)
    return found


def same(one: DecisionLog, other: DecisionLog) -> bool:
    return (
        one.actions == other.actions
        and one.skipped == other.skipped
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("action", "reward", "propensity", "features", "cell")
        )
        and np.array_equal(one.targets["t"], other.targets["t"])
    )


def is_plain(path: Path) -> bool:
    try:
        list(plain_batches(path, ",", NAMES, ("item", "click"), ("click",), []))
    except NotPlainError:
        return False
    return True


@pytest.mark.parametrize(
    "body",
    [
        f"{ROW}\nb,0,0.25,1,tablet,4\n",
        f"{ROW}\nb,0,0.25,1,tablet,4",
        f"{ROW}\r\nb,0,0.25,1,tablet,4\r\n",
        f"{ROW}\n b , 1e-3 , 0.1 ,1, x,\n",
        f"{ROW}\n3.0,0.1,.3,1,é,nan\n3,1,1,0,,#\n",
        f"{ROW}\nb,1_0,0.5,0.25,x,3\n",
        f"{ROW}\n\nb,0,0.25,1,tablet,4\n",
        f"{ROW}\nb,nan,0.25,1,tablet,4\n",
        f"{ROW}\nb,1,1.50,1,tablet,4\n",
        f"{ROW}\nb,1,0.5,1,tablet\n",
        f"{ROW}\n,1,0.5,1,tablet,4\n",
        f"{ROW}\nb,,0.5,1,tablet,4\n",
        f"{ROW},\nb,1,0.5,1,4\n",
        f"{ROW}\n7,1,0.5,1,x,4\n07,1,0.5,1,x,4\n",
        "",
        "\n",
    ],
)
def test_a_file_means_the_same_to_both_readers(tmp_path: Path, body: str) -> None:
    plain, other = both(tmp_path, body)

    if isinstance(plain, DecisionLog) and isinstance(other, DecisionLog):
        assert same(plain, other)
    else:
        assert plain == other


CELL = st.text(st.sampled_from("ab01.-+e _#%\t;é'N\r\x00"), max_size=5)


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            CELL,
            st.sampled_from(["0", "1", "0.1", " 1", "-1e-3", "x", ""]),
            st.sampled_from(["0.5", "1", "0.3333333333333333", "0", "1e-9"]),
            st.sampled_from(["0", "1", "0.125"]),
            CELL,
            CELL,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_cells_tell_the_readers_apart(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    body = "\n".join(",".join(row) for row in rows)

    plain, other = both(tmp_path_factory.mktemp("log"), body)

    if isinstance(plain, DecisionLog) and isinstance(other, DecisionLog):
        assert same(plain, other)
    else:
        assert plain == other


def test_a_plain_file_is_read_as_whole_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(",".join(NAMES) + f"\n{ROW}\n")

    assert is_plain(path)


@pytest.mark.parametrize("mark", ['"', "\0", "\r"])
def test_a_mark_with_rules_of_its_own_is_left_to_the_other_reader(
    tmp_path: Path, mark: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(f"{','.join(NAMES)}\n{mark}{ROW}\n".encode())

    assert not is_plain(path)


def test_blocks_end_where_lines_end(tmp_path: Path) -> None:
    rows = "".join(f"a{n % 7},{n % 2},0.5,0.25,d{n % 3},{n}\n" for n in range(60_000))
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress((",".join(NAMES) + "\n" + rows).encode()))

    batches = list(plain_batches(path, ",", NAMES, ("hour",), ("hour",), []))

    assert len(rows) > plain_columns.BLOCK_BYTES
    assert [line for lines, _ in batches for line in lines] == list(range(2, 60_002))
    hours = np.concatenate([cells["hour"] for _, cells in batches])
    assert np.array_equal(hours, np.arange(60_000))
