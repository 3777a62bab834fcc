"""The fields of a decision's variants: which were eligible, and those brought.

Owns when they are written, and a bounded memory of lists that requests bring again.
The memory changes what a record costs, and no byte of it. Pure otherwise.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_fields import (
    Field,
    encode_variants,
    pack_positions,
    pack_texts,
)
from bandit_svc.domain.events.packing import field
from bandit_svc.domain.variant import Variant

_MOST_LIST_BYTES = 16_384
"""Longer lists are encoded each time."""
_MOST_BYTES = 4_194_304


class _Brought(NamedTuple):
    inline: tuple[Variant, ...]
    listed: tuple[str, ...]
    variants: tuple[str, ...]
    fields: tuple[bytes, ...]


class VariantFields:
    """Encodes the variants of the decisions of one process."""

    def __init__(self) -> None:
        self._brought: dict[int, _Brought] = {}
        self._bytes = 0

    def of(self, decision: Decision, listed: tuple[str, ...]) -> Sequence[bytes]:
        """Return the fields by which a decision's variants differ from those listed.

        Args:
            decision: whose `inline_variants` are best the same object for the same
                list.
            listed: keys of the revision's own variants.
        """
        inline = decision.inline_variants
        if inline is None:
            return _own_variants(decision.variants, listed)
        # What is kept holds the list, so that its id belongs to nothing else.
        kept = self._brought.get(id(inline))
        if (
            kept is not None
            and kept.listed is listed
            and kept.variants is decision.variants
        ):
            return kept.fields
        text = field(Field.INLINE_VARIANTS, encode_variants(inline))
        fields = (*_own_variants(decision.variants, listed), text)
        size = sum(map(len, fields))
        if size <= _MOST_LIST_BYTES:
            if self._bytes + size > _MOST_BYTES:
                self._brought, self._bytes = {}, 0
            self._bytes += size
            brought = _Brought(inline, listed, decision.variants, fields)
            self._brought[id(inline)] = brought
        return fields


def _own_variants(
    variants: tuple[str, ...], listed: tuple[str, ...]
) -> tuple[bytes, ...]:
    if variants is listed or variants == listed:
        return ()
    positions = pack_positions(variants, listed)
    if positions is None:
        return (field(Field.VARIANTS, pack_texts(variants)),)
    return (field(Field.POSITIONS, positions),)
