"""Variants: what a decision chooses from.

Owns the variant, when it is in season, the limit on its share, and the rules of a list
of variants. Pure.
"""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bandit_svc.domain.context import check_features
from bandit_svc.domain.json_shape import check_nesting
from bandit_svc.domain.limits import (
    MAX_PAYLOAD_BYTES,
    MAX_VARIANTS,
    MAX_VARIANTS_EVER,
)
from bandit_svc.errors import InvalidInput

MAX_TAGS = 20
_SUM_TOLERANCE = 1e-9
KEY_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
KEY_RULE = (
    "a key has 1 to 128 characters: a-z, A-Z, 0-9, '.', '_' or '-'; the first one is "
    "a letter or a digit"
)


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that can be shown.

    `features` is what the policy learns from, one flat level; `payload` is any
    JSON, handed back untouched; a `retired` variant is never chosen again and
    stays in the history.

    Attributes:
        when: a condition over the context, in the language of rules; elsewhere the
            variant is not eligible.
        from_: RFC 3339, the first instant at which it is eligible.
        until: RFC 3339, the first instant at which it no longer is.
        tags: words by which callers group variants.
        max_share: the largest share of the policy's decisions that it gets on average.
    """

    key: str
    features: dict[str, Any] = {}
    payload: Any = None
    retired: bool = False
    when: str | UnsetType = UNSET
    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    until: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    max_share: float | UnsetType = UNSET

    @property
    def is_conditional(self) -> bool:
        """Return whether it is not always eligible."""
        return not self.when is self.from_ is self.until is UNSET

    def out_of_season(self, now_ms: int) -> str | None:
        """Return the limit that keeps it out at a time, None if it is in season."""
        if self.from_ is not UNSET and now_ms < instant_ms(self.from_):
            return f"from: {self.from_}"
        if self.until is not UNSET and now_ms >= instant_ms(self.until):
            return f"until: {self.until}"
        return None


@lru_cache(maxsize=4_096)
def instant_ms(text: str) -> int:
    """Return an instant of RFC 3339 in milliseconds since the epoch.

    Raises:
        ValueError: it can't be read, or has no offset from UTC.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or "T" not in text.upper():
        raise ValueError(text)
    return round(found.timestamp() * 1000)


def is_key(text: str) -> bool:
    """Return whether a text can be the key of an experiment or a variant."""
    return KEY_PATTERN.fullmatch(text) is not None


def check_variants(variants: Sequence[Variant], pointer: str = "/variants") -> None:
    """Refuse a list of variants that can't be chosen from.

    Raises:
        InvalidInput: none, over 500 active or 10,000 in all, a key twice, a
            malformed key, features that are not flat, or a payload over 16 KiB or
            64 levels.
    """
    check_listing(variants, pointer)
    for index, variant in enumerate(variants):
        check_features(variant.features, f"{pointer}/{index}/features")
        if variant.payload is not None:
            check_nesting(variant.payload, f"{pointer}/{index}/payload")
            size = _size(variant.payload, f"{pointer}/{index}/payload")
            if size > MAX_PAYLOAD_BYTES:
                raise InvalidInput.at(
                    f"{pointer}/{index}/payload",
                    f"the payload has {size} bytes; at most {MAX_PAYLOAD_BYTES} are "
                    "allowed. Send a reference to larger content.",
                )
        _check_season(variant, f"{pointer}/{index}")
        _check_tags(variant, f"{pointer}/{index}/tags")


def _check_season(variant: Variant, pointer: str) -> None:
    ends: list[int] = []
    for name, text in (("from", variant.from_), ("until", variant.until)):
        if text is UNSET:
            continue
        try:
            ends.append(instant_ms(text))
        except (ValueError, OverflowError) as error:
            raise InvalidInput.at(
                f"{pointer}/{name}",
                f"{text[:64]!r} is no instant; write RFC 3339 with an offset, such as "
                "2026-12-01T08:00:00Z",
            ) from error
    if len(ends) > 1 and ends[0] >= ends[1]:
        raise InvalidInput.at(
            f"{pointer}/until",
            f"until is {variant.until}; it must be after from, {variant.from_}",
        )


def _check_tags(variant: Variant, pointer: str) -> None:
    tags = () if variant.tags is UNSET else variant.tags
    if len(tags) > MAX_TAGS:
        raise InvalidInput.at(
            pointer, f"there are {len(tags)} tags; at most {MAX_TAGS} are allowed"
        )
    for index, tag in enumerate(tags):
        if not is_key(tag):
            raise InvalidInput.at(
                f"{pointer}/{index}",
                f"{tag[:128]!r} is no tag; it is written like the key of a variant",
            )


def check_max_shares(variants: Sequence[Variant], floor: float) -> None:
    """Refuse limits on shares that no choice among the active variants can keep.

    Args:
        variants: of a definition, the retired ones included.
        floor: the exploration floor.

    Raises:
        InvalidInput: a limit is not above 0 and at most 1, or under what the floor
            gives, or every active variant has one and their sum is under 1.
    """
    active = [v for v in variants if not v.retired]
    limits: list[float] = []
    for index, variant in enumerate(variants):
        limit, pointer = variant.max_share, f"/variants/{index}/max_share"
        if limit is UNSET:
            continue
        # A NaN fails the comparison too.
        if not 0.0 < limit <= 1.0:
            raise InvalidInput.at(
                pointer, f"max_share is {limit}; it must be above 0 and at most 1"
            )
        if variant.retired:
            continue
        limits.append(limit)
        if limit < floor / len(active):
            raise InvalidInput.at(
                pointer,
                f"max_share is {limit:g}, under the {floor / len(active):.4g} that the "
                f"exploration floor of {floor:g} gives each of {len(active)} variants; "
                "raise it, or lower exploration_floor",
            )
        if len(limits) == len(active) and math.fsum(limits) < 1.0 - _SUM_TOLERANCE:
            raise InvalidInput.at(
                pointer,
                "each active variant has a max_share, and together they are "
                f"{math.fsum(limits):.4g}; they must be at least 1, or one variant "
                "must have none",
            )


def check_listing(variants: Sequence[Variant], pointer: str = "/variants") -> None:
    """Refuse a list by its length and its keys alone.

    Enough, and cheap, for variants whose contents were checked before.

    Raises:
        InvalidInput: none, too many, a key twice, or a malformed key.
    """
    _check_count(variants, pointer)
    seen: set[str] = set()
    for index, variant in enumerate(variants):
        if not is_key(variant.key):
            raise InvalidInput.at(f"{pointer}/{index}/key", KEY_RULE)
        if variant.key in seen:
            raise InvalidInput.at(
                f"{pointer}/{index}/key",
                f"the key {variant.key!r} is in the list twice; keys are unique",
            )
        seen.add(variant.key)


def _size(payload: Any, pointer: str) -> int:  # noqa: ANN401 - any JSON
    try:
        return len(msgspec.json.encode(payload))
    except OverflowError as error:
        raise InvalidInput.at(
            pointer,
            "the payload holds an integer that is too large; send it as a string",
        ) from error


def _check_count(variants: Sequence[Variant], pointer: str) -> None:
    active = sum(not variant.retired for variant in variants)
    if not variants or active > MAX_VARIANTS:
        raise InvalidInput.at(
            pointer,
            f"there are {active} active variants; send between 1 and {MAX_VARIANTS}",
        )
    if len(variants) > MAX_VARIANTS_EVER:
        raise InvalidInput.at(
            pointer,
            f"with the retired ones there would be {len(variants)} variants; at most "
            f"{MAX_VARIANTS_EVER} are kept. Begin a new experiment.",
        )
