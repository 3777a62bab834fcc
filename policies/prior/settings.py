"""The setting of a prior: the experiment that a policy begins with.

Owns its form, its limits and its help; every kind that learns has it. It changes
nothing in a policy that is built alone: whoever trains it teaches it first what the
other experiment has learned.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from policies.base import PolicyError
from policies.settings import Count, Structured

NAME = "prior"
EXPERIMENT, STRENGTH = "experiment", "strength"
MOST_STRENGTH = 10_000
_FORM = (
    f'an object of "{EXPERIMENT}", the key of another experiment, and "{STRENGTH}", '
    f"the number of its decisions to begin with, 1 to {MOST_STRENGTH} (default 1000)"
)
_STRENGTH = Count(
    STRENGTH, 1_000, "decisions of the other experiment", 1, MOST_STRENGTH
)


class Prior(NamedTuple):
    """What a policy begins with.

    Attributes:
        experiment: key of the other experiment.
        strength: how many of its decisions are learned first.
    """

    experiment: str
    strength: int


def _checked(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise PolicyError(f"{NAME} is {value!r}; it must be {_FORM}", NAME)
    for name in value:
        if name not in {EXPERIMENT, STRENGTH}:
            raise PolicyError(
                f"{name!r} is not a part of {NAME}; it must be {_FORM}",
                f"{NAME}.{name}",
            )
    experiment = value.get(EXPERIMENT)
    if not isinstance(experiment, str) or not experiment:
        raise PolicyError(
            f"{NAME}.{EXPERIMENT} is {experiment!r}; it must be the key of another "
            "experiment",
            f"{NAME}.{EXPERIMENT}",
        )
    try:
        strength = _STRENGTH.checked(value.get(STRENGTH, _STRENGTH.default))
    except PolicyError as error:
        raise PolicyError(error.message, f"{NAME}.{STRENGTH}") from error
    return {EXPERIMENT: experiment, STRENGTH: strength}


PRIOR = Structured(
    NAME,
    None,
    "another experiment whose newest decisions are learned first, and how many",
    _FORM,
    _checked,
)


def prior_of(spec: Mapping[str, Any]) -> Prior | None:
    """Return the prior of a normalised spec, None without one."""
    found = spec.get(NAME)
    return None if found is None else Prior(found[EXPERIMENT], found[STRENGTH])
