"""Which backend a data folder or address means.

Owns the choice of storage backend; wiring calls it and nothing else does.
"""

from pathlib import Path

from bandit_svc.storage.interface import Storage
from bandit_svc.storage.sqlite.store import SqliteStorage


def open_storage(folder: Path) -> Storage:
    """Return the embedded store of a data folder; it opens nothing before use."""
    return SqliteStorage(folder)
