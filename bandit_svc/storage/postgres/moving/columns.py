"""The columns of moved tables as a server has them.

Owns nothing of the layout: what the tables of a store are to a server, its dialect
knows. Those of the other parts are plain.
"""

from functools import cache

from bandit_svc.storage.moving.tables import MovedTable, Part, moved_tables
from bandit_svc.storage.postgres.copying import Copy, copy_of
from bandit_svc.storage.postgres.dialect import Columns, Dialect
from bandit_svc.storage.postgres.schema import COPIED, dialect


def types_of(part: Part, table: MovedTable) -> list[str]:
    """Return the types of the columns of a table, as COPY needs them."""
    known = _known(part)[table.name]
    types = dict(zip(known.names, known.types, strict=True))
    return [types[name] for name in table.names]


def copy_into(part: Part, table: MovedTable) -> Copy:
    """Return what adds rows to a table."""
    names = ", ".join(table.names)
    marks = ", ".join("?" * len(table.names))
    known = _known(part)
    add = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
    copy = copy_of(add, Dialect(known).translated(add).sql, known)
    if copy is None:
        raise AssertionError(f"the table {table.name} has a key that is not moved")
    return copy


@cache
def _known(part: Part) -> dict[str, Columns]:
    if part == "store":
        return {**dialect().tables}
    return {
        table.name: Columns(
            table.names, table.key, [COPIED[column.type] for column in table.columns]
        )
        for table in moved_tables(part)
    }
