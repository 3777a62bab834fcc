"""Tell what one event of Vowpal Wabbit's JSON means.

Owns its fields, in the spellings that Vowpal Wabbit takes: which are used, which change
the meaning of an event in a way that estimates have no word for, so that it is refused,
and which mean nothing here. docs/evaluation.md has the table of them. `_label_*` may be
in any case. Fields that nobody knows are left to whoever wrote them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bandit_svc.domain.json_shape import is_number
from bandit_svc.domain.plain_values import Payload

NO_COST = "without a reward"
NEVER_SHOWN = "never shown (_skipLearn, or deferred and not activated)"
DROPPED = "with a pdrop of 1, which stand for no number of decisions"
NO_ACTIONS = "without actions"
CLOSE = 1e-3
"""Largest relative distance of numbers that should be equal: logs have few digits."""
_SLOTS = "one slot an event is read; write the slots as events of their own"
_REASONS: Mapping[str, str] = {
    "_outcomes": _SLOTS,
    "_slots": _SLOTS,
    "_slot_id": _SLOTS,
    "pdf": "actions that are numbers on a line have no propensity",
    "ca": "actions that are numbers on a line have no propensity",
    "label": "an event needs an action, a cost and a probability",
    "initial": "an event needs an action, a cost and a probability",
    "weight": "write 1 - 1 / weight as `pdrop`, if it stands for so many events",
}
_UNKNOWN = (
    "it is no part of a bandit's label: _label_Action, _label_cost, _label_probability"
)
_OF_LABEL = ("action", "cost", "probability")
_LABEL_PARTS = 3


class EventFault(ValueError):
    """An event that can't be read, in a sentence."""


class LeftOut(Exception):
    """An event that is no evidence; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One decision.

    Attributes:
        index: of the chosen action, from 0.
        first: the number of the first action in the file, 1 or 0.
        count: of actions.
        reward: minus the cost, or the default; unchecked.
        propensity: of the chosen action, unchecked.
        pmf: (count,) in the order of the actions, unchecked; None if it is not logged.
        weight: how many decisions it stands for.
        context: the object that holds the features.
    """

    index: int
    first: int
    count: int
    reward: object
    propensity: object
    pmf: list[object] | None
    weight: float
    context: Payload


@dataclass(slots=True)
class _Label:
    """The label of an event; None for what it lacks."""

    cost: object = None
    probability: object = None
    action: object = None
    index: object = None


def event_of(event: Payload, default_reward: float | None = None) -> Event:
    """Return what an event says.

    Args:
        event: one line of the file.
        default_reward: of an event without a cost; None to leave it out.

    Raises:
        LeftOut: it is no evidence.
        EventFault: it can't be read.
    """
    _refuse_others(event)
    if _never_shown(event):
        raise LeftOut(NEVER_SHOWN)
    weight = _weight(event)
    label = _label_of(event)
    if label.cost is None and default_reward is None:
        raise LeftOut(NO_COST)
    inner = event.get("c")
    context = inner if isinstance(inner, dict) else event
    listed = _listed(context)
    first, pmf = _chances(event, listed)
    count = listed or 0 if pmf is None else len(pmf)
    index = _chosen(event, label, first, count)
    return Event(
        index=index,
        first=first,
        count=count,
        reward=default_reward if label.cost is None else _reward(event, label.cost),
        propensity=_propensity(label, pmf, index, weight),
        pmf=pmf,
        weight=weight,
        context=context,
    )


def _refuse_others(event: Payload) -> None:
    inner = event.get("c")
    for name, where in (
        *((name, event) for name in ("_outcomes", "_slots", "_slot_id", "pdf")),
        *((name, inner) for name in ("_slots", "_slot_id")),
    ):
        if isinstance(where, dict) and name in where:
            raise EventFault(f"it has the field `{name}`; {_REASONS[name]}")


def _never_shown(event: Payload) -> bool:
    skipped = event.get("_skipLearn", False)
    if not isinstance(skipped, bool):
        raise EventFault(f"_skipLearn is {skipped!r}; it must be true or false")
    if skipped or event.get("DeferredAction") is not True:
        return skipped
    outcomes = event.get("o")
    return not any(
        isinstance(one, dict) and one.get("ActionTaken") is True
        for one in (outcomes if isinstance(outcomes, list) else ())
    )


def _weight(event: Payload) -> float:
    """Return how many events an event of a sub-sampled log stands for."""
    dropped = event.get("pdrop")
    if dropped is None:
        return 1.0
    if not is_number(dropped) or not 0 <= dropped <= 1:
        raise EventFault(f"pdrop is {dropped!r}; it must be from 0 to below 1")
    if dropped == 1:
        raise LeftOut(DROPPED)
    return float(1 / (1 - dropped))


def _label_of(event: Payload) -> _Label:
    found: dict[str, object] = {}
    for key, value in event.items():
        if not key.startswith("_label"):
            continue
        for name, inner in _parts(key, value).items():
            if name in found and found[name] != inner:
                raise EventFault(
                    f"it has `{key}` twice, as {found[name]!r} and as {inner!r}; leave "
                    "one out"
                )
            found[name] = inner
    return _Label(**found)


