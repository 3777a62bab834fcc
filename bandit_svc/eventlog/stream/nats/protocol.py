"""The words of the NATS protocol.

Owns the bytes of what a client sends, and the reading of what a server sends. Pure.
"""

import re
from typing import Final, NamedTuple

import msgspec

from bandit_svc.domain.events.packing import Malformed

NO_RESPONDERS: Final = 503
"""The status of an answer where nobody listens, such as a stream without a leader."""
PING: Final = b"PING\r\n"
PONG: Final = b"PONG\r\n"

_END: Final = b"\r\n"
_STATUS_LINE: Final = re.compile(rb"NATS/1\.0 (\d{3})")
_HEADERS_BEGIN: Final = b"NATS/1.0\r\n"
_LEAST_WORDS: Final = 4
_LARGEST_LINE: Final = 65_536


class Message(NamedTuple):
    """What was published to a subject that the client has subscribed to."""

    subject: str
    reply: str
    """Where an answer goes; "" for nowhere. A stream's message has its place there."""
    headers: bytes
    data: bytes

    @property
    def status(self) -> int:
        """Return what a server says in place of an answer, 0 for a plain message."""
        found = _STATUS_LINE.match(self.headers)
        return 0 if found is None else int(found[1])


class Info(NamedTuple):
    """What a server says of itself."""

    max_payload: int
    headers: bool
    jetstream: bool
    auth_required: bool
    tls_required: bool


class Asked(NamedTuple):
    """The server wants to know that the client lives."""


class Lives(NamedTuple):
    """The server has read all that came before the client's PING."""


class Refusal(NamedTuple):
    """What the server says before it closes the connection, most often."""

    reason: str


Received = Message | Info | Asked | Lives | Refusal


class _Info(msgspec.Struct):
    max_payload: int = 1_048_576
    headers: bool = False
    jetstream: bool = False
    auth_required: bool = False
    tls_required: bool = False


_read_info = msgspec.json.Decoder(_Info).decode
_encode = msgspec.json.Encoder().encode


class Parser:
    """Makes messages of bytes, however they are cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Received]:
        """Return what is whole now.

        Raises:
            Malformed: this is not the protocol.
        """
        data = self._rest + data if self._rest else data
        found: list[Received] = []
        at = 0
        while (end := data.find(_END, at)) >= 0:
            line = data[at:end]
            after = end + len(_END)
            if line[:4] == b"MSG " or line[:5] == b"HMSG ":
                message, after = _message(line, data, after)
                if message is None:
                    break
                found.append(message)
            else:
                found += _control(line)
            at = after
        else:
            if len(data) - at > _LARGEST_LINE:
                raise Malformed("a line of the server does not end")
        self._rest = data[at:]
        return found


def _message(line: bytes, data: bytes, at: int) -> tuple[Message | None, int]:
    """Return the message of a line and the place after it; None where it goes on."""
    words = line.split()
    with_headers = words[0] == b"HMSG"
    if len(words) < _LEAST_WORDS + with_headers:
        raise Malformed(f"a message of the server with {len(words)} words")
    size = int(words[-1])
    if at + size + len(_END) > len(data):
        return None, at
    cut = at + (int(words[-2]) if with_headers else 0)
    reply = words[3] if len(words) > _LEAST_WORDS + with_headers else b""
    message = Message(
        words[1].decode(), reply.decode(), data[at:cut], data[cut : at + size]
    )
    return message, at + size + len(_END)


def _control(line: bytes) -> list[Received]:
    word, _, rest = line.partition(b" ")
    match word.upper():
        case b"PING":
            return [Asked()]
        case b"PONG":
            return [Lives()]
        case b"INFO":
            info = _read_info(rest)
            return [
                Info(
                    info.max_payload,
                    info.headers,
                    info.jetstream,
                    info.auth_required,
                    info.tls_required,
                )
            ]
        case b"-ERR":
            return [Refusal(rest.decode(errors="replace").strip(" '"))]
        case b"+OK":
            return []
        case _:
            raise Malformed(f"the server says {word[:20]!r}")


def connect(name: str, user: str, password: str) -> bytes:
    """Return the first words of a client.

    Args:
        name: shown by the server's monitoring.
        user: name or, without a password, token; "" for nobody.
        password: "" for none.
    """
    login = {}
    if user and password:
        login = {"user": user, "pass": password}
    elif user:
        login = {"auth_token": user}
    options = {
        "verbose": False,
        "pedantic": False,
        "headers": True,
        "no_responders": True,
        "protocol": 1,
        "lang": "python",
        "version": "1",
        "name": name,
        **login,
    }
    return b"CONNECT " + _encode(options) + _END


def subscribe(subject: str, number: int) -> bytes:
    """Return the words that begin a subscription."""
    return b"SUB %b %d\r\n" % (subject.encode(), number)


def unsubscribe(number: int) -> bytes:
    """Return the words that end a subscription."""
    return b"UNSUB %d\r\n" % number


def publish(
    subject: str, data: bytes, reply: str = "", headers: tuple[str, ...] = ()
) -> bytes:
    """Return the words that publish a message.

    Args:
        subject: where to.
        data: the content.
        reply: where the answer goes; "" for nowhere.
        headers: lines such as `Nats-Msg-Id: 1`.
    """
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return b"PUB %b %d\r\n%b\r\n" % (to.encode(), len(data), data)
    lines = b"".join(line.encode() + _END for line in headers)
    head = _HEADERS_BEGIN + lines + _END
    size = len(head)
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (
        to.encode(),
        size,
        size + len(data),
        head,
        data,
    )
