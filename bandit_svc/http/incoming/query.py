"""Parse the parameters of a query into typed values.

Owns the rules: numbers are written as in JSON, each parameter once, and a parameter
that a route does not know is refused, since it would be ignored.
"""

from typing import TypeVar

import msgspec
from werkzeug.datastructures import MultiDict

from bandit_svc.domain.json_shape import escape_pointer, located
from bandit_svc.errors import InvalidInput

T = TypeVar("T", bound=msgspec.Struct)


def parse_known(given: MultiDict[str, str], shape: type[T]) -> T:
    """Return the parameters that a struct has; others are left to other readers.

    Raises:
        InvalidInput: a parameter is repeated or of another type.
    """
    names = {field.encode_name for field in msgspec.structs.fields(shape)}
    known = [(name, v) for name, v in given.items(multi=True) if name in names]
    return parse_query(MultiDict(known), shape)


def parse_query(given: MultiDict[str, str], shape: type[T]) -> T:
    """Return the parameters as a struct of that shape.

    Raises:
        InvalidInput: a parameter is missing, unknown, repeated or of another type; the
            pointer names it.
    """
    for name, values in given.lists():
        if len(values) > 1:
            raise InvalidInput.at(
                f"/{escape_pointer(name)}",
                f"the parameter is given {len(values)} times; give it once",
            )
    try:
        return msgspec.convert(given.to_dict(), shape, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput.at(*located(str(error))) from error
