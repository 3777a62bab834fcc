"""The place of a store: a folder, or a schema of a PostgreSQL server.

Owns the form of its address, and how it is shown: without name and password.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bandit_svc.errors import InvalidInput

DEFAULT_SCHEMA: Final = "bandit"
_SERVER: Final = frozenset({"postgresql", "postgres"})
# The server takes 63 bytes, of which stores beside this one and their parts need some.
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,29}")
_FORMS: Final = (
    "write sqlite:///FOLDER, or postgresql://USER@HOST:PORT/DATABASE?schema=NAME; "
    "without it the store is in the data folder"
)


class Server(NamedTuple):
    """A schema of a PostgreSQL server.

    Attributes:
        address: of the server and its database, as libpq takes it.
        schema: its name.
    """

    address: str
    schema: str


def place_of(url: str) -> Path | Server:
    """Return what an address means.

    Raises:
        InvalidInput: it is none; the message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        queries = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
        _ = parts.port
    except ValueError:
        raise InvalidInput(f"store is no address; {_FORMS}") from None
    if parts.scheme == "sqlite":
        if parts.netloc or not parts.path.strip("/"):
            raise InvalidInput(f"store names no folder; {_FORMS}")
        return Path(parts.path)
    if parts.scheme not in _SERVER:
        raise InvalidInput(f"store begins with {parts.scheme[:16]!r}; {_FORMS}")
    schema = dict(queries).get("schema", DEFAULT_SCHEMA)
    if _SCHEMA.fullmatch(schema) is None:
        raise InvalidInput(
            f"the schema of store is {schema[:64]!r}; it must have 1 to 30 lower-case "
            "letters, digits and underscores, begin with no digit and not with pg_"
        )
    others = [(name, value) for name, value in queries if name != "schema"]
    # libpq reads no + as a space.
    query = urlencode(others, quote_via=quote)
    return Server(parts._replace(query=query).geturl(), schema)


def shown_place(url: str, folder: Path) -> str:
    """Return where a store is, for messages: without name and password.

    Args:
        url: its address; that of the data folder is empty.
        folder: the data folder.
    """
    if not url:
        return str(folder)
    place = place_of(url)
    if isinstance(place, Path):
        return str(place)
    parts = urlsplit(place.address)
    where = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"the schema {place.schema!r} of {where or 'the PostgreSQL server'}"
