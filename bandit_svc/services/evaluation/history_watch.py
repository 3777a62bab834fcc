"""Watch whether what a unit finds follows from what it was shown before.

Owns the check `history`: which transitions from one decision of a unit to its next are
counted, how they are kept, and the answer. ope.audit.history_dependence has the test.
Where eligible sets or context keys follow earlier choices, an estimate that changes one
decision at a time is not what a policy earns once it is deployed.

The watch goes along with the candidates through the joined decisions. It keeps the last
decision of the newest MOST_UNITS units, and hashes in place of ids and values. After
MOST_COUNTED transitions one unit in SPARSE_STRIDE counts.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import is_lower_slot
from bandit_svc.domain.numbers import counted
from bandit_svc.ope.arrays import IntArray
from bandit_svc.ope.audit.history_dependence import (
    MOST_STRATA,
    DrawSums,
    dependences,
)
from bandit_svc.ope.progressive.weighing import Draw
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.evaluation.candidate import Candidate
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import EvaluationRow

LABEL = "check:history"
"""No candidate can have it: a name can't hold a colon."""
LEAST_UNITS = 100
MOST_UNITS = 2_048
MOST_VARIANTS = 8
MOST_KEYS = 20
MOST_COUNTED = 5_000
SPARSE_STRIDE = 8
BATCH = 128
"""Transitions that are summed at once. Those that wait are part of the state, so that
the sums don't depend on when it was stored, in no bit."""
_HASH_BITS = 2
_OF_KEY = 1 + _HASH_BITS
"""Events of a key: it has another value, and bits of the new value's hash."""
_MISSING = -1
_SPEC = {"kind": "history"}

HISTORY = CheckKind(
    "history",
    "What a unit finds does not follow from what it was shown",
    "Read the estimates of policies as of one changed decision. Use `bandit-svc "
    "evaluate KEY --estimand trajectory`, or split the traffic between policies, for "
    "what a policy earns once it is deployed.",
)
ONE_STEP_NOTE = (
    "What a unit finds follows from its earlier decisions, so this is the value of "
    "changing single decisions, not of deploying the policy."
)


class _Last(msgspec.Struct, array_like=True):
    """A unit's last decision.

    Attributes:
        chosen: index of the variant.
        chances: of each known variant; 0 where it was not eligible, an integer so that
            it takes one byte in the stored state, also once that was read.
        eligible: bits, of known variants.
        values: a hash of each known key's value.
        returned: true if the unit has had two decisions.
    """

    chosen: int
    chances: tuple[int | float, ...]
    eligible: int
    values: tuple[int, ...]
    returned: bool = False


class _Sums(msgspec.Struct):
    """Sums of one event source as bytes hold them."""

    counts: list[list[float]]
    draws: list[list[list[float]]]


class _Kept(msgspec.Struct):
    """The whole state; variants, keys and values in the order in which they came."""

    variants: list[str] = []
    keys: list[str] = []
    values: list[dict[int, int]] = []
    eligible: list[_Sums] = []
    context: list[_Sums] = []
    last: dict[int, _Last] = {}
    waiting: list[tuple[_Last, _Last]] = []
    units: int = 0
    transitions: int = 0


class Found(msgspec.Struct):
    """What the report reads: counts, and the names of what depends on draws."""

    units: int = 0
    transitions: int = 0
    eligible: list[str] = []
    keys: list[str] = []


