"""The dashboard's pages, put together.

Owns the blueprint and what all templates share. Each page is a file of its own that
adds its routes here. Who may see a page is web/access/page_access.py's; every form
carries `visitor.form_token`.
"""

from collections.abc import Callable

from flask import Blueprint

from bandit_svc.charts.interval import small_interval
from bandit_svc.domain.numbers import amount, count, duration, percent
from bandit_svc.prose.report_html import page as report_page
from bandit_svc.web.assets import Assets
from bandit_svc.web.page_context import Desk, moment, said, size
from bandit_svc.web.pages import (
    change_pages,
    decision_pages,
    experiment_list,
    experiment_page,
    new_experiment,
    ops_page,
    playground_page,
    start_page,
)
from bandit_svc.web.pretty_json import brief, one_line, pretty
from bandit_svc.wiring import Backends

_FILES = (
    experiment_list,
    experiment_page,
    change_pages,
    start_page,
    new_experiment,
    playground_page,
    decision_pages,
    ops_page,
)


def blueprint(backends: Backends, now_ms: Callable[[], int]) -> Blueprint:
    """Make the pages over a store."""
    routes = Blueprint("pages", __name__, template_folder="templates")
    # The macro that shows a figure is the report's own.
    routes.register_blueprint(
        Blueprint("figures", report_page.__name__, template_folder="templates")
    )
    Assets().add_to(routes)
    desk = Desk(backends, now_ms)
    for file in _FILES:
        file.add_routes(routes, desk)
    for write in (amount, percent, count, duration, moment, size):
        routes.add_app_template_filter(write)
    for spell in (pretty, one_line, brief, said):
        routes.add_app_template_filter(spell)
    routes.add_app_template_global(small_interval)
    return routes
