"""Answers in pieces, names that are slow, deadlines by a clock that the test moves."""

import itertools
import json
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

import pytest

from bandit_svc.client import AsyncBanditClient, BanditClient
from bandit_svc.client.reporting.clock_offset import ClockOffset
from bandit_svc.client.reporting.lane import LIFETIME_S, Lane, Report
from bandit_svc.client.transport.address import Address
from bandit_svc.client.transport.connection import Connection
from bandit_svc.client.transport.deadline import Deadline
from bandit_svc.client.transport.names import FRESH_S, Names, Place
from bandit_svc.client.transport.response import (
    BadResponseError,
    ClosedEarlyError,
    Response,
    ResponseReader,
)
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.own_loop import in_own_loop

LOOPBACK = [Place(socket.AF_INET, "127.0.0.1", 80)]
BODY = b'{"a": 1}'
FRAMED = b"HTTP/1.1 201 Created\r\nContent-Length: 8\r\nX-A:  b \r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;x=1\r\n{"a":\r\n3\r\n 1}\r\n0\r\nTrailer: x\r\n\r\n'
)
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\n" + BODY
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"


def read(data: bytes, size: int, *, ended: bool = False) -> Response | None:
    """Return the answer that a reader finds in pieces of a size."""
    reader = ResponseReader()
    for start in range(0, len(data), size):
        answer = reader.feed(data[start : start + size])
        if answer is not None:
            return answer
    return reader.feed(b"") if ended else None


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    ("data", "keeps"),
    [
        (FRAMED, True),
        (CHUNKED, True),
        (EARLY + FRAMED, True),
        (TO_THE_END, False),
        (FRAMED.replace(b"X-A", b"Connection: close\r\nX-A"), False),
    ],
)
def test_an_answer_is_read_from_pieces_of_any_size(
    *, data: bytes, keeps: bool, size: int
) -> None:
    answer = read(data, size, ended=True)

    assert answer is not None
    assert (answer.content, answer.keeps) == (BODY, keeps)


def test_the_head_of_an_answer_is_read() -> None:
    answer = read(FRAMED, 100)

    assert answer is not None
    assert (answer.status, answer.reason) == (201, "Created")
    assert answer.headers == {"content-length": "8", "x-a": "b"}


def test_what_follows_an_answer_is_not_taken_for_the_next_one() -> None:
    answer = read(FRAMED + b"HTTP/1.1 200 OK", 10_000)

    assert answer is not None
    assert not answer.keeps


def test_an_answer_without_a_body_ends_with_its_head() -> None:
    answer = read(b"HTTP/1.1 204 No Content\r\n\r\n", 3)

    assert answer is not None
    assert (answer.content, answer.keeps) == (b"", True)


@pytest.mark.parametrize("cut", range(len(FRAMED)))
def test_an_answer_that_is_cut_off_is_none(cut: int) -> None:
    with pytest.raises(ClosedEarlyError) as caught:
        read(FRAMED[:cut], 10_000, ended=True)

    assert caught.value.unanswered == (cut == 0)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
        b"x" * 70_000,
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(BadResponseError):
        read(data, 1000)


@pytest.mark.parametrize("step_s", [0.1, 0.26, 0.7])
def test_no_byte_of_a_drip_extends_the_deadline(step_s: float) -> None:
    """The clock moves at each look; the other side has always something to read."""
    ours, theirs = socket.socketpair()
    ended = threading.Event()

    def drip() -> None:
        with theirs, suppress(OSError):
            theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not ended.is_set():
                theirs.sendall(b"x")

    looks: list[float] = []

    def now_s() -> float:
        looks.append(len(looks) * step_s)
        return looks[-1]

    thread = threading.Thread(target=drip)
    thread.start()
    connection = Connection(ours)
    with pytest.raises(TimeoutError, match="within 2 s"):
        connection.exchange(b"GET / HTTP/1.1\r\n\r\n", Deadline(2.0, now_s))
    ended.set()
    connection.close()
    thread.join()

    assert looks[-1] < 2.0 + step_s


