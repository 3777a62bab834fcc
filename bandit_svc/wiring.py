"""The one place where backends meet services.

Owns which storage and which event log the settings mean. Opens nothing at
import, and nothing that would not survive a fork before `open_worker`.
"""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import NamedTuple

from bandit_svc.archive.dropped import DroppedRows
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import DecisionIds
from bandit_svc.eventlog.bounded import BoundedLog, Limits, Room, measured_room
from bandit_svc.eventlog.erasing import erase_from_log
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import (
    EventLogReader,
    EventLogWriter,
    FirstAnswers,
)
from bandit_svc.eventlog.stream.address import FILES, stream_address
from bandit_svc.eventlog.stream.awaited import AwaitedLog
from bandit_svc.eventlog.stream.engines import (
    first_answers_of,
    make_stream_of,
    stream_sink,
    stream_source,
)
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.partitions import partition_names
from bandit_svc.eventlog.stream.shipper import Shipper
from bandit_svc.services.archiving.follow_erasure import follow_erasure
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.checks.learner_watch import LearnerWatch
from bandit_svc.services.checks.nodes import Node, nodes_of
from bandit_svc.services.checks.outbox import OutboxState, outbox_state
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.join import sum_up
from bandit_svc.services.managing.moving.ports import MovePorts
from bandit_svc.services.managing.privacy.ports import PrivacyPorts
from bandit_svc.services.people.persons import Persons
from bandit_svc.services.people.ports import PeoplePorts
from bandit_svc.services.people.pseudonyms import Pseudonyms
from bandit_svc.services.serving.callers.key_uses import KeyUses
from bandit_svc.services.serving.callers.store_reads import StoreReads
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.services.serving.corrections.known_rewards import KnownRewards
from bandit_svc.services.serving.enriching.enrichers import Surroundings
from bandit_svc.services.serving.enriching.known_weather import KnownWeather
from bandit_svc.services.serving.enriching.weather_exchange import WeatherExchange
from bandit_svc.services.serving.kept_choices import KeptChoices
from bandit_svc.services.serving.limits.recent_exposures import RecentExposures
from bandit_svc.services.serving.limits.room import LimitPorts
from bandit_svc.services.serving.metric_names import MetricNames
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.recent_requests import RecentRequests
from bandit_svc.settings import Settings
from bandit_svc.storage.control.place import shown_place
from bandit_svc.storage.factory import first_claims_of, open_storage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.moving.opening import draft_of, movable_store
from bandit_svc.storage.moving.sides import MovableStore
from bandit_svc.storage.rows import Cursors
from bandit_svc.storage.weather.kept_weather import KeptWeather


class Backends:
    """The store and the reading end of the log, for the CLI and the learner."""

    _patience_s: float | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = Path(settings.data).resolve()
        self.storage: Storage = opened_store(
            self.folder, settings.store, settings.archive, self._patience_s
        )
        self.reader: EventLogReader = _reader(settings)

    @cached_property
    def decoder(self) -> FactDecoder:
        """Reads the log's records, and refuses those of another service."""
        return FactDecoder(DecisionIds(self.storage.secret()))

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """Makes the names under which units are kept.

        Raises:
            Unavailable: the store's key is missing.
        """
        return Pseudonyms(self.storage.pseudonym_key())

    @cached_property
    def archive(self) -> ArchivePorts | None:
        """The store with its archive; None without one."""
        url = self.settings.archive
        if not url:
            return None
        return ArchivePorts(self.storage, ArchiveTarget(url), self.folder)

    @cached_property
    def kept_weather(self) -> KeptWeather:
        """The weather that the processes of this data folder share."""
        return KeptWeather(self.folder)

    @property
    def opener(self) -> Callable[[], Storage]:
        """Return a function that opens the store anew; it can be pickled."""
        return partial(
            opened_store, self.folder, self.settings.store, self.settings.archive
        )

    @property
    def privacy(self) -> PrivacyPorts:
        """The ports of telling and erasing what is stored of a unit."""
        return PrivacyPorts(
            storage=self.storage,
            decoder=self.decoder,
            erase_from_log=partial(erase_from_log, log_folder(self.settings)),
            sum_up=partial(
                sum_up, self.storage.joins, Definitions(self.storage.experiments)
            ),
            follow_archive=partial(follow_erasure, self.storage, self.archive),
            folder=self.folder,
        )

    def close(self) -> None:
        """Let go of files and connections; idempotent."""
        self.reader.close()
        self.storage.close()


