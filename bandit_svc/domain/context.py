"""Limits of a context.

Owns the shape of features: strings, numbers, booleans and null, one level of
nesting (a nested object is a namespace). Pure; the messages name the field and
never its value, since a context may describe a person.
"""

from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.domain.limits import MAX_FEATURES, MAX_STRING_LENGTH
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput

MAX_NUMBER = 1e300
# What the log's JSON can hold as an integer.
MAX_INTEGER = 2**63 - 1


def check_context(context: Context, pointer: str = "/context") -> None:
    """Refuse a context that a policy could not read.

    Raises:
        InvalidInput: over 200 features, over 256 characters in a name or a
            string, a list, a second level of nesting, or a number that is not
            finite or beyond 1e300; the pointer names the feature.
    """
    count = 0
    for name, value in context.items():
        if _is_small(value) and len(name) <= MAX_STRING_LENGTH:
            count += 1
        elif isinstance(value, dict):
            _check_name(name, pointer)
            check_features(value, f"{pointer}/{escape_pointer(name)}")
            # An empty namespace is logged too, so it counts as one.
            count += max(1, len(value))
        else:
            _check_feature(name, value, pointer)
            count += 1
    if count > MAX_FEATURES:
        raise InvalidInput.at(
            pointer,
            f"the context has {count} features; at most {MAX_FEATURES} are allowed. "
            "Send only what can change the choice.",
        )


def value_at(context: Context, key: str) -> object:
    """Return the value of a key, or of `namespace.key`; None if there is none."""
    value = context.get(key)
    if value is None:
        namespace, _, name = key.partition(".")
        inside = context.get(namespace)
        value = inside.get(name) if isinstance(inside, dict) else None
    return value


def check_features(features: Context, pointer: str) -> None:
    """Refuse features that are not one flat level of scalars.

    Raises:
        InvalidInput: as `check_context`.
    """
    if len(features) > MAX_FEATURES:
        raise InvalidInput.at(
            pointer, f"{len(features)} features; at most {MAX_FEATURES} are allowed"
        )
    for name, value in features.items():
        _check_feature(name, value, pointer)


def _is_small(value: object) -> bool:
    """Return whether a value is of the common kind, which needs no other check."""
    if type(value) is str:
        return len(value) <= MAX_STRING_LENGTH
    if type(value) is int or type(value) is float:
        return -MAX_INTEGER <= value <= MAX_INTEGER
    return False


def _check_feature(name: str, value: object, pointer: str) -> None:
    _check_name(name, pointer)
    if isinstance(value, str):
        if len(value) > MAX_STRING_LENGTH:
            raise InvalidInput.at(
                f"{pointer}/{escape_pointer(name)}",
                f"the string has {len(value)} characters; "
                f"at most {MAX_STRING_LENGTH} are allowed",
            )
    elif value is None or isinstance(value, bool):
        return
    elif isinstance(value, int | float):
        limit = MAX_INTEGER if isinstance(value, int) else MAX_NUMBER
        # NaN fails the comparison too.
        if not abs(value) <= limit:
            raise InvalidInput.at(
                f"{pointer}/{escape_pointer(name)}",
                f"the number is beyond {limit:g}; send a finite, scaled number",
            )
    else:
        kind = "an object" if isinstance(value, dict) else "a list"
        raise InvalidInput.at(
            f"{pointer}/{escape_pointer(name)}",
            f"{kind} is not allowed here; a feature is a string, a number, true, "
            "false or null, and namespaces nest one level deep",
        )


def _check_name(name: str, pointer: str) -> None:
    if len(name) > MAX_STRING_LENGTH:
        raise InvalidInput.at(
            f"{pointer}/{escape_pointer(name)}",
            f"the name has {len(name)} characters; "
            f"at most {MAX_STRING_LENGTH} are allowed",
        )
