"""The newest joined decisions, as the process that joined them knows them.

Owns what is kept between a join and the learning behind it, in the same tick: without
it each decision would be read, checked and decoded once more. Rows of the joined order
change with a correction alone, which makes them forgotten.
"""

from collections.abc import Sequence

from bandit_svc.storage.rows import JoinedRow

MOST_KEPT = 4_096


class JustJoined:
    """The rows behind one position of each experiment; few of them."""

    def __init__(self) -> None:
        self._rows: dict[int, list[JoinedRow]] = {}

    def add(self, number: int, rows: Sequence[JoinedRow]) -> None:
        """Add the next joined decisions of an experiment; forget others for them."""
        if sum(map(len, self._rows.values())) + len(rows) > MOST_KEPT:
            self._rows.clear()
        mine = self._rows.get(number)
        if mine and mine[-1].position + 1 == rows[0].position:
            mine += rows
        else:
            self._rows[number] = list(rows)

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """Return the rows behind a position; none where the next one is not known."""
        mine = self._rows.get(number)
        if not mine:
            return []
        begin = position + 1 - mine[0].position
        return mine[begin : begin + limit] if 0 <= begin < len(mine) else []

    def forget(self, number: int) -> None:
        """Forget the rows of an experiment."""
        self._rows.pop(number, None)
