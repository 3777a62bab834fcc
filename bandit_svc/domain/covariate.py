"""A number known before the choice, by which the uplift is adjusted.

Owns its declaration, the check of it and how a context gives it. Pure; what is made of
it is ope.uplift.adjusted's.
"""

import math

import msgspec

from bandit_svc.domain.context import value_at
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput

MAX_KEY_LENGTH = 256
MAX_VALUE = 1e12


class Covariate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A numeric context key; a value beyond the range is clipped to it.

    Attributes:
        key: of the context, `user.past_spend` inside a namespace. It must be known
            before the choice: what the choice can change hides its own effect.
        minimum: the smallest value that counts.
        maximum: the largest.
    """

    key: str
    minimum: float
    maximum: float

    def of(self, context: Context) -> float:
        """Return the value on a scale of 0 to 1; NaN if missing or not a number."""
        value = value_at(context, self.key)
        if not isinstance(value, int | float):
            return math.nan
        clipped = min(max(float(value), self.minimum), self.maximum)
        return (clipped - self.minimum) / (self.maximum - self.minimum)


def check_covariate(covariate: Covariate | None) -> None:
    """Refuse a declaration that nothing can be scaled by.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    if covariate is None:
        return
    if not 0 < len(covariate.key) <= MAX_KEY_LENGTH:
        raise InvalidInput.at(
            "/covariate/key", f"a key has 1 to {MAX_KEY_LENGTH} characters"
        )
    for name in ("minimum", "maximum"):
        value = getattr(covariate, name)
        # NaN fails the comparison too.
        if not abs(value) <= MAX_VALUE:
            raise InvalidInput.at(
                f"/covariate/{name}",
                f"{name} is {value}; it must be between {-MAX_VALUE:g} and "
                f"{MAX_VALUE:g}",
            )
    if not covariate.minimum < covariate.maximum:
        raise InvalidInput.at(
            "/covariate/maximum",
            f"maximum is {covariate.maximum:g}; it must be above minimum, "
            f"{covariate.minimum:g}",
        )