class HistoryWatch(Candidate):
    """The transitions of one experiment; a candidate that is asked for no policy."""

    def __init__(self) -> None:
        super().__init__(LABEL, _SPEC, None)
        self.stored_rarely = True
        self._kept = _Kept()
        self._eligible: list[DrawSums] = []
        self._context: list[DrawSums] = []

    @classmethod
    def restored(cls, row: EvaluationRow) -> "HistoryWatch":
        """Return the watch in its stored state; a new one if that can't be read."""
        watch = cls()
        try:
            kept = msgspec.msgpack.decode(row.state, type=_Kept)
        except msgspec.DecodeError:
            return watch
        watch._kept, watch.cursor = kept, row.cursor
        watch._eligible = [_sums(one, 1) for one in kept.eligible]
        watch._context = [_sums(one, _OF_KEY) for one in kept.context]
        return watch

    def row(self) -> EvaluationRow:
        """Return the row to store: the findings as scores, the sums as state."""
        kept = self._kept
        kept.eligible = [_plain(one) for one in self._eligible]
        kept.context = [_plain(one) for one in self._context]
        state = msgspec.msgpack.encode(kept)
        row = EvaluationRow(LABEL, _SPEC, self.cursor, b"", state)
        # The findings know what still waits here.
        found = HistoryWatch.restored(row).findings()
        return replace(row, scores=msgspec.msgpack.encode(found))

    def evaluate(
        self,
        decision: Decision,
        draw: Draw,
        reward: float,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Take note of a decision, whatever it earned."""
        del draw, reward, examples, predicted
        self.pass_over(decision)

    def pass_over(self, decision: Decision) -> None:
        """Take note of a decision; one of the baseline is part of the history too."""
        # What stands above a slot of the same page is no earlier decision.
        if decision.unit_id is None or is_lower_slot(decision.id):
            return
        digest = hashlib.blake2b(decision.unit_id.encode(), digest_size=6).digest()
        unit, kept = int.from_bytes(digest), self._kept
        if kept.transitions >= MOST_COUNTED and unit % SPARSE_STRIDE:
            return
        before = kept.last.pop(unit, None)
        now = self._last(decision)
        if before is not None:
            kept.units += not before.returned
            kept.transitions += 1
            now.returned = True
            kept.waiting.append((before, now))
            if len(kept.waiting) >= BATCH:
                self._count()
        # The units that came last are the likeliest to come back.
        kept.last[unit] = now
        if len(kept.last) > MOST_UNITS:
            del kept.last[next(iter(kept.last))]

    def _last(self, decision: Decision) -> _Last:
        places = [self._place(key) for key in decision.variants]
        chances: list[int | float] = [0] * (MOST_VARIANTS + 1)
        eligible = 0
        for place, chance in zip(places, decision.pmf, strict=True):
            chances[place] += chance
            eligible |= 1 << place
        values = [_MISSING] * len(self._kept.keys)
        for key, value in flat(decision.context):
            at = self._key(key)
            if at is not None:
                values += [_MISSING] * (at + 1 - len(values))
                values[at] = zlib.crc32(repr(value).encode())
        chosen = places[decision.chosen]
        return _Last(chosen, tuple(chances), eligible, tuple(values))

    def _place(self, variant: str) -> int:
        """Return a variant's index; the last one for those that came too late."""
        variants = self._kept.variants
        if variant in variants:
            return variants.index(variant)
        if len(variants) >= MOST_VARIANTS:
            return MOST_VARIANTS
        variants.append(variant)
        self._eligible.append(DrawSums.empty(MOST_VARIANTS + 1, 1))
        return len(variants) - 1

    def _key(self, key: str) -> int | None:
        keys = self._kept.keys
        if key in keys:
            return keys.index(key)
        if len(keys) >= MOST_KEYS:
            return None
        keys.append(key)
        self._kept.values.append({})
        self._context.append(DrawSums.empty(MOST_VARIANTS + 1, _OF_KEY))
        return len(keys) - 1

    def _count(self) -> None:
        """Add the transitions that wait to the sums."""
        waiting, self._kept.waiting = self._kept.waiting, []
        if not waiting:
            return
        before, now = zip(*waiting, strict=True)
        chance = np.array([one.chances for one in before])
        surprise = -chance
        surprise[np.arange(len(before)), [one.chosen for one in before]] += 1
        was, is_now = (
            np.array([one.eligible for one in side]) for side in (before, now)
        )
        for place, sums in enumerate(self._eligible):
            rows = np.flatnonzero(was >> place & 1)
            lost = (1 - (is_now[rows] >> place & 1)).astype(np.float64)[:, None]
            nothing = np.zeros(rows.size, dtype=np.int64)
            sums.add(nothing, surprise[rows], chance[rows], lost)
        for place, sums in enumerate(self._context):
            first, then = (
                np.array([_value(one, place) for one in side]) for side in (before, now)
            )
            stratum = self._strata(place, first)
            rows = np.flatnonzero(stratum < MOST_STRATA)
            bits = [(then[rows] >> bit) & 1 for bit in range(_HASH_BITS)]
            events = np.stack([then[rows] != first[rows], *bits], axis=1) * 1.0
            sums.add(stratum[rows], surprise[rows], chance[rows], events)

    def _strata(self, place: int, values: IntArray) -> IntArray:
        known = self._kept.values[place]
        found = []
        for value in values.tolist():
            if value not in known and len(known) < MOST_STRATA:
                known[value] = len(known)
            found.append(known.get(value, MOST_STRATA))
        return np.array(found, dtype=np.int64)

    def findings(self) -> "Found":
        """Return what is found so far; what waited is summed from now on."""
        self._count()
        kept = self._kept
        results = dependences([*self._eligible, *self._context])
        split = len(self._eligible)
        return Found(
            kept.units,
            kept.transitions,
            [
                name
                for name, one in zip(kept.variants, results[:split], strict=True)
                if one
            ],
            [name for name, one in zip(kept.keys, results[split:], strict=True) if one],
        )


def history(storage: Storage, number: int) -> Check:
    """Warn if eligible variants or context keys follow a unit's earlier decisions.

    Where they don't, it ever warns with a probability of at most 5 %.
    """
    rows = {row.policy: row for row in storage.evaluations.scores(number)}
    row = rows.get(LABEL)
    found = Found()
    if row is not None:
        # If they can't be read, the watch begins anew.
        with suppress(msgspec.DecodeError):
            found = msgspec.msgpack.decode(row.scores, type=Found)
    if found.units < LEAST_UNITS:
        units = counted(
            found.units,
            "unit has come back",
            "units have come back",
        )
        return HISTORY.early(f"not tested: {units}; {LEAST_UNITS} are needed")
    names = [f"whether `{name}` may be shown" for name in found.eligible]
    names += [f"the context key `{name}`" for name in found.keys]
    if not names:
        return HISTORY.ok(
            f"in {found.units:,} units that came back neither the eligible variants "
            "nor a context key follow what they were shown before",
            units=found.units,
        )
    return HISTORY.warn(
        f"{', '.join(names)}: this follows which variants the unit was shown before "
        f"({found.units:,} units that came back)",
        units=found.units,
    )


def flat(context: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return each feature with its path; a nested object is a namespace."""
    found: list[tuple[str, object]] = []
    for name, value in context.items():
        if isinstance(value, Mapping):
            found += [(f"{name}.{inner}", feature) for inner, feature in value.items()]
        else:
            found.append((name, value))
    return found


def _value(one: _Last, place: int) -> int:
    return one.values[place] if place < len(one.values) else _MISSING


def _sums(kept: _Sums, events: int) -> DrawSums:
    # Sums without a stratum have no inner lists to tell their shape.
    counts = np.array(kept.counts, dtype=np.float64).reshape(-1, 1 + events)
    draws = np.array(kept.draws, dtype=np.float64)
    return DrawSums(counts, draws.reshape(-1, MOST_VARIANTS + 1, 2 + 2 * events))


def _plain(sums: DrawSums) -> _Sums:
    return _Sums(sums.counts.tolist(), sums.draws.tolist())
