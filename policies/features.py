"""From a context or an action to named numbers, one to one.

Owns the names of features: no two different names or values of a user have the same
feature name. How a policy uses the features is not decided here.

A feature is one of
    name=text  1.0   a string              name#  1.5   a number, by its value
    name!true  1.0   a boolean or None     @key   1.0   an action's key
where `name` is `outer/inner` inside a nested mapping. Every part is percent-encoded,
so that the marks = # ! @ / only ever come from this file.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote

from policies.base import Action, Context, Features, PolicyError, Scalar

Named = tuple[str, float]

_SCALARS = frozenset({str, int, float, bool, type(None)})

LINEAR_UNTIL = 1000.0
"""Numbers up to this size are unchanged; larger ones grow by their logarithm."""


@lru_cache(maxsize=16384)
def escaped(text: str) -> str:
    """Percent-encode all but letters, digits and `_ . - ~`, one to one.

    A lone surrogate, which UTF-8 can't express, is encoded as its own three bytes.
    """
    return quote(text, safe="", errors="surrogatepass")


def squashed(value: float) -> float:
    """Bring a number into a range that float32 products can hold.

    Sign and order are kept: x up to 1,000 stays x; above, it becomes
    1000 * (1 + ln(x / 1000)), at most 704,000 for the largest float.

    Raises:
        PolicyError: the number is not finite, or too large for a float.
    """
    if -LINEAR_UNTIL <= value <= LINEAR_UNTIL:
        return float(value)
    try:
        size = math.log(float(abs(value)) / LINEAR_UNTIL)
    except (OverflowError, ValueError):
        size = math.inf
    if not math.isfinite(size):
        raise PolicyError("a feature is not a finite number; leave it out or send null")
    return math.copysign(LINEAR_UNTIL * (1.0 + size), value)


def feature(name: str, value: Scalar) -> Named:
    """Name one feature; `name` is escaped already.

    Raises:
        PolicyError: the value is a number that is not finite, or not a scalar.
    """
    if isinstance(value, str):
        return f"{name}={escaped(value)}", 1.0
    if value is None:
        return f"{name}!none", 1.0
    # In Python a bool is an int too, so it is tested first.
    if value is True:
        return f"{name}!true", 1.0
    if value is False:
        return f"{name}!false", 1.0
    if isinstance(value, int | float):
        return f"{name}#", squashed(value)
    raise PolicyError(
        f"a feature is of type {type(value).__name__}; it must be a string, a number, "
        "a boolean or null, at most one object deep"
    )


def context_features(context: Context) -> Iterator[Named]:
    """Name every feature of a context, in its order."""
    for name, value in context.items():
        # The test for a Mapping costs more than all the rest, so scalars go first.
        if type(value) not in _SCALARS and isinstance(value, Mapping):
            yield from _features(value, f"{escaped(name)}/")
        else:
            # `feature` refuses what is neither a scalar nor a mapping, such as a list.
            yield feature(escaped(name), value)  # type: ignore[arg-type]


def action_features(action: Action) -> Iterator[Named]:
    """Name an action's key as a feature, then its own features."""
    yield f"@{escaped(action.key)}", 1.0
    yield from _features(action.features)


def _features(features: Features, prefix: str = "") -> Iterator[Named]:
    for name, value in features.items():
        yield feature(prefix + escaped(name), value)
