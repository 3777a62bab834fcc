"""The pages of programmes: the list, what one earns, and the form of its groups.

Owns what is shown of a programme, and the steps of its form.
"""

import secrets
from collections.abc import Callable, Mapping

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.prose.programmes import programme_figure
from bandit_svc.services.managing.lifecycle import SALT_BYTES
from bandit_svc.services.managing.programmes.manage import (
    change_programme,
    convert_programme,
    create_programme,
)
from bandit_svc.services.report.programmes.build import build_programme_report
from bandit_svc.web.access.own_address import own
from bandit_svc.web.forms.form_result import form_result_of
from bandit_svc.web.forms.json_field import Json
from bandit_svc.web.forms.programme_form import (
    EMPTY,
    field_of_programme,
    read_programme,
    texts_of,
    typed_of,
)
from bandit_svc.web.page_context import PageContext, render

Page = str | tuple[str, int] | Response


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the pages."""
    storage = page_context.storage

    @routes.get("/programmes")
    def programmes() -> str:
        found = [(one, _members(page_context, one)) for one in storage.programmes.all()]
        return render("programmes.html", programmes=found)

    @routes.get("/programmes/new")
    def new_programme() -> str:
        return _form(EMPTY, {})

    @routes.post("/programmes/new")
    def make_programme() -> Page:
        return _make(page_context)

    @routes.get("/programmes/<programme>")
    def show_programme(programme: str) -> str:
        found = storage.programmes.get(programme)
        report = build_programme_report(storage, found, page_context.now_ms())
        return render(
            "programme.html",
            programme=found,
            members=_members(page_context, found),
            report=report,
            figure=programme_figure(report),
        )

    @routes.get("/programmes/<programme>/change")
    def edit_programme(programme: str) -> str:
        found = storage.programmes.get(programme)
        return _form(texts_of(found.definition), {}, found)

    @routes.post("/programmes/<programme>/change")
    def take_programme(programme: str) -> Page:
        return _change(page_context, storage.programmes.get(programme))


def _make(page_context: PageContext) -> Page:
    def create(raw: Json) -> Programme:
        return create_programme(
            page_context.storage,
            convert_programme({n: v for n, v in raw.items() if v is not None}),
            secrets.token_hex(SALT_BYTES),
            page_context.now_ms(),
        )

    return _taken(create, None)


def _change(page_context: PageContext, programme: Programme) -> Page:
    def change(raw: Json) -> Programme:
        storage, now_ms = page_context.storage, page_context.now_ms()
        patch = raw | {"key": programme.key}
        return change_programme(storage, programme.key, patch, now_ms)

    return _taken(change, programme)


def _taken(store: Callable[[Json], Programme], programme: Programme | None) -> Page:
    """Store what was typed, or show the form again with its problems."""
    typed = typed_of(request.form)
    raw, problems = read_programme(typed)
    if not problems:
        tried = form_result_of(lambda: store(raw))
        if tried.value is not None:
            return redirect(own(f"/programmes/{tried.value.key}"), 303)
        problems = {
            field_of_programme(pointer): text
            for pointer, text in tried.problems.items()
        }
    return _form(typed, problems, programme), 400


def _form(
    typed: Mapping[str, str],
    problems: Mapping[str, str],
    programme: Programme | None = None,
) -> str:
    return render(
        "programme_form.html", typed=typed, problems=problems, programme=programme
    )


def _members(page_context: PageContext, programme: Programme) -> list[str]:
    """Return the keys of the experiments of a programme."""
    return [
        one.key
        for one in page_context.storage.experiments.all()
        if one.definition.programme == programme.key
    ]
