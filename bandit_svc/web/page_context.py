"""What every page has at hand.

Owns what pages may touch: the store, the reading end of the log and the clock. Not
the catalog, not the writer: no page stands in the way of a decision.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import render_template, request
from markupsafe import Markup, escape

from bandit_svc.storage.interface import Storage
from bandit_svc.wiring import Backends


class PageContext(NamedTuple):
    """Passed to each file of pages."""

    backends: Backends
    now_ms: Callable[[], int]

    @property
    def storage(self) -> Storage:
        """The store."""
        return self.backends.storage


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - what a template shows
    """Render a page; only its main part where a page refreshes itself."""
    partial = "HX-Request" in request.headers
    layout = "partial.html" if partial else "base.html"
    return render_template(template, layout=layout, **values)


def moment(at: int | str | None) -> str:
    """Write a moment for people, in UTC: milliseconds since the epoch, or RFC 3339."""
    if at is None:
        return "\N{EN DASH}"
    if isinstance(at, str):
        return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S}"
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def with_code(sentence: str) -> Markup:
    """Return a sentence as HTML, with backquoted parts as code; all is escaped."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return escape(sentence)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def size(size_bytes: float) -> str:
    """Write a number of bytes: 512 B, 12 kB, 3.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:  # noqa: PLR2004 - the next unit
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"
