"""Aggregates: several rewards of one decision become one number.

Owns the registry of aggregates. Parsing, the form's list and the API's description
derive from it, so an entry is all that a new aggregate needs. Pure.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias


class Aggregation(NamedTuple):
    """One way to aggregate.

    Attributes:
        title: completes the sentence "Several rewards of a decision …".
        of: takes the values in the order in which they occurred, at least one.
        step: what it makes of the values so far and the next one.
    """

    title: str
    of: Callable[[Sequence[float]], float]
    step: Callable[[float, float], float]


AGGREGATES: Mapping[str, Aggregation] = MappingProxyType(
    {
        "sum": Aggregation("are added up", sum, operator.add),
        "first": Aggregation(
            "count once: the first", operator.itemgetter(0), lambda first, _: first
        ),
        "last": Aggregation(
            "count once: the last", operator.itemgetter(-1), lambda _, last: last
        ),
        "max": Aggregation("count once: the largest", max, max),
    }
)

# The names are data, so that there is one place to add one. A type checker sees a
# string; msgspec, which parses definitions, sees the names and refuses any other.
if TYPE_CHECKING:
    Aggregate: TypeAlias = str
else:
    Aggregate = Literal[tuple(AGGREGATES)]
