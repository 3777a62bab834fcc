"""What the kernel is told about how soon a process of ours must run.

Owns the one call that Python does not have. A kernel that does not know it serves as
well, less evenly.
"""

import ctypes
import os
import platform
import struct
import sys
from typing import Final

SOON_NS: Final = 100_000
"""The shortest slice that the kernel takes."""
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}
_RESET_ON_FORK: Final = 1
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQII")
"""size, policy, flags, nice, priority, slice (ns), deadline, period, two clamps."""


def run_soon() -> bool:
    """Ask for short slices for this thread, not for what it starts.

    When it wakes up it may then take the place of one with longer slices at once, such
    as one that computes a report; otherwise it waits for the kernel's next tick, which
    is up to 4 ms. It gets no more time than before.

    Returns:
        Whether the kernel took it (Linux 6.12 and later make use of it).
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(
        *(_ATTRIBUTES.size, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0),
        *(SOON_NS, 0, 0, 0, 0),
    )
    failed = ctypes.CDLL(None).syscall(number, 0, attributes, 0)
    return int(failed) == 0
