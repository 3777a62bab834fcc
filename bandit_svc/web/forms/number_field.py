"""Numbers that somebody types into a form.

Owns how they are read, and how a message describes the number that a field takes.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from bandit_svc.errors import InvalidInput

EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "holdout": "Write a share from 0 to 0.9, such as 0.1 for 10 %",
        "exploration_floor": "Write a share from 0 to 1, such as 0.02 for 2 %",
        "learn_share": "Write a share from 0.001 to 1, such as 0.1 for 10 %",
        "evaluate_share": "Write a share from 0.001 to 1, such as 0.1 for 10 %",
        "business_as_usual": "Write a share from 0 to 0.5, such as 0.05 for 5 %",
        "explore": "Write a share from 0 to 0.5, such as 0.05 for 5 %",
        "max_share": "Write a share above 0, such as 0.4 for 40 %, or leave it empty",
        "window_seconds": "Write a number of seconds, such as 1800 for half an hour",
        "within_seconds": "Write a number of seconds, or leave it empty for the window",
        "minimum": "Write a reward, such as 0",
        "maximum": "Write a reward, such as 1, or leave it empty for no largest one",
        "default": "Write a reward, such as 0",
        "slots": "Write a number of places, such as 5, or leave it empty for one",
        "traffic": "Write a number of decisions a day, such as 20000",
        "base_rate": "Write a mean reward, such as 0.05",
        "smallest_lift": "Write a share, such as 0.1 for 10 %",
        "horizon_days": "Write a number of days, such as 14, or leave it empty",
        "visits": "Write a number of decisions, such as 1",
        "icc": "Write a correlation from 0 to 1, such as 0.2",
        "reward_sd": "Write a reward, such as 15, or leave it empty",
    }
)
"""The way out of a message, by the name of the field."""
_LONGEST_QUOTE = 40


def read_number(field: str, text: str) -> float:
    """Read the number of a field.

    Raises:
        InvalidInput: the text is no number, or not a finite one.
    """
    typed = text.strip()
    try:
        found = float(typed)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        what = (
            f"{typed[:_LONGEST_QUOTE]!r} is not a number"
            if typed
            else "the field is empty"
        )
        raise InvalidInput.at(f"/{field}", f"{what}. {EXPECTED[field]}.")
    return found
