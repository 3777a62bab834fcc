"""The one error that callers of the client have to know."""

from collections.abc import Mapping
from typing import Any


class BanditClientError(Exception):
    """The service refused a request, failed, or did not answer in time.

    `status` is the HTTP status, or None when there was no answer. `problem` is
    the RFC 9457 body, with `title`, `detail` and for a bad field `errors`.
    `retry_after_s` is what the service asked to wait, or None. `reason` is one word
    for counting: `timeout`, `unreachable`, `circuit_open`, `bad_answer`,
    `unwritable`, `client_error`, or `status_` and the HTTP status.
    """

    def __init__(
        self,
        status: int | None,
        problem: Mapping[str, Any],
        retry_after_s: float | None = None,
        *,
        reason: str | None = None,
    ) -> None:
        self.status = status
        self.problem = problem
        self.retry_after_s = retry_after_s
        self.reason = reason or (
            "unreachable" if status is None else f"status_{status}"
        )
        title = problem.get("title", "The request failed")
        detail = problem.get("detail")
        code = "no answer" if status is None else str(status)
        super().__init__(f"{title} ({code})" + (f": {detail}" if detail else ""))

    @property
    def sentence(self) -> str:
        """The words of the service, or of what kept it from answering."""
        parts = (self.problem.get("title"), self.problem.get("detail"))
        return ": ".join(str(part) for part in parts if part) or str(self)


def no_answer(
    title: str, detail: str, reason: str = "unreachable"
) -> BanditClientError:
    """Return the error of a request that got no answer."""
    return BanditClientError(None, {"title": title, "detail": detail}, reason=reason)
