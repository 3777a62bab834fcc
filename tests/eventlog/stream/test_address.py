"""The address of a stream: its parts, its defaults, and what is refused."""

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.eventlog.stream.address import Server, StreamAddress, stream_address


def test_an_address_says_servers_name_partitions_and_replicas() -> None:
    address = stream_address(
        "nats://a,b:4300/shop?partitions=4&replicas=2&keep_hours=5"
    )

    assert address == StreamAddress(
        (Server("a", 4222), Server("b", 4300)), "shop", 4, 2, 5
    )


@pytest.mark.parametrize(("hosts", "replicas"), [("a", 1), ("a,b", 1), ("a,b,c", 3)])
def test_three_servers_keep_three_replicas_where_nothing_is_said(
    hosts: str, replicas: int
) -> None:
    address = stream_address(f"nats://{hosts}/shop")

    assert (address.partitions, address.replicas, address.keep_hours) == (
        *(32, replicas),
        72,
    )


def test_a_login_may_be_a_name_with_a_password_or_a_token() -> None:
    named = stream_address("tls://we:pass%40word@a,b/shop")
    token = stream_address("nats://secret@a/shop")

    assert (named.user, named.password, named.tls) == ("we", "pass@word", True)
    assert (token.user, token.password, token.tls) == ("secret", "", False)


@pytest.mark.parametrize(
    ("scheme", "protocol", "port", "tls"),
    [
        ("nats", "nats", 4222, False),
        ("tls", "nats", 4222, True),
        ("kafka", "kafka", 9092, False),
        ("kafka+tls", "kafka", 9092, True),
    ],
)
def test_a_scheme_says_what_the_servers_speak(
    scheme: str, protocol: str, port: int, *, tls: bool
) -> None:
    address = stream_address(f"{scheme}://a/shop")

    assert address.servers == (Server("a", port),)
    assert (address.protocol, address.tls) == (protocol, tls)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("amqp://a/shop", "scheme is 'amqp'"),
        ("nats://a", "name is ''"),
        ("nats://a/9shop", "name is '9shop'"),
        ("nats://a/a.b", "name is 'a.b'"),
        ("nats:///shop", "'' is no server"),
        ("nats://a:x/shop", "'a:x' is no server"),
        ("nats://a,/shop", "'' is no server"),
        ("nats://a/shop?partitions=0", "partitions is '0'"),
        ("nats://a/shop?partitions=1025", "between 1 and 1024"),
        ("nats://a/shop?replicas=6", "replicas is '6'"),
        ("nats://a/shop?parts=6", "'parts', which is not known"),
    ],
)
def test_what_is_wrong_is_named_and_a_password_is_not(url: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        stream_address(url.replace("//", "//we:pass@", 1))

    assert why in refused.value.message
    assert "pass@" not in refused.value.message
    assert "nats://h1,h2,h3/NAME" in refused.value.message
