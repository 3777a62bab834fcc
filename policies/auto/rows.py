"""The row of each action in the models' matrices.

Owns which action has which row, and which one gives its row to another. Decided by the
learned examples alone.
"""

from collections.abc import Sequence

import msgspec

from policies.auto.regressions import MOST_CELLS
from policies.base import Action

ALWAYS = 32
"""Rows that are never given away while there are no more of them."""

STALE_COUNT = 1000
"""Examples after which an action that was not learned again may have gone."""

STALE_TURNS = 20
"""The same, in turns: so many examples a row."""


class Rows(msgspec.Struct):
    """Rows by action key, and the example that each was last learned from."""

    by_key: dict[str, int] = msgspec.field(default_factory=dict)
    learned_at: list[int] = msgspec.field(default_factory=list)

    def learned(
        self, actions: Sequence[Action], chosen: int, count: int, width: int
    ) -> tuple[int, bool]:
        """Return the row of the chosen action, and if the action has it from now on.

        Args:
            actions: the eligible ones.
            chosen: index of the one that is learned from.
            count: examples learned, this one included.
            width: columns of the widest matrix, which limit the rows.
        """
        key = actions[chosen].key
        known = self.by_key.get(key)
        if known is not None:
            self.learned_at[known] = count
            return known, False
        most = max(len(actions), 2 * MOST_CELLS // max(width, 1) ** 2)
        return self._taken(key, [action.key for action in actions], count, most), True

    def _taken(self, key: str, live: Sequence[str], count: int, most: int) -> int:
        """Return a row for an action that has none.

        It takes the row of the one that was learned from longest ago and is
        not among the live ones: where that one is stale and rows are many, or where
        there are `most` rows.

        Args:
            key: of the action.
            live: keys of the eligible actions.
            count: examples learned, this one included.
            most: number of rows beyond which one is given away in any case.
        """
        row = self._given_away(live, count, most)
        if row is None:
            row = len(self.learned_at)
            self.learned_at.append(count)
        self.by_key[key] = row
        self.learned_at[row] = count
        return row

    def _given_away(self, live: Sequence[str], count: int, most: int) -> int | None:
        rows = len(self.learned_at)
        if rows < min(max(ALWAYS, 2 * len(live)), most):
            return None
        kept = frozenset(live)
        gone = [
            (self.learned_at[row], row, key)
            for key, row in self.by_key.items()
            if key not in kept
        ]
        if not gone:
            return None
        age, row, key = min(gone)
        stale = count - age > max(STALE_COUNT, STALE_TURNS * rows)
        if not (stale or rows >= most):
            return None
        del self.by_key[key]
        return row
