"""The key of the pseudonyms of units, in a file of its own.

Owns the file. Without it, nobody can tell any more which pseudonym an id has: to delete
it makes all units that are kept anonymous.
"""

import contextlib
import os
from pathlib import Path

from bandit_svc.errors import Unavailable

NAME = "pseudonym.key"
_KEY_BYTES = 32
_PRIVATE = 0o600


def make_key(folder: Path, key: bytes) -> None:
    """Keep a key for its owner alone, unless the folder has one."""
    unfinished = folder / f"{NAME}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(unfinished, flags, _PRIVATE), "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        # Unlike a rename, a link never replaces the key that is there.
        (folder / NAME).hardlink_to(unfinished)
    unfinished.unlink()


def read_key(folder: Path) -> bytes:
    """Return the key.

    Raises:
        Unavailable: it is missing or damaged.
    """
    path = folder / NAME
    way_out = (
        "restore it from a copy. If it was deleted to make the units that are kept "
        "anonymous, `bandit-svc init` makes a new one, with which every unit is new"
    )
    try:
        key = bytes.fromhex(path.read_text())
    except OSError as error:
        raise Unavailable(
            f"{path}, the key of the pseudonyms of units, can't be read "
            f"({error.strerror}); {way_out}"
        ) from error
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Unavailable(
            f"{path} holds no key of {_KEY_BYTES} bytes in hexadecimal; {way_out}"
        )
    return key