def _parts(key: str, value: object) -> dict[str, object]:
    """Return the parts of a label in one field, by their names in lower case."""
    if key.lower() == "_labelindex":
        return {"index": value}
    if key == "_label" and isinstance(value, str):
        words = value.split(":")
        if len(words) != _LABEL_PARTS:
            raise EventFault(
                f"_label is {value!r}; it must be one action:cost:probability"
            )
        return dict(zip(_OF_LABEL, map(_number_in, words), strict=True))
    if key == "_label" and isinstance(value, dict):
        named: Payload = value
    elif key.startswith("_label_") and not isinstance(value, dict | list):
        named = {key.removeprefix("_label_"): value}
    else:
        raise EventFault(f"it has the field `{key}`; {_UNKNOWN}")
    return {
        _known(key, name, inner): inner
        for name, inner in named.items()
        if (name.lower(), inner) != ("weight", 1)
    }


def _known(key: str, name: str, value: object) -> str:
    small = name.lower()
    if small in _OF_LABEL:
        return small
    reason = _REASONS.get("ca" if small.startswith("ca") else small, _UNKNOWN)
    raise EventFault(f"it has the field `{key}` ({name} is {value!r}); {reason}")


def _listed(context: Payload) -> int | None:
    """Return how many actions the context lists; None if it lists none."""
    actions = context.get("_multi")
    return len(actions) if isinstance(actions, list) else None


def _chances(event: Payload, listed: int | None) -> tuple[int, list[object] | None]:
    """Return the number of the first action, and the pmf in the order of actions.

    `a` may be in order of rank, with the chosen one first.
    """
    actions, chances = event.get("a"), event.get("p", event.get("_p"))
    if actions is None and chances is None and listed:
        return 1, None
    if actions == []:
        raise LeftOut(NO_ACTIONS)
    if not isinstance(actions, list) or not isinstance(chances, list):
        raise EventFault(
            "it has no lists `a` and `p`, nor the actions in `_multi`; without them it "
            "is neither dsjson nor JSON of a contextual bandit"
        )
    if "_p" in event and event.get("p", event["_p"]) != event["_p"]:
        raise EventFault("`p` and `_p` differ; leave one out")
    count = len(actions)
    if count != len(chances):
        raise EventFault(
            f"`a` has {count} entries and `p` {len(chances)}; both must have one an "
            "action"
        )
    first = 0 if 0 in actions else 1
    if sorted(map(str, actions)) != sorted(map(str, range(first, first + count))):
        raise EventFault(
            f"`a` must be the numbers 1 to {count} in any order, or 0 to {count - 1}"
        )
    if listed is not None and listed < count:
        raise EventFault(f"`a` has {count} entries and `_multi` lists {listed} actions")
    pmf: list[object] = [0.0] * count
    for action, chance in zip(actions, chances, strict=True):
        pmf[int(action) - first] = chance
    return first, pmf


def _chosen(event: Payload, label: _Label, first: int, count: int) -> int:
    """Return the index of the chosen action, from 0.

    `_labelIndex` counts from 0. `_label_Action` counts as `a` does, or from 1: beside
    an `a` from 0 it is compared with `_labelIndex`, or with the chosen one, which comes
    first in `a`.
    """
    index, action, ranked = label.index, label.action, event.get("a")
    ahead = int(ranked[0]) - first if isinstance(ranked, list) else None
    if index is None and action is None and label.cost is None:
        # Nothing was rewarded, and the chosen action comes first.
        index = ahead
    if index is None and isinstance(action, int):
        from_one = first == 1 or action - 1 == ahead
        index = action - 1 if from_one else action
        if first == 0 and index != ahead:
            raise EventFault(
                f"_label_Action is {action} and `a` counts from 0 and begins with "
                f"{ahead}; write _labelIndex, which counts from 0"
            )
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        shown = index + first if isinstance(index, int) else action
        raise EventFault(
            f"the chosen action is {shown!r} (_labelIndex + {first}, or "
            f"_label_Action); it must be between {first} and {count - 1 + first}"
        )
    if action is not None and action not in {index + first, index + 1}:
        raise EventFault(
            f"_labelIndex is {index} and _label_Action {action!r}; they must be the "
            "same action, counted from 0 and from 1"
        )
    return index


def _reward(event: Payload, cost: object) -> float:
    if not is_number(cost):
        raise EventFault(f"_label_cost is {cost!r}; it must be a number")
    original = event.get("_original_label_cost")
    if original is not None and not (is_number(original) and _close(original, cost)):
        raise EventFault(
            f"_label_cost is {cost!r} and _original_label_cost {original!r}: the cost "
            "was rewritten for learning. Write the one that was observed into "
            "_label_cost, and leave the other out"
        )
    return 0.0 - cost


def _propensity(
    label: _Label, pmf: list[object] | None, index: int, weight: float
) -> object:
    """Return the chance of the chosen action.

    In a sub-sampled log `_label_probability` may hold the chance to be kept as a
    factor.
    """
    logged = label.probability
    if pmf is None or logged is None:
        return logged if pmf is None else pmf[index]
    chance = pmf[index]
    if not is_number(logged) or not is_number(chance) or _close(logged, chance):
        return logged
    if weight > 1 and _close(logged * weight, chance):
        return chance
    if not 0 < logged <= 1:
        return logged
    raise EventFault(
        f"_label_probability is {logged:g} and `p` has {chance:g} for the chosen "
        "action. If only a part of the events was kept, write pdrop, 1 minus that "
        "part; otherwise one of both is false"
    )


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-6)


def _number_in(word: str) -> object:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return word
