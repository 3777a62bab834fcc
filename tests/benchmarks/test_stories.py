"""The stories' weeks, played small: what must hold for however few people."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.stories import (
    cascade,
    retailer,
    retailer_result,
    streaming,
    streaming_result,
    vouchers,
)
from benchmarks.stories.limits import Broken, Shown, broken
from benchmarks.stories.site import Site

DAY_MS = 86_400_000
MORNING_MS = 1_798_790_400_000
"""Nine o'clock in Berlin."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(str(tmp_path / "data"), retailer.START_MS)
    yield one
    one.close()


def shown(at_ms: int, variant: str, zone: str = "Europe/Berlin") -> Shown:
    return Shown(at_ms, at_ms, 1, "cart-mail", variant, zone)


def test_what_is_shown_beyond_a_limit_is_counted() -> None:
    week = [shown(MORNING_MS + day * DAY_MS, "reminder-08") for day in (0, 3, 6)]
    offers = [shown(MORNING_MS + day * DAY_MS, "voucher-08") for day in (100, 129, 160)]
    night = [shown(MORNING_MS + 30 * DAY_MS - 2 * 3_600_000, "reminder-08")]

    # By hand: the third mail of a week; an offer after 29 days; a mail at seven.
    assert broken(week + offers + night) == Broken(1, 1, 1)


@pytest.mark.statistical
def test_a_shop_keeps_its_limits_and_its_groups(site: Site, tmp_path: Path) -> None:
    """100 shoppers of seed 3 for 16 days; nothing of it is left to chance."""
    site.start_programme("retailer/programme.toml")
    site.create(*(f"retailer/{key}.toml" for key in retailer.KEYS))
    story = retailer.Story(site, 100, seed=3)
    story.play(16)

    assert broken(story.shown) == Broken(0, 0, 0)
    assert len(story.shown) > 40
    crossed, linked = retailer.crossings(story.customers)
    assert crossed == 0
    assert linked > 2
    assert site.differing(retailer.KEYS) == []
    assert retailer_result.earned(story)["experiment"].customers > 60
    report = site.call("GET", "/v1/programmes/shop/report")
    assert any("limit" in line for line in retailer_result.lines(story, report))
    for file in retailer_result.draw(story, tmp_path):
        assert file.read_text().startswith("<svg")


def test_an_order_counts_once_in_the_programme(site: Site) -> None:
    """60 shoppers of seed 5 for 8 days."""
    site.start_programme("retailer/programme.toml")
    site.create(*(f"retailer/{key}.toml" for key in retailer.KEYS))
    story = retailer.Story(site, 60, seed=5)
    story.play(8)
    credited = [
        site.call("GET", f"/v1/rewards/{order}")["rewards"] for order in story.orders
    ]

    assert len(credited) > 5
    assert {len(found) for found in credited} == {1}
    assert {found[0]["status"] for found in credited} == {"accepted"}


def test_vouchers_can_be_tried_without_a_programme(site: Site) -> None:
    """40 shoppers of seed 3 for 6 days."""
    lines = vouchers.play(site, 40, 6, 3)

    assert [line.split()[0] for line in lines[1:3]] == ["margin", "clicks"]


@pytest.mark.statistical
def test_a_home_page_is_the_same_after_a_reload(site: Site, tmp_path: Path) -> None:
    """60 viewers of seed 3 for 3 days."""
    site.create(*(f"streaming/{key}.toml" for key in streaming.KEYS))
    story = streaming.Story(site, 60, seed=3)
    story.play(3)
    story.show_new_title(streaming.NEW_SHOWN)

    assert story.reloads == story.repeated > 5
    assert all(len(set(page.slate)) == len(page.slate) for page in story.pages)
    assert site.differing(streaming.KEYS) == []
    assert "same page" in next(streaming_result.lines(story))
    (file,) = streaming_result.draw(story, tmp_path)
    assert file.read_text().startswith("<svg")


@pytest.mark.statistical
def test_intervals_of_pages_hold_what_the_world_says() -> None:
    """40 logs of 1,000 pages of seed 2; at a true 95 % 36 or more in 19 of 20 seeds."""
    found = cascade.coverage(2, logs=40)

    assert found.held >= 36
    assert "of 40 logs" in str(found)
