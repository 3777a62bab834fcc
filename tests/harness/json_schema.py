"""Check JSON values against the schemas of `/openapi.json`.

Owns the keywords of JSON Schema that msgspec writes; another keyword is an error, so
that nothing passes unchecked.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
PREFIX = "#/components/schemas/"
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_SAID = {
    "title",
    "description",
    "default",
    "format",
    "required",
    "minItems",
    "maxItems",
}
_KNOWN = _SAID | {
    *("$ref", "anyOf", "type", "enum", "properties", "additionalProperties"),
    *("items", "prefixItems", "minimum", "maximum", "pattern"),
}


def faults(value: object, schema: Schema, schemas: Schema) -> list[str]:
    """Return where a value differs from a schema; `schemas` are the named ones."""
    return list(_faults(value, schema, schemas, ""))


def _faults(value: object, schema: Schema, schemas: Schema, at: str) -> Iterator[str]:
    unknown = set(schema) - _KNOWN
    if unknown:
        yield f"{at}: the validator does not know {unknown}"
    if "$ref" in schema:
        named = schemas[schema["$ref"].removeprefix(PREFIX)]
        yield from _faults(value, named, schemas, at)
        return
    if "anyOf" in schema:
        found = [list(_faults(value, one, schemas, at)) for one in schema["anyOf"]]
        if all(found):
            yield min(found, key=len)[0]
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind is None:
        return
    is_number = not isinstance(value, bool) or kind == "boolean"
    if not (isinstance(value, _TYPES[kind]) and is_number):
        yield f"{at}: {value!r} is no {kind}"
    else:
        yield from _inner_faults(value, schema, schemas, at)


def _inner_faults(
    value: object, schema: Schema, schemas: Schema, at: str
) -> Iterator[str]:
    """Yield what is wrong with a value of the right type."""
    if isinstance(value, int | float):
        least, most = schema.get("minimum", value), schema.get("maximum", value)
        if not least <= value <= most:
            yield f"{at}: {value!r} is not between {least} and {most}"
    elif isinstance(value, str):
        if re.search(schema.get("pattern", ""), value) is None:
            yield f"{at}: {value!r} is not of the form {schema['pattern']}"
    elif isinstance(value, dict):
        yield from _object_faults(value, schema, schemas, at)
    elif isinstance(value, list):
        yield from _array_faults(value, schema, schemas, at)


def _object_faults(
    value: Mapping[str, Any], schema: Schema, schemas: Schema, at: str
) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}: {name} is missing"
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    for name, inner in value.items():
        if name in properties:
            yield from _faults(inner, properties[name], schemas, f"{at}/{name}")
        elif rest is False:
            yield f"{at}: {name} is not described"
        elif isinstance(rest, Mapping):
            yield from _faults(inner, rest, schemas, f"{at}/{name}")


def _array_faults(
    value: list[Any], schema: Schema, schemas: Schema, at: str
) -> Iterator[str]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not least <= len(value) <= most:
        yield f"{at}: {len(value)} items; {least} to {most} are described"
    first = schema.get("prefixItems", [])
    rest = schema.get("items", {})
    for place, inner in enumerate(value):
        described = first[place] if place < len(first) else rest
        if isinstance(described, Mapping):
            yield from _faults(inner, described, schemas, f"{at}/{place}")
