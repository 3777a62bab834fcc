"""DuckDB over the files of the archive.

Owns its settings, and the two halves of the statement: decisions are weighed in one
pass over the files, and summed up by groups of units (buckets.py), so that memory is
bounded. Needs the extra `duckdb`.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bandit_svc.archive.buckets import Buckets
from bandit_svc.archive.sufficient import (
    Target,
    added,
    constants_statement,
    sums_statement,
    weighed_statement,
)
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.errors import Unprocessable
from bandit_svc.ope.arrays import FloatArray, IntArray

MEMORY = "100MB"
"""Of its buffers."""
Sums = dict[str, float | None]
_BATCH_ROWS: Final = 100_000
_COLUMNS: Final = ("unit", "r", "w", "q", "b")
_CONSTANTS: Final = "SELECT cast($c AS double) AS c, cast($e AS double) AS e"


def sums_of(
    target: ArchiveTarget,
    names: Sequence[str],
    policies: Mapping[str, Target],
    scratch: str,
    threads: int = 1,
) -> dict[str, Sums]:
    """Return the sums of target policies over files of the archive, by label.

    Args:
        target: the archive.
        names: of its files, at least one.
        policies: by label.
        scratch: a folder for what is weighed, 40 bytes a decision.
        threads: that work at once.

    Raises:
        Unprocessable: DuckDB is not installed, or can't read a file.
    """
    try:
        duckdb = importlib.import_module("duckdb")
        arrow = importlib.import_module("pyarrow")
    except ImportError as error:
        raise Unprocessable(
            "evaluating an archive needs duckdb and pyarrow, and one is not installed; "
            "run `pip install 'bandit_svc[duckdb]'`"
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
                label: _sums(connection, source, policy, Path(scratch))
                for label, policy in policies.items()
            }
        except (duckdb.Error, arrow.ArrowException, OSError) as error:
            raise Unprocessable(
                f"DuckDB can't read the archive {target.shown} "
                f"({type(error).__name__}); `bandit-svc doctor --archive URL` looks "
                "for damaged files"
            ) from error


def _sums(connection: Any, source: str, policy: Target, scratch: Path) -> Sums:  # noqa: ANN401 - untyped
    counted = f"SELECT count(*) FROM {source}"  # noqa: S608 - names of our files, quoted
    ((rows,),) = connection.execute(counted).fetchall()
    constants = constants_statement("duckdb", source, policy)
    ((c, e),) = connection.execute(constants).fetchall()
    sums = sums_statement("duckdb", _CONSTANTS, "SELECT * FROM bucket")
    with Buckets(scratch, rows, len(_COLUMNS) - 1) as buckets:
        weighed = connection.sql(weighed_statement("duckdb", source, policy))
        for batch in weighed.to_arrow_reader(_BATCH_ROWS):
            unit, *numbers = (
                column.to_numpy(zero_copy_only=False) for column in batch.columns
            )
            buckets.add(unit, numbers)
        parts = [
            _row(connection, sums, columns, {"c": c, "e": e})
            for columns in buckets.read()
        ]
    return added(parts)


def _row(
    connection: Any,  # noqa: ANN401 - untyped
    sql: str,
    columns: Sequence[IntArray | FloatArray],
    constants: Mapping[str, float | None],
) -> Sums:
    # Of arrays of numpy it would take NaN for NULL, which sums pass over.
    arrow = importlib.import_module("pyarrow")
    named = dict(zip(_COLUMNS, columns, strict=True))
    connection.register("bucket", arrow.table(named))
    cursor = connection.execute(sql, dict(constants))
    names = [column[0] for column in cursor.description]
    (values,) = cursor.fetchall()
    connection.unregister("bucket")
    return {
        name: None if value is None else float(value)
        for name, value in zip(names, values, strict=True)
    }
