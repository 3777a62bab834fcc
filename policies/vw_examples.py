"""From a context and actions to the text that Vowpal Wabbit parses.

Owns the escaping: no name or value of a user can end a feature, open a namespace or
start a line, and different values stay different features. A reward becomes a cost
(cost = -scaled reward) here and nowhere else.

Namespace `c` holds the context, `a` the action. A feature is one of
    name=text     a string            name#:1.5   a number, by value
    name!true     a boolean or None   @key        the action's key
where `name` is `outer/inner` for a feature in a nested mapping. Every part is
percent-encoded, so that the marks = # ! @ / only ever come from this file.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote

from policies.base import Action, Context, Features, PolicyError, Scalar

LINEAR_UNTIL = 1000.0
"""Numbers up to here are taken as they are; larger ones grow by their logarithm."""

CACHED_ACTIONS = 4096


@lru_cache(maxsize=16384)
def escaped(text: str) -> str:
    """Percent-encode all but letters, digits and `_ . - ~`, one to one.

    A lone surrogate, which UTF-8 can't express, is encoded as its own three bytes.
    """
    return quote(text, safe="", errors="surrogatepass")


def squashed(value: float) -> float:
    """Bring a number into a range that float32 products can hold, one to one.

    Sign and order are kept: x up to 1,000 stays x; above, it becomes
    1000 * (1 + ln(x / 1000)), at most 706,000 for the largest float.

    Raises:
        PolicyError: the number is not finite.
    """
    if -LINEAR_UNTIL <= value <= LINEAR_UNTIL:
        return float(value)
    try:
        size = math.log(abs(value) / LINEAR_UNTIL)
    except (OverflowError, ValueError):
        size = math.nan
    if not math.isfinite(size):
        raise PolicyError("a feature is not a finite number; leave it out or send null")
    return math.copysign(LINEAR_UNTIL * (1.0 + size), value)


def feature(name: str, value: Scalar) -> str:
    """Render one feature; `name` is escaped already.

    Raises:
        PolicyError: the value is a number that is not finite, or not a scalar.
    """
    # A bool is an int too, so it is asked for first.
    if isinstance(value, str):
        return f"{name}={escaped(value)}"
    if value is None:
        return f"{name}!none"
    if value is True:
        return f"{name}!true"
    if value is False:
        return f"{name}!false"
    if isinstance(value, int | float):
        return f"{name}#:{squashed(value):.9g}"
    raise PolicyError(
        f"a feature is of type {type(value).__name__}; it must be a string, a number, "
        "a boolean or null, at most one object deep"
    )


def _features(features: Features, prefix: str = "") -> Iterator[str]:
    for name, value in features.items():
        yield feature(prefix + escaped(name), value)


def shared_line(context: Context) -> str:
    """Render the context; nested mappings are flattened as `outer/inner`."""
    parts = ["shared |c"]
    for name, value in context.items():
        if isinstance(value, Mapping):
            parts.extend(_features(value, f"{escaped(name)}/"))
        else:
            parts.append(feature(escaped(name), value))
    return " ".join(parts)


def action_line(action: Action) -> str:
    """Render an action: its key as a feature, then its own features."""
    return " ".join([f"|a @{escaped(action.key)}", *_features(action.features)])


class ExampleWriter:
    """Renders examples, remembering the lines of actions seen lately.

    An action is remembered by identity and held, so that its id can't be reused by
    another one meanwhile. A caller must not mutate an action's features.
    """

    def __init__(self) -> None:
        self._lines: dict[int, tuple[Action, str]] = {}

    def unlabelled(self, context: Context, actions: Sequence[Action]) -> str:
        """Render an example to predict on."""
        lines = [shared_line(context)]
        lines += [self._line(action) for action in actions]
        return "\n".join(lines)

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
        lines = [shared_line(context)]
        lines += [self._line(action) for action in actions]
        label = f"0:{0.0 - scaled_reward:.9g}:{propensity:.9g}"
        lines[1 + chosen] = f"{label} {lines[1 + chosen]}"
        return "\n".join(lines)

    def _line(self, action: Action) -> str:
        known = self._lines.get(id(action))
        if known is not None:
            return known[1]
        if len(self._lines) >= CACHED_ACTIONS:
            self._lines.clear()
        line = action_line(action)
        self._lines[id(action)] = (action, line)
        return line
