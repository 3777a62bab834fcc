"""Read CSV, TSV, JSON lines and Parquet as columns of cells.

Owns the four forms of a table. A table has names, and gives the cells of those that
are asked for, some rows at a time; what they mean is of no concern here.
"""

import csv
import importlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bandit_svc.services.decision_logs.readers.rows import (
    BATCH_ROWS,
    Batch,
    UnreadableLog,
)
from bandit_svc.services.decision_logs.readers.text_file import lines_of, opened

PEEK_LINES = 1_000


class Table(Protocol):
    """Named columns of a file."""

    names: tuple[str, ...]

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """Yield the line numbers and the cells of these columns, in order."""


class Delimited:
    """CSV or TSV with a line of names at its top."""

    def __init__(self, path: Path, delimiter: str) -> None:
        self._path, self.delimiter = path, delimiter
        with opened(path) as text:
            header = next(self._rows(csv.reader(text, delimiter=delimiter)), None)
        if header is None:
            raise UnreadableLog(f"{path} is empty; its first line must name columns")
        self.names = tuple(header)

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """See Table."""
        places = [self.names.index(name) for name in names]
        width = len(self.names)
        with opened(self._path) as text:
            reader = csv.reader(text, delimiter=self.delimiter)
            rows = self._rows(reader)
            next(rows)
            while True:
                lines: list[int] = []
                kept: list[list[str]] = []
                for row in itertools.islice(rows, BATCH_ROWS):
                    if len(row) != width:
                        if not row:
                            continue
                        raise UnreadableLog.at(
                            str(self._path),
                            reader.line_num,
                            f"it has {len(row)} cells; the first line names {width}",
                        )
                    lines.append(reader.line_num)
                    kept.append(row)
                if not lines:
                    return
                yield (
                    lines,
                    {
                        name: [row[place] for row in kept]
                        for name, place in zip(names, places, strict=True)
                    },
                )

    def _rows(self, reader: Any) -> Iterator[list[str]]:  # noqa: ANN401 - the type of csv.reader has no public name
        try:
            yield from reader
        except csv.Error as error:
            raise UnreadableLog.at(
                str(self._path), reader.line_num, f"it is not CSV: {error}"
            ) from error


class JsonLines:
    """One JSON object a line; a nested field is named with a dot: "user.segment".

    A field need not be in every line, but in one of the first PEEK_LINES.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        names: dict[str, None] = {}
        for _, row in itertools.islice(self._objects(), PEEK_LINES):
            names |= dict.fromkeys(flat_names(row))
        if not names:
            raise UnreadableLog(f"{path} is empty; it must have one object a line")
        self.names = tuple(names)

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """See Table."""
        objects = self._objects()
        while rows := list(itertools.islice(objects, BATCH_ROWS)):
            yield (
                [line for line, _ in rows],
                {name: [field_of(row, name) for _, row in rows] for name in names},
            )

    def _objects(self) -> Iterator[tuple[int, dict[str, object]]]:
        yield from json_objects(self._path)


class Parquet:
    """A Parquet file; needs the extra `parquet`."""

    def __init__(self, path: Path) -> None:
        try:
            reader = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise UnreadableLog(
                f"{path} is Parquet, and nothing that reads it is installed; run "
                "`pip install pyarrow` (the extra `parquet`), or write the log as CSV"
            ) from error
        try:
            self._file = reader.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise UnreadableLog(f"{path} can't be read as Parquet: {error}") from error
        self.names = tuple(self._file.schema_arrow.names)

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """See Table; a line number is a row, from 1."""
        first = 1
        for batch in self._file.iter_batches(BATCH_ROWS, columns=list(names)):
            cells = batch.to_pydict()
            yield list(range(first, first + batch.num_rows)), cells
            first += batch.num_rows


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield each line of a file as a JSON object, with its number.

    Raises:
        UnreadableLog: a line is no JSON object.
    """
    for number, line in lines_of(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UnreadableLog.at(
                str(path), number, f"it is not JSON: {error}"
            ) from error
        if not isinstance(value, dict):
            raise UnreadableLog.at(
                str(path),
                number,
                f"it is a JSON {type(value).__name__}; each line must be an object",
            )
        yield number, value


def flat_names(value: Mapping[str, object], before: str = "") -> Iterator[str]:
    """Yield the names of fields, nested ones with a dot."""
    for name, inner in value.items():
        yield before + name
        if isinstance(inner, dict):
            yield from flat_names(inner, f"{before}{name}.")


def field_of(row: Mapping[str, object], name: str) -> object:
    """Return a field by its dotted name; None if it is missing."""
    if name in row:
        return row[name]
    head, _, rest = name.partition(".")
    inner = row.get(head)
    return field_of(inner, rest) if rest and isinstance(inner, dict) else None
