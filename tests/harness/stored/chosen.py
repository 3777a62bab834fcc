"""The store of services in this process: the embedded one, or another one on demand.

Owns the variable that chooses it. `make test-postgres` runs tests that know of no store
over a server's, each folder with a schema of its own.
"""

import hashlib
import os
from pathlib import Path

VARIABLE = "TESTS_STORE"
"""The address of a PostgreSQL store; its schema's name begins those of the tests."""


def store_of(folder: Path) -> str:
    """Return the setting `store` of a service over a folder; empty for the folder."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        return ""
    name = hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()
    return f"{url}_{name}"
