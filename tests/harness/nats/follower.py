"""A learner that reads a stream, beside a service in one process that has the log.

Owns the copy of the service's store as it was before its first fact, and the shipper
that sends the service's log. So both learn from the same facts, each by its own way.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.engines import stream_source
from bandit_svc.eventlog.stream.nats.sink import JetSink
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.shipper import Shipper
from bandit_svc.learner.loop import Learner
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.service import Service


class Follower:
    """See the module. Create it behind the experiments, before any decision.

    A folder that is there has a store to which the service's was moved.
    """

    def __init__(self, service: Service, address: StreamAddress, folder: Path) -> None:
        data = Path(service.settings.data)
        if not folder.exists():
            folder.mkdir()
            with (
                closing(sqlite3.connect(data / "bandit.db")) as begun,
                closing(sqlite3.connect(folder / "bandit.db")) as copy,
            ):
                begun.backup(copy)
        self._service = service
        self._address = address
        self._data = data
        self._settings = Settings(data=str(folder), publish_every_ms=0, fsync="never")
        self.backends = self._open()
        self.storage = self.backends.storage
        self.learner = self._learner()
        self.shipper = self.new_shipper()

    def new_shipper(self, node: str = "web-1") -> Shipper:
        """Return a shipper of the service's log, as a new process makes it."""
        self.shipper = Shipper(
            FileReader(self._data / "log"),
            JetSink(self._address, node),
            Outbox(self._data),
            node,
            self._address.partitions,
        )
        return self.shipper

    def new_learner(self) -> Learner:
        """Return a learner with nothing in memory, as after a kill."""
        self.backends.close()
        self.backends = self._open()
        self.storage = self.backends.storage
        self.learner = self._learner()
        return self.learner

    def ship(self) -> None:
        """Send all that the service's workers have appended, and wait for it."""
        self.shipper.step(self._service.now_ms)
        while self.shipper.waits:
            self.shipper.acknowledge(self._service.now_ms, 1.0)

    def close(self) -> None:
        """Close what was opened."""
        self.shipper.close()
        self.backends.close()

    def _open(self) -> Backends:
        backends = Backends(self._settings)
        backends.reader = stream_source(self._address, "follower")
        return backends

    def _learner(self) -> Learner:
        return Learner(self.backends, lambda: self._service.now_ms, clock_s=lambda: 0.0)
