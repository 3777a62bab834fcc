"""The process that computes reports and pages for one web worker.

Owns its life: it reads requests from its socket, answers them with the same Flask
application as the worker, and ends when the worker has let go of the socket. It runs
with less priority than the workers, so that what it computes takes no time from
decisions. It appends nothing to the event log.
"""

import contextlib
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from bandit_svc.metrics import forget_process
from bandit_svc.server.web_process import WebProcess
from bandit_svc.server.wsgi_requests import Answer, call, environ_of

NICE: Final = 10
"""Against a worker that never pauses, a tenth of a core is left."""
LENGTH: Final = struct.Struct("<I")
"""Goes before each message."""
_OUT_OF_MEMORY_FIRST: Final = "500"


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A request on its way to this process."""

    number: int
    """Of the request, which its answer repeats."""
    scope: dict[str, Any]
    """Of ASGI, as far as it is plain values."""
    body: bytes


class Answered(msgspec.Struct, array_like=True, frozen=True):
    """An answer on its way back.

    Attributes:
        number: of the request.
        resident_bytes: memory that this process holds now.
    """

    number: int
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    resident_bytes: int


def framed(message: msgspec.Struct) -> bytes:
    """Return a message with its length before it."""
    data = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(data)) + data


def serve(connection: socket.socket, answer: Callable[[Asked], Answer]) -> None:
    """Answer what comes, each request in a thread, until the other end is closed."""
    writing = threading.Lock()
    decode = msgspec.msgpack.Decoder(Asked).decode

    def work(asked: Asked) -> None:
        made = answer(asked)
        frame = framed(Answered(asked.number, *made, _resident_bytes()))
        # The worker may be gone meanwhile.
        with writing, contextlib.suppress(OSError):
            connection.sendall(frame)

    with connection.makefile("rb") as incoming:
        # The worker bounds how much it asks for at a time.
        threads = ThreadPoolExecutor(thread_name_prefix="pages")
        while len(head := incoming.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            threads.submit(work, decode(incoming.read(length)))


def _resident_bytes() -> int:
    """Return the memory that this process holds (Linux; else 0)."""
    with contextlib.suppress(OSError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _give_way() -> None:
    """Take less of the machine than the workers do."""
    # A signal to the whole group ends the worker, which waits for its answers first.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OUT_OF_MEMORY_FIRST)


def main() -> None:
    """Serve the socket whose descriptor is the argument."""
    _give_way()
    connection = socket.socket(fileno=int(sys.argv[1]))
    process = WebProcess(decides=False)
    application = process.flask.wsgi_app
    serve(
        connection,
        lambda asked: call(application, environ_of(asked.scope, asked.body)),
    )
    process.close()
    forget_process(os.getpid())
    # Nobody waits for what is still computed.
    os._exit(0)


if __name__ == "__main__":
    main()
