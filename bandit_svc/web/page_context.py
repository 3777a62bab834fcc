"""What every page has at hand.

Owns what pages may touch: the store, the reading end of the log and the clock. Not
the catalog, not the writer: no page holds what a request for a decision holds. Owns
the filters that are made for templates alone.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import render_template, request
from markupsafe import Markup, escape

from bandit_svc.domain.experiment import TREATMENT
from bandit_svc.domain.numbers import NOTHING
from bandit_svc.domain.times import to_the_second
from bandit_svc.storage.interface import Storage
from bandit_svc.wiring import Backends


class PageContext(NamedTuple):
    """Passed to each module of pages."""

    backends: Backends
    now_ms: Callable[[], int]
    entropy: Callable[[int], bytes] = os.urandom
    """Returns so many random bytes."""

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
    """Return an instant in UTC to the second; a dash for None."""
    return NOTHING if at is None else to_the_second(at)


def group_name(group: str) -> str:
    """Return the name of a group on pages, where the treatment is the bandit."""
    return "bandit" if group == TREATMENT else group


def with_code(text: str) -> Markup:
    """Return a text as HTML, with backquoted parts as code; all is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def sentence(message: str) -> Markup:
    """Return the message of an error as a sentence, with backquoted parts as code."""
    end = "" if message.endswith((".", "!", "?")) else "."
    return with_code(message[:1].upper() + message[1:] + end)
