"""Pmfs of one model version that were predicted for requests to come.

Owns the key: the very objects of context and actions, or the context's JSON where a
decision makes its own (of a unit's features). JSON tells 1 from 1.0 and from true, and
keeps the order, as policies do. Bounded.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from policies.base import Action, Context

MOST_FORESEEN: Final = 512
_encode = msgspec.json.Encoder().encode


_Foreseen = tuple[Context, Sequence[Action], list[float]]
"""Holds what its key is made of, so that no other object can have the ids."""


class ForeseenPmfs:
    """Found by context and actions; falsy while it is empty."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], _Foreseen] = {}
        self._by_text: dict[tuple[bytes, int], _Foreseen] = {}

    def __bool__(self) -> bool:
        """Return whether anything is kept."""
        return bool(self._found)

    def get(self, context: Context, actions: Sequence[Action]) -> list[float] | None:
        """Return the pmf, None where it was not foreseen."""
        found = self._found.get((id(context), id(actions)))
        if found is None and self._by_text:
            found = self._by_text.get((_encode(context), id(actions)))
        return None if found is None else found[2]

    def keep(
        self,
        context: Context,
        lists: Sequence[Sequence[Action]],
        pmfs: Sequence[list[float]],
        *,
        by_text: bool,
    ) -> None:
        """Keep the pmf of each list; what was kept before may go.

        Args:
            context: of all of them.
            lists: of actions.
            pmfs: of each list.
            by_text: decisions make contexts of their own, which are equal.
        """
        if len(self._found) + len(lists) > MOST_FORESEEN:
            self._found, self._by_text = {}, {}
        text = _encode(context) if by_text else b""
        for actions, pmf in zip(lists, pmfs, strict=True):
            found = (context, actions, pmf)
            self._found[id(context), id(actions)] = found
            if by_text:
                self._by_text[text, id(actions)] = found
