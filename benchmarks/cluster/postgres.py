"""A PostgreSQL server of a cluster.

Owns where its programs are found, its folder and its options. The server refuses to
run as root, whose server belongs to the user `postgres` of Debian's package.
"""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from benchmarks.cluster.part import Address, ClusterError, Command, Part, Place

DATABASE, USER = "postgres", "bandit"
_DEBIAN = Path("/usr/lib/postgresql")
_OPTIONS = ("shared_buffers=64MB", "max_connections=200", "wal_level=replica")


class Postgres(Part):
    """A server that listens on one port of its place, and is asked for no password."""

    def __init__(self, folder: Path, place: Place, port: int) -> None:
        self.address = (place.host, port)
        self.folder, self._owner = folder, owner()
        data = folder / "data"
        words = [program("postgres"), "-D", str(data), "-k", "", "-h", place.host]
        words += ["-p", str(port)]
        for option in _OPTIONS:
            words += ["-c", option]
        command = Command(words, {}, self._owner, signal.SIGINT)
        super().__init__("PostgreSQL", place, command, folder / "log")

    def url(self, address: Address | None = None) -> str:
        """Return the store's URL, under its own or another address."""
        host, port = address or self.address
        return f"postgresql://{USER}@{host}:{port}/{DATABASE}?schema=bandit"

    def create(self) -> None:
        """Make its folder, where any address may connect without a password."""
        self.folder.mkdir()
        if self._owner is not None:
            # A file that root made in a folder of another one is still root's.
            os.chown(self.folder, pwd.getpwnam(self._owner).pw_uid, -1)
        data = self.folder / "data"
        words = (program("initdb"), "-D", str(data), "-U", USER, "-A", "trust")
        try:
            subprocess.run(
                [*words, "--no-locale", "-E", "UTF8", "--no-sync"],
                check=True,
                capture_output=True,
                user=self._owner,
                cwd=self.folder,
            )
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace")
            raise ClusterError(f"initdb could not make {data}: {said}") from error
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all trust\n")


def owner() -> str | None:
    """Return the user that a server runs as; None for this one."""
    if os.getuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def program(name: str) -> str:
    """Return a program of PostgreSQL: where Debian keeps its newest, or on PATH.

    Raises:
        ClusterError: it is not installed.
    """
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise ClusterError(
            f"there is no {name} in {_DEBIAN} and on PATH; `.ci/programs postgresql` "
            "installs PostgreSQL (Debian's package), as root or through sudo"
        )
    return found
