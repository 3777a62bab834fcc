"""A published model with what a decision needs, as bytes.

Owns the format of a download: four bytes `BSLM`, the format's number, the length of a
JSON object, the object, and behind it the state of the policy. Pure.
"""

import struct
from typing import Any, Final

import msgspec

from policies.base import PolicyError

MEDIA_TYPE: Final = "application/octet-stream"
FORMAT: Final = 1
"""Raise it when a field changes its meaning; a field more needs no other number."""
_MAGIC: Final = b"BSLM"
_HEADER: Final = struct.Struct(">4sHI")


class LocalVariant(msgspec.Struct, frozen=True):
    """A variant that can be chosen.

    Attributes:
        when: a condition over the context, in the language of rules; None for none.
        from_ms, until_ms: when it is in season, in milliseconds since the epoch.
    """

    key: str
    features: dict[str, Any]
    payload: Any = None
    when: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class Signing(msgspec.Struct, frozen=True):
    """What signs the ids of one client's decisions.

    Attributes:
        tag: names the key, in 8 hexadecimal digits.
        key: 64 hexadecimal digits; derived for one API key, and refused with it.
    """

    tag: str
    key: str


class Published(msgspec.Struct, frozen=True):
    """What an experiment's decisions follow from.

    Attributes:
        number: of the experiment, which ids carry.
        salt: which decides the groups.
        naming: the key by which ids of units become the names that groups are told
            from, in hexadecimal digits; None where they are told from the ids.
        policy: the spec of the model; `state` is that of an untrained one where
            `version` is 0.
        maximum: of the reward; None where it is not bounded above.
        window_ms: of the rewards.
    """

    experiment: str
    number: int
    revision: int
    version: int
    salt: str
    naming: str | None
    holdout: float
    exploration_floor: float
    minimum: float
    maximum: float | None
    window_ms: int
    policy: dict[str, Any]
    baseline: dict[str, Any]
    variants: tuple[LocalVariant, ...]
    signing: Signing


def pack(published: Published, state: bytes) -> bytes:
    """Return a download.

    Args:
        state: of the policy; nothing for an untrained one.
    """
    text = msgspec.json.encode(published)
    return _HEADER.pack(_MAGIC, FORMAT, len(text)) + text + state


def unpack(download: bytes) -> tuple[Published, bytes]:
    """Return what `pack` was called with.

    Raises:
        PolicyError: the bytes are no download, of another format, or cut short.
    """
    if len(download) < _HEADER.size or download[:4] != _MAGIC:
        raise PolicyError("the bytes are no published model: their first four differ")
    _, number, length = _HEADER.unpack_from(download)
    if number != FORMAT:
        raise PolicyError(
            f"the published model has format {number}; this version reads {FORMAT}: "
            "install the version of bandit-svc-policies that the service has"
        )
    behind = _HEADER.size + length
    if len(download) < behind:
        raise PolicyError(
            f"the published model has {len(download)} bytes of at least {behind}: it "
            "was cut short; load it again"
        )
    try:
        found = msgspec.json.decode(download[_HEADER.size : behind], type=Published)
    except msgspec.MsgspecError as error:
        raise PolicyError(f"the published model can't be read: {error}") from error
    return found, download[behind:]
