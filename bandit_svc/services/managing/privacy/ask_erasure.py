"""Queue the erasure of a unit; the learner does it."""

from bandit_svc.storage.interface import Storage
from bandit_svc.storage.privacy import Erasure

ID_BYTES = 9


def ask_erasure(storage: Storage, unit_id: str, entropy: bytes, now_ms: int) -> Erasure:
    """Queue an erasure; what nothing is stored of is erased too.

    Args:
        storage: of the service.
        unit_id: the name under which the unit is kept.
        entropy: ID_BYTES random bytes.
        now_ms: the time.
    """
    erasure = Erasure(entropy.hex(), unit_id, now_ms)
    storage.privacy.ask(erasure)
    return erasure
