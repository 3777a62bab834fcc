"""The errors of the service, from which every edge makes its own answer.

Owns classes and codes; knows neither HTTP statuses nor exit codes (their tables
are in http/problems.py and cli/exit_codes.py). A message is a sentence: what,
the value received, the limit, the way out; never a context value or a key. Where the
way out differs by surface (API, command line, page), the error has one for each.
"""

import traceback
from typing import Literal, NamedTuple, assert_never

Surface = Literal["api", "command", "page"]


class WayOut(NamedTuple):
    """The way out of an error, in the terms of each surface that shows it."""

    api: str
    command: str
    page: str

    def on(self, surface: Surface) -> str:
        """Return what to do on a surface."""
        match surface:
            case "api":
                return self.api
            case "command":
                return self.command
            case "page":
                return self.page
            case _:
                assert_never(surface)


def places_of(error: BaseException) -> str:
    """Return where in the code an error came by, the innermost place first.

    For the log: unlike the message, it holds no context value.
    """
    places = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{p.name}:{p.lineno}" for p in reversed(places[-8:]))


class FieldError:
    """One field that is wrong.

    `pointer` is an RFC 6901 JSON pointer: into the request body ("/context/hour"), or
    of a parameter of the path or query ("/decision_id"). "" is the whole body.
    """

    __slots__ = ("detail", "pointer")

    def __init__(self, pointer: str, detail: str) -> None:
        self.pointer = pointer
        self.detail = detail


class BanditError(Exception):
    """Root of everything that the service refuses or can't do.

    `code` is stable and part of the interface; the message is for a person, and is
    the one that the API gives.
    """

    code = "error"

    def __init__(
        self, message: str, *fields: FieldError, way_out: WayOut | None = None
    ) -> None:
        self._fault = message
        self._way_out = way_out
        self.message = self.message_on("api")
        self.fields = fields
        super().__init__(self.message)

    def message_on(self, surface: Surface) -> str:
        """Return the message with the way out of a surface."""
        if self._way_out is None:
            return self._fault
        return f"{self._fault}; {self._way_out.on(surface)}"


class InvalidInput(BanditError):
    """A value was refused; nothing of the request was stored."""

    code = "invalid_input"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "InvalidInput":
        """Return the error of one field, whose detail is the message."""
        return cls(detail, FieldError(pointer, detail))


class TooLarge(InvalidInput):
    """The body is larger than the limit."""

    code = "too_large"


class UnsupportedEncoding(InvalidInput):
    """The body is compressed in a way that is not read; gzip is."""

    code = "unsupported_encoding"


class Unauthenticated(BanditError):
    """There is no key, or one that was never issued or is revoked."""

    code = "unauthenticated"


class Forbidden(BanditError):
    """The scope of the key does not allow this."""

    code = "forbidden"


class NotFound(BanditError):
    """The request names something that does not exist."""

    code = "not_found"


class Conflict(BanditError):
    """The state of what the request names does not allow this."""

    code = "conflict"


class Unprocessable(BanditError):
    """Every field is valid, but there is nothing to choose from or to read."""

    code = "unprocessable"


class NothingEligible(Unprocessable):
    """No variant may be shown: the request or the variants' conditions left none."""

    code = "nothing_eligible"


class Unavailable(BanditError):
    """The request can't be made durable now; send the same one again.

    `retry_after_s` is a hint in seconds.
    """

    code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: int = 1,
        way_out: WayOut | None = None,
    ) -> None:
        super().__init__(message, way_out=way_out)
        self.retry_after_s = retry_after_s


class LeaseLost(Unavailable):
    """Another process may hold the lease of this one, which must not write."""


class TooManyRequests(BanditError):
    """The caller sends more requests a second than a setting allows.

    `retry_after_s` is the wait in seconds.
    """

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LogUnreadable(Unavailable):
    """A file of the event log can't be read now.

    `file` is its path; `may_pass` is false where the path is not a file at all, which
    no later try changes.
    """

    def __init__(self, file: str, reason: str, *, may_pass: bool) -> None:
        super().__init__(
            f"{file} of the event log can't be read ({reason})", way_out=_READABLE
        )
        self.file = file
        self.may_pass = may_pass


class LogLost(Unavailable):
    """Messages that were never read are gone from a stream; it is read no further.

    `first` and `last` are their numbers in `partition`; reading goes on behind the
    message `goes_on_after`, once the loss is accepted.
    """

    def __init__(
        self, partition: str, first: int, last: int, goes_on_after: int
    ) -> None:
        super().__init__(
            f"messages {first} to {last} of partition {partition} of the stream were "
            "never read, and are gone: they were older than the stream keeps them, "
            "they are damaged, or the stream was restored or made anew",
            way_out=WayOut("send the request again", _ACCEPT_LOSS, _ACCEPT_LOSS),
        )
        self.partition = partition
        self.first = first
        self.last = last
        self.goes_on_after = goes_on_after


_ACCEPT_LOSS = (
    "restore the stream, or accept the loss with `bandit-svc doctor --acknowledge ID`; "
    "`bandit-svc doctor` names the id"
)
_MAKE_READABLE = (
    "give it to the service's user, mend the disk, or restore it from a copy; if it "
    "is deleted, its facts are lost, and the rest of the log is read"
)
_READABLE = WayOut("send the request again", _MAKE_READABLE, _MAKE_READABLE)
