"""Aggregates: several rewards of one decision become one number.

Owns the registry of aggregates. Parsing, the form's list and the API's description
derive from it, so an entry is all that a new aggregate needs. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias


class Aggregation(NamedTuple):
    """One way to aggregate.

    Attributes:
        title: completes the sentence "Several rewards of a decision …".
        of: takes the values in the order in which they occurred, at least one.
    """

    title: str
    of: Callable[[Sequence[float]], float]


AGGREGATES: Mapping[str, Aggregation] = MappingProxyType(
    {
        "sum": Aggregation("are added up", sum),
        "first": Aggregation("count once: the first", lambda values: values[0]),
        "last": Aggregation("count once: the last", lambda values: values[-1]),
        "max": Aggregation("count once: the largest", max),
    }
)

# The names are data, so that there is one place to add one. A type checker sees a
# string; msgspec, which parses definitions, sees the names and refuses any other.
if TYPE_CHECKING:
    Aggregate: TypeAlias = str
else:
    Aggregate = Literal[tuple(AGGREGATES)]
