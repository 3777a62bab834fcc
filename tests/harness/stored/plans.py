"""How statements find the rows of big tables, as the engines themselves tell.

Owns what counts as a walk: all rows of a table, or of an index without a condition,
unless the walk ends with the first rows (LIMIT) that are in the index's order.
"""

import json
import re
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.raw_store import raw_store

_BEGIN = re.compile(r"duration: [\d.]+ ms  plan:\s*")
_READS_ALL = frozenset({"Sort", "Hash", "Aggregate", "Materialize", "WindowAgg"})
_OF_INDEX = frozenset({"Index Scan", "Index Only Scan"})
LOGGED = "options=-csession_preload_libraries%3Dauto_explain" + "".join(
    f"%20-cauto_explain.log_{name}"
    for name in (
        *("min_duration%3D0", "format%3Djson"),
        *("nested_statements%3D1", "verbose%3D1"),
    )
)
"""A parameter of a store's address: the server logs each plan."""


class Walk(NamedTuple):
    """A statement that looks at every row of a table."""

    table: str
    statement: str


def walks_logged(log: str, schema: str, tables: Collection[str]) -> set[Walk]:
    """Return the walks over some tables in the plans that a PostgreSQL server logged.

    Args:
        log: of the server, where sessions had LOGGED.
        schema: of the tables.
        tables: the big ones.
    """
    found: set[Walk] = set()
    for plan in _plans(log):
        statement = " ".join(plan["Query Text"].split())
        # What is copied from has no row of its table.
        if not statement.startswith("CREATE TEMP TABLE"):
            walked = _walked(plan["Plan"], ends_soon=False)
            found |= {
                Walk(table, statement)
                for place, table in walked
                if place == schema and table in tables
            }
    return found


def count_of_plans(log: str) -> int:
    """Return how many plans a server has logged."""
    return len(_BEGIN.findall(log))


def _plans(log: str) -> Iterator[dict[str, Any]]:
    for begin in _BEGIN.finditer(log):
        # Lines behind the first one are indented.
        end = log.index("\n\t}", begin.end()) + len("\n\t}")
        yield json.loads(log[begin.end() : end])


def _walked(node: dict[str, Any], *, ends_soon: bool) -> Iterator[tuple[str, str]]:
    kind = node["Node Type"]
    is_whole = kind == "Seq Scan" or (kind in _OF_INDEX and "Index Cond" not in node)
    if is_whole and not (ends_soon and kind in _OF_INDEX):
        yield node["Schema"], node["Relation Name"]
    ends_soon = kind == "Limit" or (ends_soon and kind not in _READS_ALL)
    for child in node.get("Plans", ()):
        yield from _walked(child, ends_soon=ends_soon)


def walks_of_embedded(
    folder: Path, statements: Collection[str], tables: Collection[str]
) -> set[Walk]:
    """Return the walks of statements over some tables of an embedded store.

    Args:
        folder: of the store.
        statements: with their values, as they were run.
        tables: the big ones.
    """
    found: set[Walk] = set()
    with raw_store(folder) as connection:
        for statement in statements:
            try:
                rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            except sqlite3.OperationalError:
                # Of a table that was there for a moment.
                continue
            details = [detail.split() for *_, detail in rows]
            is_sorted = any("ORDER" in words for words in details)
            if "LIMIT" in statement and not is_sorted:
                # It ends with the first rows.
                continue
            for words in details:
                if words[0] == "SCAN" and words[1] in tables and "INDEX" not in words:
                    found.add(Walk(words[1], " ".join(statement.split())))
    return found
