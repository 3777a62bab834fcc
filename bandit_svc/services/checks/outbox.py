"""What a machine's outbox holds that the stream has not acknowledged.

Owns what is wrong with it. It is found out from the files of the data folder, so that
any process can, also while none sends.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from bandit_svc.domain.numbers import byte_size, duration
from bandit_svc.domain.times import to_the_second
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import Cursor
from bandit_svc.eventlog.stream.outbox import Outbox

LATE_MS: Final = 60_000
"""A sending process that works has sent all that is older."""
_MOST_NAMED: Final = 3


class OutboxState(NamedTuple):
    """The outbox of one machine.

    Attributes:
        node: its name; "" where nothing was sent yet, and it was given none.
        bytes: that are not acknowledged.
        mark_ms: all that the machine stamped before this time is acknowledged; 0 where
            nothing is.
        places: up to where each source, a partition of the log, is acknowledged.
    """

    node: str
    bytes: int
    mark_ms: int
    places: Mapping[str, Cursor]

    @property
    def name(self) -> str:
        """Return what sentences call it."""
        return f"the outbox of node {self.node}" if self.node else "the outbox"

    def age_ms(self, now_ms: int) -> int:
        """Return the age of the oldest record that is not acknowledged, at most."""
        return max(0, now_ms - self.mark_ms) if self.bytes and self.mark_ms else 0


def outbox_state(data: Path, node: str) -> OutboxState:
    """Return the state of a data folder's outbox.

    Args:
        data: the folder.
        node: the name that settings give, "" for none.

    Raises:
        LogUnreadable: the log can't be read now.
    """
    outbox = Outbox(data)
    place = outbox.place()
    size = FileReader(data / "log").backlog_bytes(place.sources)
    return OutboxState(outbox.known_node(node), size, place.mark_ms, place.sources)


def outbox_line(state: OutboxState, now_ms: int) -> str:
    """Return how far the stream has an outbox, as a sentence."""
    if not state.mark_ms:
        return f"{state.name}: nothing was acknowledged by the stream yet"
    age = duration(state.age_ms(now_ms) / 1000)
    waiting = f", the oldest at most {age} old" if state.bytes else ""
    return (
        f"{state.name}: {byte_size(state.bytes)} are not acknowledged by the stream"
        f"{waiting}; all before {to_the_second(state.mark_ms)} UTC is"
        f"{_places(state.places)}"
    )


def outbox_fault(state: OutboxState, now_ms: int) -> str | None:
    """Return what is wrong with an outbox as a sentence; None if nothing is."""
    if not state.bytes or (state.mark_ms and state.age_ms(now_ms) <= LATE_MS):
        return None
    since = "yet"
    if state.mark_ms:
        since = f"for {duration(state.age_ms(now_ms) / 1000)}{_places(state.places)}"
    return (
        f"{state.name} holds {byte_size(state.bytes)} that the stream has not "
        f"acknowledged {since}; nobody learns from them before: start the service, "
        "or see in its log why nothing is sent to BANDIT_STREAM"
    )


def _places(places: Mapping[str, Cursor]) -> str:
    """Return the last acknowledged places of some sources, for a sentence."""
    if not places:
        return ""
    named = [
        f"{source} to byte {cursor.offset:,} of segment {cursor.segment}"
        for source, cursor in sorted(places.items())[-_MOST_NAMED:]
    ]
    others = len(places) - len(named)
    more = f" and {others:,} more" if others else ""
    return f" ({'; '.join(named)}{more})"
