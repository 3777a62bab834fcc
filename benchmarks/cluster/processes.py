"""What /proc tells of processes: children, command lines.

Owns reading /proc, whose files go away while they are read.
"""

import ctypes
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process, of any thread; none if it is gone."""
    found: list[int] = []
    for of_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, of_thread.read_text().split())
    return found


def descendants_of(pid: int) -> list[int]:
    """Return all processes below one."""
    found: list[int] = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode(errors="replace").strip()


def adopt_orphans() -> None:
    """Make this process the parent of those below it whose own parents die."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
