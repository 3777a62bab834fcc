"""The statements of the embedded store as PostgreSQL understands them.

Owns the differences between the two. A statement is written once, for SQLite, so that
both stores do the same; it is translated when it is first used. What SQLite has by a
name that PostgreSQL does not know (`iif`, `instr`, `min` of two) is in functions.py.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"\s+|'(?:[^']|'')*'|\"[^\"]*\"|\?\d*|\w+|<>|<=|>=|\|\||[^\w\s]"
)
_INSERT: Final = re.compile(
    r"\s*INSERT (OR REPLACE |OR IGNORE )?INTO (?:\"[^\"]*\"\.)?(\w+)"
)
_UPDATE: Final = re.compile(r"\sDO\s+UPDATE\s+SET\s+")
_CHECKSUM: Final = re.compile(r"(,| AND) crc = row_crc\(")
_NUMBERS: Final = "(SELECT value FROM json_each(?"
_VALUES: Final = (
    "(SELECT CAST(value AS BIGINT) FROM json_array_elements_text("
    "CAST(convert_from(CAST({} AS BYTEA), 'UTF8') AS JSON))"
)
_TYPES: Final = {"AS INTEGER)": "AS BIGINT)", "AS BLOB)": "AS BYTEA)"}
_RESERVED: Final = frozenset({"offset"})
"""Names of our columns that PostgreSQL takes for its own where they stand plainly."""


class Columns(NamedTuple):
    """What a statement has to know of the table that it writes to."""

    names: Sequence[str]
    key: Sequence[str]
    types: Sequence[str] = ()
    """Of the columns, as the server calls them; empty: rows go one by one."""


class Dialect:
    """Translates statements, each once."""

    def __init__(self, tables: Mapping[str, Columns]) -> None:
        self.tables = tables
        self._known: dict[str, str] = {}

    def translated(self, sql: str) -> str:
        """Return a statement for PostgreSQL, with the parameters of psycopg."""
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = self._translate(sql)
        return known

    def _translate(self, sql: str) -> str:
        sql = _without_checksums(sql)
        insert = _INSERT.match(sql)
        if insert:
            sql = self._inserting(sql, insert)
        for theirs, ours in _TYPES.items():
            sql = sql.replace(theirs, ours)
        return "".join(_tokens(_with_numbers(sql)))

    def _inserting(self, sql: str, insert: "re.Match[str]") -> str:
        """Return the words of PostgreSQL for what happens to a row that is there."""
        rule, table = insert.groups()
        columns = self.tables[table]
        if rule is not None:
            sql = f"INSERT INTO {table}{sql[insert.end() :]}"
        if rule == "OR IGNORE ":
            return f"{sql} ON CONFLICT DO NOTHING"
        if rule == "OR REPLACE ":
            others = [name for name in columns.names if name not in columns.key]
            changes = ", ".join(f"{name} = excluded.{name}" for name in others)
            then = f"UPDATE SET {changes}" if changes else "NOTHING"
            return f"{sql} ON CONFLICT ({', '.join(columns.key)}) DO {then}"
        update = _UPDATE.search(sql)
        if update is None:
            return sql
        return sql[: update.end()] + _qualified(sql[update.end() :], table, columns)


def _without_checksums(sql: str) -> str:
    """Leave out the checksums of rows: a server has those of its pages."""
    while found := _CHECKSUM.search(sql):
        end, depth = found.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        sql = sql[: found.start()] + sql[end:]
    return sql


def _qualified(tail: str, table: str, columns: Columns) -> str:
    """Name the table before its columns, where `excluded` has them too."""
    done: list[str] = []
    depth = 0
    assigning = True
    before = ""
    for token in _TOKEN.findall(tail):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token.upper() in {"WHERE", "RETURNING"}:
            assigning = False
        is_left = assigning and not depth and before in {"", ","}
        if token in columns.names and before != "." and not is_left:
            token = f"{table}.{token}"  # noqa: PLW2901 - the same word with its table
        done.append(token)
        if not token.isspace():
            before = token
    return "".join(done)


def _with_numbers(sql: str) -> str:
    """Read a JSON list of numbers as PostgreSQL does."""
    begin = sql.find(_NUMBERS)
    if begin < 0:
        return sql
    end = sql.index(")", begin)
    mark = sql[sql.rindex("?", begin, end) : end]
    return f"{sql[:begin]}{_VALUES.format(mark)}{sql[end + 1 :]}"


def _tokens(sql: str) -> Iterator[str]:
    """Yield the words of a statement as PostgreSQL and psycopg want them."""
    tokens: list[str] = _TOKEN.findall(sql)
    for word, then in zip(tokens, [*tokens[1:], ""], strict=True):
        if word.startswith("?"):
            yield f"%(p{word[1:]})s" if word[1:] else "%s"
        elif word in _RESERVED:
            yield f'"{word}"'
        elif word == "x" and then == "''":
            # A text is read as bytes where there is no other type.
            yield "bytea "
        else:
            yield word.replace("%", "%%")
