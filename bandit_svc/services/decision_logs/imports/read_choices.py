"""Read the decisions of a file one by one, with whole contexts.

Owns the choice of the form, and what each form's fields mean: dsjson, our own export as
Parquet, and tables whose columns are named. What the decisions mean to an experiment is
in worded.py.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bandit_svc.domain.plain_values import Context, Payload
from bandit_svc.errors import InvalidInput
from bandit_svc.services.decision_logs.imports.columns import (
    CellKinds,
    nested,
    number_in,
)
from bandit_svc.services.decision_logs.readers.actions import action_name
from bandit_svc.services.decision_logs.readers.bad_lines import BadLines
from bandit_svc.services.decision_logs.readers.dsjson import NO_OBJECT
from bandit_svc.services.decision_logs.readers.dsjson_event import (
    Event,
    EventFault,
    LeftOut,
    event_of,
)
from bandit_svc.services.decision_logs.readers.read import form_of
from bandit_svc.services.decision_logs.readers.rows import Columns, Reading
from bandit_svc.services.decision_logs.readers.tables import (
    Delimited,
    JsonLines,
    Parquet,
    Table,
    json_objects,
)
from bandit_svc.services.decision_logs.readers.text_file import lines_of

IMPORT_FORMS = ("dsjson", "csv", "tsv", "jsonl", "parquet")
_OWN = ("context", "variants", "pmf", "variant", "propensity", "reward", "unit_id")
"""Columns by which our own export is known."""
_BLOCK_BYTES = 1 << 20


class ReadChoice(msgspec.Struct, frozen=True, gc=False):
    """One decision as the file has it.

    Attributes:
        line: of the file, from 1.
        chosen: the name of the chosen action.
        reward: of it.
        context: features of the request.
        propensity: of the chosen action; None where the file has none.
        eligible: names of the actions that could be chosen; None for all.
        pmf: of the eligible ones, in their order; None where the file has none.
        unit: whom it was for; None where the file names none.
        left_out: the reason for which it is no evidence; empty if it is.
    """

    line: int
    chosen: str = ""
    reward: object = None
    context: Payload = msgspec.field(default_factory=dict)
    propensity: object = None
    eligible: tuple[str, ...] | None = None
    pmf: tuple[float, ...] | None = None
    unit: str | None = None
    left_out: str = ""


class LogFile:
    """A file of decisions.

    Args:
        path: the file; `.gz` is decompressed, except Parquet.
        columns: the names of a table's columns.
        form: of the file; None to derive it from the name and the text.
        reading: how it is read.

    Raises:
        InvalidInput: the form can't be imported, or a column is not in the file.
        UnreadableLog: the file can't be read.
    """

    def __init__(
        self, path: Path, columns: Columns, form: str | None, reading: Reading
    ) -> None:
        self.path, self._columns, self._reading = path, columns, reading
        self.form = form or form_of(path)
        self.bad = BadLines(str(path), reading.skip_bad)
        if self.form not in IMPORT_FORMS:
            raise InvalidInput(
                f"{path} is {self.form}, whose features have no names; what can be "
                f"imported is {', '.join(IMPORT_FORMS)}"
            )

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes, in hex."""
        hashing = hashlib.sha256()
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                hashing.update(block)
        return hashing.hexdigest()

    def rows(self) -> int:
        """Return about how many decisions there are, for the display of progress."""
        if self.form == "parquet":
            return Parquet(self.path).rows
        return sum(1 for _ in lines_of(self.path))

    def choices(self) -> Iterator[ReadChoice]:
        """Yield every decision in the order of the file; count bad lines."""
        if self.form == "dsjson":
            yield from self._events()
            return
        table = self._table()
        if self.form == "parquet" and self._is_own(table):
            yield from self._exported(table)
            return
        yield from self._of_columns(table)

    def _table(self) -> Table:
        match self.form:
            case "csv" | "tsv":
                usual = "," if self.form == "csv" else "\t"
                given = self._reading.delimiter
                guess = given is None and self.form == "csv"
                return Delimited(self.path, given or usual, guess=guess)
            case "jsonl":
                return JsonLines(self.path, BadLines(str(self.path), 0))
            case _:
                return Parquet(self.path)

    def _events(self) -> Iterator[ReadChoice]:
        for line, event in json_objects(self.path, self.bad, rows_of_text=True):
            if event is None:
                yield ReadChoice(line, left_out=NO_OBJECT)
                continue
            try:
                yield _of_event(line, event_of(event, self._reading.default_reward))
            except LeftOut as reason:
                yield ReadChoice(line, left_out=str(reason))
            except EventFault as fault:
                self.bad.at(line, str(fault))

    def _is_own(self, table: Table) -> bool:
        return self._columns.action is None and set(_OWN) <= set(table.names)

    def _exported(self, table: Table) -> Iterator[ReadChoice]:
        wanted = list(_OWN)
        for lines, cells in table.batches(wanted, self.bad):
            for row, line in enumerate(lines):
                yield ReadChoice(
                    line,
                    chosen=cells["variant"][row],
                    reward=cells["reward"][row],
                    context=msgspec.json.decode(cells["context"][row]),
                    propensity=cells["propensity"][row],
                    eligible=tuple(cells["variants"][row]),
                    pmf=tuple(cells["pmf"][row]),
                    unit=cells["unit_id"][row],
                )

    def _of_columns(self, table: Table) -> Iterator[ReadChoice]:
        columns = self._columns
        _check_columns(self.path, columns, table.names)
        single = (columns.action, columns.reward, columns.propensity, columns.unit)
        wanted = list(
            dict.fromkeys(name for name in (*single, *columns.context) if name)
        )
        kinds = CellKinds()
        if isinstance(table, Delimited):
            # Text tells what a column holds only when all of it is known.
            for _, cells in table.batches(wanted, BadLines(str(self.path), 2**62)):
                kinds.see({name: cells[name] for name in columns.context})
        comma = table.decimal_comma
        for lines, cells in table.batches(wanted, self.bad):
            for row, line in enumerate(lines):
                yield self._of_cells(
                    line,
                    {name: cells[name][row] for name in wanted},
                    kinds,
                    comma=comma,
                )

    def _of_cells(
        self, line: int, cells: Context, kinds: CellKinds, *, comma: bool
    ) -> ReadChoice:
        columns = self._columns
        reward = number_in(cells[columns.reward or ""], comma=comma)
        if reward is None:
            reward = self._reading.default_reward
        unit = None if columns.unit is None else cells[columns.unit]
        propensity = None
        if columns.propensity is not None:
            propensity = number_in(cells[columns.propensity], comma=comma)
            propensity = math.nan if propensity is None else propensity
        return ReadChoice(
            line,
            action_name(cells[columns.action or ""]),
            reward,
            nested({n: kinds.value(n, cells[n], comma=comma) for n in columns.context}),
            propensity,
            unit=None if unit in {None, ""} else str(unit),
        )


