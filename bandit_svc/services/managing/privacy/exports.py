"""Exports in the data folder: those that may hold a unit are deleted.

Owns which files are ours to keep; anything else that lies there is taken for an export.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

_OURS: Final = (
    "bandit.db*",
    "units.db*",
    "caps.db*",
    "definitions.version",
    "pseudonym.key*",
)
_OUR_FOLDERS: Final = frozenset({"log", "locks", "metrics", "anew", "outbox"})
_OPAQUE: Final = frozenset({".parquet", ".gz", ".zip", ".zst", ".xz", ".bz2"})
"""Compressed files, in which an id is not found by its bytes."""


def delete_exports(folder: Path, needles: Sequence[bytes]) -> list[str]:
    """Delete the files that hold any of some bytes, or may; return their places."""
    deleted = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if not path.is_file() or path.is_symlink() or _is_ours(place):
            continue
        if path.suffix in _OPAQUE or _holds(path, needles):
            path.unlink(missing_ok=True)
            deleted.append(str(place))
    return deleted


def _is_ours(place: Path) -> bool:
    if len(place.parts) > 1:
        return place.parts[0] in _OUR_FOLDERS
    return any(place.match(pattern) for pattern in _OURS)


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    longest = max(map(len, needles), default=1)
    rest = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            data = rest + block
            if any(needle in data for needle in needles):
                return True
            rest = data[-longest:]
    return False
