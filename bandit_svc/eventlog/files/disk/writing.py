"""Write bytes to a descriptor, whole, and flush it.

Owns the system calls of the write path. Knows nothing of segments or records.
"""

import ctypes
import errno
import os

# As os.write, but without letting go of the interpreter's lock: copying a record to the
# kernel's memory takes less time than handing the lock to another thread, which would
# next wait for the writer's own lock.
_write = ctypes.PyDLL(None).write
_write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_write.restype = ctypes.c_ssize_t


def write_all(descriptor: int, data: bytes) -> None:
    """Write bytes whole.

    Raises:
        OSError: the kernel refuses; a first part may be written.
    """
    size = len(data)
    # Most writes take all; the others are asked again for their reason.
    written = _write(descriptor, data, size)
    written = max(0, written)
    while written < size:
        more = os.write(descriptor, data[written:])
        if more == 0:
            raise OSError(errno.EIO, "the disk takes no more bytes")
        written += more


def try_fsync(descriptor: int) -> bool:
    """Flush a descriptor; return whether the disk has confirmed it."""
    try:
        os.fsync(descriptor)
    except OSError:
        return False
    return True