def _of_event(line: int, event: Event) -> ReadChoice:
    names = tuple(_names_of(event))
    weighted = event.weight != 1.0
    return ReadChoice(
        line,
        names[event.index],
        event.reward,
        {
            name: value
            for name, value in event.context.items()
            # Vowpal Wabbit reads none of them as a feature either.
            if not name.startswith("_")
        },
        event.propensity,
        names,
        None if event.pmf is None else tuple(map(_chance, event.pmf)),
        left_out="with a pdrop, since it stands for several" if weighted else "",
    )


def _chance(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _names_of(event: Event) -> Iterator[str]:
    """Yield the name of each action: its tag, its variant's key, or its number."""
    listed = event.context.get("_multi")
    for index in range(event.count):
        one = listed[index] if isinstance(listed, list) else None
        name = one.get("_tag") if isinstance(one, dict) else None
        yield name if isinstance(name, str) and name else str(index + event.first)


def _check_columns(path: Path, columns: Columns, names: Sequence[str]) -> None:
    missing = [
        f"--{name}-column"
        for name in ("action", "reward")
        if getattr(columns, name) is None
    ]
    if missing:
        raise InvalidInput(
            f"{path} is a table; name its columns with {', '.join(missing)}"
        )
    single = (columns.action, columns.reward, columns.propensity, columns.unit)
    for name in (*single, *columns.context):
        if name is not None and names.count(name) != 1:
            listed = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")  # noqa: PLR2004 - a line of text
            raise InvalidInput(
                f"{path} has {names.count(name)} columns {name!r}, and must have one; "
                f"it has {listed}"
            )
