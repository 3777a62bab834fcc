"""Signatures of Standard Webhooks 1.0, of Stripe and of Segment.

Owns what is signed, which times are believed, and a comparison that takes as long for a
wrong signature as for a right one. Pure: the caller brings body and clock.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from bandit_svc.errors import Unauthenticated

TOLERANCE_MS: Final = 300_000
"""How far the time of a signature may be from ours, as both protocols have it."""
MOST_SIGNATURES: Final = 20
"""That are looked at in one header; a sender has as many as it has secrets."""
_MOST_ID: Final = 256
_VERSION: Final = "v1"


def check_standard(
    keys: Sequence[bytes],
    message_id: str,
    sent_at: str,
    signatures: str,
    bodies: Iterable[bytes],
    now_ms: int,
) -> None:
    """Refuse what the holder of no key has sent, or what was signed long ago.

    Args:
        keys: of the source; one of them will do.
        message_id: the header webhook-id.
        sent_at: the header webhook-timestamp, in seconds since 1970.
        signatures: the header webhook-signature: several, with a space between.
        bodies: the body as it came and, where it was compressed, as it was before.
        now_ms: the time.

    Raises:
        Unauthenticated: a header is missing or malformed, no signature is right, or the
            time is over 300 s from ours.
    """
    if not (message_id and sent_at and signatures):
        raise Unauthenticated(
            "the delivery is not signed: send the headers webhook-id, "
            "webhook-timestamp and webhook-signature of Standard Webhooks"
        )
    if len(message_id) > _MOST_ID or not message_id.isprintable():
        raise Unauthenticated(
            f"webhook-id has {len(message_id)} characters; it must have at most "
            f"{_MOST_ID}, all of them printable"
        )
    _check_time("webhook-timestamp", sent_at, now_ms)
    given = [
        _unbased(text)
        for version, _, text in (
            one.partition(",") for one in signatures.split()[:MOST_SIGNATURES]
        )
        if version == _VERSION
    ]
    head = f"{message_id}.{sent_at}.".encode()
    made = [
        hmac.new(key, head + body, hashlib.sha256).digest()
        for body in bodies
        for key in keys
    ]
    _compare(given, made, "webhook-signature")


def check_stripe(
    secrets: Sequence[str], header: str, bodies: Iterable[bytes], now_ms: int
) -> None:
    """Refuse what the holder of no secret has sent, or what was signed long ago.

    Args:
        secrets: of the source; one of them will do.
        header: Stripe-Signature: `t=` a time, and `v1=` a signature, several times.
        bodies: as of `check_standard`.
        now_ms: the time.

    Raises:
        Unauthenticated: as of `check_standard`.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [text for name, _, text in parts if name == "t"]
    if len(times) != 1:
        raise Unauthenticated(
            "the delivery is not signed: send the header Stripe-Signature, with one "
            "time t= and a signature v1="
        )
    (sent_at,) = times
    _check_time("t of Stripe-Signature", sent_at, now_ms)
    given = [_unhexed(text) for name, _, text in parts if name == _VERSION]
    head = f"{sent_at}.".encode()
    made = [
        hmac.new(secret.encode(), head + body, hashlib.sha256).digest()
        for body in bodies
        for secret in secrets
    ]
    _compare(given[:MOST_SIGNATURES], made, "Stripe-Signature")


def check_bearer(secrets: Sequence[str], given: str) -> None:
    """Refuse a token that is no secret of the source.

    Raises:
        Unauthenticated: it is none.
    """
    digest = hashlib.sha256(given.encode()).digest()
    made = [hashlib.sha256(secret.encode()).digest() for secret in secrets]
    _compare([digest], made, "token of Authorization")


def check_segment(
    secrets: Sequence[str], signature: str, bodies: Iterable[bytes]
) -> None:
    """Refuse what Segment has not forwarded.

    There is no time in its signature: what is sent again counts once by its messageId.

    Args:
        secrets: of the source; one of them will do.
        signature: the header X-Signature: HMAC-SHA1 in hexadecimal.
        bodies: the body as it came and, where it was compressed, as it was before.

    Raises:
        Unauthenticated: it is missing or wrong.
    """
    if not signature:
        raise Unauthenticated(
            "the delivery is not signed: give the write key to the webhook destination "
            "as its shared secret, and turn its batching off, as batches are not signed"
        )
    made = [
        hmac.new(secret.encode(), body, "sha1").digest()
        for body in bodies
        for secret in secrets
    ]
    _compare([_unhexed(signature)], made, "X-Signature")


def _check_time(what: str, text: str, now_ms: int) -> None:
    if not (text.isascii() and text.isdecimal() and len(text) <= len("10000000000")):
        raise Unauthenticated(f"the {what} is no whole number of seconds since 1970")
    off_ms = int(text) * 1_000 - now_ms
    if abs(off_ms) > TOLERANCE_MS:
        side = "ahead of" if off_ms > 0 else "behind"
        raise Unauthenticated(
            f"the {what} is {abs(off_ms) // 1_000} s {side} our clock; at most "
            f"{TOLERANCE_MS // 1_000} s are allowed. Sign each attempt anew"
        )


def _compare(given: Sequence[bytes], made: Sequence[bytes], what: str) -> None:
    # All pairs, so that the time does not tell which one was near.
    if not sum(hmac.compare_digest(one, own) for one in given for own in made):
        raise Unauthenticated(
            f"the {what} is wrong: sign the body, as it is sent, with the secret that "
            "`bandit-svc webhook add` printed"
        )


def _unbased(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
