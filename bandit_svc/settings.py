"""Every setting of the service: name, type, default, range and help.

Owns the declarations, and reading values from an environment that is passed in. Each
setting is an option of the command line and an environment variable `BANDIT_<NAME>`; a
test fails if the README leaves one out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import msgspec

from bandit_svc.archive.target import check_retention
from bandit_svc.domain.callers.networks import networks_of
from bandit_svc.domain.callers.rates import rates_of
from bandit_svc.domain.enriching.forecasts import check_source
from bandit_svc.errors import InvalidInput
from bandit_svc.eventlog.interface import FsyncMode
from bandit_svc.eventlog.stream.address import FILES, AckMode, stream_address
from bandit_svc.eventlog.stream.outbox import checked_node
from bandit_svc.setting import About, Setting
from bandit_svc.storage.control.place import place_of

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one process; each is declared here and nowhere else."""

    data: Annotated[str, About("Folder of the store and the event log.")] = "./data"
    store: Annotated[
        str,
        About(
            "Address of the store: sqlite:///FOLDER, or a schema of a PostgreSQL "
            "server, postgresql://USER@HOST:PORT/DATABASE?schema=NAME; in the data "
            "folder without it."
        ),
    ] = ""
    stream: Annotated[
        str,
        About(
            "Address of the stream that the event log is sent to: files (none), or "
            "nats://HOST,HOST,HOST/NAME?partitions=32&replicas=3, or kafka:// with the "
            "same behind it."
        ),
    ] = FILES
    ack: Annotated[
        AckMode,
        About("What an answer waits for: local (this machine's log), or the stream."),
    ] = "local"
    node: Annotated[
        str, About("Name of this machine in the stream; drawn once without it.")
    ] = ""
    host: Annotated[str, About("Address that the web workers listen on.")] = "127.0.0.1"
    port: Annotated[
        int,
        About("Port that web workers listen on; 0 takes a free one.", 0, 65_535),
    ] = 8000
    admin_host: Annotated[
        str, About("Address that metrics, pages and docs are served on.")
    ] = "127.0.0.1"
    admin_port: Annotated[
        int,
        About(
            "Port that metrics, pages and docs are served on, and only there; 0 means "
            "the port of everything else.",
            0,
            65_535,
        ),
    ] = 0
    trusted_proxies: Annotated[
        str,
        About(
            "Addresses and networks of proxies whose X-Forwarded-For, -Proto, -Host "
            "and -Prefix are believed, separated by commas; nobody's without them."
        ),
    ] = ""
    workers: Annotated[int, About("Number of web worker processes.", 1, 256)] = 2
    threads: Annotated[
        int,
        About(
            "Number of threads of each web worker, for all but decisions and rewards.",
            1,
            256,
        ),
    ] = 4
    connections: Annotated[
        int,
        About(
            "Open connections of each web worker, beyond which a new one is answered "
            "503; 0 means as many as the process may have files (ulimit -n).",
            0,
            1_000_000,
        ),
    ] = 0
    rate_limit: Annotated[
        str,
        About(
            "Requests a second that each web worker takes, as NAME=N/s, separated by "
            "commas: the id of a key, * for each key without a limit of its own, "
            "address for each caller's address; beyond, it answers 429; 0 means no "
            "limit."
        ),
    ] = "0"
    head_timeout_s: Annotated[
        int, About("Seconds in which a client must send a request's head.", 1, 3_600)
    ] = 10
    body_timeout_s: Annotated[
        int, About("Seconds in which a client must send a request's body.", 1, 3_600)
    ] = 30
    idle_timeout_s: Annotated[
        int,
        About(
            "Seconds for which a connection is kept open for the next request.",
            1,
            3_600,
        ),
    ] = 75
    dev: Annotated[
        bool, About("Ask for no keys; the host must be a loopback address.")
    ] = False
    fsync: Annotated[
        FsyncMode,
        About(
            "When the event log is flushed to disk; a power loss may take what was "
            "not: never (what the kernel holds), interval (the last fsync_interval_ms "
            "milliseconds), always (nothing)."
        ),
    ] = "interval"
    fsync_interval_ms: Annotated[
        int, About("Milliseconds between flushes of the event log.", 1, 60_000)
    ] = 100
    segment_bytes: Annotated[
        int, About("Bytes after which a log segment is rotated.", 65_536, 2**40)
    ] = 67_108_864
    log_most_bytes: Annotated[
        int,
        About(
            "Bytes of the event log from which decisions and rewards are refused with "
            "503; 0 means no limit. At least (workers + 1) * segment_bytes.",
            0,
            2**50,
        ),
    ] = 0
    log_least_free_bytes: Annotated[
        int,
        About(
            "Bytes that stay free on the disk of the event log, at most 5 % of the "
            "disk; below, decisions and rewards are refused with 503; 0 means no "
            "limit.",
            0,
            2**50,
        ),
    ] = 1_073_741_824
    ofrep_cache_seconds: Annotated[
        int,
        About(
            "Seconds for which an evaluation of all flags (OFREP) gives the same unit, "
            "context and model the same decisions; 0 makes new ones each time.",
            0,
            3_600,
        ),
    ] = 60
    weather_url: Annotated[
        str,
        About(
            "Address of a source of weather in the form of Open-Meteo's forecast API, "
            "which the learner alone asks; without one no weather is known."
        ),
    ] = ""
    quarantine_days: Annotated[
        int,
        About(
            "Days for which a reward of a unit waits for a decision that it can be "
            "credited to.",
            1,
            90,
        ),
    ] = 7
    keep_unit_days: Annotated[
        int,
        About(
            "Days after a unit was last seen for which its state is kept: traits, "
            "links, and what features are made of; 0 means for ever.",
            0,
            36_500,
        ),
    ] = 400
    keep_log_days: Annotated[
        int,
        About(
            "Days for which segments of the event log that were read are kept, "
            "compressed, under log/kept; 0 deletes them.",
            0,
            3_650,
        ),
    ] = 0
    archive: Annotated[
        str,
        About(
            "URL under which joined decisions are kept as Parquet, as in "
            "file:///var/lib/bandit/archive or s3://bucket/folder; nowhere without it."
        ),
    ] = ""
    keep_days: Annotated[
        int,
        About(
            "Days after which joined decisions leave the store, once the archive has "
            "them, which is needed for it; 0 keeps them for ever.",
            0,
            36_500,
        ),
    ] = 0
    shards: Annotated[
        Literal["auto", "all"],
        About(
            "Which part of a stream a learner does: its fair share among those that "
            "live (auto), or all, while the others wait."
        ),
    ] = "auto"
    scorers: Annotated[
        int,
        About(
            "Number of processes in which a learner scores candidate policies, each "
            "experiment in one of them; 0 scores them in the learner itself.",
            0,
            64,
        ),
    ] = 0
    learner_tick_ms: Annotated[
        int, About("Milliseconds between learner ticks.", 1, 60_000)
    ] = 150
    learner_nice: Annotated[
        int,
        About(
            "How far the learner gives way to the web workers where they need the same "
            "cores (0: not at all; 10: it gets a tenth of a worker's share).",
            0,
            19,
        ),
    ] = 10
    learner_host: Annotated[
        str, About("Address that the learner's own metrics are served on.")
    ] = "127.0.0.1"
    learner_port: Annotated[
        int,
        About(
            "Port on which the learner serves /metrics, for one that shares no data "
            "folder with web workers; no key is asked for. 0 means none.",
            0,
            65_535,
        ),
    ] = 0
    learner_silent_s: Annotated[
        int,
        About(
            "Seconds without a sign of life after which `serve` kills the learner and "
            "starts it again; 0 means never.",
            0,
            86_400,
        ),
    ] = 30
    publish_every_ms: Annotated[
        int,
        About(
            "Least milliseconds between published models of an experiment.",
            0,
            3_600_000,
        ),
    ] = 400
    model_poll_ms: Annotated[
        int,
        About("Milliseconds between a worker's checks for new models.", 1, 60_000),
    ] = 150
    log_level: Annotated[LogLevel, About("Least severe messages that are logged.")] = (
        "info"
    )
    log_lines: Annotated[
        LogFormat,
        About("Form of log lines: console (for people), json (an object a line)."),
    ] = "console"
    access_log_every: Annotated[
        int,
        About(
            "One of so many requests gets a log line, and so does each that ends in a "
            "5xx; 0 means none.",
            0,
            1_000_000_000,
        ),
    ] = 0
    slow_request_ms: Annotated[
        int,
        About(
            "Milliseconds from which a request gets a log line in any case; 0 means "
            "none.",
            0,
            3_600_000,
        ),
    ] = 1_000

    def environment(self) -> dict[str, str]:
        """Return the variables that give a child process the same settings."""
        values = msgspec.to_builtins(self)
        return {s.variable: _text(values[s.name]) for s in SETTINGS}


