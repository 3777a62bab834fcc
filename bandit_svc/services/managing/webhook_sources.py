"""Add sources of webhooks, and change their secrets.

Owns the form of a secret and its life: a new one beside the old ones for as long as
their sender needs to change. Entropy and clock are passed in.
"""

import base64
import hashlib
import re
from typing import Final, NamedTuple

import msgspec

from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import InvalidInput
from bandit_svc.storage.doors.sources import SecretRow, SourceKind, SourceRow, Sources

ENTROPY_BYTES: Final = 24
STANDARD_PREFIX: Final = "whsec_"
"""Of a secret that is the base64 of a key, as Standard Webhooks 1.0 writes it."""
WRITE_KEY_PREFIX: Final = "bwk_"
MOST_SECRETS: Final = 5
"""Of a source at a time, each of which a delivery is compared with."""
_ID_LENGTH = 12
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHORTEST, _LONGEST = 16, 512


class IssuedSecret(NamedTuple):
    """A source with a new secret; `text` is shown once."""

    text: str
    row: SourceRow


class SourceOptions(NamedTuple):
    """What a source may have; see storage.doors.sources.SourceRow.

    Attributes:
        secret: the one that its sender has made; None makes one.
    """

    mapping: Payload | None = None
    secret: str | None = None
    browser: bool = False
    test_mode: bool = False


NO_OPTIONS = SourceOptions()


def add_source(
    sources: Sources,
    name: str,
    kind: SourceKind,
    entropy: bytes,
    now_ms: int,
    options: SourceOptions = NO_OPTIONS,
) -> IssuedSecret:
    """Keep a new source, and return its secret.

    Args:
        sources: of the store.
        name: the last part of its address, /v1/webhooks/NAME.
        kind: how its sender signs, and what it sends.
        entropy: 24 random bytes, never used before.
        now_ms: the agreed time.
        options: what else was given.

    Raises:
        InvalidInput: the name, or an option for this kind, can't be.
        Conflict: there is a source of that name.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidInput.at(
            "/name",
            f"{name[:80]!r} is no name of a source; write at most 64 lower-case "
            "letters, digits, - and _, the first a letter or a digit",
        )
    if options.browser and kind != "segment":
        raise InvalidInput.at(
            "/browser",
            f"a source of kind {kind} signs what it sends, which a browser can't do; "
            "only a source of kind segment can be for browsers",
        )
    text = _secret(kind, entropy, options.secret)
    row = SourceRow(
        name=name,
        kind=kind,
        created_at_ms=now_ms,
        secrets=(_row(text, now_ms),),
        mapping=options.mapping,
        browser=options.browser,
        test_mode=options.test_mode,
    )
    sources.add(row)
    return IssuedSecret(text, row)


def rotate_secret(
    sources: Sources,
    name: str,
    entropy: bytes,
    now_ms: int,
    keep_ms: int,
    secret: str | None = None,
) -> IssuedSecret:
    """Make another secret of a source; its others stay good for a time.

    Args:
        sources: of the store.
        name: of the source.
        entropy: 24 random bytes, never used before.
        now_ms: the agreed time.
        keep_ms: for how long the others stay good; those that end earlier do.
        secret: the one that its sender has made; None makes one.

    Raises:
        InvalidInput: it has too many secrets that are good still, or has this one.
        NotFound: there is no source of that name.
    """
    row = sources.get(name)
    text = _secret(row.kind, entropy, secret)
    ends_at_ms = now_ms + keep_ms
    kept = tuple(
        msgspec.structs.replace(
            one, expires_at_ms=min(ends_at_ms, one.expires_at_ms or ends_at_ms)
        )
        for one in row.secrets
        if not one.is_expired(now_ms) and ends_at_ms > now_ms
    )
    if len(kept) >= MOST_SECRETS:
        raise InvalidInput(
            f"the source {name!r} has {len(kept)} secrets that are good still, and can "
            f"have {MOST_SECRETS}; wait until one has ended, or end all others now "
            "with --keep 0m"
        )
    if text in {one.text for one in kept}:
        raise InvalidInput(f"the source {name!r} has this secret already")
    row = msgspec.structs.replace(row, secrets=(_row(text, now_ms), *kept))
    sources.replace(row)
    return IssuedSecret(text, row)


def _secret(kind: SourceKind, entropy: bytes, given: str | None) -> str:
    if given is not None:
        return _checked(kind, given)
    if len(entropy) != ENTROPY_BYTES:
        raise InvalidInput(
            f"a secret needs {ENTROPY_BYTES} bytes of entropy; got {len(entropy)}"
        )
    if kind == "segment":
        return WRITE_KEY_PREFIX + base64.b32encode(entropy).decode().lower().rstrip("=")
    return STANDARD_PREFIX + base64.b64encode(entropy).decode()


def _checked(kind: SourceKind, given: str) -> str:
    """Return a secret that a sender has made.

    Raises:
        InvalidInput: it is too short or too long, or none of this kind.
    """
    if not _SHORTEST <= len(given) <= _LONGEST or not given.isascii():
        raise InvalidInput.at(
            "/secret",
            f"the secret has {len(given)} characters; it needs {_SHORTEST} to "
            f"{_LONGEST}, all of ASCII",
        )
    if kind in {"standard-webhooks", "cloudevents"}:
        key_of(given)
    return given


def key_of(secret: str) -> bytes:
    """Return the key that a secret of Standard Webhooks is.

    Raises:
        InvalidInput: it is no base64.
    """
    try:
        text = secret.removeprefix(STANDARD_PREFIX).rstrip("=")
        # Some senders leave out the padding.
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise InvalidInput.at(
            "/secret",
            "the secret is none of Standard Webhooks: behind whsec_ must be the base64 "
            "of the key",
        ) from error


def _row(text: str, now_ms: int) -> SecretRow:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return SecretRow(digest[:_ID_LENGTH], text, now_ms)
