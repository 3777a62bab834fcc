"""Connections of one process keep their locks, whatever other connections do."""

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from bandit_svc.storage.sqlite.database import Database

LAST_ONE_OUT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM t").fetchall()
connection.close()
"""


def test_a_new_connection_leaves_the_locks_of_the_others(tmp_path: Path) -> None:
    """Else another process takes itself for the last, and deletes the `-wal`."""
    path = tmp_path / "some.db"
    with closing(Database(path)) as database:
        with database.write() as connection:
            connection.execute("CREATE TABLE t (x)")
        thread = threading.Thread(target=database.connection)
        thread.start()
        thread.join()
        subprocess.run([sys.executable, "-c", LAST_ONE_OUT, str(path)], check=True)

        assert path.with_name("some.db-wal").exists()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(Database(path)) as database:
        database.connection()
        modes = [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()]

    assert set(modes) == {0o600}
