"""Facts as lines of the event log.

Owns the codec: one JSON document an event, tagged with its type. Pure.
"""

import msgspec

from bandit_svc.domain.events.decision import Activation, Decision, Repeat
from bandit_svc.domain.events.refusal import Refusal, Withdrawal
from bandit_svc.domain.events.reward import Correction, Reward

Event = Decision | Reward | Activation | Refusal | Repeat | Correction | Withdrawal

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    Decision | Reward | Activation | Refusal | Repeat | Correction | Withdrawal
)
_decision_decoder = msgspec.json.Decoder(Decision)


class UnreadableEvent(Exception):
    """A line of the log that is no event: damaged, or of a newer version."""


def encode_event(event: Event) -> bytes:
    """Return an event as one line, without the newline."""
    return _encoder.encode(event)


def decode_event(line: bytes) -> Event:
    """Read a line of the log.

    Raises:
        UnreadableEvent: it is not a whole event.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableEvent(str(error)) from error


def decode_decision(line: bytes) -> Decision:
    """Read a line that is known to hold a decision.

    Raises:
        UnreadableEvent: it does not.
    """
    try:
        return _decision_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableEvent(str(error)) from error
