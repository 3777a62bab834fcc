"""Compiled predicates over a context.

Owns the meaning of a comparison. A key that the context does not have makes its
comparison false, `!=` too, so `not` makes it true. Only values of one kind (truth,
number, text, null) are equal; 1 equals 1.0, but not true. `!=` is true for a value of
another kind. Numbers are ordered with numbers and texts with texts.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from policies.base import Context, Scalar

Condition = Callable[[Context], bool]

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def any_of(conditions: list[Condition]) -> Condition:
    """Return a condition that is true if any of these is."""
    return lambda context: any(condition(context) for condition in conditions)


def all_of(conditions: list[Condition]) -> Condition:
    """Return a condition that is true if all of these are."""
    return lambda context: all(condition(context) for condition in conditions)


def negated(condition: Condition) -> Condition:
    """Return a condition that is true if this one is false."""
    return lambda context: not condition(context)


def one_of(path: tuple[str, ...], values: list[Scalar]) -> Condition:
    """Return a condition that is true if the key has one of these values."""

    def holds(context: Context) -> bool:
        found = _look_up(context, path)
        return any(_equal(found, value) for value in values)

    return holds


def compared(path: tuple[str, ...], sign: str, value: Scalar) -> Condition:
    """Return a condition that compares the key's value with this one.

    Args:
        path: the key, behind its namespaces.
        sign: one of ORDERS, `=` or `!=`; the parser lets no other through.
        value: on the right of the sign.
    """
    order = ORDERS.get(sign)

    def holds(context: Context) -> bool:
        found = _look_up(context, path)
        if found is _MISSING:
            return False
        # Values of different kinds have no order, nor have truth values and null: such
        # a comparison is false.
        if order is not None:
            return _kind(found) == _kind(value) in _ORDERED and order(found, value)
        return _equal(found, value) == (sign != "!=")

    return holds


_MISSING = object()
_ORDERED = frozenset({"number", "text"})


def _look_up(context: Context, path: tuple[str, ...]) -> object:
    """Return the scalar at a path; _MISSING if there is none, or a namespace."""
    found: object = context
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return _MISSING
        found = found[key]
    return _MISSING if isinstance(found, Mapping) else found


def _kind(value: object) -> str:
    # In Python True equals 1; in a context it does not.
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "nothing"


def _equal(found: object, value: Scalar) -> bool:
    if found is _MISSING:
        return False
    return _kind(found) == _kind(value) and found == value
