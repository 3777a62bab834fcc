"""Facts as records of the event log, and back.

Owns the layout of rewards, activations and refusals, and what is checked whenever a
record is read, of either format: the signature of its id, and that the propensity is
the chosen variant's entry of the pmf. docs/log-format.md describes every record. Pure.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from bandit_svc.domain.events.decision import Activation, Decision, Repeat
from bandit_svc.domain.events.decision_decoder import (
    UNPARSED,
    WHOLE,
    DecisionDecoder,
    Made,
)
from bandit_svc.domain.events.decision_id import (
    RAW_ID_BYTES,
    DecisionIds,
    is_from_request,
    number_of,
    raw_id,
    text_id,
)
from bandit_svc.domain.events.event import Event, UnreadableEvent, decode_event
from bandit_svc.domain.events.packing import (
    Malformed,
    read_fields,
    read_varint,
    varint,
)
from bandit_svc.domain.events.record import (
    ACTIVATION,
    CORRECTION,
    DECISION,
    LINE,
    REFUSAL,
    REPEAT,
    REWARD,
    UNIT,
    WITHDRAWAL,
    Record,
)
from bandit_svc.domain.events.refusal import (
    REFUSED_FIELDS,
    Refusal,
    RefusedField,
    Withdrawal,
)
from bandit_svc.domain.events.reward import MAIN_METRIC, Correction, Reward
from bandit_svc.domain.people.unit_fact import (
    UnitFact,
    UnitReward,
    decode_logged_fact,
)

Fact = Event | UnitFact | UnitReward
"""Whatever the event log holds."""

_REWARD: Final = struct.Struct("<30sBdqq")
_ACTIVATION: Final = struct.Struct("<30sq")
_HAS_REWARD_ID: Final = 1
_HAS_METRIC: Final = 2
_IS_CLIPPED: Final = 4
_REFUSAL: Final = struct.Struct("<30sBq")
_MOST_VOUCHED: Final = 16_384


def encode_reward(reward: Reward) -> Record:
    """Return the record of a reward.

    Raises:
        ValueError: its decision_id is no id, or says another experiment number.
    """
    return Record(REWARD, _reward_payload(reward))


def encode_correction(correction: Correction) -> Record:
    """Return the record of a corrected reward.

    Raises:
        ValueError: its decision_id is no id, or says another experiment number.
    """
    return Record(CORRECTION, _reward_payload(correction))


def _reward_payload(reward: Reward | Correction) -> bytes:
    flags = 0
    texts = b""
    if reward.reward_id:
        flags |= _HAS_REWARD_ID
        text = reward.reward_id.encode()
        texts = varint(len(text)) + text
    if reward.metric != MAIN_METRIC:
        flags |= _HAS_METRIC
        text = reward.metric.encode()
        texts += varint(len(text)) + text
    if reward.clipped:
        flags |= _IS_CLIPPED
    head = _REWARD.pack(
        _raw_id_of(reward.decision_id, reward.number),
        flags,
        reward.value,
        reward.occurred_at_ms,
        reward.received_at_ms,
    )
    return head + texts


def encode_activation(activation: Activation) -> Record:
    """Return the record of an activation.

    Raises:
        ValueError: its decision_id is no id, or says another experiment number.
    """
    raw = _raw_id_of(activation.decision_id, activation.number)
    return Record(ACTIVATION, _ACTIVATION.pack(raw, activation.activated_at_ms))


def encode_refusal(refusal: Refusal) -> Record:
    """Return the record of a reward that was refused.

    Raises:
        ValueError: its decision_id is no id, or says another experiment number.
    """
    raw = _raw_id_of(refusal.decision_id, refusal.number)
    field = REFUSED_FIELDS.index(refusal.field)
    return Record(REFUSAL, _REFUSAL.pack(raw, field, refusal.received_at_ms))


def encode_repeat(repeat: Repeat) -> Record:
    """Return the record of a decision that was given again.

    Raises:
        ValueError: its decision_id is no id, or says another experiment number.
    """
    raw = _raw_id_of(repeat.decision_id, repeat.number)
    return Record(REPEAT, _ACTIVATION.pack(raw, repeat.repeated_at_ms))


def encode_withdrawal(raw: bytes, withdrawn_at_ms: int) -> Record:
    """Return the record of a decision that was not answered, by its raw id."""
    return Record(WITHDRAWAL, _ACTIVATION.pack(raw, withdrawn_at_ms))


def may_be_retried(record: Record) -> bool:
    """Return whether a record may be a decision made with a request_id."""
    if record.kind == DECISION:
        return is_from_request(record.payload)
    return record.kind == LINE and b'"request_id":' in record.payload


def is_reward_of(record: Record, raw: bytes) -> bool:
    """Return whether a record is a reward, or a correction, of a decision's raw id."""
    return record.kind in {REWARD, CORRECTION} and record.payload.startswith(raw)


