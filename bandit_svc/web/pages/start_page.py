"""The page of a first request: examples to send, and the newest decision.

Owns the page; the examples are prose.example_requests'.
"""

from typing import Any

from flask import Blueprint, request

from bandit_svc.http.doors.client_module import newest_module
from bandit_svc.prose.example_requests import example_requests
from bandit_svc.storage.overview import RecentDecision
from bandit_svc.web.page_context import PageContext, render


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the page."""

    @routes.get("/experiments/<key>/start")
    def start(key: str) -> str:
        experiment = page_context.storage.experiments.get(key)
        newest = _newest(page_context, experiment.number)
        address = request.url_root.rstrip("/")
        context: Any = newest.decision.context if newest else None
        return render(
            "start.html",
            experiment=experiment,
            newest=newest,
            examples=example_requests(experiment, address, context),
            module=newest_module(),
            address=address,
            dev=page_context.backends.settings.dev,
        )


def _newest(page_context: PageContext, number: int) -> RecentDecision | None:
    for state in ("open", "joined", "deferred"):
        found = page_context.storage.overview.recent(number, state, 1)
        if found:
            return found[0]
    return None
