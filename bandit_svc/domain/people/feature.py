"""Features of a unit, as an experiment declares them.

Owns the language of declarations:

    feature := fn "(" event ["." property] ["," window] [" unless " event] ")"
    window  := hours "h" | days "d"
    event   := a word, or any text without '.' and '#' in quotes; so is a property

for example `count(viewed, 7d)`, `sum(purchased.value, 30d)`, `top(viewed.category)`,
`hours_since(cart_added unless purchased)`. Pure.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.errors import InvalidInput

Function = Literal["count", "sum", "last", "hours_since", "top", "decayed_mean"]

FUNCTIONS: Final[tuple[Function, ...]] = get_args(Function)
OF_EVENTS: Final = frozenset({"count", "hours_since"})
"""Functions that read the times of an event, and none of its properties."""
VALUE: Final = "value"
"""The property that an event's own number is kept under."""
MAX_UNIT_FEATURES: Final = 32
MAX_WINDOW_DAYS: Final = 90
MAX_NAME_LENGTH: Final = 64

_set = msgspec.structs.force_setattr
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
MAX_WINDOW_MS: Final = MAX_WINDOW_DAYS * _DAY_MS

_NAME = r"""(?:[A-Za-z_][A-Za-z0-9_\-]*|'[^'.#]+'|"[^".#]+")"""
"""A trail is named by event and property with a dot between, and a '#' at times."""
_CALL = re.compile(r"\s*(?P<fn>[A-Za-z_]\w*)\s*\((?P<inside>.*)\)\s*", re.DOTALL)
_INSIDE = re.compile(
    rf"\s*(?P<event>{_NAME})(?:\.(?P<property>{_NAME}))?"
    r"(?:\s*,\s*(?P<window>[^\s,]+))?"
    rf"(?:\s+unless\s+(?P<unless>{_NAME}))?\s*"
)
_WINDOW = re.compile(r"([0-9]{1,4})([hd])")
_FEATURE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnitFeature(msgspec.Struct, frozen=True):
    """One declared feature.

    Attributes:
        function: what is made of the events.
        event: the name of the events that are read.
        field: which of their properties; "" for functions of events alone.
        window_ms: only events of this age or younger count, in milliseconds.
        unless: the name of an event that begins the count anew; "" for none.
        trail_text: the text of the name of the trail that the feature is made of.
        unless_text: of the trail whose events begin it anew.
    """

    function: Function
    event: str
    field: str = ""
    window_ms: int = MAX_WINDOW_MS
    unless: str = ""
    trail_text: str = ""
    unless_text: str = ""

    def __post_init__(self) -> None:
        """Make the texts, which each decision needs, once."""
        _set(self, "trail_text", self.trail.text)
        _set(self, "unless_text", TrailName(self.unless).text)

    @property
    def trail(self) -> "TrailName":
        """The trail that the feature is made of."""
        return TrailName(self.event, self.field, self.function == "top")


class TrailName(NamedTuple):
    """What a trail keeps: an event, and one of its properties."""

    event: str
    field: str = ""
    as_text: bool = False
    """Whether numbers are kept as texts, which are counted apart."""

    @property
    def text(self) -> str:
        """The name as one text, under which facts and states have the trail."""
        return _trail_text(self.event, self.field, self.as_text)


@lru_cache(maxsize=4_096)
def _trail_text(event: str, field: str, as_text: bool) -> str:  # noqa: FBT001 - cached by position
    return f"{event}.{field}{'#' if as_text else ''}"


def kept_trails(features: Iterable[UnitFeature]) -> dict[TrailName, int]:
    """Return the trails that features are made of, and how long each is kept, in ms."""
    kept: dict[TrailName, int] = {}
    for feature in features:
        names = [feature.trail]
        if feature.unless:
            names.append(TrailName(feature.unless))
        for name in names:
            kept[name] = max(kept.get(name, 0), feature.window_ms)
    return kept


def parse_features(declared: Mapping[str, str]) -> dict[str, UnitFeature]:
    """Return the features of a definition, by name.

    Raises:
        InvalidInput: there are over 32, or one can't be read; the pointer is
            /features/NAME.
    """
    if len(declared) > MAX_UNIT_FEATURES:
        raise InvalidInput.at(
            "/features",
            f"{len(declared)} features; at most {MAX_UNIT_FEATURES} are allowed",
        )
    return {name: _named(name, text) for name, text in declared.items()}


def parse_feature(text: str, pointer: str = "") -> UnitFeature:
    """Return one feature.

    Raises:
        InvalidInput: the text is not of the language; the message says where.
    """
    call = _CALL.fullmatch(text)
    if call is None:
        raise InvalidInput.at(
            pointer,
            f"{text[:128]!r} is no feature; write FUNCTION(EVENT[.PROPERTY][, WINDOW]"
            "[ unless EVENT]), for example count(viewed, 7d)",
        )
    function = _function(call["fn"], pointer)
    inside = _INSIDE.fullmatch(call["inside"])
    if inside is None:
        raise InvalidInput.at(
            pointer,
            f"{call['inside'][:128]!r} can't be read; {function} takes EVENT or "
            "EVENT.PROPERTY, then `, WINDOW` and ` unless EVENT` if you like",
        )
    event, unless = _bare(inside["event"]), _bare(inside["unless"] or "")
    field = None if inside["property"] is None else _bare(inside["property"])
    for name in (event, unless, field or ""):
        if len(name) > MAX_NAME_LENGTH:
            raise InvalidInput.at(
                pointer, f"a name has {len(name)} characters; at most {MAX_NAME_LENGTH}"
            )
    return UnitFeature(
        function,
        event,
        _property(function, event, field, pointer),
        _window_ms(inside["window"], pointer),
        unless,
    )


def _bare(name: str) -> str:
    """Return a name without its quotes."""
    return name[1:-1] if name[:1] in {"'", '"'} else name


def _named(name: str, text: str) -> UnitFeature:
    pointer = f"/features/{escape_pointer(name)}"
    if len(name) > MAX_NAME_LENGTH or not _FEATURE_NAME.fullmatch(name):
        raise InvalidInput.at(
            pointer,
            "the name of a feature has 1 to 64 letters, digits and '_', and begins "
            "with no digit",
        )
    return parse_feature(text, pointer)


def _function(name: str, pointer: str) -> Function:
    for function in FUNCTIONS:
        if function == name:
            return function
    raise InvalidInput.at(
        pointer,
        f"{name[:64]!r} is no function of unit features; they are "
        f"{', '.join(FUNCTIONS)}",
    )


def _property(function: Function, event: str, name: str | None, pointer: str) -> str:
    if function in OF_EVENTS:
        if name is not None:
            raise InvalidInput.at(
                pointer,
                f"{function} reads no property; write {function}({event}) without "
                f"'.{name}'",
            )
        return ""
    if name is None and function == "top":
        raise InvalidInput.at(
            pointer, f"top needs a property; write top({event}.PROPERTY)"
        )
    return VALUE if name is None else name


def _window_ms(text: str | None, pointer: str) -> int:
    if text is None:
        return MAX_WINDOW_MS
    window = _WINDOW.fullmatch(text)
    length_ms = 0
    if window is not None:
        length_ms = int(window[1]) * (_HOUR_MS if window[2] == "h" else _DAY_MS)
    if not 0 < length_ms <= MAX_WINDOW_MS:
        raise InvalidInput.at(
            pointer,
            f"the window is {text[:64]!r}; write hours as 12h or days as 7d, up to "
            f"{MAX_WINDOW_DAYS}d",
        )
    return length_ms