def may_name_reward(record: Record, reward_id: str) -> bool:
    """Return whether a record may be a reward of an id, or an event of it."""
    if record.kind not in {REWARD, UNIT, LINE}:
        return False
    # An id that JSON escapes can't be looked for in its bytes.
    plain = reward_id.isascii() and reward_id.isprintable()
    sought = reward_id.encode("utf-8", "surrogatepass")
    return not plain or set('"\\') & set(reward_id) != set() or sought in record.payload


def is_about(record: Record, decision_id: str, raw: bytes) -> bool:
    """Return whether a record may be the decision of an id, given in both forms."""
    if record.kind == DECISION:
        return record.payload.startswith(raw)
    return record.kind == LINE and decision_id.encode() in record.payload


class FactDecoder:
    """Reads the records of one service's log."""

    def __init__(self, ids: DecisionIds) -> None:
        self._ids = ids
        self._decisions = DecisionDecoder()
        self._vouched: set[bytes] = set()

    def decode(self, record: Record, parts: Mapping[bytes, bytes]) -> Fact:
        """Return the fact of a record.

        Args:
            parts: the bodies of the shared parts, by key.

        Raises:
            UnreadableEvent: it is damaged, of a kind that this version does not
                know, or not of this service.
        """
        return self._decode(record, parts, WHOLE)

    def decode_unparsed(self, record: Record, parts: Mapping[bytes, bytes]) -> Fact:
        """Return the same, a decision with its context still in JSON."""
        return self._decode(record, parts, UNPARSED)

    def _decode(self, record: Record, parts: Mapping[bytes, bytes], made: Made) -> Fact:
        if record.kind == LINE:
            return self._line(record.payload)
        payload = record.payload
        if record.kind == UNIT:
            return decode_logged_fact(payload)
        self._check_signature(payload[:RAW_ID_BYTES])
        try:
            if record.kind == DECISION:
                return self._decisions.decode(payload, parts, made)
            read = _READERS.get(record.kind)
            if read is not None:
                return read(payload)
        except (Malformed, struct.error, UnicodeDecodeError) as error:
            raise UnreadableEvent(str(error)) from error
        raise UnreadableEvent(
            f"a record of kind {record.kind}, which this version does not know; read "
            "it with the version that wrote it"
        )

    def _check_signature(self, raw: bytes) -> None:
        """Refuse an id of another service; remember those that were checked.

        A reward follows its decision, so that most ids come again.
        """
        if raw in self._vouched:
            return
        if not self._ids.vouches_for(raw):
            raise UnreadableEvent(_NOT_ISSUED)
        if len(self._vouched) >= _MOST_VOUCHED:
            self._vouched.clear()
        self._vouched.add(raw)

    def _line(self, line: bytes) -> Event:
        event = decode_event(line)
        decision_id = event.id if isinstance(event, Decision) else event.decision_id
        try:
            raw = raw_id(decision_id)
        except ValueError as error:
            raise UnreadableEvent(str(error)) from error
        self._check_signature(raw)
        if isinstance(event, Decision):
            _check_propensity(event)
        if number_of(raw) != event.number:
            raise UnreadableEvent("the experiment number is not the one of the id")
        return event


