"""Keep the sums of a unit in the parts that it has been in, in few bytes.

Owns the packed form. Most units come once, or always in the same parts: what equals the
unit's sums over all its decisions takes two bytes a part. Other numbers take two bits
if they are 0 or equal to that sum, else four or eight bytes. The bytes are a function
of the numbers, to the last bit.

    byte 0  the number of parts, at most MOST_PARTS
    then    two bytes a part, ascending, little-endian; LIKE_ALL is added where all
            columns equal the unit's sums
    then    two bytes for each of the other parts: two bits a column
    then    the numbers of eight bytes, those of four; in the order of parts
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.parts.columns import COLUMNS

MOST_PARTS = 64
"""The parts that a unit is summed up in."""
LIKE_ALL = 0x8000
_ZERO, _SAME, _SHORT, _LONG = 0, 1, 2, 3
_SHIFTS = 2 * np.arange(COLUMNS)
_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class UnitParts:
    """Parts of units, ordered by unit and part.

    Attributes:
        unit: (k,), the place of the unit.
        part: (k,).
        sums: (k, COLUMNS).
    """

    unit: IntArray
    part: IntArray
    sums: FloatArray

    def at(self, index: BoolArray) -> "UnitParts":
        """Return some of the parts."""
        return UnitParts(self.unit[index], self.part[index], self.sums[index])


def pack(parts: UnitParts, whole: FloatArray) -> list[bytes]:
    """Return the bytes of each unit; empty for one without parts.

    Args:
        parts: at most MOST_PARTS a unit.
        whole: (units, COLUMNS), the sums of each unit over all its decisions.

    Raises:
        LoggedDataError: there are more parts than the form can count.
    """
    if parts.part.size and parts.part.max() >= LIKE_ALL:
        raise LoggedDataError(
            f"part {parts.part.max()} can't be kept; at most {LIKE_ALL} parts can"
        )
    units = whole.shape[0]
    equal = parts.sums == whole[parts.unit]
    alike = equal.all(axis=1)
    numbers, equal = parts.sums[~alike], equal[~alike]
    codes = np.full(numbers.shape, _LONG, dtype=np.int64)
    with np.errstate(over="ignore"):
        codes[numbers.astype("<f4") == numbers] = _SHORT
    codes[equal] = _SAME
    codes[numbers == 0] = _ZERO
    long, short = codes == _LONG, codes == _SHORT
    form = _Form.of(parts.unit, alike, units, (long, short))
    out = np.zeros(int(form.ends[-1]) if units else 0, dtype=np.uint8)
    some = np.flatnonzero(form.parts)
    out[form.begins[some]] = form.parts[some]
    _put(out, form.heads, (parts.part + LIKE_ALL * alike).astype("<u2"))
    _put(out, form.codes, (codes << _SHIFTS).sum(axis=1).astype("<u2"))
    _put(out, form.longs, numbers[long].astype("<f8"))
    _put(out, form.shorts, numbers[short].astype("<f4"))
    raw = out.tobytes()
    edges = [*form.begins.tolist(), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges)]


def unpack(packed: Sequence[bytes], whole: FloatArray) -> UnitParts:
    """Return the parts of units.

    Args:
        packed: what `pack` returned; empty for a unit that is new.
        whole: the sums of each unit, as they were then.

    Raises:
        LoggedDataError: bytes are not such a state.
    """
    raw = np.frombuffer(b"".join(packed), dtype=np.uint8)
    sizes = np.array([len(one) for one in packed], dtype=np.int64)
    begins = np.cumsum(sizes) - sizes
    count = np.zeros(sizes.size, dtype=np.int64)
    count[sizes > 0] = raw[begins[sizes > 0]]
    unit = np.repeat(np.arange(sizes.size), count)
    rank = _rank(unit)
    _check_sizes(sizes, 1 + 2 * count)
    heads = _take(raw, begins[unit] + 1 + 2 * rank, "<u2").astype(np.int64)
    alike, part = heads >= LIKE_ALL, heads % LIKE_ALL
    other = unit[~alike]
    coded = np.bincount(other, minlength=sizes.size)
    behind = 1 + 2 * count + 2 * coded
    _check_sizes(sizes, behind)
    at = begins[other] + 1 + 2 * count[other] + 2 * _rank(other)
    codes = _take(raw, at, "<u2").astype(np.int64)[:, None] >> _SHIFTS & 3
    sums = whole[unit]
    mine = np.where(codes == _SAME, whole[other], 0.0)
    long, short = codes == _LONG, codes == _SHORT
    longs = np.bincount(other, weights=long.sum(axis=1), minlength=sizes.size)
    shorts = np.bincount(other, weights=short.sum(axis=1), minlength=sizes.size)
    expected = behind + (8 * longs + 4 * shorts).astype(np.int64)
    if np.any((expected != sizes) & (sizes > 0)):
        raise LoggedDataError(
            f"the parts of units hold {sizes.sum()} bytes; "
            f"{expected[sizes > 0].sum()} are expected"
        )
    at = begins + behind
    owner = other[np.nonzero(long)[0]]
    mine[long] = _take(raw, at[owner] + 8 * _rank(owner), "<f8")
    at = at + 8 * longs.astype(np.int64)
    owner = other[np.nonzero(short)[0]]
    mine[short] = _take(raw, at[owner] + 4 * _rank(owner), "<f4")
    sums[~alike] = mine
    return UnitParts(unit, part, sums)


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """Where in the bytes of all units what begins."""

    parts: IntArray
    begins: IntArray
    ends: IntArray
    heads: IntArray
    codes: IntArray
    longs: IntArray
    shorts: IntArray

    @classmethod
    def of(
        cls,
        unit: IntArray,
        alike: BoolArray,
        units: int,
        numbers: tuple[BoolArray, BoolArray],
    ) -> "_Form":
        count = np.bincount(unit, minlength=units)
        other = unit[~alike]
        coded = np.bincount(other, minlength=units)
        owners = [other[np.nonzero(one)[0]] for one in numbers]
        longs, shorts = (np.bincount(one, minlength=units) for one in owners)
        sizes = np.where(count > 0, 1 + 2 * count + 2 * coded, 0)
        numbered = sizes + 8 * longs + 4 * shorts
        ends = np.cumsum(numbered)
        begins = ends - numbered
        behind = begins + sizes
        return cls(
            parts=count,
            begins=begins,
            ends=ends,
            heads=begins[unit] + 1 + 2 * _rank(unit),
            codes=begins[other] + 1 + 2 * count[other] + 2 * _rank(other),
            longs=behind[owners[0]] + 8 * _rank(owners[0]),
            shorts=(behind + 8 * longs)[owners[1]] + 4 * _rank(owners[1]),
        )


def _rank(unit: IntArray) -> IntArray:
    """Return the place of each entry among those of its unit; units are ordered."""
    count = np.bincount(unit)
    return np.asarray(np.arange(unit.size) - (np.cumsum(count) - count)[unit])


def _put(out: _Bytes, at: IntArray, numbers: npt.NDArray[np.generic]) -> None:
    size = numbers.dtype.itemsize
    raw = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, size)
    out[at[:, None] + np.arange(size)] = raw


def _take(raw: _Bytes, at: IntArray, kind: str) -> npt.NDArray[np.float64]:
    size = np.dtype(kind).itemsize
    found = raw[at[:, None] + np.arange(size)]
    return np.ascontiguousarray(found).view(kind).reshape(-1).astype(np.float64)


def _check_sizes(sizes: IntArray, least: IntArray) -> None:
    short = np.flatnonzero((sizes > 0) & (sizes < least))
    if short.size:
        raise LoggedDataError(
            f"the parts of a unit hold {sizes[short[0]]} bytes; at least "
            f"{least[short[0]]} are expected"
        )
