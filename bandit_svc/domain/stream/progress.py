"""How far a stream has been read: partitions, the sources in them, and their nodes.

Owns the values that the store keeps in the transaction of the facts. Pure.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.stream.mark import Mark

Place = tuple[str, str]
"""A partition of the stream, and a source or a node in it."""


class Taken(NamedTuple):
    """Up to where the records of a source were taken.

    Attributes:
        cursor: its `upto` that was taken last.
        resumes: messages were lost behind it, so that its next one is taken although
            something is missing before it.
    """

    cursor: Cursor
    resumes: bool = False


class Progress(NamedTuple):
    """What changes together with the cursors of a batch.

    Attributes:
        was: the cursors of partitions that the batch goes on from.
        sources: up to where each source was taken.
        marks: what nodes have said.
    """

    was: Mapping[str, Cursor] = {}
    sources: Mapping[Place, Taken] = {}
    marks: Mapping[Place, Mark] = {}


NO_PROGRESS: Final = Progress()
