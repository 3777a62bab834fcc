"""Logs in Vowpal Wabbit's own forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.read import read_log
from bandit_svc.services.decision_logs.readers.rows import Columns, UnreadableLog

CB = """1:-1:0.5 | device=tv hour:3
2:0:0.25 'tag |user new
| device=tv
3:0.5:0.25 |
"""
ADF = """shared |user device=tv
| item=a
0:-1:0.75 | item=b

| item=a
| item=b

shared |user device=mobile
0:0:0.2 | item=a
| item=b
| item=c
"""
EVENT = {
    "_label_cost": -1,
    "_label_probability": 0.2,
    "_label_Action": 2,
    "_labelIndex": 1,
    "a": [2, 1, 3],
    "p": [0.2, 0.7, 0.1],
    "c": {"device": "tv", "_multi": [{}, {}, {}]},
}


def read(
    folder: Path, text: str, name: str = "log.dat", columns: Columns | None = None
) -> DecisionLog:
    file = folder / name
    file.write_text(text)
    return read_log(file, columns or Columns())


def dsjson(folder: Path, *changes: dict[str, Any]) -> DecisionLog:
    lines = (json.dumps(EVENT | change) for change in changes)
    return read(folder, "\n".join(lines), "log.json")


def test_cb_text_gives_reward_as_minus_cost(tmp_path: Path) -> None:
    log = read(tmp_path, CB)

    assert log.actions == ("1", "2", "3")
    assert log.action.tolist() == [0, 1, 2]
    assert log.reward.tolist() == [1, 0, -0.5]
    assert log.propensity.tolist() == [0.5, 0.25, 0.25]
    assert log.skipped == 1


def test_cb_text_gives_features_by_name(tmp_path: Path) -> None:
    log = read(tmp_path, CB, columns=Columns(context=("device", "new")))

    # device is "tv" or nothing; new is "1" or nothing.
    assert log.features is not None
    assert log.features.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_adf_text_counts_actions_by_their_place(tmp_path: Path) -> None:
    log = read(tmp_path, ADF, columns=Columns(context=("device",)))

    assert log.actions == ("1", "2", "3")
    assert log.action.tolist() == [1, 0]
    assert log.reward.tolist() == [1, 0]
    assert log.eligible is not None
    assert log.eligible.tolist() == [[True, True, False], [True, True, True]]
    assert log.skipped == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1:0.5 | a\n", "line 1: its label is '1:0.5'"),
        ("1:0:0.5 2:0:0.5 | a\n", "line 1: its label is"),
        ("1:x:0.5 | a\n", "line 1: its cost is 'x'"),
        ("1:0:0 | a\n", "line 1: the propensity is '0'"),
        ("shared | a\n0:0:0.5 | b\n0:1:0.5 | c\n", "line 3: it is the second line"),
        ("shared | a\n\nshared | a\n0:0:0.5 |\n", "line 1: no action follows"),
        ("| a\n| b\n", "left out: 2 without a reward"),
    ],
)
def test_a_bad_line_of_text_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnreadableLog, match=said):
        read(tmp_path, text)


def test_dsjson_gives_chances_by_action_though_they_are_logged_by_rank(
    tmp_path: Path,
) -> None:
    log = dsjson(tmp_path, {}, {"_label_cost": 0.5})

    assert log.pmf is not None
    assert log.pmf[0].tolist() == pytest.approx([0.7, 0.2, 0.1])
    assert log.action.tolist() == [1, 1]
    assert log.reward.tolist() == [1, -0.5]
    assert log.propensity.tolist() == [0.2, 0.2]


def test_dsjson_leaves_out_what_has_no_reward_or_was_never_shown(
    tmp_path: Path,
) -> None:
    no_cost = {k: v for k, v in EVENT.items() if k != "_label_cost"}
    lines = [EVENT, no_cost, EVENT | {"_skipLearn": True}]
    log = read(tmp_path, "\n".join(map(json.dumps, lines)), "log.dsjson")

    assert (log.n, log.skipped) == (1, 2)


def test_dsjson_with_fewer_actions_at_times_fills_up_with_impossible_ones(
    tmp_path: Path,
) -> None:
    log = dsjson(tmp_path, {}, {"a": [2, 1], "p": [0.2, 0.8]})

    assert log.pmf is not None
    assert log.eligible is not None
    assert log.pmf[1].tolist() == pytest.approx([0.8, 0.2, 0])
    assert log.eligible[1].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"a": None}, "no lists `a` and `p`"),
        ({"p": [1.0]}, "`a` has 3 entries and `p` 1"),
        ({"a": [1, 1, 2]}, "`a` must be the numbers 1 to 3"),
        ({"_labelIndex": 3}, "the chosen action is 4"),
        ({"_label_cost": "x"}, "_label_cost is 'x'"),
        ({"p": [0.2, 0.2, 0.1]}, r"the sum of p\* is 0.5"),
        ({"_label_probability": 0}, "the propensity is 0"),
    ],
)
def test_a_bad_line_of_dsjson_is_named(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = tmp_path / "log.dsjson"
    file.write_text(f"{json.dumps(EVENT)}\n{json.dumps(EVENT | change)}\n")

    with pytest.raises(UnreadableLog, match=rf"line 2: .*{said}"):
        read_log(file, Columns())


def test_options_that_name_columns_do_not_fit_a_form_with_its_own_fields(
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidInput, match="has its own fields"):
        read(tmp_path, CB, columns=Columns(action="item"))
