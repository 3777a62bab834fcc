"""Whole variants that requests bring, once they were checked.

Owns which of their fields a request may set, and what is made of a list of them once
for all requests that bring it again.
"""

from collections.abc import Sequence
from typing import Self

from msgspec import UNSET

from bandit_svc.domain.variant import Variant, check_variants
from bandit_svc.errors import InvalidInput
from bandit_svc.services.policy_inputs import actions_of
from policies.base import Action


class CheckedVariants(tuple[Variant, ...]):  # noqa: SLOT001 - a tuple has no slots
    """A list of whole variants in which every request may choose.

    Attributes:
        actions: what a policy reads of them.
        keys: of each variant.
    """

    actions: tuple[Action, ...]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, variants: Sequence[Variant]) -> Self:
        """Check variants of a request.

        Raises:
            InvalidInput: as of `check_whole` and `check_variants`.
        """
        for index, variant in enumerate(variants):
            check_whole(variant, f"/variants/{index}")
        check_variants(variants)
        new = cls(variants)
        new.actions = actions_of(new)
        new.keys = tuple([variant.key for variant in new])
        return new


def keys_of(variants: tuple[Variant, ...]) -> tuple[str, ...]:
    """Return the keys of variants; the same object for the same checked list."""
    if type(variants) is CheckedVariants:
        return variants.keys
    return tuple([variant.key for variant in variants])


def check_whole(variant: Variant, pointer: str) -> None:
    """Refuse what only a variant of the experiment's own may have.

    Raises:
        InvalidInput: it is retired, has a condition, or a limit on its share.
    """
    if variant.retired:
        raise InvalidInput.at(
            f"{pointer}/retired",
            "a retired variant is never chosen; leave it out of the request",
        )
    if variant.is_conditional:
        raise InvalidInput.at(
            pointer,
            "a request says itself which of its variants may be shown; leave out "
            "`when`, `from` and `until`",
        )
    if variant.max_share is not UNSET:
        raise InvalidInput.at(
            f"{pointer}/max_share",
            "max_share is of the experiment's own variants, over all of its decisions; "
            "leave it out of the request",
        )
