"""The errors of the service, from which every edge makes its own answer.

Owns classes and codes; knows neither HTTP statuses nor exit codes (their tables
are in http/problems.py and cli/exit_codes.py). A message is a sentence: what,
the value received, the limit, the way out; never a context value or a key.
"""


class FieldError:
    """One field that is wrong.

    `pointer` is an RFC 6901 JSON pointer into the request body
    ("/context/hour"), or the name of a path or query parameter.
    """

    __slots__ = ("detail", "pointer")

    def __init__(self, pointer: str, detail: str) -> None:
        self.pointer = pointer
        self.detail = detail


class BanditError(Exception):
    """Root of everything that the service refuses or can't do.

    `code` is stable and part of the interface; the message is for a person.
    """

    code = "error"

    def __init__(self, message: str, *fields: FieldError) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class InvalidInput(BanditError):
    """A value that can't be accepted; nothing of the request was stored."""

    code = "invalid_input"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "InvalidInput":
        """Blame one field, in the words of the message itself."""
        return cls(detail, FieldError(pointer, detail))


class TooLarge(InvalidInput):
    """A body over the limit."""

    code = "too_large"


class Unauthenticated(BanditError):
    """No key, or one that this service did not issue or has revoked."""

    code = "unauthenticated"


class Forbidden(BanditError):
    """A key whose scope does not reach this far."""

    code = "forbidden"


class NotFound(BanditError):
    """What the request names does not exist."""

    code = "not_found"


class Conflict(BanditError):
    """The thing exists, in a state that forbids this."""

    code = "conflict"


class Unprocessable(BanditError):
    """Every field is valid, and together they leave nothing to do."""

    code = "unprocessable"


class Unavailable(BanditError):
    """It can't be made durable now; the same request may be sent again.

    `retry_after_s` is a hint in seconds.
    """

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
