"""The key of the pseudonyms of units on its way to another folder.

Owns the refusal of a folder that has another key.
"""

from pathlib import Path

from bandit_svc.errors import Conflict
from bandit_svc.storage.sqlite.privacy.pseudonym_key import NAME, make_key, read_key


def keep_key(folder: Path, key: bytes | None) -> None:
    """Keep the key of a store in a folder; None is that of a store without one.

    Raises:
        Conflict: the folder has another key.
    """
    if key is None:
        return
    if (folder / NAME).exists() and read_key(folder) != key:
        raise Conflict(
            f"{folder / NAME} is the key of the pseudonyms of another store; name "
            "another folder, or take the file away first"
        )
    make_key(folder, key)
