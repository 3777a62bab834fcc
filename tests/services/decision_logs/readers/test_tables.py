"""Tables that other systems wrote: what is read, and what is refused and how."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.read import form_of, read_log
from bandit_svc.services.decision_logs.readers.rows import Columns, UnreadableLog

COLUMNS = Columns(action="item", reward="click", propensity="p")
CSV = "item,click,p,q,device\n7,1,0.5,0.25,tv\n9,0,0.25,1,mobile\n7,0,0.5,0,\n"


def written(folder: Path, text: str, name: str = "log.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def refusal(folder: Path, text: str, columns: Columns = COLUMNS) -> str:
    with pytest.raises(UnreadableLog) as caught:
        read_log(written(folder, text), columns)
    return caught.value.message


def same(a: DecisionLog, b: DecisionLog) -> bool:
    return (
        a.actions == b.actions
        and np.array_equal(a.action, b.action)
        and np.array_equal(a.reward, b.reward)
        and np.array_equal(a.propensity, b.propensity)
    )


def test_a_csv_gives_actions_rewards_and_propensities(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, CSV), COLUMNS)

    assert log.actions == ("7", "9")
    assert log.action.tolist() == [0, 1, 0]
    assert log.reward.tolist() == [1, 0, 0]
    assert log.propensity.tolist() == [0.5, 0.25, 0.5]
    assert not log.actions_known


def test_columns_may_be_in_any_order_and_a_cell_may_be_quoted(tmp_path: Path) -> None:
    text = '\ufeffp,click,item\n0.5,1,"a ""b"", c"\n'
    log = read_log(written(tmp_path, text), COLUMNS)

    assert log.actions == ('a "b", c',)


@pytest.mark.parametrize("name", ["log.tsv", "log.csv.gz", "log.jsonl", "log.ndjson"])
def test_every_form_of_a_table_gives_the_same_log(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    header, *rows = (line.split(",") for line in CSV.splitlines())
    if name.endswith(".gz"):
        file.write_bytes(gzip.compress(CSV.encode()))
    elif name.endswith("tsv"):
        file.write_text(CSV.replace(",", "\t"))
    else:
        objects = (dict(zip(header, row, strict=True)) for row in rows)
        file.write_text("".join(json.dumps(o) + "\n\n" for o in objects))
    expected = read_log(written(tmp_path, CSV, "expected.csv"), COLUMNS)

    assert same(read_log(file, COLUMNS), expected)


def test_json_lines_name_nested_fields_with_a_dot(tmp_path: Path) -> None:
    line = {"log": {"item": "a", "p": 0.5}, "click": 1, "user": {"segment": "new"}}
    columns = Columns(
        action="log.item",
        reward="click",
        propensity="log.p",
        context=("user.segment",),
    )
    file = written(tmp_path, json.dumps(line) + "\n", "log.jsonl")

    assert read_log(file, columns).propensity.tolist() == [0.5]


def test_a_field_of_json_lines_may_be_missing_from_some(tmp_path: Path) -> None:
    lines = [
        {"item": "a", "click": 0, "p": 0.5},
        {"item": "b", "click": 1, "p": 0.5, "device": "tv"},
    ]
    columns = Columns(
        action="item", reward="click", propensity="p", context=("device",)
    )
    file = written(tmp_path, "\n".join(map(json.dumps, lines)), "log.jsonl")
    log = read_log(file, columns)

    assert log.features is not None
    assert log.features.tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("seen", "told", "expected"),
    [
        (("0", "2"), 3, ("0", "1", "2")),
        (("1", "3"), 3, ("1", "2", "3")),
        (("10", "70"), 3, ("10", "70", "unseen-1")),
        (("b", "a"), 3, ("a", "b", "unseen-1")),
        (("2.0", "0"), None, ("0", "2")),
    ],
)
def test_the_number_of_actions_names_those_that_were_not_seen(
    tmp_path: Path, seen: tuple[str, str], told: int | None, expected: tuple[str, ...]
) -> None:
    text = "item,click,p\n" + "".join(f"{action},0,0.5\n" for action in seen)
    columns = Columns(action="item", reward="click", propensity="p", actions=told)
    log = read_log(written(tmp_path, text), columns)

    assert log.actions == expected
    assert log.actions_known == (told is not None)


def test_columns_by_action_give_all_chances_in_the_order_of_the_actions(
    tmp_path: Path,
) -> None:
    text = "item,click,log_b,log_a,new_a,new_b\na,1,0.2,0.8,1,0\nb,0,0.3,0.7,0.5,0.5\n"
    columns = Columns(
        action="item", reward="click", propensities="log_", targets="new_"
    )
    log = read_log(written(tmp_path, text), columns)

    assert log.actions == ("a", "b")
    assert log.pmf is not None
    assert log.pmf.tolist() == [[0.8, 0.2], [0.7, 0.3]]
    assert log.pmf_targets["new_"].tolist() == [[1, 0], [0.5, 0.5]]
    # The propensity is the entry of the action: 0.8 of a, then 0.3 of b.
    assert log.propensity.tolist() == [0.8, 0.3]


def test_context_is_scaled_if_it_is_a_number_and_else_a_column_a_value(
    tmp_path: Path,
) -> None:
    text = "item,click,p,hour,device\na,0,1,1,tv\na,0,1,3,mobile\na,0,1,5,\n"
    columns = Columns(
        action="item", reward="click", propensity="p", context=("hour", "device")
    )
    log = read_log(written(tmp_path, text), columns)

    # Hours 1, 3, 5 have mean 3 and standard deviation sqrt(8 / 3). Devices in order
    # are "", "mobile", "tv"; the first has no column.
    scale = (8 / 3) ** 0.5
    assert log.features is not None
    assert log.features == pytest.approx(
        np.array([[-2 / scale, 0, 1], [0, 1, 0], [2 / scale, 0, 0]])
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,one,0.5", "line 3: click is 'one'; it must be a finite number"),
        ("a,nan,0.5", "line 3: click is 'nan'"),
        ("a,inf,0.5", "line 3: click is 'inf'"),
        ("a,,0.5", "line 3: click is empty"),
        ("a,1,0", "line 3: p is '0'; it must be above 0 and at most 1"),
        ("a,1,1.5", "line 3: p is '1.5'"),
        ("a,1,-0.1", "line 3: p is '-0.1'"),
        (",1,0.5", "line 3: the action is empty"),
        ("a,1", "line 3: it has 2 cells; the first line names 3"),
        ("a,1,0.5,9", "line 3: it has 4 cells"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_limit(
    tmp_path: Path, row: str, said: str
) -> None:
    text = f"item,click,p\na,1,0.5\n{row}\na,1,0.5\n"

    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("item,click,p\n", "no decision that can be evaluated"),
        ("item,click,p\n7,1,0.5\n07,1,0.5\n", "7 and 07"),
    ],
)
def test_a_file_without_a_usable_decision_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    assert said in refusal(tmp_path, text)


def test_chances_that_do_not_sum_to_1_are_named(tmp_path: Path) -> None:
    columns = Columns(action="item", reward="click", propensity="p", targets="t_")
    text = "item,click,p,t_a,t_b\na,1,0.5,0.5,0.5\na,1,0.5,0.5,0.7\n"

    assert "line 3: the sum of t_* is 1.2; it must be 1" in refusal(
        tmp_path, text, columns
    )


def test_an_action_without_its_column_is_named(tmp_path: Path) -> None:
    columns = Columns(action="item", reward="click", propensity="p", targets="t_")

    assert "line 2: the action is c; there is no column t_c" in refusal(
        tmp_path, "item,click,p,t_a,t_b\nc,1,0.5,0.5,0.5\n", columns
    )


def test_more_actions_than_told_are_refused(tmp_path: Path) -> None:
    columns = Columns(action="item", reward="click", propensity="p", actions=2)
    text = "item,click,p\n" + "".join(f"{a},0,0.5\n" for a in "abc")

    assert "3 different actions; --actions says 2" in refusal(tmp_path, text, columns)


@pytest.mark.parametrize(
    "columns",
    [
        Columns(),
        Columns(action="item", reward="click"),
        Columns(action="article", reward="click", propensity="p"),
        Columns(action="item", reward="click", propensity="p", context=("hour",)),
        Columns(action="item", reward="click", propensity="p", targets="t_"),
    ],
)
def test_a_column_that_is_not_there_is_wrong_usage(
    tmp_path: Path, columns: Columns
) -> None:
    with pytest.raises(InvalidInput, match=r"log\.csv"):
        read_log(written(tmp_path, CSV), columns)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("log.csv", b"item,click,p\n\xff\xfe,1,0.5\n", "not text in UTF-8"),
        ("log.csv.gz", b"item,click,p\n", "can't be read"),
        ("log.jsonl", b'{"item": 1\n', "line 1: it is not JSON"),
        ("log.jsonl", b"[1]\n", "each line must be an object"),
        ("log.parquet", b"item,click,p\n", "Parquet"),
    ],
)
def test_bytes_that_are_no_table_are_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(UnreadableLog, match=said):
        read_log(file, COLUMNS)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match="No such file"):
        read_log(tmp_path / "log.csv", COLUMNS)


def test_a_name_without_a_known_ending_needs_the_form(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--log-format"):
        form_of(tmp_path / "log.bin")

    assert same(
        read_log(written(tmp_path, CSV, "log.bin"), COLUMNS, "csv"),
        read_log(written(tmp_path, CSV), COLUMNS),
    )


def test_rows_beyond_one_batch_are_all_read(tmp_path: Path) -> None:
    n = 50_001
    text = "item,click,p\n" + "".join(f"{i % 3},{i % 2},0.5\n" for i in range(n))
    log = read_log(written(tmp_path, text), COLUMNS)

    assert log.n == n
    assert log.action.sum() == sum(i % 3 for i in range(n))
