"""Splits in SQLite.

Owns the rows of the tables in tables.py; see storage.splits.kept.Splits.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.splits.step import Step
from bandit_svc.errors import Conflict
from bandit_svc.storage.splits.kept import SplitSums
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.experiments import SqliteExperiments, add_revision
from bandit_svc.storage.sqlite.model_versions import insert_version, newest_version
from bandit_svc.storage.sqlite.version_file import VersionFile

_ADD_STEP = "INSERT INTO split_steps (number, body) VALUES (?, ?)"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Step).decode


class SqliteSplits:
    """See storage.splits.kept.Splits."""

    def __init__(
        self,
        database: Database,
        version_file: VersionFile,
        experiments: SqliteExperiments,
    ) -> None:
        self._database = database
        self._version_file = version_file
        self._experiments = experiments

    def revise(
        self,
        experiment: Experiment,
        definition: Definition,
        now_ms: int,
        steps: Sequence[Step],
        note: str = "",
        model: ModelVersion | None = None,
    ) -> Experiment:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            if model is not None:
                meta = model.meta
                if newest_version(connection, meta.number) != meta.version - 1:
                    raise Conflict(
                        "the learner published a model at the same moment; repeat"
                    )
                insert_version(connection, model)
            add_revision(connection, experiment, definition, now_ms, note)
            connection.executemany(_ADD_STEP, _rows(experiment.number, steps))
        return self._experiments.get(definition.key)

    def keep(self, number: int, steps: Sequence[Step]) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.executemany(_ADD_STEP, _rows(number, steps))

    def steps(self, number: int) -> list[Step]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT body FROM sound_split_steps WHERE number = ? ORDER BY id",
                (number,),
            ).fetchall()
        return [_decode(body) for (body,) in rows]

    def sums(self, number: int) -> SplitSums | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT since, position, state FROM sound_split_sums WHERE number = ?",
                (number,),
            ).fetchone()
        return None if row is None else SplitSums(*row)

    def unit_states(self, number: int, units: Collection[int]) -> Mapping[int, bytes]:
        """See the interface."""
        with self._database.read() as connection:
            return dict(
                connection.execute(
                    "SELECT unit, state FROM sound_split_units WHERE number = ?"
                    " AND unit IN (SELECT value FROM json_each(?))",
                    (number, _encode(list(units))),
                )
            )

    def save(
        self, number: int, sums: SplitSums, units: Mapping[int, bytes], *, anew: bool
    ) -> None:
        """See the interface."""
        with self._database.write() as connection:
            if anew:
                connection.execute(
                    "DELETE FROM split_units WHERE number = ?", (number,)
                )
            connection.execute(
                "INSERT OR REPLACE INTO split_sums (number, since, position, state)"
                " VALUES (?, ?, ?, ?)",
                (number, *sums),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO split_units (number, unit, state)"
                " VALUES (?, ?, ?)",
                # In the order of the key, so that neighbours are written together.
                [(number, unit, state) for unit, state in sorted(units.items())],
            )

    def outdated_to(self, number: int) -> int:
        """See the interface."""
        with self._database.read() as connection:
            (version,) = connection.execute(
                "SELECT version FROM sound_outdated_branches WHERE number = ?",
                (number,),
            ).fetchone() or (0,)
        return int(version)


def _rows(number: int, steps: Sequence[Step]) -> list[tuple[int, str]]:
    return [(number, _encode(step).decode()) for step in steps]
