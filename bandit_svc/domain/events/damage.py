"""What the event log or the store has lost, and where.

Owns the value that those who read them give, and that the store keeps. Pure.
"""

from typing import Literal, NamedTuple

from bandit_svc.domain.numbers import counted

DamageKind = Literal[
    "changed",
    "cut",
    "deleted",
    "foreign",
    "power",
    "manifest",
    "live counter",
    "unreadable",
    "unknown experiment",
    "waiting",
    "replaced",
    "older store",
    "older log",
    "waited",
    "lost",
    "row",
]
"""Kinds of damage.

changed: bytes that fit no checksum. cut: a segment ends before its known end. deleted:
a segment or a partition is missing. foreign: bytes behind a segment's end. power: a
tail that the disk had not written when the machine lost its power. manifest, live
counter: the file that knows the ends is missing or does not fit the segments.
unreadable: records that are whole and mean nothing to this service.
unknown experiment: decisions of an experiment, or of a revision, that the store has
never had. waiting: a file that can't be read for a reason that may pass. replaced:
something that is no file lies in its place. Of these two nothing is lost yet: their
partition waits. waited: one of the two that has passed. lost: messages of a stream that
were gone before they were read; their partition is read no further until that is
acknowledged.
older store: partitions were read and deleted that the store knows nothing of. older
log: it ends before what was read from it, or knows less of what was deleted. row: a row
of the store does not fit its checksum.
"""

MOST_REMAINS_BYTES = 65_536
"""The most bytes of one damage that are kept for an operator to look at."""

_WORDS: dict[DamageKind, str] = {
    "changed": "bytes were changed or moved",
    "cut": "the segment was cut short",
    "deleted": "the segment was deleted",
    "foreign": "bytes were appended by another program",
    "power": "the machine lost its power before the disk had written the tail",
    "manifest": "the manifest of the partition is missing or does not fit it",
    "live counter": "the live counter of the partition is missing or damaged",
    "unreadable": (
        "records are not of this service, or of a kind that this version does not know"
    ),
    "unknown experiment": (
        "decisions are of an experiment or a revision that the store has never had; "
        "the store may be older than its log"
    ),
    "waiting": "a file can't be read",
    "replaced": "something that is no file lies in the place of a file",
    "older store": (
        "the store is older than the event log: facts that were read from the log, and "
        "deleted there, are not in the store"
    ),
    "older log": (
        "the event log, or its file manifests/released, is older than the store or was "
        "deleted: what was appended to the log since, and not read, is lost"
    ),
    "waited": "a file could not be read for a while",
    "lost": "messages of the stream were gone before they were read",
    "row": "it does not fit its checksum, and is not read",
}
STORE_FILE = "bandit.db"
IN_STREAM = 0
"""In place of a format: the damage is in a stream."""


class Damage(NamedTuple):
    """One place of one segment, or one row of the store.

    Attributes:
        partition: of a row, its table.
        segment: 0 where it is about the whole partition, and for a row.
        offset: of a row, its rowid, or the CRC-32 of its key.
        facts: records that are lost there.
        bytes: length of the damaged stretch, 0 where nothing is left of it; where
            records were set aside, their length without the others in between.
        at_least: more facts may be lost than can be counted.
    """

    partition: str
    segment: int
    offset: int
    facts: int
    bytes: int
    what: DamageKind
    at_least: bool = False
    format: int = 2
    """Of the log where the damage is; it tells the suffix of the file. IN_STREAM: it is
    in a stream, `offset` messages behind its beginning."""

    @property
    def waits(self) -> bool:
        """True if its partition is read no further until this has passed."""
        return self.what in {"waiting", "replaced"}

    @property
    def place(self) -> tuple[str, int, int, DamageKind]:
        """The place and the kind, by which one damage is told from another."""
        return self.partition, self.segment, self.offset, self.what

    def with_more(self, other: "Damage") -> "Damage":
        """Return the loss of two findings at one place."""
        return self._replace(
            facts=self.facts + other.facts,
            bytes=max(self.bytes, other.bytes),
            at_least=self.at_least or other.at_least,
        )

    @property
    def is_row(self) -> bool:
        """True for a row of the store, false for a place of the event log."""
        return self.what == "row"

    @property
    def file(self) -> str:
        """The file in the data folder where the damage is, or was."""
        if self.is_row:
            return STORE_FILE
        if not self.partition:
            return "log"
        if self.format == IN_STREAM:
            return f"stream/{self.partition}"
        if self.segment:
            suffix = "jsonl" if self.format == 1 else "seg"
            return f"log/{self.partition}/{self.segment:08d}.{suffix}"
        if self.waits:
            return f"log/{self.partition}"
        end = "live" if self.what == "live counter" else "manifest"
        return f"log/manifests/{self.partition}.{end}"

    def __str__(self) -> str:
        """Return a sentence for a log line."""
        if self.waits:
            return (
                f"partition {self.partition} of the event log waits: "
                f"{_WORDS[self.what]}; nothing of it is lost yet"
            )
        lost = f"{_WORDS[self.what]}; {lost_facts(self.facts, at_least=self.at_least)}"
        if self.is_row:
            return (
                f"row {self.offset} of the table {self.partition} of the store: {lost}"
            )
        if self.what in {"older store", "older log"} and not self.partition:
            return lost
        if not self.partition:
            return f"the event log, as an earlier version read it: {lost}"
        if self.format == IN_STREAM:
            place = f"partition {self.partition} of the stream, message {self.offset}"
            return f"{place}: {lost}"
        place = f", segment {self.segment}, byte {self.offset}" if self.segment else ""
        return f"partition {self.partition} of the event log{place}: {lost}"


def lost_facts(facts: int, *, at_least: bool) -> str:
    """Return how many facts are lost, as the end of a sentence."""
    if not facts:
        return "facts may be lost" if at_least else "no fact is lost"
    least = "at least " if at_least else ""
    return least + counted(facts, "fact is lost", "facts are lost")
