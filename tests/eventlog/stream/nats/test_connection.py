"""Requests find a server that answers, and say why where none does."""

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.protocol import publish
from tests.harness.loopback import free_port
from tests.harness.nats.servers import NatsServer, nats_server
from tests.harness.waiting import GENEROUS_S


def test_the_next_server_is_taken_where_one_does_not_answer(
    address: StreamAddress,
) -> None:
    (server,) = address.servers
    dead = server._replace(port=free_port())
    connection = Connection(address._replace(servers=(dead, server)), "test")

    connection.open()

    assert connection.is_open
    connection.close()


def test_no_server_is_an_error_that_names_each(address: StreamAddress) -> None:
    dead = address.servers[0]._replace(port=free_port())

    with pytest.raises(Unavailable, match=rf"{dead.host}:{dead.port}: .*refused"):
        Connection(address._replace(servers=(dead,)), "test").open()


def test_a_message_that_comes_beside_an_answer_is_kept(address: StreamAddress) -> None:
    asking, answering = (Connection(address, name) for name in ("a", "b"))
    for connection in (asking, answering):
        connection.open()
    inbox = asking.new_inbox()
    asked = answering.subscribe("question")
    # An answer shows that the server knows of the subscription.
    answering.request("$JS.API.INFO")

    asking.send(publish("question", b"first", inbox))
    (first,) = answering.receive(GENEROUS_S)
    answering.send(publish(first.reply, b"beside"))
    answer = asking.request("$JS.API.INFO")

    assert b"account_info_response" in answer.data
    assert [m.data for m in asking.receive(GENEROUS_S)] == [b"beside"]
    answering.unsubscribe(asked)
    for connection in (asking, answering):
        connection.close()


def test_nobody_who_listens_is_an_error(address: StreamAddress) -> None:
    connection = Connection(address, "test")
    connection.open()

    with pytest.raises(Unavailable, match="nobody answers to nowhere"):
        connection.request("nowhere")
    connection.close()


def test_a_lost_connection_is_an_error_and_can_be_opened_anew() -> None:
    with nats_server() as server:
        connection = Connection(address_of(server), "test")
        connection.open()
        server.kill()

        with pytest.raises(Unavailable, match="the connection to the stream is lost"):
            connection.request("$JS.API.INFO")
        is_open = connection.is_open
        server.start()
        server.wait_ready()
        connection.open()
        answer = connection.request("$JS.API.INFO")
        connection.close()

    assert not is_open
    assert b"account_info_response" in answer.data


def address_of(server: NatsServer) -> StreamAddress:
    return stream_address(f"{server.address}/test")
