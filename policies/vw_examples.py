"""From a context and actions to the text that Vowpal Wabbit parses.

Owns the layout of an example: namespace `c` holds the context, `a` the action; a
feature is written `name` where it is 1, `name:value` where it is a number. A reward
becomes a cost (cost = -scaled reward) here and nowhere else.
"""

from collections.abc import Iterable, Sequence

from policies.base import Action, Context
from policies.features import Named, action_features, context_features

CACHED_ACTIONS = 4096

CONSTANT = "*"
"""A feature of every context; times an action's features it is their own effect."""


def _written(features: Iterable[Named]) -> str:
    # A number's name ends in "#", so that "x#:1" and a string's "x=1" differ.
    return " ".join(
        [f"{name}:{value:.9g}" if name[-1] == "#" else name for name, value in features]
    )


def shared_line(context: Context) -> str:
    """Render the context after a constant; nested mappings are flattened."""
    return f"shared |c {CONSTANT} {_written(context_features(context))}"


def action_line(action: Action) -> str:
    """Render an action: its key as a feature, then its own features."""
    return f"|a {_written(action_features(action))}"


class ExampleWriter:
    """Renders examples, remembering the lines of actions seen lately.

    An action is remembered by identity and held, so that its id can't be reused by
    another one meanwhile. A caller must not mutate an action's features.
    """

    def __init__(self) -> None:
        self._lines: dict[int, tuple[Action, str]] = {}

    def unlabelled(self, context: Context, actions: Sequence[Action]) -> str:
        """Render an example to predict on."""
        return "\n".join(self._all_lines(context, actions))

    def labelled(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        scaled_reward: float,
    ) -> str:
        """Render an example to learn from; the reward becomes a cost here.

        Args:
            context: of the decision.
            actions: shape (K,), eligible at the decision.
            chosen: index into `actions`.
            propensity: in (0, 1].
            scaled_reward: in [0, 1]; the cost is its negative.
        """
        lines = self._all_lines(context, actions)
        label = f"0:{0.0 - scaled_reward:.9g}:{propensity:.9g}"
        lines[1 + chosen] = f"{label} {lines[1 + chosen]}"
        return "\n".join(lines)

    def _all_lines(self, context: Context, actions: Sequence[Action]) -> list[str]:
        lines = [shared_line(context)]
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
