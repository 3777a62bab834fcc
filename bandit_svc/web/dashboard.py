"""The dashboard: its pages, their access, their errors and what templates share.

Owns how the pages are put into the application. Each module of web/pages adds its own
routes by its function `register`, so that a new page is one new file. Who may see a
page is web/access/page_access.py's; every form carries `visitor.form_token`.
"""

from functools import partial
from importlib import import_module
from pkgutil import iter_modules

from flask import Blueprint, Flask

from bandit_svc.charts.interval import small_interval
from bandit_svc.domain.numbers import (
    amount,
    byte_size,
    count,
    duration,
    percent,
    points,
)
from bandit_svc.http.request_context import RequestContext
from bandit_svc.prose.apprentice.sentence import apprentice_sentence
from bandit_svc.prose.consent import consent_sentence
from bandit_svc.prose.corrections import corrections_sentence
from bandit_svc.prose.deployed import deployed_sentence
from bandit_svc.prose.derived import (
    chance_sentence,
    chance_text,
    claims_sentence,
    derived_cells,
    derived_note,
)
from bandit_svc.prose.memory import memory_sentence, thinning_sentence
from bandit_svc.prose.money import money_sentences
from bandit_svc.prose.periods import during, note_on_times
from bandit_svc.prose.planned import outlook_sentence
from bandit_svc.prose.report_html import page as report_page
from bandit_svc.prose.restricted import restricted_sentence
from bandit_svc.prose.slots import slot_cells, slots_sentence
from bandit_svc.web import pages
from bandit_svc.web.access import page_access, page_errors, sign_in
from bandit_svc.web.access.own_address import own
from bandit_svc.web.assets import Assets
from bandit_svc.web.page_context import (
    PageContext,
    group_name,
    moment,
    sentence,
    with_code,
)
from bandit_svc.web.pretty_json import brief, one_line, pretty


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the pages to the application of one worker, after the parts of the API."""
    page_context = PageContext(
        request_context.worker, request_context.now_ms, request_context.entropy
    )
    routes = page_routes(page_context)
    access = page_access.register(app, request_context)
    sign_in.register(routes, request_context, access)
    page_errors.register(app, routes)
    app.register_blueprint(routes)


def page_routes(page_context: PageContext) -> Blueprint:
    """Return the routes of all pages, open to anybody until `register` guards them."""
    routes = Blueprint("pages", __name__, template_folder="templates")
    # The macro that shows a figure is the report's own.
    routes.register_blueprint(
        Blueprint("figures", report_page.__name__, template_folder="templates")
    )
    Assets().register(routes)
    for name in page_modules():
        import_module(name).register(routes, page_context)
    for write in (amount, byte_size, count, duration, percent, points, moment):
        routes.add_app_template_filter(write)
    for spell in (pretty, one_line, brief, group_name, with_code, sentence):
        routes.add_app_template_filter(spell)
    derived = derived_cells, derived_note, chance_text, chance_sentence, claims_sentence
    told = during, note_on_times, outlook_sentence, money_sentences
    apart = consent_sentence, restricted_sentence, slots_sentence, slot_cells
    changed = corrections_sentence, deployed_sentence, apprentice_sentence
    learned = memory_sentence, thinning_sentence
    for tell in (*told, *derived, *apart, *changed, *learned):
        routes.add_app_template_filter(tell)
    routes.add_app_template_global(small_interval)
    routes.add_app_template_global(partial(own, ""), "prefix")
    return routes


def page_modules() -> list[str]:
    """Return the names of the modules of web/pages, sorted."""
    found = iter_modules(pages.__path__, f"{pages.__name__}.")
    return sorted(module.name for module in found)
