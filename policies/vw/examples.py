"""From a context and actions to the text that Vowpal Wabbit parses.

Owns the layout of an example: namespace `c` holds the context, `a` the action; a
feature is written `name` where it is 1, `name:value` where it is a number. A label
becomes a cost (cost = -label) here and nowhere else.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from policies.base import Action, Context
from policies.features import (
    LINEAR_UNTIL,
    Named,
    action_features,
    context_features,
    escaped,
)

CACHED_ACTIONS = 4096
CACHED_LISTS = 512

CONSTANT = "*"
"""A feature of every context; its products with an action's features are the effects
of that action alone."""


LEAST_SIZE = 1e-45
"""Smaller numbers are 0, as they are in float32: Vowpal Wabbit's parser reads some of
about 1e-150 as no numbers."""


def term(name: str, value: float) -> str:
    """Render a number, whose name ends in "#"."""
    return f"{name}:{value:.9g}"


def _terms(features: Iterable[Named]) -> list[str]:
    # A number's name ends in "#", so that "x#:1" and a string's "x=1" differ.
    return [
        term(name, value if abs(value) >= LEAST_SIZE else 0.0)
        if name[-1] == "#"
        else name
        for name, value in features
    ]


@lru_cache(maxsize=16384)
def equality(name: str, value: str) -> str:
    """Render a string feature of a context, from its own name and value."""
    return f"{escaped(name)}={escaped(value)}"


@lru_cache(maxsize=16384)
def _whole(name: str, value: int) -> str:
    return f"{escaped(name)}#:{value:.9g}"


def shared_line(context: Context) -> str:
    """Render the context after a constant; nested mappings are flattened."""
    written = []
    for name, value in context.items():
        # Fast paths for the types of nearly all features; the names are those of
        # features.feature.
        kind = type(value)
        if kind is str:
            written.append(equality(name, value))
        elif kind is int and -LINEAR_UNTIL <= value <= LINEAR_UNTIL:  # type: ignore[operator]
            written.append(_whole(name, value))
        elif kind is float and LEAST_SIZE <= abs(value) <= LINEAR_UNTIL:  # type: ignore[arg-type]
            # Not cached: a measured number hardly ever occurs twice.
            written.append(f"{escaped(name)}#:{value:.9g}")
        else:
            written += _terms(context_features({name: value}))
    return f"shared |c {CONSTANT} {' '.join(written)}"


def action_line(action: Action) -> str:
    """Render an action: its key as a feature, then its own features."""
    return f"|a {' '.join(_terms(action_features(action)))}"


class ExampleWriter:
    """Renders examples and caches the lines of recent actions.

    The cache is keyed by identity and holds the action, so that no other object can
    have its id. A caller must not mutate an action's features.
    """

    def __init__(self) -> None:
        self._lines: dict[int, tuple[Action, str]] = {}
        self._texts: dict[int, tuple[Sequence[Action], str]] = {}
        # The actions of the last example: in a service nearly every one is of the same
        # tuple.
        self._last_learned: tuple[Sequence[Action], list[tuple[str, str]]] = ((), [])

    def unlabelled(self, shared: str, actions: Sequence[Action]) -> str:
        """Render an example to predict on, behind the line of its context."""
        return f"{shared}\n{self.lines(actions)}"

    def lines(self, actions: Sequence[Action]) -> str:
        """Render the part of an example that its actions are."""
        return "\n".join(self._action_lines(actions))

    def kept_lines(self, actions: Sequence[Action]) -> str:
        """Return `lines`, and keep them for when the same list comes again."""
        known = self._texts.get(id(actions))
        if known is not None:
            return known[1]
        text = self.lines(actions)
        # Only a tuple is sure not to have changed by the next call.
        if type(actions) is tuple:
            if len(self._texts) >= CACHED_LISTS:
                self._texts.clear()
            self._texts[id(actions)] = (actions, text)
        return text

    def read(self, actions: Sequence[Action]) -> None:
        """Render actions that are learned next.

        Raises:
            PolicyError: a feature is refused.
        """
        self._parts(actions)

    def labelled(
        self,
        shared: str,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        label: float,
    ) -> str:
        """Render an example to learn from; the label becomes a cost here.

        Args:
            shared: the line of the context.
            actions: shape (K,), eligible at the decision.
            chosen: index into `actions`.
            propensity: in (0, 1].
            label: the scaled reward; the cost is its negative.
        """
        before, behind = self._parts(actions)[chosen]
        cost = 0.0 - label
        return f"{shared}\n{before}0:{cost:.9g}:{propensity:.9g} {behind}"

    def _parts(self, actions: Sequence[Action]) -> list[tuple[str, str]]:
        """Return the text before and behind the label, by index of the chosen one."""
        known, parts = self._last_learned
        if actions is known:
            return parts
        lines = self._action_lines(actions)
        parts = [
            ("".join(f"{line}\n" for line in lines[:at]), "\n".join(lines[at:]))
            for at in range(len(lines))
        ]
        # Only a tuple is sure not to have changed by the next call.
        self._last_learned = (actions, parts) if type(actions) is tuple else ((), [])
        return parts

    def _action_lines(self, actions: Sequence[Action]) -> list[str]:
        lines = []
        for action in actions:
            known = self._lines.get(id(action))
            lines.append(known[1] if known else self._remembered(action))
        return lines

    def _remembered(self, action: Action) -> str:
        if len(self._lines) >= CACHED_ACTIONS:
            self._lines.clear()
        line = action_line(action)
        self._lines[id(action)] = (action, line)
        return line
