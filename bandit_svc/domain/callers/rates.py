"""Requests a second, as settings name them."""

import re

from bandit_svc.errors import InvalidInput

_RATE = re.compile(r"([\w*-]+)=([0-9]+(?:\.[0-9]+)?)/s")


def rates_of(rate_limit: str) -> dict[str, float]:
    """Return the requests a second by name that `rate_limit` sets.

    Raises:
        InvalidInput: it is of another form.
    """
    rates = {}
    for part in rate_limit.split(",") if rate_limit not in {"", "0"} else ():
        found = _RATE.fullmatch(part.strip())
        if found is None:
            raise InvalidInput(
                f"rate_limit has {part.strip()!r}; write NAME=N/s, as in *=100/s, or 0 "
                "for no limit"
            )
        if float(found[2]) > 0:
            rates[found[1]] = float(found[2])
    return rates
