"""Name the segments and partitions on disk, and tell whether a writer lives.

Owns the layout `<root>/<partition>/<00000001>.seg` (`.jsonl` in format 1), the files
`<root>/manifests/<partition>.manifest` and `.live`, and the lock that means "alive".
Reads folders only; writing and deleting belong to writer.py and reader.py.

A live writer holds `flock` on its partition's folder. The kernel drops that lock
when the process dies, however it dies, so no heartbeat and no clock is involved.
A folder becomes visible (its name starts with no dot) only once it is locked.
"""

import fcntl
import functools
import os
import re
from pathlib import Path

SEGMENT = ".seg"
LINES = ".jsonl"
"""The suffix of segments of format 1."""
MANIFESTS = "manifests"
KEPT = "kept"
"""Where segments that were read are kept; see eventlog/kept.py."""
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
"""Modes: contexts and units are for the service's user alone, whatever its umask."""
_SEGMENT_NAME = re.compile(r"([0-9]{8,})(\.seg|\.jsonl)")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NO_BOOT_ID = bytes(16)


def created(path: Path) -> int:
    """Return the descriptor of a new or emptied file of this user alone."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)


def partition_name(now_ms: int, pid: int, suffix: str, incarnation: int = 1) -> str:
    """Name a partition so that names sort by the time their writers started.

    Args:
        now_ms: milliseconds since the epoch; 13 digits until the year 2286.
        pid: for the operator who looks at the folder.
        suffix: random, so that two containers with equal pids can't collide.
        incarnation: above 1 where the writer had to start over, because its
            folder was deleted.
    """
    name = f"w{now_ms:013d}-{pid}-{suffix}"
    return name if incarnation == 1 else f"{name}-{incarnation}"


def segment_name(number: int, suffix: str = SEGMENT) -> str:
    """Return the file name of a segment; its number grows and is never reused."""
    return f"{number:08d}{suffix}"


@functools.lru_cache(maxsize=1024)
def manifest_path(root: Path, partition: str) -> Path:
    """Return where the manifest of a partition lies, apart from its segments."""
    return root / MANIFESTS / f"{partition}.manifest"


@functools.lru_cache(maxsize=1024)
def live_path(root: Path, partition: str) -> Path:
    """Return where the live counter of a partition lies."""
    return root / MANIFESTS / f"{partition}.live"


def list_partitions(root: Path) -> list[str]:
    """List the visible partitions, oldest first; none where the root is missing.

    A partition whose folder was deleted is one as long as its manifest is there.
    """
    found: set[str] = set()
    try:
        with os.scandir(root) as entries:
            found = {
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and entry.name not in {MANIFESTS, KEPT}
                and entry.is_dir(follow_symlinks=False)
            }
        with os.scandir(root / MANIFESTS) as entries:
            found |= {
                entry.name.rpartition(".")[0]
                for entry in entries
                if entry.name.endswith((".manifest", ".live"))
            }
    except FileNotFoundError:
        pass
    return sorted(found)


def list_segments(folder: Path, suffix: str = SEGMENT) -> list[int]:
    """List the segment numbers of a partition, ascending; other files don't count."""
    try:
        with os.scandir(folder) as entries:
            matches = [_SEGMENT_NAME.fullmatch(entry.name) for entry in entries]
    except FileNotFoundError:
        return []
    return sorted(int(m[1]) for m in matches if m and m[2] == suffix)


def segment_size(folder: Path, number: int, suffix: str = SEGMENT) -> int:
    """Return a segment's bytes; 0 where it was deleted meanwhile."""
    try:
        return (folder / segment_name(number, suffix)).stat().st_size
    except FileNotFoundError:
        return 0


def is_alive(folder: Path) -> bool:
    """Return whether the partition's writer lives; dead is final.

    Ask this before listing or reading: what is on disk after the answer "dead"
    never changes again, while a writer found alive may die a moment later.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def current_boot_id() -> bytes:
    """Return the 16 bytes that the kernel draws at each boot; zeros if it does not."""
    try:
        return bytes.fromhex(_BOOT_ID.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return _NO_BOOT_ID
