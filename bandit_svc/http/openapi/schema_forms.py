"""Write the schemas of `/openapi.json` as generators of clients read them.

Owns the differences from what msgspec writes; each says the same in another form.
"""

import re
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def plain_form(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a part of a schema, and all within, in the form that generators read.

    - `items: false` beside `prefixItems` is left out: `maxItems` says it too, and
      openapi-python-client refuses a schema that is a boolean.
    - An object without described properties takes any: openapi-typescript reads one
      that does not say so as always empty.
    - Texts that can't be told apart by their letters and digits are described in words:
      openapi-python-client makes names of an enumeration's values.
    """
    if isinstance(value, list):
        return [plain_form(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: plain_form(one) for name, one in value.items()}
    if found.get("items") is False and "maxItems" in found:
        del found["items"]
    if _is_alike(found.get("enum", ())):
        words = ", ".join(f"`{one}`" for one in found.pop("enum"))
        described = found.get("description", "")
        found |= {
            "type": "string",
            "description": f"{described} One of {words}.".strip(),
        }
    if found.get("type") == "object" and not _says_its_properties(found):
        found["additionalProperties"] = True
    return found


def _is_alike(values: Sequence[Any]) -> bool:
    """Return whether two texts have the same letters and digits in their order."""
    names = [re.sub(r"\W", "", str(one)) for one in values]
    return len(set(names)) < len(names)


def _says_its_properties(schema: Json) -> bool:
    return "properties" in schema or "additionalProperties" in schema
