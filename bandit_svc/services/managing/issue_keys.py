"""Make API keys.

Owns the text of a key and its id. The key itself is in the answer and nowhere
else; the store gets its SHA-256. Entropy and clock are passed in.
"""

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from bandit_svc.errors import InvalidInput
from bandit_svc.storage.interface import Keys
from bandit_svc.storage.rows import KeyRow, Scope

ENTROPY_BYTES = 20
PREFIXES: Mapping[Scope, str] = MappingProxyType(
    {"secret": "bsk_", "publishable": "bpk_"}
)
_ID_LENGTH = 12


class IssuedKey(NamedTuple):
    """A new key; `text` is shown once and never kept."""

    text: str
    row: KeyRow


def issue_key(keys: Keys, scope: Scope, entropy: bytes, now_ms: int) -> IssuedKey:
    """Make a key of a scope, keep its hash, and give it.

    Its id is the beginning of its SHA-256, so that the holder of a key can tell
    which row of the list it is, and nobody else can.

    Args:
        entropy: 20 random bytes, never used before.

    Raises:
        InvalidInput: the entropy has another length.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise InvalidInput(
            f"a key needs {ENTROPY_BYTES} bytes of entropy; got {len(entropy)}"
        )
    # Lower-case letters and digits only, so that a double click selects it whole.
    text = PREFIXES[scope] + base64.b32encode(entropy).decode().lower()
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    row = KeyRow(
        id=sha256[:_ID_LENGTH], scope=scope, sha256=sha256, created_at_ms=now_ms
    )
    keys.add(row)
    return IssuedKey(text, row)
