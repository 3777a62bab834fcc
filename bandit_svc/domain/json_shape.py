"""Places in a JSON document, and how deep it nests.

Owns RFC 6901 pointers, the limits on depth and on texts, and which values are numbers.
Pure, and knows no field by name.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, TypeVar

import msgspec

from bandit_svc.domain.limits import MAX_NESTING, MAX_STRING_LENGTH
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import InvalidInput

Kind = TypeVar("Kind")
# How msgspec ends a message: " - at `$.a[0].b`". A key of a free object is `[...]`.
_PATH = re.compile(r" - at `\$([\w.\[\]]*)`\Z")
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(.*)`\Z", re.DOTALL)
_ANY_KEY = "[...]"
_NAME_LENGTH = 64


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number of JSON; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_length(pointer: str, text: str) -> None:
    """Refuse an empty text, or one of over 256 characters.

    Raises:
        InvalidInput: with the pointer, whose field the message names.
    """
    if not 1 <= len(text) <= MAX_STRING_LENGTH:
        raise InvalidInput.at(
            pointer,
            f"{pointer[1:]} has {len(text)} characters; it must have between 1 and "
            f"{MAX_STRING_LENGTH}",
        )


def escape_pointer(name: str) -> str:
    """Escape a name for a JSON pointer (RFC 6901), cut to a readable length."""
    return name[:_NAME_LENGTH].replace("~", "~0").replace("/", "~1")


def located(message: str) -> tuple[str, str]:
    """Split msgspec's sentence into a JSON pointer and the rest.

    "Expected `str`, got `int` - at `$.a[0].b`" gives "/a/0/b" and the first part;
    a missing or unknown field is named by the pointer too. Below a free object
    msgspec names no key, so the pointer ends at that object.
    """
    free, _, text = _parted(message)
    return free, text


def converted(raw: Any, kind: type[Kind]) -> Kind:  # noqa: ANN401 - any JSON
    """Read a struct from plain JSON values.

    Raises:
        InvalidInput: a type is wrong or a field is unknown; the pointer names it.
    """

    def why_refused(other: Any) -> str | None:  # noqa: ANN401 - any JSON
        try:
            msgspec.convert(other, kind)
        except msgspec.ValidationError as error:
            return str(error)
        return None

    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput.at(*located_in(raw, str(error), why_refused)) from error


def located_in(
    document: Any,  # noqa: ANN401 - any JSON
    message: str,
    message_of: Callable[[Any], str | None],
) -> tuple[str, str]:
    """Split msgspec's sentence as `located` does, with the key of a free object.

    Args:
        document: that was refused.
        message: why.
        message_of: returns why another document is refused; None where it is not.
    """
    free, below, text = _parted(message)
    names = free.split("/")[1:]
    keys = [] if below is None else list(_at(document, names))
    while len(keys) > 1:
        half = keys[: len(keys) // 2]
        same = message_of(_with_keys(document, names, half)) == message
        keys = half if same else keys[len(half) :]
    if not keys:
        return free, text
    return f"{free}/{escape_pointer(keys[0])}{below}", text


def _parted(message: str) -> tuple[str, str | None, str]:
    """Return the pointer to the first free object, the one below its key, the rest.

    Where no free object is on the way, the first is all of the pointer.
    """
    path = _PATH.search(message)
    if path is None:
        return _pointer("", message), None, message
    text = message[: path.start()]
    free, free_key, below = path[1].partition(_ANY_KEY)
    if not free_key:
        return _pointer(free, text), None, text
    return _pointer(free), _pointer(below.partition(_ANY_KEY)[0], text), text


def _pointer(steps: str, text: str = "") -> str:
    """Return the pointer of msgspec's steps, and of the field that its text names."""
    pointer = steps.replace("[", ".").replace("]", "").replace(".", "/")
    field = _FIELD.search(text)
    return f"{pointer}/{escape_pointer(field.group(1))}" if field else pointer


def _at(document: Any, names: Iterable[str]) -> Payload:  # noqa: ANN401 - any JSON
    """Return the object at a place; an empty one where there is none."""
    for name in names:
        document = dict(_members(document)).get(name)
    return document if isinstance(document, dict) else {}


def _with_keys(document: Any, names: list[str], keys: list[str]) -> Any:  # noqa: ANN401 - any JSON
    """Return a document whose object at a place has no more than these keys."""
    if not names:
        return {key: document[key] for key in keys}
    name, *rest = names
    if isinstance(document, list):
        return [
            _with_keys(child, rest, keys) if str(index) == name else child
            for index, child in enumerate(document)
        ]
    return document | {name: _with_keys(document[name], rest, keys)}


def check_nesting(value: Any, pointer: str = "") -> None:  # noqa: ANN401 - any JSON
    """Refuse a document that nests so deeply that some reader of it would fail.

    Whatever is kept is read again by other code at other stack depths, so the
    limit must be far below that of any of them.

    Raises:
        InvalidInput: it nests more than 64 levels deep.
    """
    level = [child for _, child in _inside({"": value})]
    for _ in range(MAX_NESTING):
        level = [child for parent in level for _, child in _inside(parent)]
        if not level:
            return
    raise InvalidInput.at(
        pointer, f"it nests too deeply; at most {MAX_NESTING} levels are allowed"
    )


def non_finite(document: Any) -> str | None:  # noqa: ANN401 - any JSON
    """Return the pointer of the first NaN or infinity in a document."""
    waiting = [("", document)]
    while waiting:
        pointer, value = waiting.pop()
        for name, child in reversed(_members(value)):
            waiting.append((f"{pointer}/{escape_pointer(name)}", child))
        if isinstance(value, float) and not math.isfinite(value):
            return pointer
    return None


def _members(value: object) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return [(str(index), child) for index, child in enumerate(value)]
    return []


def _inside(value: object) -> list[tuple[str, Any]]:
    return [(n, c) for n, c in _members(value) if isinstance(c, dict | list)]