class Clocks(NamedTuple):
    """What measures how long something takes, in seconds.

    Attributes:
        elapsed_s: a clock that never steps.
        spent_s: CPU time of the thread that asks.
    """

    elapsed_s: Callable[[], float] = perf_counter
    spent_s: Callable[[], float] = thread_time


CLOCKS = Clocks()


class Worker(Backends):
    """The backends of one web worker process; create it after the fork."""

    # Of a thread that a request has; its caller waits no longer.
    _patience_s = 10.0

    def __init__(
        self,
        settings: Settings,
        now_ms: int,
        suffix: str,
        on_fsync_failure: Callable[[], None] = lambda: None,
        on_foreign_change: Callable[[], None] = lambda: None,
        clocks: Clocks = CLOCKS,
    ) -> None:
        super().__init__(settings)
        if settings.stream != FILES:
            # Of this node alone: learners read the stream.
            self.reader = FileReader(log_folder(settings))
        known = KnownWeather()
        self.weather_exchange = WeatherExchange(self.kept_weather, known, suffix)
        files = FileWriter(
            log_folder(settings),
            now_ms=now_ms,
            suffix=suffix,
            fsync=settings.fsync,
            fsync_interval_ms=settings.fsync_interval_ms,
            max_segment_bytes=settings.segment_bytes,
            on_fsync_failure=on_fsync_failure,
            on_foreign_change=on_foreign_change,
        )
        self.log = BoundedLog(files, log_limits(settings), partial(log_room, settings))
        self.awaited = AwaitedLog(self.log, files) if settings.ack == "stream" else None
        log: EventLogWriter = self.awaited or self.log
        self.ids = DecisionIds(self.storage.secret())
        self.first_answers = _first_answers(settings, self.storage)
        # A worker that can't name units does not begin to serve.
        _ = self.pseudonyms
        self.catalog = Catalog(self.storage)
        self.store_reads = (
            StoreReads(self.catalog, self.storage.units)
            if self.storage.is_on_server
            else None
        )
        """Which requests wait for the store's server; None without one."""
        self.learner_watch = LearnerWatch(self.storage, self.reader, self._read_to)
        self.key_uses = KeyUses(self.storage.keys)
        recent = RecentRequests(self.reader, self.storage.facts, self.decoder)
        self.serving = ServingPorts(
            catalog=self.catalog,
            log=log,
            ids=self.ids,
            recent=recent,
            encoder=DecisionEncoder(),
            metric_names=MetricNames(self.storage.facts),
            persons=Persons(self.storage.units),
            kept=KeptChoices(self.storage.sticky, self.storage.facts),
            known_rewards=KnownRewards(self.reader, self.storage, self.decoder),
            credits=self.storage.credits,
            limits=LimitPorts(self.storage.reservations, RecentExposures()),
            surroundings=Surroundings(
                known,
                has_source=bool(settings.weather_url),
                spent_s=clocks.spent_s,
                elapsed_s=clocks.elapsed_s,
            ),
            decoder=self.decoder,
            first_answers=self.first_answers,
        )
        self.people = PeoplePorts(
            log=log,
            facts=self.storage.unit_facts,
            units=self.storage.units,
            credits=self.storage.credits,
            erasures=self.storage.privacy,
            reservations=self.storage.reservations,
        )

    def all_is_stored(self) -> bool:
        """Return whether the store has all that was appended to the log so far.

        False with a stream: what other machines have appended is not known here.
        """
        if self.settings.stream != FILES:
            return False
        return not self.reader.backlog_bytes(self.storage.facts.cursors())

    def own_node(self) -> Node | None:
        """Return what the learners have heard of this machine; None without a stream.

        Raises:
            Unavailable: the store can't be read.
        """
        if self.settings.stream == FILES:
            return None
        name = Outbox(self.folder).node(self.settings.node)
        nodes = nodes_of(self.storage.facts.marks())
        return next((node for node in nodes if node.name == name), None)

    def _read_to(self) -> Cursors:
        """Return up to where the log was read: to the store, or sent to the stream."""
        if self.settings.stream != FILES:
            return Outbox(self.folder).place().sources
        return self.storage.facts.cursors()

    def close(self) -> None:
        """Flush the log and let go of everything; idempotent."""
        self.log.close()
        if self.first_answers is not None:
            self.first_answers.close()
        super().close()


