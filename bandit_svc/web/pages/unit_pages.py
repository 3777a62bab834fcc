"""The pages of units: a search, what is stored of one, and its erasure.

Owns what is shown of a unit. A searched id is sent in a form, never in an address: an
address is the name under which the unit is kept, which tells nobody who it is.
"""

from typing import Any

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from bandit_svc.errors import InvalidInput, NotFound
from bandit_svc.services.managing.privacy.ask_erasure import ID_BYTES, ask_erasure
from bandit_svc.services.managing.privacy.export_unit import UnitExport, export_unit
from bandit_svc.services.people.look_up_unit import look_up_unit
from bandit_svc.web.access.own_address import own
from bandit_svc.web.page_context import PageContext, render

Page = str | tuple[str, int] | Response
Json = dict[str, Any]
MOST_SHOWN = 50
"""Decisions of a unit on its page; all are in `bandit-svc privacy export`."""


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the pages."""
    _add_search(routes, page_context)
    _add_unit(routes, page_context)
    _add_erasure(routes, page_context)


def _add_search(routes: Blueprint, page_context: PageContext) -> None:
    @routes.get("/units")
    def units() -> Page:
        return render("units.html", problem="")

    @routes.post("/units")
    def find_unit() -> Page:
        wanted = request.form.get("id", "").strip()
        try:
            name = _kept_name(page_context, wanted)
        except InvalidInput as error:
            return render("units.html", problem=error.message), 400
        if not _is_known(export_unit(page_context.storage, name)):
            return render("units.html", problem="nothing is stored of this id"), 404
        return redirect(own(f"/units/{name}"), 303)


def _add_unit(routes: Blueprint, page_context: PageContext) -> None:
    @routes.get("/units/<unit_id>")
    def unit(unit_id: str) -> Page:
        found = _found(page_context, unit_id)
        decisions = sorted(found.decisions, key=lambda d: d.decided_at, reverse=True)
        return render(
            "unit.html",
            unit=found,
            features=_features(page_context, found.unit_id),
            decisions=decisions[:MOST_SHOWN],
        )


def _add_erasure(routes: Blueprint, page_context: PageContext) -> None:
    @routes.get("/units/<unit_id>/erase")
    def confirm_erasure(unit_id: str) -> Page:
        return render("erase.html", unit=_found(page_context, unit_id))

    @routes.post("/units/<unit_id>/erase")
    def erase(unit_id: str) -> Page:
        erasure = ask_erasure(
            page_context.storage,
            _kept_name(page_context, unit_id),
            page_context.entropy(ID_BYTES),
            page_context.now_ms(),
        )
        return redirect(own(f"/erasures/{erasure.id}"), 303)

    @routes.get("/erasures/<erasure_id>")
    def erasure(erasure_id: str) -> Page:
        found = page_context.storage.privacy.get(erasure_id)
        if found is None:
            raise NotFound("there is no erasure of this id")
        return render("erasure.html", erasure=found, is_done=found.step == "done")


def _kept_name(page_context: PageContext, unit_id: str) -> str:
    """Return the name under which a unit is kept; the reader may name it too.

    Raises:
        InvalidInput: the id is empty or too long.
    """
    return page_context.backends.pseudonyms.of(unit_id, trusted=True, pointer="/id")


def _found(page_context: PageContext, name: str) -> UnitExport:
    """Return what is stored of a unit.

    Raises:
        NotFound: nothing is.
    """
    found = export_unit(page_context.storage, _kept_name(page_context, name))
    if not _is_known(found):
        raise NotFound("nothing is stored of this unit")
    return found


def _is_known(found: UnitExport) -> bool:
    return bool(found.state or found.facts or found.decisions)


def _features(page_context: PageContext, name: str) -> Json:
    """Return the features as they are now, by experiment; empty without any."""
    storage = page_context.storage
    if storage.units.state(name) is None:
        return {}
    known = look_up_unit(
        storage, storage.experiments.all(), name, page_context.now_ms()
    )
    return {key: dict(found) for key, found in known.features.items() if found}
