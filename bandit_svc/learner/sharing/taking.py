"""How a learner comes to its work: all of it by a lease, or a share of the shards."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bandit_svc.learner.sharing.share import EVERYTHING, Everything, SharedWork
from bandit_svc.storage.control.leases import LEARNER
from bandit_svc.wiring import Backends

_log = logging.getLogger(__name__)


@contextmanager
def work_of(backends: Backends) -> Iterator[Everything | None]:
    """Yield what this process has to do in the block; None while another has all."""
    storage = backends.storage
    shared = backends.reader.is_stream and backends.settings.shards == "auto"
    if shared and storage.shares is not None:
        with storage.shares.join(backends.reader.partitions()) as member:
            _log.info("learning a share of the stream")
            yield SharedWork(storage.shares, member, backends.reader, storage.facts)
        return
    with storage.leases.hold(LEARNER) as held:
        if held is None:
            yield None
            return
        _log.info("learning from %s as %s", backends.folder, held)
        yield EVERYTHING
