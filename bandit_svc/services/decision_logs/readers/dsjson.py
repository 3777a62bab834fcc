"""Read dsjson, Vowpal Wabbit's log format of a decision service.

Owns its fields: `_label_cost`, `_label_probability`, `_labelIndex` (from 0) or
`_label_Action` (from 1), `a` and `p` (actions from 1 and their probabilities), `c` (the
context, with one entry an action in `_multi`). Reward is minus cost; actions are
numbered from 1. Lines without a cost and those with `_skipLearn` are left out.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.decision_logs.readers.rows import (
    BATCH_ROWS,
    Rows,
    UnreadableLog,
)
from bandit_svc.services.decision_logs.readers.tables import field_of, json_objects


def read_dsjson(path: Path, context: Sequence[str]) -> Iterator[Rows]:
    """Yield the decisions of a dsjson file."""
    rows = _empty(context)
    for number, event in json_objects(path):
        if "_label_cost" not in event or event.get("_skipLearn") is True:
            rows.skipped += 1
            continue
        _add(rows, str(path), number, event, context)
        if len(rows.line) == BATCH_ROWS:
            yield rows
            rows = _empty(context)
    yield rows


def _empty(context: Sequence[str]) -> Rows:
    return Rows(count=[], pmf=[], context={name: [] for name in context})


def _add(
    rows: Rows, source: str, number: int, event: Payload, context: Sequence[str]
) -> None:
    pmf = _pmf(source, number, event)
    action = _action(source, number, event, len(pmf))
    cost = event["_label_cost"]
    if not isinstance(cost, int | float):
        raise UnreadableLog.at(
            source, number, f"_label_cost is {cost!r}; it must be a number"
        )
    rows.line.append(number)
    rows.action.append(str(action))
    rows.reward.append(0.0 - cost)
    rows.propensity.append(event.get("_label_probability", pmf[action - 1]))
    if rows.count is not None and rows.pmf is not None:
        rows.count.append(len(pmf))
        rows.pmf.append(pmf)
    inner = event.get("c")
    for name in context:
        value = field_of(inner, name) if isinstance(inner, dict) else None
        rows.context[name].append(value)


def _pmf(source: str, number: int, event: Payload) -> list[object]:
    """Return the pmf in the order of actions, since `a` may be in order of rank."""
    actions, chances = event.get("a"), event.get("p")
    if not isinstance(actions, list) or not isinstance(chances, list):
        raise UnreadableLog.at(
            source, number, "it has no lists `a` and `p`; without them it is no dsjson"
        )
    if len(actions) != len(chances) or not actions:
        raise UnreadableLog.at(
            source,
            number,
            f"`a` has {len(actions)} entries and `p` {len(chances)}; both must have "
            "one an action",
        )
    if sorted(map(str, actions)) != sorted(map(str, range(1, len(actions) + 1))):
        raise UnreadableLog.at(
            source, number, f"`a` must be the numbers 1 to {len(actions)} in any order"
        )
    pmf: list[object] = [0.0] * len(actions)
    for action, chance in zip(actions, chances, strict=True):
        pmf[int(action) - 1] = chance
    return pmf


def _action(source: str, number: int, event: Payload, count: int) -> int:
    """Return the chosen action, from 1."""
    index, action = event.get("_labelIndex"), event.get("_label_Action")
    if isinstance(index, int):
        action = index + 1
    if not isinstance(action, int) or not 1 <= action <= count:
        raise UnreadableLog.at(
            source,
            number,
            f"the chosen action is {action!r} (_labelIndex + 1, or _label_Action); it "
            f"must be between 1 and {count}",
        )
    return action
