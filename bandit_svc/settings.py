"""Every setting of the service: name, default, help.

Owns the list, and reading it from an environment that is passed in. Each setting
is an option of the command line and an environment variable `BANDIT_<NAME>`;
a test fails if the README leaves one out.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from bandit_svc.errors import InvalidInput


class Setting(NamedTuple):
    """One setting; the type of its value is that of its default."""

    name: str
    default: str | int | bool
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"BANDIT_{self.name.upper()}"

    @property
    def option(self) -> str:
        """The option of the command line that sets it."""
        return "--" + self.name.replace("_", "-")


SETTINGS = (
    Setting("data", "./data", "Folder of the store and the event log."),
    Setting("host", "127.0.0.1", "Address that the web workers listen on."),
    Setting("port", 8000, "Port that the web workers listen on."),
    Setting("workers", 2, "Web worker processes."),
    Setting("threads", 4, "Threads of each web worker."),
    Setting(
        name="dev",
        default=False,
        help="Ask for no keys; the host must be a loopback address.",
    ),
    Setting(
        "fsync",
        "interval",
        "When the event log is flushed to disk; a power loss may take what was not:"
        " never (what the kernel holds), interval (the last fsync_interval_ms"
        " milliseconds), always (nothing).",
    ),
    Setting("fsync_interval_ms", 100, "Milliseconds between flushes of the event log."),
    Setting("segment_bytes", 67_108_864, "Bytes after which a log segment is rotated."),
    Setting("learner_tick_ms", 150, "Milliseconds between learner ticks."),
    Setting(
        "publish_every_ms",
        400,
        "Least milliseconds between published models of an experiment.",
    ),
    Setting(
        "model_poll_ms", 150, "Milliseconds between a worker's checks for new models."
    ),
    Setting("log_level", "info", "Least severe messages that are logged."),
)

FsyncMode = Literal["never", "interval", "always"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one process; see `SETTINGS` for what each means."""

    data: str = "./data"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    threads: int = 4
    dev: bool = False
    fsync: FsyncMode = "interval"
    fsync_interval_ms: int = 100
    segment_bytes: int = 67_108_864
    learner_tick_ms: int = 150
    publish_every_ms: int = 400
    model_poll_ms: int = 150
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def environment(self) -> dict[str, str]:
        """Give the variables that make a child process have the same settings."""
        values = msgspec.to_builtins(self)
        return {s.variable: _text(values[s.name]) for s in SETTINGS}


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
    for name, low, high in (
        ("port", 0, 65_535),
        ("workers", 1, 256),
        ("threads", 1, 256),
        ("fsync_interval_ms", 1, 60_000),
        ("segment_bytes", 65_536, 2**40),
        ("learner_tick_ms", 1, 60_000),
        ("publish_every_ms", 0, 3_600_000),
        ("model_poll_ms", 1, 60_000),
    ):
        value = getattr(settings, name)
        if not low <= value <= high:
            raise InvalidInput(
                f"{name} is {value}; it must be between {low} and {high}"
            )
    if settings.dev and settings.host not in {"127.0.0.1", "localhost", "::1"}:
        raise InvalidInput(
            f"--dev asks for no keys, so it binds loopback only; host is "
            f"{settings.host}. Use 127.0.0.1, or leave --dev out."
        )


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
