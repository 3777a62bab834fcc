"""Read a log of any known form.

Owns the choice of the reader, and the options that each form needs.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.assembly import Assembly, action_name
from bandit_svc.services.decision_logs.readers.dsjson import read_dsjson
from bandit_svc.services.decision_logs.readers.plain_columns import (
    NotPlainError,
    plain_batches,
)
from bandit_svc.services.decision_logs.readers.rows import (
    Batch,
    Cells,
    Columns,
    Rows,
    UnreadableLog,
)
from bandit_svc.services.decision_logs.readers.tables import (
    Delimited,
    JsonLines,
    Parquet,
    Table,
    json_objects,
)
from bandit_svc.services.decision_logs.readers.text_file import hashes_of_lines
from bandit_svc.services.decision_logs.readers.vw_text import (
    is_multiline,
    read_blocks,
    read_lines,
)

_TABLES: Mapping[str, Callable[[Path], Table]] = {
    "csv": lambda path: Delimited(path, ","),
    "tsv": lambda path: Delimited(path, "\t"),
    "jsonl": JsonLines,
    "parquet": Parquet,
}
_BLOCKS = {"dsjson": read_dsjson, "vw": read_lines, "vw-adf": read_blocks}
FORMS = (*_TABLES, *_BLOCKS)
"""A form of a log is an entry of one of the two; both read the same decisions."""
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".dsjson": "dsjson",
}
_NO_LINES = {"parquet", "vw-adf"}
"""Forms in which a decision is not one line."""
_NAMED = {"csv", "tsv"}
"""Forms whose first line names the columns."""
_JSON = {".json", ".jsonl", ".ndjson"}
_VW = {".vw", ".dat", ".txt"}
NEEDED = ("action", "reward")


def read_log(
    path: Path,
    columns: Columns,
    form: str | None = None,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> DecisionLog:
    """Read a whole log.

    Args:
        path: the file; `.gz` is decompressed, except Parquet.
        columns: the names of its columns.
        form: of the file; None to derive it from the name, and for JSON and VW from
            the text.
        on_progress: called with the number of decisions read so far.

    Raises:
        InvalidInput: a column is not in the file, or an option does not fit its form.
        UnreadableLog: the file, or one of its lines, can't be read.
    """
    form = form or form_of(path)
    if form in _TABLES:
        log = _from_table(path, _TABLES[form](path), columns, on_progress)
    else:
        _only_tables(columns, form)
        batches = _BLOCKS[form](path, columns.context)
        log = _assembled(Assembly(str(path), columns, None), batches, on_progress)
    if form in _NO_LINES:
        return log
    # The names of columns are no row.
    return replace(log, line=hashes_of_lines(path)[form in _NAMED :])


def form_of(path: Path) -> str:
    """Return the form of a file.

    Raises:
        InvalidInput: its name has no known suffix.
    """
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    suffix = suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix in _JSON:
        first = next(iter(json_objects(path)), (0, {}))[1]
        return "dsjson" if "a" in first and "p" in first and "c" in first else "jsonl"
    if suffix in _VW:
        return "vw-adf" if is_multiline(path) else "vw"
    raise InvalidInput(
        f"the name of {path} has no known suffix; pass --log-format with one of "
        f"{', '.join(FORMS)}"
    )


def _from_table(
    path: Path, table: Table, columns: Columns, on_progress: Callable[[int], None]
) -> DecisionLog:
    missing = [name for name in NEEDED if getattr(columns, name) is None]
    if columns.propensity is None and columns.propensities is None:
        missing.append("propensity")
    if missing:
        raise InvalidInput(
            f"{path} is a table; name its columns with "
            + ", ".join(f"--{name}-column" for name in missing)
        )
    single = (
        columns.action,
        columns.reward,
        columns.propensity,
        columns.position,
        columns.unit,
    )
    asked = [name for name in single if name is not None]
    asked += [*columns.target_propensity, *columns.context]
    _known(path, asked, table.names)
    names, groups = _by_action(path, columns, table.names)
    wanted = list(dict.fromkeys([*asked, *itertools.chain(*groups.values())]))

    def assembled(batches: Iterator[Batch]) -> DecisionLog:
        rows = (_rows(columns, groups, lines, cells) for lines, cells in batches)
        return _assembled(Assembly(str(path), columns, names), rows, on_progress)

    if isinstance(table, Delimited):
        texts = {columns.action, columns.position, columns.unit, *columns.context}
        numeric = [name for name in wanted if name not in texts]
        quick = (path, table.delimiter, table.names, wanted, numeric)
        # If the fast reader fails, the other one reads the file and names the fault.
        with contextlib.suppress(NotPlainError, UnreadableLog):
            return assembled(plain_batches(*quick))
    return assembled(table.batches(wanted))


def _known(path: Path, asked: Sequence[str], names: Sequence[str]) -> None:
    for name in asked:
        if name not in names:
            listed = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")  # noqa: PLR2004 - a line of text
            raise InvalidInput(f"{path} has no column {name!r}; it has {listed}")


def _by_action(
    path: Path, columns: Columns, names: Sequence[str]
) -> tuple[tuple[str, ...] | None, dict[str, list[str]]]:
    """Find the columns that are named after actions.

    Returns:
        The actions, or None if there are no such columns, and by the beginning of
        their names the columns in the order of the actions.
    """
    groups: dict[str, list[str]] = {}
    actions: tuple[str, ...] | None = None
    for option, prefix in (
        ("--target-columns", columns.targets),
        ("--propensity-columns", columns.propensities),
    ):
        if prefix is None:
            continue
        by_action = {
            action_name(name[len(prefix) :]): name
            for name in names
            if name.startswith(prefix) and name != prefix
        }
        actions = actions or tuple(by_action)
        if not by_action or set(by_action) != set(actions):
            raise InvalidInput(
                f"{option} {prefix}: {path} has {len(by_action)} columns that begin "
                "so; it must have one for each action, named after it"
            )
        groups[prefix] = [by_action[action] for action in actions]
    if actions is not None and columns.actions not in {None, len(actions)}:
        raise InvalidInput(
            f"--actions is {columns.actions}, and {path} has columns for "
            f"{len(actions)} actions; leave --actions out"
        )
    return actions, groups


def _rows(
    columns: Columns,
    groups: dict[str, list[str]],
    lines: list[int],
    cells: dict[str, Cells],
) -> Rows:
    def of_all(prefix: str) -> Cells:
        found = [cells[name] for name in groups[prefix]]
        if all(isinstance(column, np.ndarray) for column in found):
            return np.column_stack(found)
        return list(zip(*found, strict=True))

    pmf = columns.propensities
    return Rows(
        line=lines,
        action=cells[columns.action or ""],
        reward=cells[columns.reward or ""],
        propensity=[] if columns.propensity is None else cells[columns.propensity],
        pmf=None if pmf is None else of_all(pmf),
        targets={name: cells[name] for name in columns.target_propensity},
        pmf_targets=(
            {}
            if columns.targets is None
            else {columns.targets: of_all(columns.targets)}
        ),
        context={name: cells[name] for name in columns.context},
        position=None if columns.position is None else cells[columns.position],
        unit=None if columns.unit is None else cells[columns.unit],
    )


def _only_tables(columns: Columns, form: str) -> None:
    """Refuse names of columns for a form that has fields of its own."""
    names = (
        *("action", "reward", "propensity", "propensities", "target_propensity"),
        *("targets", "position", "unit"),
    )
    if any(getattr(columns, name) for name in names):
        raise InvalidInput(
            f"a {form} log has its own fields for actions, rewards and propensities; "
            "leave out the options that name columns, except --context-columns, and "
            "name the target with --policy"
        )


def _assembled(
    assembly: Assembly, batches: Iterator[Rows], on_progress: Callable[[int], None]
) -> DecisionLog:
    done = 0
    for rows in batches:
        assembly.add(rows)
        done += len(rows.line)
        on_progress(done)
    return assembly.finish()
