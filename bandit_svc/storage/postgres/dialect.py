"""The statements of the embedded store as PostgreSQL understands them.

Owns the differences between the two. A statement is written once, for SQLite, so that
both stores do the same; it is translated when it is first used. What SQLite has by a
name that PostgreSQL does not know (`iif`, `instr`, `min` of two) is in functions.py.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg.sql import SQL

from bandit_svc.storage.sqlite.rows.checksums import SOUND

_TOKEN: Final = re.compile(
    r"\s+|'(?:[^']|'')*'|\"[^\"]*\"|\?\d*|\w+|<>|<=|>=|\|\||[^\w\s]"
)
_INSERT: Final = re.compile(
    r"\s*INSERT (OR REPLACE |OR IGNORE )?INTO (?:\"[^\"]*\"\.)?(\w+)"
)
_UPDATE: Final = re.compile(r"\sDO\s+UPDATE\s+SET\s+")
_CHECKSUM: Final = re.compile(r"(,| AND) crc = row_crc\(")
_SET_CHECKSUM: Final = re.compile(r",\s*crc = (excluded\.crc|\?)")
_VALUES_OF: Final = re.compile(r"\s*(?:\(([\w,\s\"]+)\))?\s*VALUES \(")
_COUNTED: Final = "UPDATE row_counts "
_NUMBERS: Final = "(SELECT value FROM json_each(?"
_VALUES: Final = (
    "(SELECT CAST(value AS BIGINT) FROM json_array_elements_text("
    "CAST(convert_from(CAST({} AS BYTEA), 'UTF8') AS JSON))"
)
_TYPES: Final = {"AS INTEGER)": "AS BIGINT)", "AS BLOB)": "AS BYTEA)"}
_NAMED: Final = "%(p"
_RESERVED: Final = frozenset({"offset"})
"""Names of our columns that PostgreSQL takes for its own where they stand plainly."""


Given = Sequence[object] | Mapping[str, object]


class Columns(NamedTuple):
    """What a statement has to know of the table that it writes to.

    Attributes:
        names: of its columns.
        key: of those, its key.
        types: of the columns, as the server calls them; empty: rows go one by one.
        given: the columns of the embedded store, whose statements bring checksums, too;
            empty: the same.
        add: adds the rows of a table `{stage}` of the session that are new; None for a
            plain table. A view has one, and keeps rows that are there by itself.
    """

    names: Sequence[str]
    key: Sequence[str]
    types: Sequence[str] = ()
    given: Sequence[str] = ()
    add: SQL | None = None


class ByKey(NamedTuple):
    """A view that has the rows of a table, and finds them by their keys alone.

    Attributes:
        view: its name; it takes the place of the table where that is joined.
        others: columns by which it finds no row; without a condition on one of them it
            takes the place of the table everywhere in a statement.
    """

    view: str
    others: Sequence[str]


class Statement(NamedTuple):
    """A statement as a server gets it.

    Attributes:
        sql: with the parameters of psycopg; empty where a server needs no such thing.
        is_named: the parameters have names, p1 and so on.
        unused: the place of a parameter that is left out.
    """

    sql: str
    is_named: bool = False
    unused: int | None = None

    def given(
        self, parameters: Sequence[object]
    ) -> Sequence[object] | dict[str, object]:
        """Return the parameters as psycopg takes them."""
        if self.is_named:
            return {f"p{at}": value for at, value in enumerate(parameters, 1)}
        if self.unused is None:
            return parameters
        return [*parameters[: self.unused], *parameters[self.unused + 1 :]]


class Dialect:
    """Translates statements, each once."""

    def __init__(
        self, tables: Mapping[str, Columns], by_key: Mapping[str, ByKey] | None = None
    ) -> None:
        """Know the tables.

        Args:
            tables: by name.
            by_key: views that stand for a table where rows are found by their keys.
        """
        self.tables = tables
        self._by_key = by_key or {}
        self._known: dict[str, Statement] = {}

    def translated(self, sql: str) -> Statement:
        """Return a statement for PostgreSQL."""
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = self._translate(sql)
        return known

    def _translate(self, sql: str) -> Statement:
        if sql.lstrip().startswith(_COUNTED):
            # A server knows its pages, so that it needs no count of rows.
            return Statement("")
        sql, unused = _without_checksums(sql)
        insert = _INSERT.match(sql)
        if insert:
            sql, unused = self._inserting(sql, insert, unused)
        for theirs, ours in _TYPES.items():
            sql = sql.replace(theirs, ours)
        sql = self._keyed(sql)
        translated = "".join(_tokens(_with_numbers(sql)))
        return Statement(translated, _NAMED in translated, unused)

    def _keyed(self, sql: str) -> str:
        """Name the view that finds rows by their keys, where there are such."""
        for name, (view, others) in self._by_key.items():
            is_asked = re.compile(rf"\b(?:{'|'.join(others)})\s*(?:=|<|>|IN\b)")
            begin = "JOIN" if is_asked.search(sql) else "FROM|JOIN"
            table = rf"(?<!DELETE )\b({begin}) (?:{SOUND})?{name}\b"
            sql = re.sub(table, rf"\1 {view}", sql)
        return sql

    def _inserting(
        self, sql: str, insert: "re.Match[str]", unused: int | None
    ) -> tuple[str, int | None]:
        """Return the words of PostgreSQL for what happens to a row that is there."""
        rule, table = insert.groups()
        columns = self.tables[table]
        tail = sql[insert.end() :]
        if rule is not None:
            sql = f"INSERT INTO {table}{tail}"
        values = _VALUES_OF.match(tail)
        if values and columns.given:
            begin = sql[: len(sql) - len(tail)]
            tail, place = _naming(tail, values, columns)
            sql = begin + tail
            unused = place if unused is None else unused
        return self._repeated(sql, rule, table, columns), unused

    def _repeated(
        self, sql: str, rule: str | None, table: str, columns: Columns
    ) -> str:
        if columns.add is not None:
            return sql[: sql.find(" ON CONFLICT")] if " ON CONFLICT" in sql else sql
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


def _naming(
    tail: str, found: "re.Match[str]", columns: Columns
) -> tuple[str, int | None]:
    """Name the columns of values, and leave the checksum out.

    Return that, and the place of the parameter which was left out.
    """
    end = _closing(tail, found.end())
    values = [*_listed(tail[found.end() : end])]
    named = found[1]
    names = [one.strip() for one in named.split(",")] if named else [*columns.given]
    place = None
    kept: list[tuple[str, str]] = []
    for name, value in zip(names, values, strict=True):
        if name in columns.names:
            kept.append((name, value))
        elif "?" in value:
            place = sum("?" in before for _, before in kept)
    words = ", ".join(name for name, _ in kept)
    marks = ", ".join(value for _, value in kept)
    return f" ({words}) VALUES ({marks}{tail[end:]}", place


def _listed(values: str) -> Iterator[str]:
    """Yield the values of a list, which may have commas in brackets."""
    depth, begin = 0, 0
    for at, letter in enumerate(values):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            yield values[begin:at].strip()
            begin = at + 1
    yield values[begin:].strip()


def _closing(sql: str, at: int) -> int:
    """Return the place of the bracket that closes the one before a place."""
    depth = 1
    while True:
        depth += {"(": 1, ")": -1}.get(sql[at], 0)
        if not depth:
            return at
        at += 1


def _without_checksums(sql: str) -> tuple[str, int | None]:
    """Leave out the checksums of rows: a server has those of its pages.

    Return also the place of a parameter that goes with them.
    """
    while found := _CHECKSUM.search(sql):
        end = _closing(sql, found.end()) + 1
        sql = sql[: found.start()] + sql[end:]
    found = _SET_CHECKSUM.search(sql)
    if found is None:
        return sql, None
    place = sql.count("?", 0, found.start()) if found[1] == "?" else None
    return sql[: found.start()] + sql[found.end() :], place


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
