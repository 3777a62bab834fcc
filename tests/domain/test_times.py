"""When a pause is over."""

import pytest

from bandit_svc.domain.times import has_passed


@pytest.mark.parametrize(
    ("since_ms", "now_ms", "passed"),
    [
        (None, 0, True),
        (1_000, 1_000, False),
        (1_000, 1_099, False),
        (1_000, 1_100, True),
        # The clock was set back, and must not hold what waits.
        (1_000, 999, True),
    ],
)
def test_a_pause_is_over_after_its_time_and_where_a_clock_was_set_back(
    since_ms: int | None, now_ms: int, *, passed: bool
) -> None:
    assert has_passed(100, since_ms, now_ms) is passed
