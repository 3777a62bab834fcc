"""What a server sends is read alike, however it is cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.domain.events.packing import Malformed
from bandit_svc.eventlog.stream.nats.protocol import (
    Asked,
    Info,
    Lives,
    Message,
    Parser,
    Refusal,
    publish,
)

SAID = (
    b'INFO {"max_payload":64,"headers":true,"jetstream":true,"new":1}\r\n'
    b"PING\r\n+OK\r\n"
    b"MSG in.1 1 2\r\n\r\n\r\n"
    b"MSG in.2 1 answers.to 3\r\nabc\r\n"
    b"HMSG in.3 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"
    b"HMSG in.4 1 back 18 21\r\nNATS/1.0\r\na: b\r\n\r\nxyz\r\n"
    b"PONG\r\n-ERR 'Authorization Violation'\r\n"
)
MEANT = [
    Info(64, headers=True, jetstream=True, auth_required=False, tls_required=False),
    Asked(),
    Message("in.1", "", b"", b"\r\n"),
    Message("in.2", "answers.to", b"", b"abc"),
    Message("in.3", "", b"NATS/1.0 503\r\n\r\n", b""),
    Message("in.4", "back", b"NATS/1.0\r\na: b\r\n\r\n", b"xyz"),
    Lives(),
    Refusal("Authorization Violation"),
]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(SAID)), max_size=20))
def test_bytes_are_read_alike_however_they_are_cut(cuts: list[int]) -> None:
    parser = Parser()
    at, found = 0, []
    for cut in [*sorted(cuts), len(SAID)]:
        found += parser.feed(SAID[at:cut])
        at = cut

    assert found == MEANT


def test_the_status_of_a_message_is_0_unless_it_says_one() -> None:
    assert [one.status for one in MEANT if isinstance(one, Message)] == [0, 0, 503, 0]


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n", b"MSG a 1\r\n", b"INFO" + bytes(70_000)]
)
def test_what_is_no_nats_server_is_an_error(said: bytes) -> None:
    with pytest.raises(Malformed):
        Parser().feed(said)


def test_a_message_is_published_with_its_length_and_its_headers() -> None:
    assert publish("EV.0", b"ab") == b"PUB EV.0 2\r\nab\r\n"
    assert publish("EV.0", b"ab", "in.1", ("Nats-Msg-Id: 7",)) == (
        b"HPUB EV.0 in.1 28 30\r\nNATS/1.0\r\nNats-Msg-Id: 7\r\n\r\nab\r\n"
    )
