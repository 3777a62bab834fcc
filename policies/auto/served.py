"""What is kept of the models between two predictions.

Owns the average of the models that carry weight, folded into one weight for each column
and action. A folded entry has the same bits whether it is computed for one context or
for all of them, so that a kept table changes no probability.
"""

from collections.abc import Sequence

import numpy as np

from policies.auto.columns import Floats, Indices, Row
from policies.auto.regressions import Regressions
from policies.auto.shared import SharedRegression
from policies.base import Action, LeftActions

MOST_VIEWED = 2_048
"""Actions in lists of which something is kept."""
MOST_FOLDED = 8
"""Lists whose folded weights of all columns are kept."""


class _View:
    """What is kept for one list of actions.

    Attributes:
        asked: True after the first prediction since the models last learned.
        folded: shape (columns, K), once it is worth it.
    """

    def __init__(self, actions: Sequence[Action]) -> None:
        self.actions = actions
        self.rows: Indices | None = None
        self.table: Floats | None = None
        self.table_version: tuple[int, float] | None = None
        self.asked = False
        self.folded: Floats | None = None


class Served:
    """The served average. `stacks` and `shared` are read, never changed."""

    def __init__(self, stacks: Sequence[Regressions], shared: SharedRegression) -> None:
        self._stacks = stacks
        self._shared = shared
        # The key is an identity; the view holds the list, so that no other object can
        # have its id.
        self._views: dict[int, _View] = {}
        self._viewed = 0
        self._folded_count = 0

    def learned(self, *, new_row: bool) -> None:
        """Drop what does not hold any more after an example."""
        self._folded_count = 0
        for view in self._views.values():
            view.asked, view.folded = False, None
            if new_row:
                view.rows = None

    def means(
        self,
        row: Row,
        actions: Sequence[Action],
        by_key: dict[str, int],
        weights: Sequence[Floats],
        used: int,
        time: float,
    ) -> Floats:
        """Return the average prediction for each action, less the mean reward.

        Args:
            row: of the context.
            actions: K of them.
            by_key: the row of each learned action.
            weights: of the models of each stack, then of the shared one.
            used: number of columns.
            time: of the clock.
        """
        if type(actions) is LeftActions:
            whole = self.means(row, actions.whole, by_key, weights, used, time)
            return whole[list(actions.places)]
        view = self._view(actions)
        rows = _rows(view, by_key)
        if view.folded is None and view.asked:
            self._keep_folded(
                view, self._folded(weights, [view], rows, np.arange(used), time)
            )
        view.asked = True
        folded = (
            self._folded(weights, [view], rows, row.columns, time)
            if view.folded is None
            else view.folded[row.columns]
        )
        means: Floats = np.einsum("n,nk->k", row.values, folded)
        return means

    def means_of_all(
        self,
        row: Row,
        lists: Sequence[Sequence[Action]],
        by_key: dict[str, int],
        weights: Sequence[Floats],
        time: float,
    ) -> Floats:
        """Return `means` of each list, one after the other.

        An action has the same bits there as in its list alone.
        """
        views = [self._view(actions) for actions in lists]
        rows = np.concatenate([_rows(view, by_key) for view in views])
        folded = self._folded(weights, views, rows, row.columns, time)
        means: Floats = np.einsum("n,nk->k", row.values, folded)
        return means

    def _view(self, actions: Sequence[Action]) -> _View:
        view = self._views.get(id(actions))
        if view is None:
            view = _View(actions)
            # Only a tuple is sure not to have changed by the next call.
            if type(actions) is tuple:
                if self._viewed + len(actions) > MOST_VIEWED:
                    self._views.clear()
                    self._viewed = self._folded_count = 0
                self._viewed += len(actions)
                self._views[id(actions)] = view
        return view

    def _table(self, view: _View) -> Floats:
        version = self._shared.table_version
        if view.table is None or view.table_version != version:
            view.table = self._shared.table(view.actions)
            view.table_version = version
        return view.table

    def _folded(
        self,
        weights: Sequence[Floats],
        views: Sequence[_View],
        rows: Indices,
        columns: Indices,
        time: float,
    ) -> Floats:
        """Return the folded weights, shape (n, K), in C order.

        Args:
            weights: of the models.
            views: of the lists.
            rows: of all their K actions.
            columns: shape (n,).
            time: of the clock.
        """
        folded = np.zeros((len(columns), len(rows)))
        for stack, shares in zip(self._stacks, weights, strict=False):
            if shares.any():
                folded += stack.folded(shares, rows, columns, time).T
        share = float(weights[-1][0])
        if share > 0.0:
            tables = [self._table(view) for view in views]
            table = tables[0] if len(tables) == 1 else np.concatenate(tables)
            folded += share * self._shared.folded(columns, table, rows)
        return folded

    def _keep_folded(self, view: _View, folded: Floats) -> None:
        if self._folded_count >= MOST_FOLDED:
            self._folded_count = 0
            for other in self._views.values():
                other.folded = None
        view.folded = folded
        self._folded_count += 1


def _rows(view: _View, by_key: dict[str, int]) -> Indices:
    """Return the row of each action of a list, -1 for one that was never learned."""
    rows = view.rows
    if rows is None:
        rows = np.array([by_key.get(action.key, -1) for action in view.actions])
        view.rows = rows
    return rows
