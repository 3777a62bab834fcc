"""Versions of long ago are kept fewer times than those of the last minute."""

from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.model_version import VersionAge, outdated_versions

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NOW_S = 20_000 * DAY


def published(days: float, every_s: int, most: int = 10_000) -> list[VersionAge]:
    """Return what is kept where a version is made every few seconds, and thinned."""
    kept: list[VersionAge] = []
    begins_s = round(NOW_S - days * DAY)
    for version, at_s in enumerate(range(begins_s, NOW_S + 1, every_s), 1):
        kept.append(VersionAge(version, at_s * 1000))
        dropped = outdated_versions(kept, at_s * 1000, most)
        kept = [one for one in kept if one.version not in dropped]
    return kept


def ages_s(kept: list[VersionAge]) -> list[float]:
    return sorted(NOW_S - one.created_at_ms / 1000 for one in kept)


def test_each_moment_of_the_past_has_a_version_from_shortly_before_it() -> None:
    ages = ages_s(published(days=3, every_s=20))

    for moment_s, near_s in (
        *((age, 20) for age in range(0, 41, 20)),
        *((age, 80) for age in range(60, HOUR - 120, 60)),
        *((age, HOUR + 80) for age in range(HOUR, DAY - 2 * HOUR, HOUR)),
        *((age, DAY + HOUR) for age in range(DAY, 2 * DAY, HOUR)),
    ):
        before = [age for age in ages if age >= moment_s]
        assert before[0] - moment_s <= near_s, moment_s
    # 4 of the minute, 60 of the hour, 24 of the day, 3 days; the ends count twice.
    assert len(ages) <= 4 + 61 + 25 + 4


def test_where_few_may_stay_they_reach_as_far_back() -> None:
    kept = published(days=1, every_s=20, most=10)
    ages = ages_s(kept)

    assert len(kept) <= 10
    assert ages[0] == 0
    assert ages[-1] > DAY / 2


@given(
    st.lists(st.integers(0, 10 * DAY * 1000), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_the_newest_stays_and_no_more_than_allowed(
    ages_ms: list[int], most: int
) -> None:
    kept = [VersionAge(v, NOW_S * 1000 - age) for v, age in enumerate(ages_ms, 1)]
    dropped = outdated_versions(kept, NOW_S * 1000, most)

    assert len(kept) not in dropped
    assert len(kept) - len(dropped) <= most


def test_a_clock_that_was_set_back_drops_nothing_of_the_future() -> None:
    kept = [VersionAge(v, NOW_S * 1000 + v * HOUR * 1000) for v in (1, 2, 3)]

    assert outdated_versions(kept, NOW_S * 1000, 250) == set()
