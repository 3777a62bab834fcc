"""The address of a stream, as `nats://h1,h2,h3/NAME?partitions=32&replicas=3`.

Owns its form and its limits: `nats` and `tls` for NATS JetStream, `kafka` and
`kafka+tls` for brokers that speak Kafka's protocol. Opens nothing.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from bandit_svc.errors import InvalidInput
from bandit_svc.eventlog.stream.partitions import MOST_PARTITIONS

AckMode = Literal["local", "stream"]
"""What an answer waits for: this machine's log, or the stream's acknowledgement."""

FILES: Final = "files"
"""In place of an address: the log's files alone, without a stream."""

Protocol = Literal["nats", "kafka"]

_SCHEMES: Final[Mapping[str, tuple[Protocol, bool]]] = {
    "nats": ("nats", False),
    "tls": ("nats", True),
    "kafka": ("kafka", False),
    "kafka+tls": ("kafka", True),
}
"""The protocol that each scheme means, and whether the connection is encrypted."""
_PORTS: Final[Mapping[Protocol, int]] = {"nats": 4222, "kafka": 9092}
_PARTITIONS: Final = 32
_REPLICATED_FROM: Final = 3
_MOST_REPLICAS: Final = 5
_KEEP_HOURS: Final = 72
_MOST_HOURS: Final = 24 * 365
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")
_EXAMPLE: Final = "write it as nats://h1,h2,h3/NAME?partitions=32&replicas=3"


class Server(NamedTuple):
    """One server of a stream."""

    host: str
    port: int


class StreamAddress(NamedTuple):
    """Where a stream is, and how it is made.

    Attributes:
        servers: any of them will do.
        name: of the stream; NAME_0 … NAME_u0 are its partitions in JetStream, and
            NAME is its topic in Kafka.
        partitions: how many it has, besides that of units; it never changes.
        replicas: servers that keep each message.
        keep_hours: how long a message is kept.
        user: name or, without a password, token; "" for nobody.
        password: "" for none.
        tls: encrypts the connection.
        protocol: what the servers speak.
    """

    servers: tuple[Server, ...]
    name: str
    partitions: int
    replicas: int
    keep_hours: int
    user: str = ""
    password: str = ""
    tls: bool = False
    protocol: Protocol = "nats"


def stream_address(url: str) -> StreamAddress:
    """Return the parts of a stream's address.

    Raises:
        InvalidInput: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise _wrong(f"its scheme is {parts.scheme!r}")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    name = parts.path.strip("/")
    if _NAME.fullmatch(name) is None:
        raise _wrong(
            f"its name is {name!r}, and must be a letter and at most 31 letters, "
            "digits and hyphens"
        )
    protocol, tls = _SCHEMES[parts.scheme]
    port = _PORTS[protocol]
    servers = tuple(_server(host, port) for host in hosts.split(","))
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    replicas = _REPLICATED_FROM if len(servers) >= _REPLICATED_FROM else 1
    address = StreamAddress(
        servers,
        name,
        _number(given, "partitions", _PARTITIONS, MOST_PARTITIONS),
        _number(given, "replicas", replicas, _MOST_REPLICAS),
        _number(given, "keep_hours", _KEEP_HOURS, _MOST_HOURS),
        unquote(user),
        unquote(password),
        tls,
        protocol,
    )
    if given:
        raise _wrong(f"it has {min(given)!r}, which is not known")
    return address


def _server(text: str, default_port: int) -> Server:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise _wrong(f"{text!r} is no server")
    return Server(host, default_port if port is None else port)


def _number(given: dict[str, str], name: str, default: int, most: int) -> int:
    text = given.pop(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise _wrong(f"{name} is {text!r}, and must be between 1 and {most}")
    return int(text)


def _wrong(why: str) -> InvalidInput:
    # Not the address itself, which may have a password.
    return InvalidInput(f"the address of the stream is wrong: {why}; {_EXAMPLE}")