_ABOUT: Mapping[str, About] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Settings, include_extras=True).items()
}
SETTINGS = tuple(
    Setting(field.name, field.default, *_ABOUT[field.name])
    for field in msgspec.structs.fields(Settings)
)
"""Every setting in the order of its declaration."""


_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings of a process.

    Raises:
        InvalidInput: a value is of the wrong type or out of its range.
    """
    given = {
        s.name: environment[s.variable] for s in SETTINGS if s.variable in environment
    }
    if "dev" in given:
        given["dev"] = {"1": "true", "0": "false", "": "false"}.get(
            given["dev"], given["dev"]
        )
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"a setting is wrong: {error}; see `bandit-svc serve --help`"
        ) from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    rates_of(settings.rate_limit)
    for name, (_, least, most) in _ABOUT.items():
        if least is None or most is None:
            continue
        value = getattr(settings, name)
        if not least <= value <= most:
            raise InvalidInput(
                f"{name} is {value}; it must be between {least} and {most}"
            )
    least = (settings.workers + 1) * settings.segment_bytes
    if 0 < settings.log_most_bytes < least:
        # The open segments alone could fill it, and they are never deleted.
        raise InvalidInput(
            f"log_most_bytes is {settings.log_most_bytes}; with {settings.workers} "
            f"workers and segment_bytes {settings.segment_bytes} it must be 0 or at "
            f"least {least}"
        )
    networks_of(settings.trusted_proxies)
    if settings.store:
        place_of(settings.store)
    _check_stream(settings)
    check_retention(settings.archive, settings.keep_days)
    check_source(settings.weather_url)
    if settings.admin_port and settings.admin_port == settings.port:
        raise InvalidInput(
            f"admin_port is {settings.admin_port}, and so is port; they must differ. "
            "Use 0 for one address for everything."
        )
    for name in ("admin_host", "host"):
        host = getattr(settings, name)
        if settings.dev and host not in _LOOPBACK:
            raise InvalidInput(
                f"--dev asks for no keys, so it binds loopback only; {name} is {host}. "
                "Use 127.0.0.1, or leave --dev out."
            )


def _check_stream(settings: Settings) -> None:
    if settings.node:
        checked_node(settings.node)
    if settings.stream == FILES:
        if settings.ack == "stream":
            raise InvalidInput("ack is stream, and there is none; set BANDIT_STREAM")
        return
    stream_address(settings.stream)
    if not settings.store or isinstance(place_of(settings.store), Path):
        raise InvalidInput(
            "stream needs a store that its machines share; set BANDIT_STORE to "
            "postgresql://…, or leave BANDIT_STREAM out"
        )


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
