"""The fields by which a request tells what the caller's own system shows.

Owns their limits and the pointers to what is wrong with them. What they mean for an
experiment is services.serving.apprentice's.
"""

from bandit_svc.domain.json_shape import check_length
from bandit_svc.errors import InvalidInput
from bandit_svc.services.serving.apprentice.taking import Told


def check_told(told: Told) -> None:
    """Refuse fields beyond their limits.

    Raises:
        InvalidInput: with the pointer to the first one.
    """
    if told.shown is not None:
        check_length("/shown", told.shown)
    chance = told.shown_propensity
    if chance is None:
        return
    # NaN fails the comparison too.
    if not 0 < chance <= 1:
        raise InvalidInput.at(
            "/shown_propensity",
            f"shown_propensity is {chance:g}; it is the chance with which your own "
            "system chose `shown`, above 0 and at most 1, or null where it is unknown",
        )
    if told.shown is None:
        raise InvalidInput.at(
            "/shown_propensity",
            "shown_propensity is the chance of the variant in `shown`, which is "
            "missing; send both, or neither",
        )
