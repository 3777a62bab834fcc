"""How often a person may be shown what.

Owns the declaration of a cap, the language of what it matches, and the words in which a
decision says that a cap kept a variant out:

    match     := condition {" and " condition}
    condition := ("channel" | "tag" | "variant" | "experiment") "=" key

A variant whose key is `nothing` shows nothing: no cap counts it or keeps it out. Pure.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, assert_never

import msgspec

from bandit_svc.domain.variant import is_key
from bandit_svc.errors import InvalidInput

NOTHING: Final = "nothing"
"""The key of the variant that shows nothing."""
CAP_REASON: Final = "cap: "
"""How the reason begins, by which a cap kept a variant out."""
MAX_CAPS: Final = 20
MAX_CAP: Final = 1_000
MAX_PER_DAYS: Final = 90

_HOUR_MS: Final = 3_600_000
_UNIT_MS: Final = {"h": _HOUR_MS, "d": 24 * _HOUR_MS}
_PER = re.compile(r"([0-9]{1,4})([hd])")
_AND = re.compile(r"\s+and\s+|\s*,\s*")

Matched = Literal["channel", "tag", "variant", "experiment"]
_MATCHED: Final[tuple[Matched, ...]] = ("channel", "tag", "variant", "experiment")


class Shown(NamedTuple):
    """What is shown, as caps see it.

    Attributes:
        channel: of the experiment; None if it has none.
    """

    experiment: str
    channel: str | None
    variant: str
    tags: Collection[str]


class Condition(NamedTuple):
    """One condition of a match."""

    what: Matched
    key: str

    def holds(self, shown: Shown) -> bool:
        """Return whether it holds for what is shown."""
        match self.what:
            case "channel":
                return shown.channel == self.key
            case "tag":
                return self.key in shown.tags
            case "variant":
                return shown.variant == self.key
            case "experiment":
                return shown.experiment == self.key
            case _:
                assert_never(self.what)


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit on what a person is shown in a time.

    Attributes:
        match: what counts, such as `channel=email` or `tag=offer and channel=web`.
        max: how often it may be shown to a person.
        per: the time in which it counts, in hours (`12h`) or days (`30d`).
        strict: a place is reserved when the decision is made, so that the limit holds
            exactly; else exposures count once the learner knows of them.
    """

    match: str
    max: int
    per: str
    strict: bool = False

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions, all of which must hold."""
        return _conditions(self.match)

    @property
    def per_ms(self) -> int:
        """Return the time in which it counts, in milliseconds."""
        return _per_ms(self.per)

    @property
    def name(self) -> str:
        """Return the match in one form, by which what it counts is kept."""
        return " and ".join(f"{what}={key}" for what, key in self.conditions)

    @property
    def words(self) -> str:
        """Return it as in a reason: `offer 1 per 30d`."""
        keys = " and ".join(key for _, key in self.conditions)
        return f"{keys} {self.max} per {self.per}"

    def counts(self, shown: Shown) -> bool:
        """Return whether it counts what is shown."""
        return shown.variant != NOTHING and all(
            one.holds(shown) for one in self.conditions
        )


@lru_cache(maxsize=1_024)
def _conditions(match: str) -> tuple[Condition, ...]:
    found: list[Condition] = []
    for text in _AND.split(match.strip()):
        name, _, key = text.partition("=")
        what = next((one for one in _MATCHED if one == name.strip()), None)
        if what is None or not is_key(key.strip()):
            raise ValueError(text)
        found.append(Condition(what, key.strip()))
    return tuple(sorted(set(found)))


@lru_cache(maxsize=1_024)
def _per_ms(per: str) -> int:
    found = _PER.fullmatch(per)
    length_ms = int(found[1]) * _UNIT_MS[found[2]] if found else 0
    if not 0 < length_ms <= MAX_PER_DAYS * _UNIT_MS["d"]:
        raise ValueError(per)
    return length_ms


def check_caps(caps: Sequence[Cap]) -> None:
    """Refuse caps that can't be kept.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    if len(caps) > MAX_CAPS:
        raise InvalidInput.at(
            "/caps", f"there are {len(caps)} caps; at most {MAX_CAPS} are allowed"
        )
    seen: set[str] = set()
    for index, cap in enumerate(caps):
        pointer = f"/caps/{index}"
        _check_match(cap, f"{pointer}/match")
        if not 1 <= cap.max <= MAX_CAP:
            raise InvalidInput.at(
                f"{pointer}/max",
                f"max is {cap.max}; it must be between 1 and {MAX_CAP:,}. To show it "
                "to nobody, retire the variant",
            )
        try:
            _per_ms(cap.per)
        except ValueError as error:
            raise InvalidInput.at(
                f"{pointer}/per",
                f"per is {cap.per[:64]!r}; write hours as 12h or days as 30d, up to "
                f"{MAX_PER_DAYS}d",
            ) from error
        if cap.words in seen:
            raise InvalidInput.at(
                pointer,
                f"another cap reads {cap.words!r} too, so that no reason could say "
                "which one it was; change its max or its per, or leave it out",
            )
        seen.add(cap.words)


def _check_match(cap: Cap, pointer: str) -> None:
    try:
        conditions = cap.conditions
    except ValueError as error:
        raise InvalidInput.at(
            pointer,
            f"{str(error)[:128]!r} is no condition; write {', '.join(_MATCHED[:-1])} "
            f"or {_MATCHED[-1]}, '=' and a key, such as channel=email, and join "
            "several by ' and '",
        ) from error
    if Condition("variant", NOTHING) in conditions:
        raise InvalidInput.at(
            pointer,
            f"the variant {NOTHING!r} shows nothing, so no cap counts it; name another "
            "variant",
        )
