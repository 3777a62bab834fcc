"""The envelope around a policy's dumped state.

Owns the header by which `load` refuses bytes that are truncated, altered, or from
another spec. Knows nothing of the payload, which a policy packs itself.
"""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from policies.base import PolicyError, RewardRange

MAGIC = b"BPOL"
FORMAT = 1
"""Raise it when any policy's payload or the names of its features change."""

# Magic, format, digest of the spec, length and digest of the payload; big-endian.
_HEADER = struct.Struct(">4sH32sQ32s")


def spec_digest(spec: Mapping[str, Any], reward_range: RewardRange) -> bytes:
    """Return 32 bytes that differ for different specs or reward ranges."""
    # Sorted, so that the order of a spec's settings doesn't matter.
    text = msgspec.json.encode([spec, reward_range], order="sorted")
    return hashlib.sha256(text).digest()


def seal(digest: bytes, payload: bytes) -> bytes:
    """Return the payload behind its header; equal payloads give equal bytes."""
    checksum = hashlib.sha256(payload).digest()
    return _HEADER.pack(MAGIC, FORMAT, digest, len(payload), checksum) + payload


def unseal(digest: bytes, state: bytes) -> bytes:
    """Return the payload of a state that `seal` made under the same spec.

    Raises:
        PolicyError: the bytes are not a state, have another format or spec, or are
            truncated or altered.
    """
    if len(state) < _HEADER.size:
        raise PolicyError(
            f"the policy state has {len(state)} bytes, fewer than the {_HEADER.size} "
            "of its header: it is truncated or not a policy state"
        )
    magic, version, sealed_for, length, checksum = _HEADER.unpack_from(state)
    payload = state[_HEADER.size :]
    if magic != MAGIC:
        raise PolicyError("the bytes are not a policy state: their first four differ")
    if version != FORMAT:
        raise PolicyError(
            f"the policy state has format {version}; this version reads {FORMAT}: "
            "train the policy from the log again"
        )
    if sealed_for != digest:
        raise PolicyError(
            "the policy state was made under another spec or reward range: build "
            "the policy with that spec, or train it from the log again"
        )
    if len(payload) != length:
        raise PolicyError(
            f"the policy state has {len(payload)} bytes where its header says {length}"
        )
    if hashlib.sha256(payload).digest() != checksum:
        raise PolicyError("the policy state was altered: its SHA-256 does not match")
    return payload
