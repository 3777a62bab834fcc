"""A listener that speaks HTTP badly, or not at all, on a real socket.

Owns what a library for servers would not let happen: heads that drip, connections that
nobody accepts, answers that are none. `bad_service` has the faults above the socket.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal

RawFault = Literal[
    "head_drips", "body_drips", "chunks_drip", "no_accept", "noise", "no_end"
]
_HEAD: Final = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
_BEGINNINGS: Final[dict[RawFault, bytes]] = {
    "head_drips": b"HTTP/1.1 201 Created\r\n",
    "body_drips": _HEAD + b"Content-Length: 1000000\r\n\r\n",
    "chunks_drip": _HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "noise": b"\x16\x03\x01 this is another protocol\r\n\r\n",
    "no_end": _HEAD + b"X: " + b"x" * 1_000_000,
}
_DRIPS: Final = frozenset({"head_drips", "body_drips", "chunks_drip"})
_READ: Final = 65_536


@contextmanager
def raw_service(fault: RawFault, drip_s: float = 0.05) -> Iterator[str]:
    """Listen until the end of the block; yield the address.

    Args:
        fault: what is wrong.
        drip_s: seconds between two bytes of what drips.
    """
    ended = threading.Event()
    # A backlog for those whom nobody accepts.
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threads: list[threading.Thread] = []
        if fault != "no_accept":
            accepting = threading.Thread(
                target=_accept, args=(listener, fault, drip_s, ended, threads)
            )
            accepting.start()
            threads.append(accepting)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _accept(
    listener: socket.socket,
    fault: RawFault,
    drip_s: float,
    ended: threading.Event,
    threads: list[threading.Thread],
) -> None:
    while not ended.is_set():
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        thread = threading.Thread(
            target=_answer, args=(connection, fault, drip_s, ended)
        )
        thread.start()
        threads.append(thread)


def _answer(
    connection: socket.socket, fault: RawFault, drip_s: float, ended: threading.Event
) -> None:
    with connection, suppress(OSError):
        connection.settimeout(10)
        connection.recv(_READ)
        connection.sendall(_BEGINNINGS[fault])
        while fault in _DRIPS and not ended.wait(drip_s):
            connection.sendall(b"x")
