"""Variants: what a decision chooses from.

Owns the variant and the rules of a list of variants. Pure.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bandit_svc.domain.context import check_features
from bandit_svc.domain.json_shape import check_nesting
from bandit_svc.domain.limits import (
    MAX_PAYLOAD_BYTES,
    MAX_VARIANTS,
    MAX_VARIANTS_EVER,
)
from bandit_svc.errors import InvalidInput

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
    """

    key: str
    features: dict[str, Any] = {}
    payload: Any = None
    retired: bool = False


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
