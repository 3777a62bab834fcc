"""The modes of the data folder.

Owns who may read it: the service's user alone, whatever the umask was and whoever made
the folder. The store has the secret that signs sessions and decision ids, and the log
has contexts and units. Files of others in the same folder are left as they are.
"""

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

from bandit_svc.errors import Unavailable

FOLDER, FILE = 0o700, 0o600
_OTHERS = 0o077
_FILES = ("bandit.db*", "units.db*", "caps.db*", "definitions.version", "pseudonym.key")
_FOLDERS = ("log", "locks", "metrics", "outbox")
# Of the file system's root, where the data folder is a volume of its own.
_NOBODYS = frozenset({"lost+found"})

_log = logging.getLogger(__name__)


def make_private(folder: Path) -> None:
    """Create the data folder, or take it and what is ours in it from other users.

    Raises:
        Unavailable: it can't be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    except OSError as error:
        raise Unavailable(
            f"{folder} can't be created ({error.strerror}); choose another folder with "
            "--data, or give its parent to this user"
        ) from error
    for path in _open_to_others(folder):
        mode = FOLDER if path.is_dir() else FILE
        try:
            path.chmod(mode)
        except OSError as error:
            _log.warning(
                "%s can be read by other users, and its mode can't be changed (%s); "
                "make it %o",
                path,
                error.strerror,
                mode,
            )


def faults(folder: Path) -> list[str]:
    """Return a sentence for each of our places that other users can open."""
    return [
        f"{path} is open to other users (mode {stat.S_IMODE(path.stat().st_mode):o}), "
        f"and holds secrets, contexts and units; chmod "
        f"{FOLDER if path.is_dir() else FILE:o} {path}"
        for path in _open_to_others(folder)
    ]


def _open_to_others(folder: Path) -> Iterator[Path]:
    """Yield the folder, if nothing else lies in it, and our files and folders."""
    if not folder.is_dir():
        return
    ours = [path for name in _FILES for path in folder.glob(name)]
    ours += [folder / name for name in _FOLDERS]
    known = {path.name for path in ours} | _NOBODYS
    strangers = {path.name for path in folder.iterdir()} - known
    for path in (*([] if strangers else [folder]), *ours):
        if path.exists() and path.stat().st_mode & _OTHERS:
            yield path
