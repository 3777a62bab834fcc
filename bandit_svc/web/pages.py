"""The plain status page.

Owns the page that shows every experiment at a glance; no script, server-rendered.
The dashboard proper comes with its own issue.
"""

from collections.abc import Callable

from flask import Blueprint, render_template

from bandit_svc.services.report import build_report
from bandit_svc.storage.interface import Storage


def blueprint(storage: Storage, now_ms: Callable[[], int]) -> Blueprint:
    """Make the pages over a store."""
    routes = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static",
        static_url_path="/static",
    )  # fmt: skip

    @routes.get("/")
    def status() -> str:
        reports = [
            build_report(storage, experiment, now_ms())
            for experiment in storage.experiments.all()
        ]
        return render_template("status.html", reports=reports)

    routes.add_app_template_filter(number)
    routes.add_app_template_filter(percent)
    return routes


def number(value: float | None) -> str:
    """Show a reward with four digits, or a dash where nothing is known."""
    return "—" if value is None else f"{value:+.4f}"


def percent(value: float | None) -> str:
    """Show a share, or a dash where nothing is known."""
    return "—" if value is None else f"{value:.1%}"
