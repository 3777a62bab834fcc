"""The mark of a store that was left: nobody begins to use it again by mistake.

Owns its name and its sentence. A learner over it would delete what it reads of the
event log, and the store that all was moved to would never have it.
"""

from typing import Final

from bandit_svc.errors import Unavailable

MOVED_TO: Final = "moved_to"
"""The name of the row of meta that says where all went."""


def refuse_left(moved_to: str | None) -> None:
    """Require that a store was not left.

    Args:
        moved_to: where all that it held is now; None where nothing was moved.

    Raises:
        Unavailable: it was.
    """
    if moved_to is not None:
        raise Unavailable(
            f"all that this store holds was moved to {moved_to}; set BANDIT_STORE to "
            "its address. `bandit-svc migrate-to --undo` lets this one be used again, "
            "without what has come to the other since"
        )
