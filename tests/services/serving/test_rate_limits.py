"""Buckets of requests, with a clock by hand."""

import pytest

from bandit_svc.errors import TooManyRequests
from bandit_svc.services.serving.callers.rate_limits import (
    ADDRESS,
    EACH_KEY,
    MOST_NAMES,
    RateLimits,
)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def taken(limits: RateLimits, key_id: str, tries: int) -> int:
    """Return how many of so many requests were let through."""
    let_through = 0
    for _ in range(tries):
        try:
            limits.take_for_key(key_id)
        except TooManyRequests:
            continue
        let_through += 1
    return let_through


def test_a_bucket_holds_a_second_and_fills_at_its_rate() -> None:
    clock = Clock()
    limits = RateLimits({"k1": 5.0}, clock)
    first = taken(limits, "k1", 20)
    clock.now_s += 0.4
    second = taken(limits, "k1", 20)
    clock.now_s += 60
    third = taken(limits, "k1", 20)

    assert (first, second, third) == (5, 2, 5)


def test_a_rate_below_one_lets_one_request_through_at_a_time() -> None:
    clock = Clock()
    limits = RateLimits({"k1": 0.25}, clock)
    first = taken(limits, "k1", 2)
    with pytest.raises(TooManyRequests) as refused:
        limits.take_for_key("k1")
    clock.now_s += refused.value.retry_after_s

    assert first == 1
    assert refused.value.retry_after_s == 4
    assert taken(limits, "k1", 2) == 1


def test_a_key_of_its_own_limit_does_not_share_that_of_all_keys() -> None:
    limits = RateLimits({"k1": 3.0, EACH_KEY: 1.0}, Clock())

    assert [taken(limits, key, 9) for key in ("k1", "k2", "k3")] == [3, 1, 1]


def test_addresses_and_keys_do_not_share_buckets() -> None:
    limits = RateLimits({ADDRESS: 1.0}, Clock())
    limits.take_for_address("10.0.0.1")

    assert taken(limits, "10.0.0.1", 9) == 9
    with pytest.raises(TooManyRequests):
        limits.take_for_address("10.0.0.1")
    limits.take_for_address("10.0.0.2")


def test_nothing_is_limited_unless_it_is_set() -> None:
    limits = RateLimits({}, Clock())

    assert not limits.is_on
    assert taken(limits, "k1", 1_000) == 1_000


def test_many_names_do_not_fill_the_memory() -> None:
    limits = RateLimits({ADDRESS: 1.0}, Clock())
    for number in range(MOST_NAMES + 10):
        limits.take_for_address(str(number))

    limits.take_for_address("0")
    with pytest.raises(TooManyRequests):
        limits.take_for_address(str(MOST_NAMES + 9))
