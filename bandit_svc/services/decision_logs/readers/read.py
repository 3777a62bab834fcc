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
from bandit_svc.ope.arrays import IntArray
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.actions import action_name
from bandit_svc.services.decision_logs.readers.assembly import Assembly
from bandit_svc.services.decision_logs.readers.bad_lines import BadLines
from bandit_svc.services.decision_logs.readers.dsjson import read_dsjson
from bandit_svc.services.decision_logs.readers.plain_columns import (
    NotPlainError,
    plain_batches,
)
from bandit_svc.services.decision_logs.readers.rows import (
    Batch,
    Cells,
    Columns,
    Reading,
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

_TABLES: Mapping[str, Callable[[Path, Reading], Table]] = {
    "csv": lambda path, how: Delimited(
        path, how.delimiter or ",", guess=how.delimiter is None
    ),
    "tsv": lambda path, how: Delimited(path, how.delimiter or "\t"),
    "jsonl": lambda path, how: JsonLines(path, BadLines(str(path), how.skip_bad)),
    "parquet": lambda path, _how: Parquet(path),
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
_TEXT = {"vw", "vw-adf"}
NEEDED = ("action", "reward")
_OF_EVENTS = {
    "pdrop": "the share of decisions like it that were left out. Name the column of "
    "how many each row stands for, 1 / (1 - pdrop), with --weight-column",
    "_skipLearn": "whether it was never shown. Leave such rows out",
}
"""Columns that change what a row means, whatever a table calls the others."""
ANY: Reading = Reading()


def read_log(
    path: Path,
    columns: Columns,
    form: str | None = None,
    on_progress: Callable[[int], None] = lambda _rows: None,
    reading: Reading = ANY,
) -> DecisionLog:
    """Read a whole log.

    Args:
        path: the file; `.gz` is decompressed, except Parquet.
        columns: the names of its columns.
        form: of the file; None to derive it from the name, and for JSON and VW from
            the text.
        on_progress: called with the number of decisions read so far.
        reading: how the file is read.

    Raises:
        InvalidInput: a column is not in the file, or an option does not fit its form.
        UnreadableLog: the file, or one of its lines, can't be read.
    """
    form = form or form_of(path)
    if form in _TABLES:
        table = _TABLES[form](path, reading)
        log = _from_table(path, table, columns, on_progress, reading)
    else:
        _only_tables(columns, reading, form)
        bad = BadLines(str(path), reading.skip_bad)
        batches = _BLOCKS[form](path, columns.context, bad, reading)
        log = _assembled(Assembly(bad, columns, None, reading), batches, on_progress)
    if form in _NO_LINES or log.line is not None:
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
        return "dsjson" if _is_of_events(path) else "jsonl"
    if suffix in _VW:
        return "vw-adf" if is_multiline(path) else "vw"
    raise InvalidInput(
        f"the name of {path} has no known suffix; pass --log-format with one of "
        f"{', '.join(FORMS)}"
    )


def _is_of_events(path: Path) -> bool:
    """Return true if the first object is an event of Vowpal Wabbit's JSON."""
    bad = BadLines(str(path), 0)
    objects = (one for _, one in json_objects(path, bad, rows_of_text=True) if one)
    first = next(objects, {})
    labelled = any(name.startswith("_label") for name in first)
    ranked = "a" in first and ("p" in first or "_p" in first)
    return (ranked and ("c" in first or labelled)) or (labelled and "_multi" in first)


def _from_table(
    path: Path,
    table: Table,
    columns: Columns,
    on_progress: Callable[[int], None],
    reading: Reading,
) -> DecisionLog:
    _needed(path, columns, reading)
    single = (
        columns.action,
        columns.reward,
        columns.propensity,
        columns.position,
        columns.unit,
        columns.weight,
    )
    asked = [name for name in single if name is not None]
    asked += [*columns.target_propensity, *columns.context]
    _known(path, asked, table.names)
    names, groups = _by_action(path, columns, table.names)
    wanted = list(dict.fromkeys([*asked, *itertools.chain(*groups.values())]))
    _understood(path, wanted, table.names)

    def assembled(batches: Iterator[Batch], bad: BadLines) -> DecisionLog:
        rows = (
            _rows(columns, groups, lines, cells, comma=table.decimal_comma)
            for lines, cells in batches
        )
        assembly = Assembly(bad, columns, names, reading)
        return _assembled(assembly, rows, on_progress)

    if isinstance(table, Delimited):
        texts = {columns.action, columns.position, columns.unit, *columns.context}
        numeric = [name for name in wanted if name not in texts]
        hashes: list[IntArray] = []
        quick = (path, table.delimiter, table.names, wanted, numeric, hashes)
        # If the fast reader fails, the other one reads the file and names the fault.
        with contextlib.suppress(NotPlainError, UnreadableLog):
            log = assembled(plain_batches(*quick), BadLines(str(path), 0))
            return replace(log, line=np.concatenate(hashes))
    bad = BadLines(str(path), reading.skip_bad)
    return assembled(table.batches(wanted, bad), bad)


def _needed(path: Path, columns: Columns, reading: Reading) -> None:
    missing = [name for name in NEEDED if getattr(columns, name) is None]
    some = columns.propensity is not None or columns.propensities is not None
    if not (some or reading.without_propensities):
        missing.append("propensity")
    if not missing:
        return
    sentence = f"{path} is a table; name its columns with " + ", ".join(
        f"--{name}-column" for name in missing
    )
    if missing == ["propensity"]:
        sentence += (
            ". A log without propensities has nothing but what a reward model predicts "
            "(--estimator dm)"
        )
    raise InvalidInput(sentence)


def _understood(path: Path, wanted: Sequence[str], names: Sequence[str]) -> None:
    """Refuse what has two meanings, and what would change that of a row unseen."""
    for name in wanted:
        if names.count(name) > 1:
            raise InvalidInput(
                f"{path} names the column {name!r} {names.count(name)} times; give "
                "each column a name of its own"
            )
    for name, meaning in _OF_EVENTS.items():
        if name in names and name not in wanted:
            raise InvalidInput(
                f"{path} has a column {name!r}, which says of a row {meaning}, or name "
                "the column otherwise if it means something else"
            )


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
    *,
    comma: bool,
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
        weight=None if columns.weight is None else cells[columns.weight],
        decimal_comma=comma,
    )


def _only_tables(columns: Columns, reading: Reading, form: str) -> None:
    """Refuse names of columns for a form that has fields of its own."""
    names = (
        *("action", "reward", "propensity", "propensities", "target_propensity"),
        *("targets", "position", "unit", "weight"),
    )
    if reading.delimiter is not None:
        raise InvalidInput(f"--delimiter is of CSV and TSV; {form} has none")
    if reading.default_reward is not None and form in _TEXT:
        raise InvalidInput(
            f"--default-reward can't be used with {form}: a decision without a label "
            "names no chosen action"
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
