"""The pages that change an experiment: a preview of the effect, then the change.

Owns the way from a form to services.managing.lifecycle and back. A form carries the
revision that its reader has seen; a conflict is shown above the form, and an invalid
field beside the field.
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.errors import Conflict
from bandit_svc.prose.consequences import consequences, restore_consequences
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.splits.promoting import check_jump
from bandit_svc.storage.rows import Revision
from bandit_svc.web.access.own_address import own
from bandit_svc.web.forms.actions import ACTIONS, Action, Given
from bandit_svc.web.forms.form_result import FormResult, form_result_of
from bandit_svc.web.page_context import PageContext, render

Page = str | tuple[str, int] | Response
Json = dict[str, Any]
NOTE = "dashboard: "
NOTICE_MS = 10 * 60_000
"""How long after a change the page of the experiment reports it, in milliseconds."""
MAX_VERSION = 2**31 - 1
_REVISION = re.compile("[0-9]{1,9}")


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the confirmation of each change, and of a restored model."""
    _add_changes(routes, page_context)
    _add_restore(routes, page_context)


def _add_changes(routes: Blueprint, page_context: PageContext) -> None:
    experiments = page_context.storage.experiments

    @routes.get("/experiments/<key>/change/<name>")
    def change(key: str, name: str) -> Page:
        return _confirmation(page_context, experiments.get(key), name, request.args)

    @routes.post("/experiments/<key>/change/<name>")
    def make_change(key: str, name: str) -> Page:
        experiment, given = experiments.get(key), request.form
        action = _action(name)

        def call() -> Experiment:
            return lifecycle.change(
                page_context.storage,
                key,
                _patch(page_context, experiment, action, given),
                page_context.now_ms(),
                note=NOTE + _lowered(action.title_for(given)),
                revision=_revision(given),
                who="dashboard",
            )

        made = form_result_of(call)
        if made.value is None:
            return _confirmation(page_context, experiments.get(key), name, given, made)
        if made.value == experiment:
            # Nothing differs, so nothing was stored; the page says that.
            return _confirmation(page_context, experiment, name, given)
        return redirect(own(f"/experiments/{key}?done={made.value.revision}"), 303)


def _confirmation(
    page_context: PageContext,
    experiment: Experiment,
    name: str,
    given: Given,
    refused: FormResult[Any] | None = None,
) -> Page:
    """Render what the change will do, or why it is refused."""
    action = _action(name)
    definition = experiment.definition
    tried = form_result_of(
        lambda: lifecycle.changed_definition(
            experiment, _patch(page_context, experiment, action, given)
        )
    )
    fields = action.fields(definition, given)
    sentences = consequences(experiment, tried.value) if tried.value else []
    shown = refused or tried
    page = render(
        "change.html",
        experiment=experiment,
        action=action,
        address=own(f"/experiments/{experiment.key}/change/{name}"),
        title=action.title_for(given),
        fields=fields,
        kept=_kept(action, given, [f.name for f in fields]),
        values={f.name: given.get(f.name, f.value) for f in fields},
        sentences=sentences,
        ready=tried.refusal is None,
        problems=shown.problems,
        own={f.pointer for f in fields},
    )
    # A preview is always a page; a refused change has the status of its refusal.
    return page, refused.status if refused else 200


def _patch(
    page_context: PageContext, experiment: Experiment, action: Action, given: Given
) -> Json:
    """Return what a form changes.

    Raises:
        Conflict: it must not be changed for all units at once.
    """
    patch = action.patch(experiment.definition, given)
    check_jump(page_context.storage, experiment, patch)
    return patch


def _kept(action: Action, given: Given, asked: list[str]) -> Json:
    """Return the values that the form passes on without a field."""
    names = {action.name} - {"", *asked}
    return {name: given.get(name, "") for name in names}


def _action(name: str) -> Action:
    return ACTIONS.get(name) or abort(404)


def _revision(given: Given) -> int:
    text = given.get("revision", "")
    # A form without a revision is a conflict: no experiment has revision 0.
    return int(text) if _REVISION.fullmatch(text) else 0


def _lowered(title: str) -> str:
    return title[0].lower() + title[1:]


def _add_restore(routes: Blueprint, page_context: PageContext) -> None:
    address = f"/experiments/<key>/models/<int(max={MAX_VERSION}):version>/restore"

    @routes.get(address)
    def restore(key: str, version: int) -> Page:
        return _restore_page(page_context, key, version)

    @routes.post(address)
    def make_restore(key: str, version: int) -> Page:
        made = form_result_of(
            lambda: lifecycle.restore(
                page_context.storage,
                key,
                version,
                page_context.now_ms(),
                _revision(request.form),
            )
        )
        if made.value is None:
            return _restore_page(page_context, key, version, made)
        return redirect(own(f"/experiments/{key}?model={made.value.version}"), 303)


def _restore_page(
    page_context: PageContext,
    key: str,
    version: int,
    refused: FormResult[Any] | None = None,
) -> Page:
    experiment = page_context.storage.experiments.get(key)
    metas = page_context.storage.model_versions.metas(experiment.number)
    old = next((m for m in metas if m.version == version), None) or abort(404)
    if experiment.definition.status == "archived":
        refused = FormResult(
            None,
            Conflict("the experiment is archived, so it can't be changed any more"),
        )
    page = render(
        "change.html",
        experiment=experiment,
        action=None,
        address=own(f"/experiments/{key}/models/{version}/restore"),
        title=f"Restore model version {version}",
        fields=[],
        kept={},
        values={},
        sentences=restore_consequences(metas[0], old, experiment.definition.policy)
        if old is not metas[0]
        else [],
        ready=experiment.definition.status != "archived",
        problems=refused.problems if refused else {},
        own=set(),
    )
    return page, refused.status if refused else 200


def change_notice(
    args: Mapping[str, str],
    revisions: list[Revision],
    metas: list[ModelVersionMeta],
    now_ms: int,
) -> str | None:
    """Return a sentence on the change that the address names, if the store has it."""
    newest = revisions[-1]
    if args.get("done") == str(newest.revision) and _is_new(
        newest.revised_at_ms, now_ms
    ):
        what = newest.note.removeprefix(NOTE) or "saved"
        return f"Revision {newest.revision}: {what}. It is in effect."
    for meta in metas:
        if args.get("model") == str(meta.version) and meta.restored_from:
            if not _is_new(meta.created_at_ms, now_ms):
                return None
            return (
                f"Model version {meta.restored_from} serves again, as version "
                f"{meta.version}."
            )
    return None


def _is_new(at_ms: int, now_ms: int) -> bool:
    return now_ms - at_ms < NOTICE_MS
