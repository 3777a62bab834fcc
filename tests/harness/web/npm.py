"""Programs of Node and packages of npm, for tests of what others write in JavaScript.

Owns where they lie: the packages of tests/javascript/package-lock.json in build, and
the client as `npm pack` makes it beside the scripts of a test.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

import bandit_svc.client
from tests.harness.process import plain_environment
from tests.harness.waiting import GENEROUS_S

ROOT: Final = Path(__file__).parents[3]
SCRIPTS: Final = ROOT / "tests" / "javascript"
CLIENT: Final = Path(bandit_svc.client.__file__).parent / "js"
_LISTS: Final = ("package.json", "package-lock.json")
_PLACE: Final = ROOT / "build" / "javascript"
_INSTALL_S: Final = 600


class Workshop:
    """A folder with scripts that find the packages, and the packed client.

    Attributes:
        packed: the archive that `npm pack` made.
    """

    def __init__(self, folder: Path) -> None:
        packages = _packages()
        (folder / "node_modules").symlink_to(packages / "node_modules")
        self.folder = folder / "work"
        self.folder.mkdir()
        made = program("npm", "pack", "--silent", str(CLIENT), cwd=self.folder)
        self.packed = self.folder / made.split()[-1]
        with tarfile.open(self.packed) as archive:
            archive.extractall(folder / "packed", filter="data")
        home = self.folder / "node_modules" / "bandit-svc-client"
        shutil.copytree(folder / "packed" / "package", home)

    def write(self, name: str, text: str) -> Path:
        """Write a script."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, script: str, *arguments: str) -> str:
        """Run a script of tests/javascript by Node; return what it printed."""
        self.write(script, (SCRIPTS / script).read_text())
        return self.node(script, *arguments)

    def node(self, script: str, *arguments: str) -> str:
        """Run a script that was written; return what it printed."""
        return program("node", script, *arguments, cwd=self.folder)

    def bundle(
        self, script: str, text: str | None = None, *, for_node: bool = False
    ) -> str:
        """Return a script with the packages that it imports.

        Args:
            script: its name; of tests/javascript where there is no `text`.
            text: what it is.
            for_node: Node runs it, in place of a page.
        """
        path = self.write(script, text or (SCRIPTS / script).read_text())
        options = ["--bundle", "--format=esm", "--jsx=automatic", "--loader:.js=jsx"]
        options.append('--define:process.env.NODE_ENV="production"')
        if for_node:
            # The renderer of React asks for parts of Node by `require`.
            line = "import { createRequire } from 'module';"
            line += "const require = createRequire(import.meta.url);"
            options += ["--platform=node", f"--banner:js={line}"]
        found = self._installed("esbuild", "bin", "esbuild")
        return program("node", found, str(path), *options, cwd=self.folder)

    def check_types(self, script: str, text: str) -> str:
        """Return what the compiler of TypeScript says against a script."""
        path = self.write(script, text)
        options = ("--noEmit", "--strict", "--target", "es2022", "--module", "nodenext")
        command = ("node", self._installed("typescript", "bin", "tsc"), *options)
        return _ran((*command, str(path)), self.folder).stdout

    def _installed(self, *parts: str) -> str:
        return str((self.folder.parent / "node_modules").joinpath(*parts))


def program(*command: str, cwd: Path) -> str:
    """Run a program of Node; return what it printed.

    Raises:
        AssertionError: it failed.
    """
    done = _ran(command, cwd)
    assert done.returncode == 0, f"{command[:3]}: {done.stdout}{done.stderr}"
    return done.stdout


def _ran(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.fail(
            f"{command[0]} is missing, so clients in JavaScript can't be tested: "
            "apt-get install nodejs npm"
        )
    return subprocess.run(
        command,
        cwd=cwd,
        env=plain_environment(NO_UPDATE_NOTIFIER="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=max(GENEROUS_S, _INSTALL_S),
    )


def _packages() -> Path:
    """Return the folder of the pinned packages; install them where they are missing.

    npm compares each package with the hash of the lock file.
    """
    lists = [(SCRIPTS / name).read_bytes() for name in _LISTS]
    folder = _PLACE / hashlib.sha256(b"".join(lists)).hexdigest()[:12]
    _PLACE.mkdir(parents=True, exist_ok=True)
    with (_PLACE / "lock").open("w") as lock:
        # The other processes of the tests wait for the one that installs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules").exists():
            _install(folder, lists)
    return folder


def _install(folder: Path, lists: Sequence[bytes]) -> None:
    new = folder.with_suffix(f".{os.getpid()}")
    new.mkdir()
    for name, content in zip(_LISTS, lists, strict=True):
        (new / name).write_bytes(content)
    options = ("--ignore-scripts", "--no-audit", "--no-fund")
    done = _ran(("npm", "ci", *options), new)
    if done.returncode != 0:
        shutil.rmtree(new)
        pytest.fail(
            "npm could not install the packages of tests/javascript/package-lock.json, "
            f"so clients in JavaScript can't be tested: {done.stderr[-300:]}"
        )
    new.rename(folder)
