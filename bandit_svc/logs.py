"""Log lines of the service's processes.

Owns the format and the level. A line never carries a key, a context value or a
unit; callers pass counts, experiment keys and sentences only. A line of a request
carries the request's id.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

FIELDS = "fields"
"""The attribute of a log record that has more fields of its line, by name."""
_REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


def configure(level: str, process: str, form: str = "console") -> None:
    """Send every log line of this process to stderr, one line an event.

    Args:
        level: of the least severe lines.
        process: names the process in each line.
        form: "console" for people, "json" for one JSON object a line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(process) if form == "json" else _console(process))
    handler.addFilter(add_request_id)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def name_request(request_id: str) -> None:
    """Put this id into the lines of the present thread from now on."""
    _REQUEST_ID.set(request_id)


@contextmanager
def of_request(request_id: str) -> Iterator[None]:
    """Put this id into the lines of the block."""
    token = _REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        _REQUEST_ID.reset(token)


def add_request_id(record: logging.LogRecord) -> bool:
    """Note in a record the id of its request; "" outside of one."""
    fields: dict[str, Any] = getattr(record, FIELDS, {})
    request_id = fields.get("request_id") or _REQUEST_ID.get()
    record.request_id = request_id
    record.suffix = f" request={request_id}" if request_id else ""
    return True


def _console(process: str) -> logging.Formatter:
    return logging.Formatter(
        f"%(asctime)s %(levelname)-7s {process} %(name)s %(message)s%(suffix)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )


class _Json(logging.Formatter):
    """One JSON object a line, exceptions included."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
