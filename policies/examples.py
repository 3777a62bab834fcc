"""One learned example, as policies that learn again keep it.

Owns the form of its actions in a dump.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from policies.base import Action, Context

PackedActions = list[tuple[str, dict[str, Any]]]


class Example(NamedTuple):
    """The arguments of one `learn`."""

    context: Context
    actions: tuple[Action, ...]
    chosen: int
    propensity: float
    reward: float


def packed_actions(actions: Iterable[Action]) -> PackedActions:
    """Return actions as JSON holds them.

    The standard library's JSON accepts every string that a policy accepts, lone
    surrogates too, and restores floats bit for bit.
    """
    return [(action.key, dict(action.features)) for action in actions]


def unpacked_actions(packed: Iterable[Sequence[Any]]) -> tuple[Action, ...]:
    """Return the actions that were packed."""
    return tuple(Action(*row) for row in packed)
