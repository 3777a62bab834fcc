"""A file is written anew: nothing deleted is left, and signs of life come meanwhile."""

from contextlib import closing
from pathlib import Path

from bandit_svc.storage.sqlite.database import Database

ROWS = 100_000
WORD = b"a-word-that-was-deleted"


def test_a_scrub_leaves_nothing_deleted_and_gives_signs_of_life(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    beats = 0

    def beat() -> None:
        nonlocal beats
        beats += 1

    with closing(Database(path)) as database:
        with database.write() as connection:
            connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
            rows = ((n, WORD + b"%d" % n) for n in range(ROWS))
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
            connection.execute("UPDATE t SET b = x'00' WHERE a % 2 = 0")
            connection.execute("DELETE FROM t WHERE a % 2 = 1")
        files = list(tmp_path.iterdir())
        assert any(WORD in file.read_bytes() for file in files)

        assert database.scrub(beat)
        assert beats > 0
        assert not [file for file in files if WORD in file.read_bytes()]
