"""The servers that the stream's tests start: what was acknowledged outlives a kill."""

import json
import socket

from tests.harness.nats.servers import NatsServer, nats_cluster, nats_server
from tests.harness.waiting import wait_until

_TRY_S = 1.0


def test_a_killed_server_has_its_messages_when_it_starts_again() -> None:
    with nats_server() as server:
        _make_stream(server, replicas=1)
        sent = _publish(server, "one")

        server.kill()
        server.start()
        server.wait_ready()

        assert sent == 1
        assert _publish(server, "two") == 2


def test_another_server_leads_after_the_leader_was_killed() -> None:
    with nats_cluster() as cluster:
        _make_stream(cluster.servers[0], replicas=3)
        first = cluster.leader("EVENTS")
        sent = _publish(first, "one")

        first.kill()
        second = cluster.leader("EVENTS")

        assert sent == 1
        assert second is not first
        assert _publish(second, "two") == 2


def _make_stream(server: NatsServer, replicas: int) -> None:
    stream = {
        "name": "EVENTS",
        "subjects": ["EVENTS.>"],
        "storage": "file",
        "num_replicas": replicas,
    }
    _ask(server, "$JS.API.STREAM.CREATE.EVENTS", json.dumps(stream))


def _publish(server: NatsServer, body: str) -> int:
    """Publish once, whatever number of tries it takes; return the sequence."""
    return int(str(_ask(server, "EVENTS.0", body, f"Nats-Msg-Id: {body}")["seq"]))


def _ask(
    server: NatsServer, subject: str, body: str, header: str = "Sent-By: test"
) -> dict[str, object]:
    """Send a request until it is answered; without a leader there is no answer."""
    return wait_until(
        lambda: _ask_once(server, subject, f"NATS/1.0\r\n{header}\r\n\r\n", body),
        f"an answer to {subject}",
    )


def _ask_once(
    server: NatsServer, subject: str, header: str, body: str
) -> dict[str, object]:
    with socket.create_connection(("127.0.0.1", server.port), _TRY_S) as connected:
        answers = connected.makefile("rb")
        answers.readline()
        request = (
            'CONNECT {"verbose":false,"headers":true}\r\nSUB answers 1\r\n'
            f"HPUB {subject} answers {len(header)} {len(header + body)}\r\n"
            f"{header}{body}\r\n"
        )
        connected.sendall(request.encode())
        try:
            while not (line := answers.readline()).startswith(b"MSG"):
                assert line, "the server closed the connection"
            answer: dict[str, object] = json.loads(answers.read(int(line.split()[-1])))
        except TimeoutError:
            return {}
        return {} if "error" in answer else answer
