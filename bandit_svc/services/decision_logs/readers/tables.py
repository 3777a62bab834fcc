"""Read CSV, TSV, JSON lines and Parquet as columns of cells.

Owns the four forms of a table. A table has names, and gives the cells of those that
are asked for, some rows at a time; what they mean is of no concern here.
"""

import csv
import importlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bandit_svc.services.decision_logs.readers.bad_lines import BadLines
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

    @property
    def decimal_comma(self) -> bool:
        """True if a comma may be the decimal point of its numbers."""

    def batches(self, names: Sequence[str], bad: BadLines) -> Iterator[Batch]:
        """Yield the line numbers and the cells of these columns, in order.

        Lines that are no row are left out, and counted by `bad`.
        """


class Delimited:
    """CSV or TSV with a line of names at its top."""

    def __init__(self, path: Path, delimiter: str, *, guess: bool = False) -> None:
        """Read the line of names.

        Args:
            path: the file.
            delimiter: one character.
            guess: true if it is a semicolon where the first line has no `delimiter`.

        Raises:
            UnreadableLog: the file is empty.
        """
        self._path, self.delimiter = path, delimiter
        header = self._header()
        if guess and header is not None and len(header) == 1 and ";" in header[0]:
            self.delimiter = ";"
            header = self._header()
        if header is None:
            raise UnreadableLog(f"{path} is empty; its first line must name columns")
        self.names = tuple(header)

    @property
    def decimal_comma(self) -> bool:
        """True if numbers may have a comma, since it does not end a cell."""
        return self.delimiter != ","

    def _header(self) -> list[str] | None:
        with opened(self._path) as text:
            reader = csv.reader(text, delimiter=self.delimiter)
            try:
                return next(reader, None)
            except csv.Error as error:
                raise UnreadableLog.at(
                    str(self._path), 1, f"it is not CSV: {error}"
                ) from error

    def batches(self, names: Sequence[str], bad: BadLines) -> Iterator[Batch]:
        """See Table."""
        places = [self.names.index(name) for name in names]
        with opened(self._path) as text:
            reader = csv.reader(text, delimiter=self.delimiter)
            next(reader)
            rows = self._rows(reader, bad)
            while kept := list(itertools.islice(rows, BATCH_ROWS)):
                yield (
                    [line for line, _ in kept],
                    {
                        name: [row[place] for _, row in kept]
                        for name, place in zip(names, places, strict=True)
                    },
                )

    def _rows(
        self,
        reader: Any,  # noqa: ANN401 - the type of csv.reader has no public name
        bad: BadLines,
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield rows that have a cell for each name, with their lines."""
        width, before = len(self.names), reader.line_num
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                bad.at(reader.line_num, f"it is not CSV: {error}")
                before = reader.line_num
                continue
            line = reader.line_num
            if row is None:
                return
            if len(row) == width:
                yield line, row
            elif row:
                # An open quote swallows lines; each of them counts.
                bad.at(
                    line,
                    f"it has {len(row)} cells; the first line names {width}",
                    line - before,
                )
            before = line


class JsonLines:
    """One JSON object a line; a nested field is named with a dot: "user.segment".

    A field need not be in every line, but in one of the first PEEK_LINES.
    """

    decimal_comma = False

    def __init__(self, path: Path, bad: BadLines) -> None:
        self._path = path
        names: dict[str, None] = {}
        for _, row in itertools.islice(json_objects(path, bad), PEEK_LINES):
            names |= dict.fromkeys(flat_names(row or {}))
        if not names:
            raise UnreadableLog(f"{path} is empty; it must have one object a line")
        self.names = tuple(names)

    def batches(self, names: Sequence[str], bad: BadLines) -> Iterator[Batch]:
        """See Table."""
        objects = json_objects(self._path, bad)
        while rows := list(itertools.islice(objects, BATCH_ROWS)):
            yield (
                [line for line, _ in rows],
                {
                    name: [field_of(row or {}, name) for _, row in rows]
                    for name in names
                },
            )


class Parquet:
    """A Parquet file; needs the extra `parquet`."""

    decimal_comma = False

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

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self._file.metadata.num_rows)

    def batches(self, names: Sequence[str], bad: BadLines) -> Iterator[Batch]:
        """See Table; a line number is a row, from 1."""
        del bad
        first = 1
        for batch in self._file.iter_batches(BATCH_ROWS, columns=list(names)):
            cells = batch.to_pydict()
            yield list(range(first, first + batch.num_rows)), cells
            first += batch.num_rows


def json_objects(
    path: Path, bad: BadLines, *, rows_of_text: bool = False
) -> Iterator[tuple[int, dict[str, object] | None]]:
    """Yield each line of a file as a JSON object, with its number.

    Args:
        path: the file.
        bad: counts lines that are no JSON object.
        rows_of_text: true if lines that don't begin with a brace are no fault, but
            None.

    Raises:
        UnreadableLog: the file is a JSON array, or has too many bad lines.
    """
    for number, line in lines_of(path):
        text = line.strip()
        if not text:
            continue
        if text == "[" or _ARRAY.match(text):
            raise UnreadableLog.at(
                str(path),
                number,
                "it begins a JSON array; write one object a line, without brackets "
                "and commas between them (jq -c '.[]')",
            )
        if rows_of_text and text[0] != "{":
            yield number, None
            continue
        try:
            value = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            bad.at(number, f"it is not JSON: {error}")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            kind = type(value).__name__
            bad.at(number, f"it is a JSON {kind}; each line must be an object")


_ARRAY = re.compile(r"\[\s*\{")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; a key that is there twice must have one value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise ValueError(f"the key {key!r} is there twice, with other values")
    return found


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
