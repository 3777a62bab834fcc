"""Limits of requests a second, by API key and by address of the caller.

Owns the buckets of one process: each name has one, which holds a second's worth of
requests and fills at the limit's rate. Nothing is limited unless a setting says so.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from bandit_svc.errors import TooManyRequests

EACH_KEY = "*"
ADDRESS = "address"
MOST_NAMES = 10_000
"""Buckets kept; the one used longest ago goes, which is full again by then."""


class RateLimits:
    """The buckets of one process. Thread-safe.

    Args:
        rates: requests a second by id of a key, by EACH_KEY and by ADDRESS.
        clock_s: seconds that never go back.
    """

    def __init__(
        self, rates: Mapping[str, float], clock_s: Callable[[], float]
    ) -> None:
        self._rates = rates
        self._clock_s = clock_s
        self._each_key = rates.get(EACH_KEY)
        self._address = rates.get(ADDRESS)
        self._full_at_s: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self.is_on = bool(rates)

    def take_for_key(self, key_id: str) -> None:
        """Take one request of a key.

        Raises:
            TooManyRequests: its bucket is empty.
        """
        rate = self._rates.get(key_id, self._each_key)
        if rate is not None:
            self._take(key_id, rate, "this key")

    def take_for_address(self, address: str) -> None:
        """Take one request from an address.

        Raises:
            TooManyRequests: its bucket is empty.
        """
        if self._address is not None:
            self._take(f"{ADDRESS} {address}", self._address, "this address")

    def _take(self, name: str, rate: float, whose: str) -> None:
        now_s = self._clock_s()
        with self._lock:
            # A bucket is kept as the time at which it would be full.
            full_at_s = max(self._full_at_s.get(name, now_s), now_s) + 1 / rate
            wait_s = full_at_s - now_s - max(1.0, 1 / rate)
            # A bit of rounding is no request too many.
            if wait_s <= 1e-9:  # noqa: PLR2004 - see above
                self._full_at_s[name] = full_at_s
                self._full_at_s.move_to_end(name)
                if len(self._full_at_s) > MOST_NAMES:
                    self._full_at_s.popitem(last=False)
                return
        raise TooManyRequests(
            f"{whose} may send {rate:g} requests a second to each web worker; send it "
            "again later, or ask the operator for a higher rate_limit",
            retry_after_s=math.ceil(wait_s),
        )
