"""Some of the joined decisions, by when they were made and when they were joined.

Owns the condition; see storage.interface.
"""

from typing import NamedTuple

BEGINNING_MS, END_MS = 0, 2**62


class Made(NamedTuple):
    """Decisions that were exposed in [from_ms, to_ms) and joined up to joined_by_ms."""

    from_ms: int = BEGINNING_MS
    to_ms: int = END_MS
    joined_by_ms: int = END_MS


ALWAYS = Made()
