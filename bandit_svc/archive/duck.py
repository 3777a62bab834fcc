"""DuckDB over the files of the archive.

Owns its settings: memory is bounded, and what does not fit goes to a temporary folder.
Needs the extra `duckdb`.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from bandit_svc.archive.sufficient import Target, statement
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.errors import Unprocessable

MEMORY = "100MB"
"""Of its buffers. With them it took 163 MB of 10,000,000 decisions."""


def sums_of(
    target: ArchiveTarget,
    names: Sequence[str],
    policies: Mapping[str, Target],
    scratch: str,
    threads: int = 1,
) -> dict[str, dict[str, float | None]]:
    """Return the sums of target policies over files of the archive, by label.

    Args:
        target: the archive.
        names: of its files, at least one.
        policies: by label.
        scratch: a folder for what does not fit into memory.
        threads: that work at once.

    Raises:
        Unprocessable: DuckDB is not installed, or can't read a file.
    """
    try:
        duckdb = importlib.import_module("duckdb")
    except ImportError as error:
        raise Unprocessable(
            "evaluating an archive needs duckdb, which is not installed; run `pip "
            "install 'bandit_svc[duckdb]'`"
        ) from error
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET threads = {threads}")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET temp_directory = ?", [scratch])
        try:
            places = target.for_duckdb(connection, names)
            listed = ", ".join("'" + place.replace("'", "''") + "'" for place in places)
            source = f"read_parquet([{listed}], hive_partitioning = false)"
            return {
                label: _row(connection, statement("duckdb", source, policy))
                for label, policy in policies.items()
            }
        except duckdb.Error as error:
            raise Unprocessable(
                f"DuckDB can't read the archive {target.shown} "
                f"({type(error).__name__}); `bandit-svc doctor --archive URL` looks "
                "for damaged files"
            ) from error


def _row(connection: Any, sql: str) -> dict[str, float | None]:  # noqa: ANN401 - untyped
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    values = cursor.fetchone()
    return {
        name: None if value is None else float(value)
        for name, value in zip(names, values, strict=True)
    }
