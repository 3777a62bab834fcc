"""What stands in the files of a data folder, and commands over it."""

import gzip
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bandit_svc.services.people.pseudonyms import Pseudonyms
from tests.harness.process import COMMAND, plain_environment


def found_in(data: Path, words: Sequence[str]) -> list[tuple[str, str]]:
    """Return which words stand in which files, compressed ones too."""
    found = []
    for path in sorted(data.rglob("*")):
        try:
            content = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            # A running service takes files away.
            continue
        if path.suffix == ".gz":
            content += gzip.decompress(content)
        found += [(path.name, word) for word in words if word.encode() in content]
    return found


def pseudonyms_of(data: Path, *units: str) -> list[str]:
    """Return the names under which a data folder keeps units."""
    pseudonyms = Pseudonyms(bytes.fromhex((data / "pseudonym.key").read_text()))
    return [pseudonyms.of(unit) for unit in units]


def run(data: Path, *words: str) -> str:
    """Run a command over the data folder; it must exit 0."""
    done = subprocess.run(
        [COMMAND, *words, "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        env=plain_environment(),
    )
    assert done.returncode == 0, (words, done.stdout + done.stderr)
    return done.stdout
