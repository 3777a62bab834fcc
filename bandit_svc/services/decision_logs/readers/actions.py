"""Name the actions of a log.

Owns the rule by which numbers are one another's neighbours and other words are not.
"""

import math
from collections.abc import Sequence

from bandit_svc.services.decision_logs.readers.rows import UnreadableLog


def action_name(cell: object) -> str:
    """Return an action's name; 3.0 is 3, and what is not a number is none."""
    missing = cell is None or (isinstance(cell, float) and math.isnan(cell))
    text = "" if missing else str(cell).strip()
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text


def all_actions(
    source: str, seen: Sequence[str], count: int | None, first: int | None = None
) -> tuple[str, ...]:
    """Name all actions: numbers in a row from 0 or 1, or the names that were seen.

    Args:
        source: the file, for messages.
        seen: the actions of its decisions.
        count: of all actions; None if it is not known.
        first: 0 or 1 if the form of the file says which number comes first.

    Raises:
        UnreadableLog: more were seen than `count`.
    """
    if not all(name.isdigit() for name in seen):
        if count is not None and len(seen) > count:
            raise UnreadableLog(_too_many(source, len(seen), count))
        unseen = (f"unseen-{i}" for i in range(1, (count or 0) - len(seen) + 1))
        return (*sorted(seen), *unseen)
    found = sorted(int(name) for name in seen)
    if len({str(number) for number in found}) != len(seen):
        raise UnreadableLog(
            f"{source} writes one number in two ways, such as 7 and 07; write each "
            "action in one way"
        )
    if count is None:
        return tuple(map(str, found))
    if first is None:
        first = 1 if found[0] > 0 and found[-1] == count else 0
    if first <= found[0] and found[-1] < first + count:
        return tuple(str(number) for number in range(first, first + count))
    if len(found) > count:
        raise UnreadableLog(_too_many(source, len(found), count))
    unseen = (f"unseen-{i}" for i in range(1, count - len(found) + 1))
    return (*map(str, found), *unseen)


def _too_many(source: str, seen: int, count: int) -> str:
    return (
        f"{source} has {seen:,} different actions; --actions says {count:,}. Give the "
        "number of all that could be chosen"
    )
