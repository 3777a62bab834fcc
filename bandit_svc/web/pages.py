"""The plain status page.

Owns the page that shows every experiment at a glance; no script, server-rendered.
The dashboard proper comes with its own issue.
"""

from collections.abc import Callable

from flask import Blueprint, render_template

from bandit_svc.services.report import build_report
from bandit_svc.services.wording import amount, count, percent
from bandit_svc.storage.interface import Storage


def blueprint(storage: Storage, now_ms: Callable[[], int]) -> Blueprint:
    """Make the pages over a store."""
    routes = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static",
        static_url_path="/static",
    )  # fmt: skip

    @routes.get("/")
    def status() -> str:
        experiments = storage.experiments.all()
        at_ms = now_ms()
        return render_template(
            "status.html",
            reports=[build_report(storage, e, at_ms) for e in experiments],
            descriptions={e.key: e.definition.description for e in experiments},
        )

    for write in (amount, percent, count):
        routes.add_app_template_filter(write)
    return routes
