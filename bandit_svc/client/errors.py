"""The one error that callers of the client have to know."""

from collections.abc import Mapping
from typing import Any


class BanditClientError(Exception):
    """The service refused a request, failed, or did not answer in time.

    `status` is the HTTP status, or None when there was no answer. `problem` is
    the RFC 9457 body, with `title`, `detail` and for a bad field `errors`.
    `retry_after_s` is what the service asked to wait, or None.
    """

    def __init__(
        self,
        status: int | None,
        problem: Mapping[str, Any],
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.problem = problem
        self.retry_after_s = retry_after_s
        title = problem.get("title", "The request failed")
        detail = problem.get("detail")
        code = "no answer" if status is None else str(status)
        super().__init__(f"{title} ({code})" + (f": {detail}" if detail else ""))


def no_answer(title: str, detail: str) -> BanditClientError:
    """Return the error of a request that got no answer."""
    return BanditClientError(None, {"title": title, "detail": detail})
