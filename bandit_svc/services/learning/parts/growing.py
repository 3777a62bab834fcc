"""Add joined decisions to the sums of the parts that they belong to.

Owns which parts a decision belongs to, and the weights that it has there.
"""

from itertools import chain

import numpy as np

from bandit_svc.domain.experiment import TREATMENT
from bandit_svc.domain.segment import FOLDED, KeyCount, SegmentKeys
from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.parts.columns import COLUMNS, WEIGHTS
from bandit_svc.ope.parts.sums import (
    PartRows,
    PartSums,
    UnitColumns,
    added_parts,
)
from bandit_svc.services.learning.parts.kept import (
    GROUP,
    MOST_VARIANTS,
    RESTRICTED,
    SEGMENT,
    UNCOMPARED,
    VARIANT,
    KeptParts,
    Part,
    PartKind,
    values_by_key,
)
from bandit_svc.services.learning.uplift_rows import Joined
from bandit_svc.storage.rows import JoinedContexts

JUDGED_EVERY = 200
"""Keys with too many values are looked for at each multiple of as many decisions, so
that the sums are a function of the joined order, however it is cut into batches."""


class GrowingParts:
    """The parts of one experiment while decisions are added."""

    def __init__(self, kept: KeptParts, usual: float) -> None:
        self._sums = kept.part_sums if kept.sums else PartSums.empty(usual)
        self._parts = list(kept.parts)
        values = values_by_key(self._parts)
        for known in values.values():
            known.discard(FOLDED)
        counts = {key: KeyCount(*n) for key, n in kept.keys.items()}
        self._keys = SegmentKeys(counts, values, set(kept.wide))
        self._seen, self._left_out = kept.seen, kept.left_out
        self._contexts = _Contexts()
        self._segments = _Places(self._parts, SEGMENT)
        self._uncompared = _Places(self._parts, UNCOMPARED)
        self._variants = _Places(self._parts, VARIANT)
        self._groups = _Places(self._parts, GROUP)
        self._restricted = _Places(self._parts, RESTRICTED)

    def add(
        self,
        joined: Joined,
        y: FloatArray,
        compared: BoolArray,
        unit: IntArray,
        states: list[bytes],
        units: UnitColumns,
    ) -> list[bytes]:
        """Add decisions in their order; return the parts of their units.

        Args:
            joined: the decisions.
            y: (n, COLUMNS), what they add to the uplift.
            compared: (n,), true where both groups had a chance.
            unit: (n,), the place of each one's unit among the states.
            states: the parts of the units so far.
            units: sums of the units in the uplift.
        """
        before = len(self._parts)
        sizes, parts = self._parts_of(joined, compared.tolist())
        n = unit.size
        reward = np.array([one.reward for one in joined.closed])
        # A decision comes twice: with weights of 1, and as the uplift weighs it.
        decision = np.repeat(
            np.column_stack([n + np.arange(n), np.arange(n)]).ravel(), sizes
        )
        part = np.array(parts, dtype=np.int64)
        alive = np.array([one is not None for one in self._parts], dtype=np.bool_)
        if not alive.all():
            decision, part = decision[alive[part]], part[alive[part]]
        rows = PartRows(
            unit=np.concatenate([unit, unit]),
            y=np.concatenate([y, _unweighted(joined, reward)]),
            reward=np.concatenate([reward, reward]),
            decision=decision,
            part=part,
        )
        gone = np.flatnonzero(~alive[:before]).tolist()
        sums = self._sums.without(gone) if gone else self._sums
        added = added_parts(sums.widened(alive.size), states, units, rows, alive)
        self._sums = added.sums
        self._left_out += added.left_out
        return added.states

    @property
    def contexts(self) -> JoinedContexts:
        """The contexts of the added decisions, for the drift."""
        return self._contexts.joined()

    def kept(self) -> KeptParts:
        """Return the parts after all that was added."""
        keys = {key: (one.n, one.folded) for key, one in self._keys.counts.items()}
        return KeptParts(
            parts=tuple(self._parts),
            keys=keys,
            wide=tuple(sorted(self._keys.closed)),
            seen=self._seen,
            left_out=self._left_out,
            sums=self._sums.to_bytes(),
        )

    def _parts_of(
        self, joined: Joined, compared: list[bool]
    ) -> tuple[list[int], list[int]]:
        """Return the parts of decisions, those in which they weigh 1 first.

        Returns:
            Of each decision how many parts it weighs 1 in, and how many others it
            is in; then all of these parts.
        """
        sizes: list[int] = []
        found: list[list[int]] = []
        for one, both in zip(joined.closed, compared, strict=True):
            due = one.due
            places = self._keys.segments(due.decision.context)
            self._contexts.add(due.exposed_at_ms, places, self._keys)
            plain = [self._restricted["", ""]] if one.restricted else []
            if due.group == TREATMENT and self._has_variant(due.variant):
                plain.append(self._variants["", due.variant])
            if both:
                weighted = [self._segments[place] for place in places]
            else:
                plain.append(self._groups["", due.group])
                plain += [self._uncompared[place] for place in places]
                weighted = []
            sizes += [len(plain), len(weighted)]
            found += [plain, weighted]
            self._seen += 1
            if self._seen % JUDGED_EVERY == 0:
                self._close_wide()
        return sizes, list(chain.from_iterable(found))

    def _has_variant(self, key: str) -> bool:
        return ("", key) in self._variants or len(self._variants) < MOST_VARIANTS

    def _close_wide(self) -> None:
        wide = self._keys.close_wide()
        if wide:
            self._contexts.closed |= wide
            for place, part in enumerate(self._parts):
                if part and part.key in wide:
                    self._parts[place] = None
            self._segments.forget(wide)
            self._uncompared.forget(wide)


class _Contexts:
    """The contexts of decisions, while they are added."""

    def __init__(self) -> None:
        self._exposed_at_ms: list[int] = []
        self._present: list[list[tuple[str, str]]] = []
        self.closed: set[str] = set()

    def add(
        self, exposed_at_ms: int, places: list[tuple[str, str]], keys: SegmentKeys
    ) -> None:
        """Add a decision; of a key with too many values only that it was there."""
        self._exposed_at_ms.append(exposed_at_ms)
        if keys.wide_present:
            places = places + [(key, FOLDED) for key in keys.wide_present]
            keys.wide_present.clear()
        self._present.append(places)

    def joined(self) -> JoinedContexts:
        """Return what was added."""
        return JoinedContexts(
            self._exposed_at_ms, self._present, tuple(sorted(self.closed))
        )


class _Places(dict[tuple[str, str], int]):
    """The places of parts of one kind by key and value; new ones come last."""

    def __init__(self, parts: list[Part | None], kind: PartKind) -> None:
        mine = enumerate(parts)
        super().__init__(
            (part[1:], place) for place, part in mine if part and part.kind == kind
        )
        self._parts = parts
        self._kind: PartKind = kind

    def __missing__(self, place: tuple[str, str]) -> int:
        self[place] = new = len(self._parts)
        self._parts.append(Part(self._kind, *place))
        return new

    def forget(self, keys: set[str]) -> None:
        """Forget the parts of some keys."""
        for place in [one for one in self if one[0] in keys]:
            del self[place]


def _unweighted(joined: Joined, reward: FloatArray) -> FloatArray:
    """Return decisions that weigh 1 in their group, (n, COLUMNS)."""
    group = np.array([int(one.due.group != TREATMENT) for one in joined.closed])
    every = np.arange(group.size)
    y = np.zeros((group.size, COLUMNS))
    y[every, group] = 1.0
    y[every, WEIGHTS + group] = reward
    return y
