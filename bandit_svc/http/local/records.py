"""What a look-up tells of the client that made a decision.

Owns its shape.
"""

import msgspec

from bandit_svc.domain.local.mark import LocalMark


class LocalRecord(msgspec.Struct):
    """The client that made a decision in its own process.

    Attributes:
        client: names it from its start to its end.
        sequence: of its decisions of this experiment, from 1 on.
    """

    client: str
    sequence: int


def local_record(mark: LocalMark | None) -> LocalRecord | msgspec.UnsetType:
    """Return a client as a look-up shows it; nothing for the service's own decision."""
    if mark is None:
        return msgspec.UNSET
    return LocalRecord(mark.client, mark.sequence)