def test_a_silent_place_leaves_time_for_the_next_one() -> None:
    """A listener whose queue is full is silent, as one behind a bad route is."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as silent,
        socket.create_server(("127.0.0.1", 0)) as good,
    ):
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.settimeout(0.0)
            one.connect_ex(silent.getsockname())
        places = [
            Place(socket.AF_INET, "127.0.0.1", one.getsockname()[1])
            for one in (silent, good)
        ]
        address = Address(f"http://127.0.0.1:{places[1].port}", None)

        Connection.open(address, places, Deadline(1.0)).close()

        for one in waiting:
            one.close()


def test_a_name_is_waited_for_until_the_deadline_and_asked_for_once() -> None:
    found = threading.Event()
    asked: list[str] = []

    def find(host: str, _: int) -> Sequence[Place]:
        asked.append(host)
        found.wait(GENEROUS_S)
        return LOOPBACK

    names = Names("bandit.example", 80, find)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            names.places(Deadline(0.05))
    found.set()

    assert names.places(Deadline(GENEROUS_S)) == LOOPBACK
    assert asked == ["bandit.example"]


def test_an_old_address_is_used_until_a_newer_one_is_found() -> None:
    now_s = 0.0
    finds = itertools.count(1)

    def find(_: str, port: int) -> Sequence[Place]:
        return [Place(socket.AF_INET, f"10.0.0.{next(finds)}", port)]

    names = Names("bandit.example", 80, find, lambda: now_s)
    first = names.places(Deadline(GENEROUS_S))
    now_s = FRESH_S + 1

    assert names.places(Deadline(GENEROUS_S)) == first
    wait_until(lambda: names.known() != first, "the newer address")


def test_a_name_that_is_not_found_is_an_error_and_asked_for_again() -> None:
    answers: list[Sequence[Place]] = [[], LOOPBACK]
    names = Names("bandit.example", 80, lambda *_: answers.pop(0))

    with pytest.raises(OSError, match=r"bandit\.example has no address"):
        names.places(Deadline(GENEROUS_S))

    assert names.places(Deadline(GENEROUS_S)) == LOOPBACK


def test_an_address_in_digits_is_not_looked_up() -> None:
    def find(*_: object) -> Sequence[Place]:
        raise AssertionError

    assert Names("127.0.0.1", 80, find).known() == LOOPBACK
    assert Names("::1", 80, find).known() == [Place(socket.AF_INET6, "::1", 80)]


def test_a_name_that_does_not_exist_gives_the_fallback() -> None:
    url = "http://nothing.invalid"

    async def ask() -> str:
        client = AsyncBanditClient(url)
        return (await client.decide("hero", fallback="mine")).variant

    assert BanditClient(url).decide("hero", fallback="mine").variant == "mine"
    assert in_own_loop(ask()) == "mine"


def test_a_report_says_when_it_occurred_only_if_it_had_to_wait() -> None:
    offset = ClockOffset(lambda: 1_000_000_000.0)
    report = Report(b'{"value":1}', born_s=50.0, occurred_s=1_000_000_000.0)

    assert offset.dated(report, 50.9, 0.2) == b'{"value":1}'
    assert json.loads(offset.dated(report, 51.3, 0.2)) == {
        "value": 1,
        "occurred_at": "2001-09-09T01:46:40+00:00",
    }


@pytest.mark.parametrize(
    ("date", "occurred_at"),
    [
        ("Sun, 09 Sep 2001 01:46:42 GMT", "2001-09-09T01:46:40+00:00"),
        ("Sun, 09 Sep 2001 01:56:40 GMT", "2001-09-09T01:56:40+00:00"),
        ("Sun, 09 Sep 2001 01:36:40 GMT", "2001-09-09T01:36:40+00:00"),
        ("yesterday", "2001-09-09T01:46:40+00:00"),
        (None, "2001-09-09T01:46:40+00:00"),
    ],
)
def test_a_wrong_clock_is_put_right_by_the_services(
    date: str | None, occurred_at: str
) -> None:
    offset = ClockOffset(lambda: 1_000_000_000.0)
    report = Report(b"{}", born_s=0.0, occurred_s=1_000_000_000.0)

    offset.note(date)

    text = offset.dated(report, 60.0, 0.2).replace(b"{,", b"{")
    assert json.loads(text) == {"occurred_at": occurred_at}


def test_a_report_is_sent_again_for_an_hour_and_no_longer() -> None:
    lane = Lane("rewards", "/", "rewards", "rewards")
    old, young = Report(b"1", born_s=0.0), Report(b"2", born_s=2.0)
    lane.put_back([old, young])

    assert lane.take(LIFETIME_S) == ([old, young], 0)

    lane.put_back([old, young])
    assert lane.take(LIFETIME_S + 1) == ([young], 1)


def test_pauses_grow_to_half_a_minute_and_follow_the_service() -> None:
    lane = Lane("rewards", "/", "rewards", "rewards")
    pauses = []
    for _ in range(9):
        lane.pause(0.0, None, hurried=False)
        pauses.append(lane.not_before_s)

    limits = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert all(
        limit / 2 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True)
    )

    lane.pause(0.0, 600.0, hurried=False)
    assert lane.not_before_s == 600.0
    lane.pause(0.0, 600.0, hurried=True)
    assert lane.not_before_s < 1


def test_a_batch_is_bounded_in_bytes() -> None:
    lane = Lane("events", "/", "events", "events")
    lane.put_back([Report(b"x" * 400_000, 0.0)] * 5)

    assert [len(lane.take(0.0)[0]) for _ in range(3)] == [2, 2, 1]
