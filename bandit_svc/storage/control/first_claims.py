"""Which of several nodes was the first to answer a request, where no stream knows it.

Owns the protocol.
"""

from typing import Protocol


class FirstClaims(Protocol):
    """Answers by the id of their decision. Thread-safe."""

    def claim(self, decision_id: str, message: bytes) -> bytes | None:
        """Keep an answer if it is the first of its id, for at least a day.

        Args:
            decision_id: made from the request's id, so that it is the same everywhere.
            message: the answer.

        Returns:
            None if it is the first; else the first one's message.

        Raises:
            Unavailable: the store is away.
        """
