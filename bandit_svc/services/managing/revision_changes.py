"""The changes of each revision of a definition.

Owns the comparison of two definitions, as paths with a value before and after.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bandit_svc.domain.plain_values import Payload
from bandit_svc.storage.rows import Revision

MOST_CHANGES = 30


class Change(NamedTuple):
    """One value that differs; None where there is no value."""

    path: str
    before: Any
    after: Any


class RevisionChanges(NamedTuple):
    """A revision with what it changed; nothing for the first."""

    revision: Revision
    changes: tuple[Change, ...]
    left_out: int
    """Changes beyond the first MOST_CHANGES."""


def revision_changes(revisions: Sequence[Revision]) -> list[RevisionChanges]:
    """Compare each revision with the one before; the newest comes first."""
    found = []
    for before, after in zip([None, *revisions], revisions, strict=False):
        changes = list(_changes(before.definition, after.definition)) if before else []
        kept = tuple(changes[:MOST_CHANGES])
        found.append(RevisionChanges(after, kept, len(changes) - len(kept)))
    return found[::-1]


def _changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:  # noqa: ANN401 - any JSON
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{path}.{name}" if path else name
            yield from _changes(before.get(name), after.get(name), inner)
    elif _is_keyed(before) and _is_keyed(after):
        # Variants are told apart by their key, wherever they are in the list.
        yield from _changes(_by_key(before), _by_key(after), path)
    elif before != after:
        yield Change(path, before, after)


def _is_keyed(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, list) and all(
        isinstance(item, Mapping) and "key" in item for item in value
    )


def _by_key(items: list[Payload]) -> Payload:
    return {item["key"]: item for item in items}
