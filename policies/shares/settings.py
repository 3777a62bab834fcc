"""The setting of limits on the shares of variants.

Owns its form, its limits and its help; every kind has it.
"""

from collections.abc import Mapping
from typing import Any

from policies.base import PolicyError
from policies.settings import Number, Structured

NAME = "max_shares"
FLOOR, SHARES = "floor", "shares"
_FORM = (
    f'an object of "{FLOOR}", the exploration floor that is mixed in, and "{SHARES}", '
    "an object of variant keys and numbers above 0 and at most 1"
)
_FLOOR = Number(FLOOR, 0.0, "share of uniform exploration", 0.0, 1.0)


def _checked(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get(SHARES), Mapping):
        raise PolicyError(f"{NAME} is {value!r}; it must be {_FORM}", NAME)
    for name in value:
        if name not in {FLOOR, SHARES}:
            raise PolicyError(
                f"{name!r} is not a part of {NAME}; it must be {_FORM}",
                f"{NAME}.{name}",
            )
    shares = value[SHARES]
    if not shares:
        return None
    try:
        floor = _FLOOR.checked(value.get(FLOOR, _FLOOR.default))
    except PolicyError as error:
        raise PolicyError(error.message, f"{NAME}.{FLOOR}") from error
    checked = {str(key): _share(key, share) for key, share in shares.items()}
    # Sorted, so that equal limits have one spec and one digest.
    return {FLOOR: floor, SHARES: dict(sorted(checked.items()))}


def _share(key: object, share: object) -> float:
    if (
        isinstance(share, int | float)
        and not isinstance(share, bool)
        and 0.0 < share <= 1.0
    ):
        return float(share)
    raise PolicyError(
        f"the largest share of {key!r} is {share!r}; it must be a number above 0 and "
        "at most 1",
        f"{NAME}.{SHARES}",
    )


MAX_SHARES = Structured(
    NAME,
    None,
    "the largest share of the decisions that a variant gets; an experiment fills it "
    "from `max_share` of its variants",
    _FORM,
    _checked,
)
