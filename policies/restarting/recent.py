"""The last examples, of which a policy that begins again learns some.

Owns the list, and its form in a dump: each list of actions is written once.
"""

import json
from collections.abc import Sequence
from typing import Self

from policies.examples import Example, packed_actions, unpacked_actions

MOST = 256


class Recent:
    """At most MOST examples, the newest last."""

    def __init__(self, examples: Sequence[Example] = ()) -> None:
        self._examples = list(examples)

    def add(self, example: Example) -> None:
        """Add an example; the oldest of more than MOST goes."""
        self._examples.append(example)
        del self._examples[:-MOST]

    def last(self, count: int) -> Sequence[Example]:
        """Return the last so many examples, or as many as there are."""
        return self._examples[-count:] if count else []

    @property
    def all(self) -> Sequence[Example]:
        """The examples, the newest last."""
        return self._examples

    def packed(self) -> str:
        """Return the examples for a dump, as JSON."""
        places: dict[str, int] = {}
        lists: list[str] = []
        examples = []
        known: dict[int, int] = {}
        for context, actions, *rest in self._examples:
            place = known.get(id(actions))
            if place is None:
                written = json.dumps(packed_actions(actions))
                place = places.setdefault(written, len(lists))
                if place == len(lists):
                    lists.append(written)
                known[id(actions)] = place
            examples.append((dict(context), place, *rest))
        return json.dumps([lists, examples], separators=(",", ":"))

    @classmethod
    def unpacked(cls, text: str) -> Self:
        """Build the list that was packed."""
        written, examples = json.loads(text)
        lists = [unpacked_actions(json.loads(one)) for one in written]
        return cls(
            [
                Example(context, lists[place], *rest)
                for context, place, *rest in examples
            ]
        )
