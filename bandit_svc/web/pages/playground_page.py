"""The page `/playground/<key>`: the chances of each variant for any context.

Owns the form and its address. The address contains the whole context, so that a link
shows the same page to others. Nothing is logged.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from flask import Blueprint, request
from werkzeug.datastructures import MultiDict

from bandit_svc.charts.chances import Chance, chances
from bandit_svc.domain.numbers import percent
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput
from bandit_svc.prose.report_html.figure import Figure, figure
from bandit_svc.services.serving.playground import (
    Chances,
    ContextField,
    Path,
    Playground,
    context_fields,
    context_of,
    features_of,
    newest_contexts,
)
from bandit_svc.web.forms.form_result import form_result_of
from bandit_svc.web.page_context import PageContext, render
from bandit_svc.web.pretty_json import one_line

Json = dict[str, Any]
Sent = MultiDict[str, str]
_DEEPEST = 2
_DIGITS = 6


class Control(NamedTuple):
    """One feature of the form."""

    name: str
    """A JSON pointer, which is the name of the field in the address."""
    label: str
    kind: str
    options: list[tuple[str, str]]
    """The options of a menu: the value that is sent, and the text that is shown."""
    value: str
    used: bool
    low: str = ""
    high: str = ""
    step: str = ""


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the page."""
    models = Playground(page_context.storage)

    @routes.get("/playground/<key>")
    def playground(key: str) -> str:
        experiment = page_context.storage.experiments.get(key)
        contexts = newest_contexts(page_context.storage, experiment)
        sent = request.args
        newest = contexts[0] if contexts else {}
        read = form_result_of(lambda: _context(sent, newest))
        context = read.value if read.value is not None else {}
        asked = form_result_of(lambda: models.chances(experiment, context))
        refused = read if read.refusal else asked
        return render(
            "playground.html",
            experiment=experiment,
            controls=_controls(context_fields(contexts), context),
            context=context,
            typed=sent.get("context", ""),
            found=asked.value,
            drawn=_drawn(asked.value) if asked.value else None,
            problem=refused.refusal.message_on("page") if refused.refusal else None,
            seen=len(contexts),
        )


def _context(sent: Sent, newest: Context) -> Context:
    """Return the context of an address, or that of the newest decision without one."""
    if "context" in sent:
        return _typed(sent["context"])
    if "asked" not in sent:
        return newest
    features: dict[Path, Any] = {}
    used = set(sent.getlist("use"))
    for name, text in sent.items():
        pointer, is_text = name.removeprefix("text:"), name.startswith("text:")
        is_left_out = f"has:{pointer}" in sent and pointer not in used
        if pointer.startswith("/") and text and not is_left_out:
            features[_path(pointer)] = text if is_text else _value(text, pointer)
    return context_of(features)


def _typed(text: str) -> Json:
    try:
        found = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput.at("/context", "the context is not JSON") from error
    if not isinstance(found, dict):
        raise InvalidInput.at("/context", "the context must be a JSON object")
    return found


def _value(text: str, pointer: str) -> Any:  # noqa: ANN401 - any feature
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        detail = "a value in the address is not JSON; choose a value from the menu"
        raise InvalidInput.at(pointer[:128], detail) from error


def _path(pointer: str) -> Path:
    steps = pointer[1:].split("/")
    if len(steps) > _DEEPEST:
        raise InvalidInput.at(pointer[:128], "namespaces nest one level deep")
    return tuple(s.replace("~1", "/").replace("~0", "~") for s in steps)


def _pointer(path: Path) -> str:
    return "".join("/" + s.replace("~", "~0").replace("/", "~1") for s in path)


def _controls(fields: list[ContextField], context: Context) -> list[Control]:
    given = dict(features_of(context))
    known = {field.path for field in fields}
    # Features that the address names and none of the newest decisions had.
    fields = [*fields, *(ContextField(p, "choice") for p in given if p not in known)]
    return [_control(field, given) for field in fields]


def _control(field: ContextField, given: Mapping[Path, Any]) -> Control:
    used = field.path in given
    value = given.get(field.path)
    name, label = _pointer(field.path), ".".join(field.path)
    if field.kind == "number" and (not used or type(value) in {int, float}):
        shown: float = field.low if value is None else value
        low, high = min(field.low, shown), max(field.high, shown)
        bounds = (_slider_number(low), _slider_number(high), _slider_number(field.step))
        return Control(name, label, "number", [], _slider_number(shown), used, *bounds)
    if field.kind == "text" and (not used or isinstance(value, str)):
        return Control(f"text:{name}", label, "text", [], value or "", used)
    values = list(field.values)
    if used and one_line(value) not in map(one_line, values):
        values.append(value)
    options = [(one_line(v), v if isinstance(v, str) else one_line(v)) for v in values]
    chosen = one_line(value) if used else ""
    return Control(name, label, "choice", options, chosen, used)


def _slider_number(value: float) -> str:
    """Write a number as a slider sends it back, with few digits."""
    return one_line(value if isinstance(value, int) else round(value, _DIGITS))


def _drawn(found: Chances) -> Figure:
    rows = found.variants
    bars = [Chance(row.variant, row.probability) for row in rows]
    return figure(
        lambda width: chances(bars, "The chance of each variant", percent, width),
        ("Variant", "Chance", "Of it by the floor", "Chance in the holdout"),
        [
            (
                row.variant,
                percent(row.probability),
                percent(row.by_floor),
                percent(row.baseline),
            )
            for row in rows
        ],
    )