_NOT_ISSUED: Final = "the decision_id was not issued by this service, or is damaged"


def _check_propensity(decision: Decision) -> None:
    pmf, chosen = decision.pmf, decision.chosen
    if len(pmf) != len(decision.variants) or not 0 <= chosen < len(pmf):
        raise UnreadableEvent(
            f"variant {chosen} was chosen of {len(decision.variants)}, with a pmf over "
            f"{len(pmf)}"
        )
    if decision.shown is None and pmf[chosen] != decision.propensity:
        raise UnreadableEvent(
            f"the propensity is {decision.propensity!r}, and the chosen variant's "
            f"entry of the pmf {pmf[chosen]!r}"
        )


def _raw_id_of(decision_id: str, number: int) -> bytes:
    raw = raw_id(decision_id)
    if number_of(raw) != number:
        raise ValueError("the decision_id says another experiment number")
    return raw


def _reward(payload: bytes) -> Reward:
    return Reward(*_reward_fields(payload))


def _correction(payload: bytes) -> Correction:
    return Correction(*_reward_fields(payload))


def _reward_fields(
    payload: bytes,
) -> tuple[str, int, float, str, int, int, str, bool]:
    raw, flags, value, occurred_at_ms, received_at_ms = _REWARD.unpack_from(payload)
    at = _REWARD.size
    reward_id, metric = "", MAIN_METRIC
    if flags & _HAS_REWARD_ID:
        reward_id, at = _read_text(payload, at)
    if flags & _HAS_METRIC:
        metric, at = _read_text(payload, at)
    if at != len(payload):
        # A newer minor version may have added fields; they must fit.
        read_fields(payload, at)
    return (
        text_id(raw),
        number_of(raw),
        value,
        reward_id,
        occurred_at_ms,
        received_at_ms,
        metric,
        bool(flags & _IS_CLIPPED),
    )


def _activation(payload: bytes) -> Activation:
    raw, activated_at_ms = _ACTIVATION.unpack_from(payload)
    read_fields(payload, _ACTIVATION.size)
    return Activation(text_id(raw), number_of(raw), activated_at_ms)


def _repeat(payload: bytes) -> Repeat:
    raw, repeated_at_ms = _ACTIVATION.unpack_from(payload)
    read_fields(payload, _ACTIVATION.size)
    return Repeat(text_id(raw), number_of(raw), repeated_at_ms)


def _withdrawal(payload: bytes) -> Withdrawal:
    raw, withdrawn_at_ms = _ACTIVATION.unpack_from(payload)
    read_fields(payload, _ACTIVATION.size)
    return Withdrawal(text_id(raw), number_of(raw), withdrawn_at_ms)


def _refusal(payload: bytes) -> Refusal:
    raw, field, received_at_ms = _REFUSAL.unpack_from(payload)
    read_fields(payload, _REFUSAL.size)
    # A newer minor version may know more fields.
    name: RefusedField = "other"
    if field < len(REFUSED_FIELDS):
        name = REFUSED_FIELDS[field]
    return Refusal(text_id(raw), number_of(raw), name, received_at_ms)


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length, at = read_varint(data, at)
    text = data[at : at + length]
    if len(text) != length:
        raise Malformed(f"a text of {length} bytes does not fit")
    return text.decode(), at + length


_READERS: Final[Mapping[int, Callable[[bytes], Event]]] = {
    REWARD: _reward,
    ACTIVATION: _activation,
    REFUSAL: _refusal,
    REPEAT: _repeat,
    CORRECTION: _correction,
    WITHDRAWAL: _withdrawal,
}
