"""What of a context is kept: by key, declared in the definition.

Owns the declarations, their checks, and what they make of a context before a decision
is made with it and logged. Also owns what looks like a fact of a person that should not
be there. Pure; no message holds a value.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, assert_never

import msgspec

from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.domain.limits import MAX_FEATURES, MAX_STRING_LENGTH
from bandit_svc.domain.plain_values import Context, Payload
from bandit_svc.errors import InvalidInput

Keeping = Literal["keep", "hash", "bucket", "drop"]

HASH_BYTES: Final = 8
_SALT_BYTES: Final = 64
_HEALTH_AND_FAITH: Final = (
    r"health|diagnosis|disease|illness|medication|pregnan(?:t|cy)|disabilit(?:y|ies)|"
    r"disabled|hiv|cancer|diabet(?:es|ic)|depression|religion|religious|faith|church|"
    r"confession|christian|catholic|protestant|muslim|jewish|hindu|buddhist|atheist"
)
_NAMES: Final = re.compile(
    r"(?:^|[._-])(?:e-?mail(?:[_-]?addr(?:ess)?)?|phone(?:_?number)?|mobile_number|ssn|"
    r"passport|iban|uuid|guid|ip(?:_?addr(?:ess)?)?|"
    r"(?:user|customer|client|account|visitor|patient|person|member|session|device|"
    r"cookie)_?id|(?:first|last|full|sur)_?name|birth_?(?:day|date)|"
    rf"{_HEALTH_AND_FAITH})(?:$|[._-])"
    r"|^id$",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VALUES: Final = re.compile(
    r"(?:.*\s)?[^@\s]+@[^@\s]+\.[A-Za-z]{2,}(?:\W.*)?"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|[+]?\d(?:[ ()/-]?\d){8,}"
    r"|\d{1,3}(?:\.\d{1,3}){3}"
    r"|[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}(?: ?[a-z0-9]{1,3})?"
    rf"|{_HEALTH_AND_FAITH}",
    re.IGNORECASE,
)


class FieldPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of one key of a context.

    Attributes:
        policy: `keep`; `hash`, a keyed hash in its place; `bucket`, a coarser value;
            `drop`.
        width: of the buckets of numbers, each named by its lower end.
        length: of the beginning of a text, which is its bucket.
        sensitive: never named as a reason to the person.
        label: what the person is told that it is, such as "the weather where you are".
    """

    policy: Keeping = "keep"
    width: float | None = None
    length: int | None = None
    sensitive: bool = False
    label: str = ""


Declared = Keeping | FieldPolicy


def policies_of(fields: Mapping[str, Declared]) -> dict[str, FieldPolicy]:
    """Return the declarations in their long form; a word is the policy alone."""
    return {
        key: FieldPolicy(one) if isinstance(one, str) else one
        for key, one in fields.items()
    }


def check_fields(fields: Mapping[str, Declared]) -> None:
    """Refuse declarations that can't be followed.

    Raises:
        InvalidInput: with the pointer to the first one at fault.
    """
    if len(fields) > MAX_FEATURES:
        raise InvalidInput.at(
            "/fields",
            f"{len(fields)} keys are declared; at most {MAX_FEATURES} are allowed",
        )
    for key, one in policies_of(fields).items():
        pointer = f"/fields/{escape_pointer(key)}"
        if not 0 < len(key) <= 2 * MAX_STRING_LENGTH:
            raise InvalidInput.at(pointer, "a key of a context has 1 to 256 characters")
        if len(one.label) > MAX_STRING_LENGTH:
            raise InvalidInput.at(
                f"{pointer}/label",
                f"the label has {len(one.label)} characters; at most "
                f"{MAX_STRING_LENGTH} are allowed",
            )
        _check_bucket(one, pointer)


def _check_bucket(one: FieldPolicy, pointer: str) -> None:
    given = [name for name in ("width", "length") if getattr(one, name) is not None]
    if len(given) != (one.policy == "bucket"):
        raise InvalidInput.at(
            pointer,
            f"the policy is {one.policy!r} and has {' and '.join(given) or 'neither'}; "
            "`bucket` has either `width` (of numbers) or `length` (of the beginning of "
            "a text), and no other policy has one",
        )
    if one.width is not None and not 0 < one.width < math.inf:
        raise InvalidInput.at(
            f"{pointer}/width", f"width is {one.width}; it must be above 0 and finite"
        )
    if one.length is not None and not 1 <= one.length <= MAX_STRING_LENGTH:
        raise InvalidInput.at(
            f"{pointer}/length",
            f"length is {one.length}; it must be from 1 to {MAX_STRING_LENGTH}",
        )


