"""What spreadsheets, dataframes and samplers write: read as what it means."""

from pathlib import Path

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.read import read_log
from bandit_svc.services.decision_logs.readers.rows import (
    Columns,
    Reading,
    UnreadableLog,
)

COLUMNS = Columns(action="item", reward="click", propensity="p")
WEIGHED = Columns(action="item", reward="click", propensity="p", weight="kept")


def read(
    folder: Path,
    text: str,
    columns: Columns = COLUMNS,
    name: str = "log.csv",
    **how: object,
) -> DecisionLog:
    file = folder / name
    file.write_text(text)
    return read_log(file, columns, reading=Reading(**how))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "rewards"),
    [
        (("True", "False", "true"), [1, 0, 1]),
        (("TRUE", "0", "1.5"), [1, 0, 1.5]),
        (("1", "0", "1"), [1, 0, 1]),
    ],
)
def test_true_and_false_are_rewards(
    tmp_path: Path, cells: tuple[str, ...], rewards: list[float]
) -> None:
    text = "item,click,p\n" + "".join(f"a,{cell},0.5\n" for cell in cells)

    assert read(tmp_path, text).reward.tolist() == rewards


def test_true_is_no_propensity(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match="p is 'True'; it must be a finite"):
        read(tmp_path, "item,click,p\na,1,True\n")


@pytest.mark.parametrize(
    ("name", "between"), [("log.csv", ";"), ("log.tsv", "\t"), ("log.csv", "|")]
)
def test_a_decimal_comma_is_a_point_where_it_ends_no_cell(
    tmp_path: Path, name: str, between: str
) -> None:
    text = "item,click,p\na,1,0.5\nb,0,0.25\n".replace(",", between)
    delimiter = between if between == "|" else None
    log = read(tmp_path, text.replace(".", ","), name=name, delimiter=delimiter)

    assert log.propensity.tolist() == [0.5, 0.25]
    assert read(tmp_path, text, name=name, delimiter=delimiter).propensity.tolist() == [
        0.5,
        0.25,
    ]


def test_commas_and_points_in_one_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match=r"line 3: click is '1\.200'"):
        read(tmp_path, "item;click;p\na;0,5;0,5\nb;1.200;0,25\n")


def test_a_comma_that_ends_a_cell_is_no_decimal_comma(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match="click is '0,5'"):
        read(tmp_path, 'item,click,p\na,"0,5",0.5\n')


@pytest.mark.parametrize("cell", ["", "NaN", "null", "NA", " "])
def test_a_default_reward_is_that_of_cells_without_one(
    tmp_path: Path, cell: str
) -> None:
    text = f"item,click,p\na,1,0.5\na,{cell},0.5\n"

    assert read(tmp_path, text, default_reward=-2.0).reward.tolist() == [1, -2]
    with pytest.raises(UnreadableLog, match="line 3: click is"):
        read(tmp_path, text)


def test_a_wrong_reward_is_not_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match="click is 'none given'"):
        read(tmp_path, "item,click,p\na,none given,0.5\n", default_reward=0.0)


def test_rounding_above_1_and_below_0_is_rounded_back(tmp_path: Path) -> None:
    columns = Columns(action="item", reward="click", propensity="p", targets="t_")
    text = "item,click,p,t_a,t_b\na,1,1.0000001,1.0000001,-1e-7\n"
    log = read(tmp_path, text, columns)

    assert log.propensity.tolist() == [1]
    assert log.pmf_targets["t_"].tolist() == [[1, 0]]


def test_a_weight_column_says_how_many_decisions_a_row_stands_for(
    tmp_path: Path,
) -> None:
    log = read(tmp_path, "item,click,p,kept\na,1,0.5,1\na,0,0.5,3\n", WEIGHED)

    assert log.multiplicity is not None
    assert log.multiplicity.tolist() == [0.5, 1.5]
    assert log.mean_reward == 0.25


def test_weights_that_are_alike_change_nothing(tmp_path: Path) -> None:
    log = read(tmp_path, "item,click,p,kept\na,1,0.5,7\na,0,0.5,7\n", WEIGHED)

    assert log.multiplicity is None


def test_a_weight_must_be_above_0(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match="line 2: kept is '0'; it must be above 0"):
        read(tmp_path, "item,click,p,kept\na,1,0.5,0\n", WEIGHED)


@pytest.mark.parametrize(
    ("column", "said"), [("pdrop", "--weight-column"), ("_skipLearn", "never shown")]
)
def test_columns_that_change_what_a_row_means_are_not_ignored(
    tmp_path: Path, column: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=f"has a column '{column}'.*{said}"):
        read(tmp_path, f"item,click,p,{column}\na,1,0.5,0\n")


def test_only_columns_that_are_read_must_be_named_once(tmp_path: Path) -> None:
    twice = read(tmp_path, "item,click,p,x,x\na,1,0.5,1,2\n")

    assert twice.n == 1
    with pytest.raises(InvalidInput, match="names the column 'p' 2 times"):
        read(tmp_path, "item,click,p,p\na,1,0.5,0.9\n")


def test_a_table_may_lack_propensities_where_none_are_needed(tmp_path: Path) -> None:
    columns = Columns(action="item", reward="click")
    log = read(tmp_path, "item,click\na,1\n", columns, without_propensities=True)

    assert not log.propensities_known
    with pytest.raises(InvalidInput, match=r"--propensity-column\. A log without"):
        read(tmp_path, "item,click\na,1\n", columns)


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("log.dsjson", {"delimiter": ";"}, "--delimiter is of CSV and TSV"),
        ("log.dat", {"default_reward": 0.0}, "names no chosen action"),
    ],
)
def test_an_option_of_another_form_is_refused(
    tmp_path: Path, name: str, how: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(tmp_path, "1:-1:0.5 | a\n", Columns(), name, **how)