def _reader(settings: Settings) -> EventLogReader:
    """Return what learners read: the stream, or the log's files without one."""
    if settings.stream != FILES:
        return stream_source(stream_address(settings.stream), "bandit-svc reader")
    return FileReader(log_folder(settings), keep_days=settings.keep_log_days)


def _first_answers(settings: Settings, storage: Storage) -> FirstAnswers | None:
    if settings.stream == FILES:
        return None

    def claim(decision_id: str, message: bytes) -> bytes | None:
        return first_claims_of(storage).claim(decision_id, message)

    return first_answers_of(stream_address(settings.stream), "bandit-svc web", claim)


def node_shipper(settings: Settings, outbox: Outbox) -> Shipper:
    """Return what sends this node's event log to the stream of the settings."""
    address = stream_address(settings.stream)
    node = outbox.node(settings.node)
    return Shipper(
        FileReader(log_folder(settings), keep_days=settings.keep_log_days),
        stream_sink(address, f"bandit-svc shipper {node}"),
        outbox,
        node,
        address.partitions,
    )


def node_outbox(settings: Settings) -> OutboxState | None:
    """Return what waits in this machine's outbox; None without a stream.

    Raises:
        LogUnreadable: the event log can't be read now.
    """
    if settings.stream == FILES:
        return None
    return outbox_state(Path(settings.data).resolve(), settings.node)


def make_stream(settings: Settings) -> None:
    """Make the stream of the settings, if they name one; nothing if it is there.

    Raises:
        Unavailable: no server of it answers.
        Unprocessable: it was made otherwise, or can't be made so.
    """
    if settings.stream == FILES:
        return
    make_stream_of(stream_address(settings.stream), "bandit-svc")


def store_in_use(backends: Backends) -> MovableStore:
    """Return the rows of the store in use."""
    return movable_store(backends.folder, backends.settings.store)


def move_ports(backends: Backends, url: str, stream: str = "") -> MovePorts:
    """Return what moves the store in use to another place.

    Args:
        backends: of the store in use.
        url: address of the other one.
        stream: address of what will be read in place of the files; empty for these.

    Raises:
        InvalidInput: one is no address.
    """
    partitions = partition_names(stream_address(stream).partitions) if stream else []
    return MovePorts(
        backends.storage,
        store_in_use(backends),
        draft_of(backends.folder, url),
        shown_place(url, backends.folder),
        partitions,
    )


def opened_store(
    folder: Path, store: str, archive: str, patience_s: float | None = None
) -> Storage:
    """Return the store of a data folder, which reads below what it has dropped.

    Args:
        folder: of the data.
        store: as the setting says it.
        archive: its URL; "" for none.
        patience_s: seconds for which a server's answer is waited for.
    """
    storage = open_storage(folder, store, patience_s)
    if archive:
        storage.archived.read_below(DroppedRows(storage, ArchiveTarget(archive)))
    return storage


def log_folder(settings: Settings) -> Path:
    """Return the folder of the embedded event log."""
    return Path(settings.data).resolve() / "log"


def log_limits(settings: Settings) -> Limits:
    """Return the limits of the event log."""
    return Limits(settings.log_most_bytes, settings.log_least_free_bytes)


def log_room(settings: Settings) -> Room:
    """Return the sizes of the event log and its disk now, as far as a limit asks.

    Raises:
        OSError: the data folder can't be read.
    """
    return measured_room(log_folder(settings), with_log=settings.log_most_bytes > 0)
