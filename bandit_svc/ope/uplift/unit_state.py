"""Keep what is known of a unit in few bytes.

Owns the packed form of a unit's state. Most units have one decision, in one group,
with a reward of 0: equal sums of two weightings, zeros and the likelihoods 0 and 1 take
bits, all other numbers eight bytes. Such a unit takes at most 39 bytes. The bytes are
a function of the numbers, to the last bit.

    byte 0     1 if TRAJECTORY's sums equal RANDOMISED's, 2 if ONE_STEP's equal
               TRAJECTORY's, added
    bytes 1-2  the number of baseline chances that its intervals lie between,
               little-endian: the first ones of the experiment's
    byte 3     the number of fields: 1 + values
    then       2 bits an interval: its log is that of the interval before, 0, minus
               infinity, or follows
    then       1 bit a column: its sum is neither 0 nor equal as in byte 0
    then       the logs and the sums that follow, 8 bytes each, little-endian
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.columns import ONE_STEP, RANDOMISED, TRAJECTORY, WEIGHTINGS
from bandit_svc.ope.uplift.history_weights import Intervals

MOST_CHANCES, MOST_FIELDS = 65_535, 255
_SAME, _ZERO, _NEVER, _FOLLOWS = 0, 1, 2, 3
_HEAD = 4
_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class UnitStates:
    """Units side by side.

    Attributes:
        logs: (k, intervals), of the likelihood of each interval of u, the largest 0.
        sums: (k, columns).
    """

    logs: FloatArray
    sums: FloatArray


def pack(states: UnitStates, intervals: Intervals) -> list[bytes]:
    """Return the bytes of each unit.

    Raises:
        LoggedDataError: there are more chances or values than the form can count.
    """
    count, columns = states.sums.shape
    fields = columns // (2 * WEIGHTINGS)
    chances = len(intervals.chances)
    if chances > MOST_CHANCES or fields > MOST_FIELDS:
        raise LoggedDataError(
            f"a unit has {fields - 1} values and {chances} distinct baseline chances; "
            f"at most {MOST_FIELDS - 1} and {MOST_CHANCES} can be kept"
        )
    out = [b""] * count
    left = np.arange(count)
    # As few of the chances as tell the unit's intervals apart, so that its bytes don't
    # depend on chances that came after its last decision.
    for number in range(chances + 1):
        if not left.size:
            break
        origin = intervals.origin(number)
        firsts = np.searchsorted(origin, np.arange(number + 1))
        logs = states.logs[np.ix_(left, firsts)]
        fits = np.all(logs[:, origin] == states.logs[left], axis=1)
        mine, left = left[fits], left[~fits]
        if mine.size:
            packed = _packed(logs[fits], states.sums[mine], number)
            for place, state in zip(mine.tolist(), packed, strict=True):
                out[place] = state
    return out


def unpack(
    packed: Sequence[bytes | None], intervals: Intervals, columns: int
) -> UnitStates:
    """Return the states of units, with all that came since: more chances and values.

    Args:
        packed: what `pack` returned; None for a unit that is new.
        intervals: of all chances so far.
        columns: the number of columns so far.

    Raises:
        LoggedDataError: bytes are not a state, or know more chances or values.
    """
    logs = np.zeros((len(packed), intervals.count))
    sums = np.zeros((len(packed), columns))
    places: dict[bytes, list[int]] = {}
    sizes: dict[bytes, int] = {}
    for place, state in enumerate(packed):
        if state is not None:
            start = state[:_HEAD]
            size = sizes.get(start) or sizes.setdefault(start, _form_size(start))
            places.setdefault(state[:size], []).append(place)
    for form, mine in places.items():
        rest = b"".join(_of(packed, place)[len(form) :] for place in mine)
        found_logs, found_sums = _read(form, len(mine), rest)
        if found_logs.shape[1] > intervals.count or found_sums.shape[1] > columns:
            raise LoggedDataError(
                f"a unit's state has {found_logs.shape[1] - 1} baseline chances and "
                f"{found_sums.shape[1]} columns; the totals have "
                f"{intervals.count - 1} and {columns}"
            )
        logs[mine] = found_logs[:, intervals.origin(found_logs.shape[1] - 1)]
        sums[mine, : found_sums.shape[1]] = found_sums
    return UnitStates(logs, sums)


def _packed(logs: FloatArray, sums: FloatArray, chances: int) -> list[bytes]:
    """Return the bytes of units whose intervals are those of the first chances."""
    count, columns = sums.shape
    fields = columns // (2 * WEIGHTINGS)
    by_weighting = sums.reshape(count, fields, WEIGHTINGS, 2)
    alike = np.all(by_weighting[:, :, 1:] == by_weighting[:, :, :-1], axis=(1, 3))
    stored = by_weighting != 0
    stored[:, :, 1:] &= ~alike[:, None, :, None]
    flags = stored.reshape(count, columns)
    codes = np.full(logs.shape, _FOLLOWS, dtype=np.uint8)
    codes[logs == 0] = _ZERO
    codes[np.isneginf(logs)] = _NEVER
    codes[:, 1:][logs[:, 1:] == logs[:, :-1]] = _SAME
    head = np.zeros((count, _HEAD), dtype=np.uint8)
    head[:, 0] = alike[:, 0] + 2 * alike[:, 1]
    head[:, 1], head[:, 2], head[:, 3] = chances % 256, chances // 256, fields
    forms = np.concatenate(
        [head, _pack_codes(codes), np.packbits(flags, axis=1)], axis=1
    )
    numbers = np.concatenate([logs, sums], axis=1)
    follows = np.concatenate([codes == _FOLLOWS, flags], axis=1)
    return _written(forms, numbers, follows)


def _of(packed: Sequence[bytes | None], place: int) -> bytes:
    return packed[place] or b""


def _written(
    forms: _Bytes, numbers: FloatArray, follows: npt.NDArray[np.bool_]
) -> list[bytes]:
    """Write units of one form together: their numbers are an array."""
    out = [b""] * forms.shape[0]
    width = forms.shape[1]
    raw = forms.tobytes()
    places: dict[bytes, list[int]] = {}
    for place in range(forms.shape[0]):
        form = raw[place * width : (place + 1) * width]
        places.setdefault(form, []).append(place)
    for form, mine in places.items():
        kept = np.flatnonzero(follows[mine[0]])
        size = 8 * kept.size
        body = numbers[np.array(mine)][:, kept].astype("<f8").tobytes()
        for index, place in enumerate(mine):
            out[place] = form + body[index * size : (index + 1) * size]
    return out


def _read(form: bytes, count: int, rest: bytes) -> tuple[FloatArray, FloatArray]:
    """Return logs and sums of `count` units of one form."""
    head = np.frombuffer(form, dtype=np.uint8)
    intervals, fields = 1 + int(head[1]) + 256 * int(head[2]), int(head[3])
    coded = -(-intervals // 4)
    codes = _unpack_codes(head[_HEAD : _HEAD + coded], intervals)
    columns = fields * 2 * WEIGHTINGS
    flags = np.unpackbits(head[_HEAD + coded :])[:columns].astype(bool)
    place_of = np.flatnonzero(codes == _FOLLOWS)
    if len(rest) != 8 * count * (place_of.size + int(flags.sum())):
        raise LoggedDataError(
            f"{count} unit states of one form hold {len(rest)} bytes of numbers; "
            f"{8 * count * (place_of.size + int(flags.sum()))} are expected"
        )
    body = np.frombuffer(rest, dtype="<f8").reshape(count, -1).astype(np.float64)
    logs = np.zeros((count, intervals))
    logs[:, place_of] = body[:, : place_of.size]
    logs[:, codes == _NEVER] = -np.inf
    for interval in np.flatnonzero(codes == _SAME):
        if interval:
            logs[:, interval] = logs[:, interval - 1]
    sums = np.zeros((count, columns))
    sums[:, flags] = body[:, place_of.size :]
    by_weighting = sums.reshape(count, fields, WEIGHTINGS, 2)
    if head[0] & 1:
        by_weighting[:, :, TRAJECTORY] = by_weighting[:, :, RANDOMISED]
    if head[0] & 2:
        by_weighting[:, :, ONE_STEP] = by_weighting[:, :, TRAJECTORY]
    return logs, sums


def _form_size(start: bytes) -> int:
    if len(start) < _HEAD:
        raise LoggedDataError(f"a unit's state has {len(start)} bytes; at least 4")
    intervals = 1 + start[1] + 256 * start[2]
    return _HEAD + -(-intervals // 4) + -(-start[3] * 2 * WEIGHTINGS // 8)


def _pack_codes(codes: _Bytes) -> _Bytes:
    two = np.stack([codes >> 1, codes & 1], axis=2).reshape(codes.shape[0], -1)
    return np.packbits(two.astype(bool), axis=1)


def _unpack_codes(packed: _Bytes, intervals: int) -> _Bytes:
    two = np.unpackbits(packed)[: 2 * intervals].reshape(-1, 2)
    return np.asarray(2 * two[:, 0] + two[:, 1], dtype=np.uint8)
