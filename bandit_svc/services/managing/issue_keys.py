"""Make API keys.

Owns the text of a key and its id. The key itself is in the answer and nowhere
else; the store gets its SHA-256. Entropy and clock are passed in.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from bandit_svc.domain.times import moment
from bandit_svc.errors import InvalidInput
from bandit_svc.storage.keys import KeyRow, Keys, Scope

ENTROPY_BYTES = 20
PREFIXES: Mapping[Scope, str] = MappingProxyType(
    {"secret": "bsk_", "publishable": "bpk_", "metrics": "bmk_"}
)
_ID_LENGTH = 12
MOST_NAMED = 20
"""Experiments, and again origins, that a key may be restricted to."""
_ORIGIN = re.compile(r"https?://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")
_USUAL_PORTS = (("http://", ":80"), ("https://", ":443"))


class Restrictions(NamedTuple):
    """What a key may be used for; see storage.keys.KeyRow."""

    experiments: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    expires_at_ms: int | None = None


UNRESTRICTED = Restrictions()


class IssuedKey(NamedTuple):
    """A new key; `text` is shown once and never kept."""

    text: str
    row: KeyRow


def issue_key(
    keys: Keys,
    scope: Scope,
    entropy: bytes,
    now_ms: int,
    restrictions: Restrictions = UNRESTRICTED,
) -> IssuedKey:
    """Make a key of a scope, keep its hash, and give it.

    Its id is the beginning of its SHA-256, so that the holder of a key can tell
    which row of the list it is, and nobody else can.

    Args:
        entropy: 20 random bytes, never used before.
        restrictions: its experiments exist; the caller has looked.

    Raises:
        InvalidInput: the entropy has another length, or the restrictions are none that
            a key of this scope can have.
    """
    experiments, origins, expires_at_ms = restrictions
    if scope != "publishable" and (experiments or origins):
        raise InvalidInput(
            f"the scope is {scope}; only a publishable key can be restricted to "
            "experiments and origins"
        )
    if max(len(experiments), len(origins)) > MOST_NAMED:
        raise InvalidInput(
            f"a key can be restricted to at most {MOST_NAMED} experiments and "
            f"{MOST_NAMED} origins; got {len(experiments)} and {len(origins)}"
        )
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidInput(
            f"the key would expire at {moment(expires_at_ms)}, which is past; choose a "
            "later time"
        )
    if len(entropy) != ENTROPY_BYTES:
        raise InvalidInput(
            f"a key needs {ENTROPY_BYTES} bytes of entropy; got {len(entropy)}"
        )
    # Lower-case letters and digits only, so that a double click selects it whole.
    text = PREFIXES[scope] + base64.b32encode(entropy).decode().lower()
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    row = KeyRow(
        id=sha256[:_ID_LENGTH],
        scope=scope,
        sha256=sha256,
        created_at_ms=now_ms,
        experiments=tuple(dict.fromkeys(experiments)),
        origins=tuple(dict.fromkeys(map(_origin, origins))),
        expires_at_ms=expires_at_ms,
    )
    keys.add(row)
    return IssuedKey(text, row)


def _origin(given: str) -> str:
    """Return an origin as a browser writes it.

    Raises:
        InvalidInput: it is none.
    """
    origin = given.strip().lower().rstrip("/")
    if _ORIGIN.fullmatch(origin) is None:
        raise InvalidInput(
            f"{given[:100]!r} is no origin; write scheme, host and port alone, such as "
            "https://shop.example or http://localhost:3000"
        )
    for scheme, port in _USUAL_PORTS:
        if origin.startswith(scheme):
            origin = origin.removesuffix(port)
    return origin
