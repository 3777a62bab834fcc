"""A file of the archive without the units of an erasure.

Owns the rewriting of files whose decisions the archive alone has. What stands in place
of a unit is what stands there in the store; of its context stay the values that other
decisions of the same file have too. Killed at any place, the next try writes the same
bytes.
"""

import importlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bandit_svc.archive.opened import opened_file, parquet
from bandit_svc.archive.units import lines_of_units, unit_number
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import decode_decision, encode_event
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.people.erasing import Leaf, blanked, leaves
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.slots.places import slot_decisions
from bandit_svc.services.archiving.files import FOLDER, name_of, sha256_of
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.archive.archived import ArchivedFile


def rewrite_without(
    ports: ArchivePorts,
    experiment: Experiment,
    file: ArchivedFile,
    tokens: Mapping[str, str],
    on_batch: Callable[[], None],
) -> bool:
    """Take units out of a file; return False if none of them is in it.

    Call it while `writing`.

    Args:
        ports: the store and the archive.
        experiment: whose file.
        file: as it is recorded.
        tokens: what stands in place of each id.
        on_batch: called after each piece of work.

    Raises:
        Unprocessable: the archive can't be used.
    """
    name = name_of(experiment, file)
    mine = dict(lines_of_units(ports.target, name, tokens.keys()))
    on_batch()
    if not mine:
        return False
    erasing = _Erasing(mine, tokens)
    with opened_file(ports.target, name) as whole:
        erasing.compare(whole, on_batch)
    with tempfile.TemporaryDirectory(dir=ports.folder / FOLDER) as folder:
        path = Path(folder) / "part.parquet"
        with opened_file(ports.target, name) as whole:
            _write(path, erasing.tables(whole, on_batch), whole.schema_arrow)
        size, sha256 = path.stat().st_size, sha256_of(path)
        # Before the file is put: killed in between, the next try finds the units still.
        ports.storage.archived.keep(
            msgspec.structs.replace(file, size=size, sha256=sha256)
        )
        ports.target.put(str(name), path, sha256)
    return True


class _Erasing:
    """The units of one file."""

    def __init__(self, mine: Mapping[int, Decision], tokens: Mapping[str, str]) -> None:
        self._mine = mine
        self._tokens = tokens
        self._held: set[Leaf] = set()

    def compare(self, whole: Any, on_batch: Callable[[], None]) -> None:  # noqa: ANN401 - untyped
        """Find the values that decisions of other units have too."""
        missing = {leaf for one in self._mine.values() for leaf in leaves(one.context)}
        for table in _groups(whole, ["position", "line"], on_batch):
            if not missing:
                return
            values = [*{leaf[2] for leaf in missing}]
            for position, line in zip(*_lists(table), strict=True):
                if line is None or position in self._mine:
                    continue
                if any(value in line for value in values):
                    found = missing & set(leaves(decode_decision(line).context))
                    self._held |= found
                    missing -= found

    def tables(self, whole: Any, on_batch: Callable[[], None]) -> Iterator[Any]:  # noqa: ANN401 - untyped
        """Yield the row groups of the file as they are afterwards."""
        arrow = importlib.import_module("pyarrow")
        for table in _groups(whole, None, on_batch):
            positions = set(table.column("position").to_pylist())
            if positions.isdisjoint(self._mine):
                yield table
                continue
            rows = self._blanked(table.to_pylist())
            yield arrow.Table.from_pylist(rows, schema=table.schema)

    def _blanked(self, rows: Sequence[Payload]) -> list[Payload]:
        made: list[Payload] = []
        slots: list[Decision] = []
        for row in rows:
            decision = self._mine.get(row["position"])
            if decision is None:
                made.append(row)
                continue
            if row["line"] is not None:
                token = self._token_of(decision)
                after = blanked(decision, token, self._held.__contains__)
                slots = list(slot_decisions(after))
                row = row | {"line": encode_event(after)}  # noqa: PLW2901 - it is new
            one = slots.pop(0)
            made.append(
                row
                | {
                    "unit_id": one.unit_id,
                    "unit": unit_number(one),
                    "context": msgspec.json.encode(one.context).decode(),
                }
            )
        return made

    def _token_of(self, decision: Decision) -> str:
        known = self._tokens.get(decision.unit_id or "")
        return next(iter(self._tokens.values())) if known is None else known


def _groups(
    whole: Any,  # noqa: ANN401 - pyarrow ships no types
    columns: list[str] | None,
    on_batch: Callable[[], None],
) -> Iterator[Any]:
    for group in range(whole.num_row_groups):
        yield whole.read_row_group(group, columns=columns)
        on_batch()


def _lists(table: Any) -> list[list[Any]]:  # noqa: ANN401 - untyped
    return [table.column(name).to_pylist() for name in ("position", "line")]


def _write(path: Path, tables: Iterator[Any], schema: Any) -> None:  # noqa: ANN401 - untyped
    with parquet().ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