class FieldPolicies:
    """The declarations of one experiment, ready to be followed."""

    __slots__ = ("_changing", "_declared", "_salt", "_strict")

    def __init__(
        self, fields: Mapping[str, Declared], salt: str, *, strict: bool
    ) -> None:
        self._declared = policies_of(fields)
        self._changing = {k: p for k, p in self._declared.items() if p.policy != "keep"}
        self._salt = salt.encode()[:_SALT_BYTES]
        self._strict = strict

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self._changing) or self._strict

    def kept(self, context: Payload) -> Payload:
        """Return what is used and logged of a request's context.

        Raises:
            InvalidInput: undeclared, and it looks like a fact of a person, where the
                experiment refuses that.
        """
        if self._strict:
            self._refuse(context)
        if not self._changing:
            return context
        found: Payload = {}
        for name, value in context.items():
            if isinstance(value, dict):
                inner = self._level(value, f"{name}.", self._changing.get(name))
                if inner or not value:
                    found[name] = inner
            else:
                found |= self._level({name: value}, "", None)
        return found

    def kept_inside(self, namespace: str, values: Payload) -> Payload:
        """Return what is used and logged of what is added under a namespace."""
        if not self._changing:
            return values
        return self._level(values, f"{namespace}.", self._changing.get(namespace))

    def _level(
        self, values: Payload, prefix: str, usual: FieldPolicy | None
    ) -> Payload:
        """Return what is kept of one level.

        Args:
            values: of the level.
            prefix: of their names.
            usual: the policy of the namespace, for keys without one of their own.
        """
        found = {}
        for name, value in values.items():
            key = prefix + name
            one = self._changing.get(key)
            if one is None and key not in self._declared:
                one = usual
            new = value if one is None else self._changed(one, value)
            if new is not None or one is None:
                found[name] = new
        return found

    def _changed(self, one: FieldPolicy, value: object) -> object:
        """Return what stands in the place of a value; None for nothing."""
        match one.policy:
            case "keep":
                return value
            case "drop":
                return None
            case "hash":
                text = msgspec.json.encode(value)
                return hashlib.blake2b(
                    text, digest_size=HASH_BYTES, key=self._salt, person=b"field"
                ).hexdigest()
            case "bucket":
                return _bucket(one, value)
            case _:
                assert_never(one.policy)

    def _refuse(self, context: Context) -> None:
        for key, pointer in suspects(context, self._declared):
            raise InvalidInput.at(
                f"/context/{pointer}",
                f"{key[:128]!r} looks like an e-mail address, an id, health or "
                "religion; leave it out, or declare in `fields` of the experiment what "
                "is kept of it",
            )


def suspects(
    context: Context, declared: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Yield the undeclared keys that look like a fact of a person, with a pointer.

    By their name, or by a text that looks like an e-mail address, an id, a phone
    number, an address of a device, or is a word of health or religion. What is declared
    of a namespace is so of all in it.
    """
    for name, value in context.items():
        place = escape_pointer(name)
        inside = value.items() if isinstance(value, dict) else [("", value)]
        for inner, feature in inside:
            key = f"{name}.{inner}" if inner else name
            pointer = f"{place}/{escape_pointer(inner)}" if inner else place
            is_text = isinstance(feature, str)
            if not (key in declared or name in declared) and (
                _NAMES.search(_CAMEL.sub("_", key))
                or (is_text and _VALUES.fullmatch(feature.strip()) is not None)
            ):
                yield key, pointer


def _bucket(one: FieldPolicy, value: object) -> object:
    """Return the bucket of a value; None if it is not of the declared kind."""
    if isinstance(value, bool) or value is None:
        return None
    if one.length is not None:
        return str(value)[: one.length]
    if one.width is not None and isinstance(value, int | float):
        return math.floor(value / one.width) * one.width
    return None
