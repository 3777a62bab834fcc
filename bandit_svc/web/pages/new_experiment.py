"""The page `/new`: a form that creates an experiment and checks while one types.

Owns the steps of the form. It works without scripts, where each button loads the page
again. Nothing is stored before the last step. `/experiments/new` redirects here unless
an experiment has the key `new`.
"""

import re
import secrets

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from bandit_svc.domain.aggregates import AGGREGATES
from bandit_svc.services.managing import lifecycle
from bandit_svc.web.access.own_address import own
from bandit_svc.web.forms.definition_form import (
    MOST_ROWS,
    POLICIES,
    DefinitionForm,
    Reading,
    empty_form,
    field_of,
    form_of,
    read_form,
    settings_hint,
    unfinished,
)
from bandit_svc.web.forms.form_result import form_result_of
from bandit_svc.web.forms.plan_form import read_plan
from bandit_svc.web.forms.variant_row import ADVANCED, Row
from bandit_svc.web.page_context import PageContext, render

Page = str | tuple[str, int] | Response
_REMOVE = re.compile(r"remove-(\d{1,3})")
_TAKEN = "an experiment with this key exists already; choose another key"


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the form and its steps."""

    @routes.get("/new")
    def new() -> str:
        return _page(empty_form(), None)

    @routes.post("/new/check")
    def check_new() -> str:
        form = form_of(request.form)
        reading = _read(page_context, form)
        shown = unfinished(reading.problems, form)
        return _page(form, Reading(reading.definition, shown))

    @routes.post("/new")
    def take_new() -> Page:
        form, step = form_of(request.form), request.form.get("do", "")
        if step == "add":
            return _page(form.with_rows((*form.rows, Row())), None)
        if removed := _REMOVE.fullmatch(step):
            place = int(removed[1])
            rows = tuple(r for n, r in enumerate(form.rows) if n != place)
            return _page(form.with_rows(rows), None)
        return _create(page_context, form)


def _create(page_context: PageContext, form: DefinitionForm) -> Page:
    definition, problems = _read(page_context, form)
    if definition is not None and not problems:
        salt = secrets.token_hex(lifecycle.SALT_BYTES)
        made = form_result_of(
            lambda: lifecycle.create(
                page_context.storage, definition, salt, page_context.now_ms()
            )
        )
        if made.value is not None:
            return redirect(own(f"/experiments/{made.value.key}/start"), 303)
        problems = {field_of("/key", []): _TAKEN}
    return _page(form, Reading(None, problems), tried=True), 400


def _read(page_context: PageContext, form: DefinitionForm) -> Reading:
    reading = _with_plan(read_form(form), form)
    key = form.values["key"].strip()
    if key in {e.key for e in page_context.storage.experiments.all()}:
        return Reading(None, {**reading.problems, "key": _TAKEN})
    return reading


def _with_plan(reading: Reading, form: DefinitionForm) -> Reading:
    """Return a reading with the problems of the planner's fields, if it has any."""
    problems = read_plan(form.values).problems
    if not problems:
        return reading
    return Reading(None, {**problems, **reading.problems})


def _page(form: DefinitionForm, reading: Reading | None, *, tried: bool = False) -> str:
    return render(
        "new.html",
        form=form,
        problems={} if reading is None else reading.problems,
        ready=reading is not None and reading.definition is not None,
        tried=tried,
        planned=read_plan(form.values).sentence,
        policies=POLICIES,
        settings_hint=settings_hint(form.values["policy_kind"]),
        aggregates=AGGREGATES,
        most_rows=MOST_ROWS,
        advanced=ADVANCED,
    )
