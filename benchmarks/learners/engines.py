"""PostgreSQL, a nats-server and learners' processes for a benchmark of learners.

Owns their folders, their start and their end. The server of the store does not wait for
a disk. Each learner names itself to it, so that its writes can be told from others'.
"""

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from bandit_svc.eventlog.stream.engines import make_stream_of
from bandit_svc.storage.postgres.store import PostgresStorage
from benchmarks.cluster.part import Command, Part, Place
from benchmarks.cluster.service import PSEUDONYMS
from tests.harness.nats.servers import nats_server
from tests.harness.stored.postgres import postgres_server, url_of

SECRET: Final = bytes(range(32))
_TICKS_A_S: Final = os.sysconf("SC_CLK_TCK")
_END_WITHIN_S: Final = 30.0


class Engines:
    """One store and one stream, and the learners over them.

    Attributes:
        storage: the store, as this process sees it.
        stream: the stream's address.
        postgres: address of the store's server, as libpq takes it.
        schema: of the store.
    """

    def __init__(self, folder: Path, postgres: str, stream: str, schema: str) -> None:
        self.folder, self.postgres, self.schema = folder, postgres, schema
        self._stream = stream
        self.stream: StreamAddress = stream_address(stream)
        self._url = url_of(postgres, schema)
        own = folder / schema
        own.mkdir()
        self.storage = PostgresStorage(postgres, schema, own)
        self.storage.migrate()
        self.storage.initialise(SECRET, time.time_ns() // 1_000_000, bytes(32))
        make_stream_of(self.stream, "benchmark")
        self.learners: dict[str, Part] = {}

    def start(self, name: str, settings: Mapping[str, str] | None = None) -> Part:
        """Start a learner, or start it again; return at once."""
        found = self.learners.get(name)
        if found is None:
            data = self.folder / f"{self.schema}-{name}"
            data.mkdir(mode=0o700)
            shutil.copy2(self.folder / self.schema / PSEUDONYMS, data / PSEUDONYMS)
            variables = {
                "BANDIT_DATA": str(data),
                "BANDIT_LEARNER_NICE": "0",
                "BANDIT_STORE": f"{self._url}&application_name={name}",
                "BANDIT_STREAM": self._stream,
                "BANDIT_LOG_LEVEL": "warning",
                **(settings or {}),
            }
            words = [sys.executable, "-m", "bandit_svc.learner"]
            log = data.with_suffix(".log")
            found = Part(name, Place(), Command(words, variables), log)
            self.learners[name] = found
        found.start()
        return found

    def shares(self) -> Counter[str]:
        """Return how many shards each process holds, by its name in the leases."""
        shares = self.storage.shares
        assert shares is not None, "a server's store has shards"  # noqa: S101
        return Counter(holder.process for holder in shares.holders().values())

    def is_fair(self, *names: str) -> bool:
        """Return whether these learners hold all shards, and no two over one apart."""
        held = self.shares()
        mine = [
            sum(n for process, n in held.items() if process.split()[0] == pid)
            for pid in (str(self.learners[name].pid) for name in names)
        ]
        whole = sum(mine) == self.stream.partitions + 1 == sum(held.values())
        return whole and max(mine) - min(mine) <= 1

    def shards_of(self, name: str) -> set[str]:
        """Return the shards that a learner holds now."""
        shares = self.storage.shares
        assert shares is not None, "a server's store has shards"  # noqa: S101
        pid = str(self.learners[name].pid)
        held = shares.holders().items()
        return {shard for shard, by in held if by.process.split()[0] == pid}

    def close(self) -> None:
        """End the learners, and let go of the store."""
        running = [one for one in self.learners.values() if one.is_running()]
        for learner in running:
            learner.ask_to_stop()
        for learner in running:
            if not learner.ended_within(_END_WITHIN_S):
                learner.kill()
        self.storage.close()


class Servers:
    """The servers of a benchmark, and a folder."""

    def __init__(self, folder: Path, postgres: str, nats: str) -> None:
        self._folder, self._postgres, self._nats = folder, postgres, nats

    @contextmanager
    def engines(self, schema: str, partitions: int) -> Iterator[Engines]:
        """Yield a store and a stream of their own."""
        stream = f"{self._nats}/{schema}?partitions={partitions}"
        with closing(Engines(self._folder, self._postgres, stream, schema)) as made:
            yield made


@contextmanager
def servers() -> Iterator[Servers]:
    """Start the servers, yield them, and stop them."""
    with ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="learners-"))
        nats = ends.enter_context(nats_server())
        postgres = ends.enter_context(postgres_server())
        yield Servers(Path(folder), postgres, nats.address)


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S
