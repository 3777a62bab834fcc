"""Every field of Vowpal Wabbit's JSON is used, refused, or means nothing here.

The expected readings are those of its parse_example_json.cc and of the joiners that
write dsjson.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers import dsjson_event
from bandit_svc.services.decision_logs.readers.read import form_of, read_log
from bandit_svc.services.decision_logs.readers.rows import (
    Columns,
    Reading,
    UnreadableLog,
)

LABEL = {"_label_cost": -1, "_label_probability": 0.2, "_label_Action": 2}
EVENT = LABEL | {
    "_labelIndex": 1,
    "a": [2, 1, 3],
    "p": [0.2, 0.7, 0.1],
    "c": {"device": "tv", "_multi": [{}, {}, {}]},
}
BARE = LABEL | {"_labelIndex": 1, "device": "tv", "_multi": [{}, {}, {}]}
DOCS = Path(__file__).parents[4] / "docs" / "evaluation.md"


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


def read(folder: Path, *events: object, reading: Reading | None = None) -> DecisionLog:
    file = folder / "log.dsjson"
    lines = (one if isinstance(one, str) else json.dumps(one) for one in events)
    file.write_text("\n".join(lines))
    return read_log(
        file, Columns(context=("device",)), None, reading=reading or Reading()
    )


def refusal(folder: Path, event: dict[str, Any]) -> str:
    with pytest.raises(UnreadableLog) as caught:
        read(folder, event)
    return caught.value.message


@pytest.mark.parametrize(
    "event",
    [
        without(EVENT, "_label_Action"),
        without(EVENT, "_labelIndex"),
        without(EVENT, "_label_probability"),
        without(EVENT, *LABEL) | {"_label_Cost": -1, "_label_PROBABILITY": 0.2},
        without(EVENT, *LABEL) | {"_label": {"Cost": -1, "probability": 0.2}},
        without(EVENT, *LABEL, "_labelIndex") | {"_label": "2:-1:0.2"},
        without(EVENT, "_labelIndex") | {"_labelindex": 1},
        without(EVENT, "p") | {"_p": EVENT["p"]},
        EVENT | {"_label_weight": 1, "pdrop": None, "_skipLearn": False},
        EVENT | {"_original_label_cost": -1.0, "_ba": [1], "VWState": {"m": "x"}},
        EVENT | {"DeferredAction": True, "o": [{"ActionTaken": True, "v": 1}]},
        EVENT | {"a": [1, 0, 2], "_label_Action": 2},
        EVENT | {"a": [1, 0, 2], "_label_Action": 1},
        without(EVENT, "_labelIndex") | {"a": [1, 0, 2], "_label_Action": 1},
        EVENT | {"_label_probability": 0.20000000298023224},
    ],
)
def test_it_is_read_in_every_spelling(tmp_path: Path, event: dict[str, Any]) -> None:
    log = read(tmp_path, event)

    assert log.action.tolist() == [1]
    assert log.actions == (("0", "1", "2") if 0 in event["a"] else ("1", "2", "3"))
    assert log.reward.tolist() == [1]
    assert log.propensity.tolist() == pytest.approx([0.2])
    assert log.pmf is not None
    assert log.pmf[0].tolist() == pytest.approx([0.7, 0.2, 0.1])
    assert log.skipped == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_outcomes": []}, "it has the field `_outcomes`; one slot an event is read"),
        ({"c": {"_slots": [], "_multi": [{}] * 3}}, "it has the field `_slots`"),
        ({"pdf": []}, "it has the field `pdf`; actions that are numbers on a line"),
        ({"_label_ca": {}}, "it has the field `_label_ca`"),
        ({"_label_ca_action": 3}, "actions that are numbers on a line"),
        ({"_label_weight": 2}, "it has the field `_label_weight` (weight is 2); write"),
        ({"_label_Initial": 0}, "an event needs an action, a cost and a probability"),
        ({"_labelling": 0}, "it has the field `_labelling`; it is no part of a"),
        ({"_label": "2:-1"}, "it must be one action:cost:probability"),
        ({"_label_Cost": 0}, "it has `_label_Cost` twice, as -1 and as 0"),
        ({"_label_Action": 3}, "_labelIndex is 1 and _label_Action 3"),
        ({"_labelIndex": -1}, "the chosen action is 0"),
        ({"_label_probability": 0.1}, "and `p` has 0.2 for the chosen action"),
        ({"_original_label_cost": 0}, "the cost was rewritten for learning"),
        ({"pdrop": 1.5}, "pdrop is 1.5; it must be from 0 to below 1"),
        ({"pdrop": "0.1"}, "pdrop is '0.1'"),
        ({"_skipLearn": "true"}, "_skipLearn is 'true'; it must be true or false"),
        ({"_p": [0.5, 0.4, 0.1]}, "`p` and `_p` differ"),
        ({"c": {"_multi": [{}]}}, "`a` has 3 entries and `_multi` lists 1"),
        ({"a": None, "p": None, "c": {}}, "no lists `a` and `p`, nor the actions"),
        ({"a": [1, 0, 2], "_labelIndex": None}, "`a` counts from 0 and begins with 1"),
    ],
)
def test_what_would_change_its_meaning_is_refused(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    event = without(EVENT | change, *(k for k, v in change.items() if v is None))
    if change.get("a") == [1, 0, 2]:
        event |= {"_label_Action": 3}

    assert said in refusal(tmp_path, event)


def test_a_kept_event_of_a_sub_sampled_log_stands_for_several(tmp_path: Path) -> None:
    log = read(tmp_path, EVENT, EVENT | {"pdrop": 0.5}, EVENT | {"pdrop": 0.75})

    assert log.multiplicity is not None
    # 1, 2 and 4 decisions, relative to their mean.
    assert log.multiplicity.tolist() == pytest.approx([3 / 7, 6 / 7, 12 / 7])


def test_the_chance_to_be_kept_may_be_a_factor_of_the_logged_probability(
    tmp_path: Path,
) -> None:
    kept = EVENT | {"pdrop": 0.5, "_label_probability": 0.1}

    assert read(tmp_path, kept).propensity.tolist() == [0.2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (EVENT | {"_skipLearn": True, "_outcomes": 1}, None),
        (EVENT | {"_skipLearn": True}, dsjson_event.NEVER_SHOWN),
        (EVENT | {"DeferredAction": True, "o": []}, dsjson_event.NEVER_SHOWN),
        (EVENT | {"pdrop": 1}, dsjson_event.DROPPED),
        (without(EVENT, "_label_cost"), dsjson_event.NO_COST),
        (EVENT | {"_label_cost": None}, dsjson_event.NO_COST),
        (EVENT | {"a": [], "p": []}, dsjson_event.NO_ACTIONS),
        ("[CHECKPOINT INFO LINE]", "beginning without a brace"),
        ("# a remark", "beginning without a brace"),
    ],
)
def test_what_is_no_evidence_is_left_out_and_counted(
    tmp_path: Path, line: object, reason: str | None
) -> None:
    if reason is None:
        with pytest.raises(UnreadableLog, match="_outcomes"):
            read(tmp_path, EVENT, line)
        return
    log = read(tmp_path, EVENT, line)

    assert log.n == 1
    assert log.left_out == {reason: 1}


def test_a_default_reward_is_that_of_events_without_a_cost(tmp_path: Path) -> None:
    bare = without(EVENT, *LABEL, "_labelIndex")
    log = read(tmp_path, EVENT, bare, reading=Reading(default_reward=0.0))

    # The chosen action comes first in `a`, and its chance in `p`.
    assert log.action.tolist() == [1, 1]
    assert log.reward.tolist() == [1, 0]
    assert log.propensity.tolist() == [0.2, 0.2]
    assert log.left_out == {}


def test_json_without_chances_has_the_propensity_alone(tmp_path: Path) -> None:
    log = read(tmp_path, BARE, BARE | {"_labelIndex": 0, "_label_Action": 1})

    assert log.actions == ("1", "2", "3")
    assert log.action.tolist() == [1, 0]
    assert log.propensity.tolist() == [0.2, 0.2]
    assert log.pmf is None
    assert log.actions_known


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (BARE, "events with and without the lists `a` and `p`"),
        (EVENT | {"a": [1, 0, 2]}, "numbered from 0, those of events before it from 1"),
    ],
)
def test_a_file_is_of_one_kind(tmp_path: Path, other: object, said: str) -> None:
    with pytest.raises(UnreadableLog, match=f"line 2: .*{said}"):
        read(tmp_path, EVENT, other)


@pytest.mark.parametrize("event", [EVENT, without(EVENT, "c"), BARE])
def test_a_file_of_events_is_known_by_its_fields(
    tmp_path: Path, event: dict[str, Any]
) -> None:
    file = tmp_path / "log.json"
    file.write_text(f"[CHECKPOINT]\n{json.dumps(event)}\n")

    assert form_of(file) == "dsjson"


def test_a_key_that_is_there_twice_must_have_one_value(tmp_path: Path) -> None:
    line = json.dumps(EVENT)
    twice = line[:-1] + ', "_label_probability": 0.2}'
    other = line[:-1] + ', "_label_probability": 0.7}'

    # The joiner of Vowpal Wabbit's own service writes the key twice.
    assert read(tmp_path, twice).n == 1
    with pytest.raises(UnreadableLog, match="'_label_probability' is there twice"):
        read(tmp_path, other)


CHANGES: dict[str, object] = {
    "_label_cost": 0,
    "_label_probability": 0.1,
    "_label_Action": 3,
    "_labelIndex": 0,
    "_label": "3:-1:0.2",
    "a": [1, 2, 3],
    "p": [0.2, 0.6, 0.2],
    "_p": [0.2, 0.6, 0.2],
    "c": {"device": "mobile"},
    "_multi": [{}],
    "pdrop": 0.5,
    "_skipLearn": True,
    "DeferredAction": True,
    "o": [{"ActionTaken": False}],
    "_original_label_cost": 0,
    "_outcomes": [],
    "_slots": [],
    "_slot_id": 0,
    "pdf": [],
    "_label_ca": {},
    "_label_weight": 2,
    "_label_label": 1,
    "_label_initial": 1,
}
"""Another value of every field of the docs that is used or refused."""
FIELDS = [
    (name.strip("` "), row[2].strip())
    for row in (line.split("|") for line in DOCS.read_text().splitlines())
    if len(row) > 3 and row[2].strip() in {"used", "refused", "meaningless"}
    for name in row[1].split(",")
]


def told(folder: Path, event: dict[str, Any]) -> object:
    """Return what two events say, of which the second is as given."""
    try:
        log = read(folder, EVENT, event)
    except UnreadableLog:
        return "refused"
    assert log.features is not None
    assert log.pmf is not None
    arrays = (log.action, log.reward, log.propensity, log.pmf, log.features)
    weights = None if log.multiplicity is None else log.multiplicity.tolist()
    return [array.tolist() for array in arrays], weights, dict(log.left_out)


@pytest.mark.parametrize(("field", "kind"), FIELDS)
def test_each_field_is_what_the_table_of_the_docs_says(
    tmp_path: Path, field: str, kind: str
) -> None:
    before = EVENT | ({"DeferredAction": True, "o": [{"ActionTaken": True}]})
    if field == "_multi":
        changed = before | {"c": {"device": "tv", field: CHANGES[field]}}
    else:
        changed = before | {field: CHANGES.get(field, ["anything"])}
    if field == "DeferredAction":
        changed["o"] = []

    if kind == "refused":
        assert told(tmp_path, changed) == "refused"
    elif kind == "meaningless":
        assert field not in CHANGES
        assert told(tmp_path, changed) == told(tmp_path, before)
    else:
        assert told(tmp_path, changed) != told(tmp_path, before)


def test_the_table_of_the_docs_has_every_field_once() -> None:
    names = [name for name, _ in FIELDS]

    assert len(names) == len(set(names))
    assert set(CHANGES) == {name for name, kind in FIELDS if kind != "meaningless"}
