"""One variant in the form of a new experiment.

Owns its texts, their way to a variant of a definition, and the names of its fields. All
but the key may stay empty, and what is empty is left out.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from bandit_svc.web.forms.json_field import Json, read_json, read_object
from bandit_svc.web.forms.number_field import read_number

ROW_FIELDS = (
    *("key", "features", "payload", "max_share"),
    *("when", "from", "until", "tags"),
)
"""In the order of `Row`, and as a definition calls them."""
ADVANCED = ROW_FIELDS[4:]
"""Those that say when it may be shown."""
Read = Callable[[str, Callable[[], Any]], Any]


class Row(NamedTuple):
    """The texts of one variant."""

    key: str = ""
    features: str = ""
    payload: str = ""
    max_share: str = ""
    when: str = ""
    from_: str = ""
    until: str = ""
    tags: str = ""

    @property
    def is_empty(self) -> bool:
        """Return whether all texts are empty."""
        return not any(text.strip() for text in self)

    def text(self, name: str) -> str:
        """Return the text of a field."""
        return self[ROW_FIELDS.index(name)]


def variant_of(row: Row, place: int, read: Read) -> Json:
    """Return plain JSON of a variant.

    Args:
        row: its texts.
        place: of the row among all.
        read: calls a function for a field, and keeps its problem.
    """
    features = read(f"variant-{place}-features", lambda: read_object(row.features))
    payload = read(f"variant-{place}-payload", lambda: read_json(row.payload))
    raw = {"key": row.key.strip(), "features": features or {}, "payload": payload}
    if row.max_share.strip():
        read_share = partial(read_number, "max_share", row.max_share)
        raw["max_share"] = read(f"variant-{place}-max_share", read_share)
    for name in ("when", "from", "until"):
        if typed := row.text(name).strip():
            raw[name] = typed
    if tags := [tag.strip() for tag in row.tags.split(",") if tag.strip()]:
        raw["tags"] = tags
    return raw
