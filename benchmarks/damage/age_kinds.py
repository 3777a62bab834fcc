"""Store and log of different moments: what restoring half a data folder does.

Owns the registry of these kinds. A whole folder that is restored to an earlier moment
is none of them: nothing in it tells of a later one.
"""

import shutil

from benchmarks.damage.log_files import Inapplicable, Kind, LogFiles


def restore_the_earlier_store(files: LogFiles) -> None:
    """Put the database back to what it was at an earlier moment, without the log."""
    path = files.data / "bandit.db"
    older = files.earlier / "bandit.db"
    if files.lives or not older.exists():
        raise Inapplicable
    for neighbour in ("-wal", "-shm"):
        path.with_name(path.name + neighbour).unlink(missing_ok=True)
    path.write_bytes(older.read_bytes())


def restore_the_earlier_log(files: LogFiles) -> None:
    """Put the whole log back to what it was at an earlier moment, without the store."""
    older = {path.name for path in (files.earlier / "log").glob("w*")}
    newer = {path.name for path in files.partitions()}
    # What the store has read of the older log must not be all that it knows of.
    if files.lives or not files.has_facts or (newer and newer <= older):
        raise Inapplicable
    if not older:
        raise Inapplicable
    shutil.rmtree(files.log, ignore_errors=True)
    shutil.copytree(files.earlier / "log", files.log)


def delete_the_log(files: LogFiles) -> None:
    """Delete the log's folder."""
    if files.lives or not files.has_facts:
        raise Inapplicable
    shutil.rmtree(files.log)


_ALL: tuple[Kind, ...] = (
    restore_the_earlier_store,
    restore_the_earlier_log,
    delete_the_log,
)
AGE_KINDS: dict[str, Kind] = {kind.__name__.replace("_", " "): kind for kind in _ALL}
"""Kinds of damage that leave each file as it was at some moment, by name."""
