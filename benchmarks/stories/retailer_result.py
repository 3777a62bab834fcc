"""What the shop's sixty days came to, beside what is true.

Owns the numbers and the pictures of the story.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandit_svc.charts.over_time import Series, line_chart, share_chart
from benchmarks.stories import pictures
from benchmarks.stories.limits import broken
from benchmarks.stories.retailer import (
    DAY_MS,
    START_MS,
    Customer,
    Story,
    crossings,
)
from benchmarks.stories.site import Json, written
from simulators.worlds.retailer import shop, values

GROUPS = ("experiment", "explore", "business_as_usual", "holdout")
NAMES = {
    "experiment": "learns",
    "explore": "explores",
    "business_as_usual": "vouchers to all",
    "holdout": "nothing",
}
FIRST_STRIP = "bestsellers"
"""The baseline of the recommendations."""
WEEK = 7


class Earned(NamedTuple):
    """What the customers of a group earned.

    Attributes:
        mean: of the margin, in euros, in the mean of what was shown.
        error: the standard error of `mean`.
        clicks: visits after a mail, a customer.
    """

    customers: int
    mean: float
    error: float
    clicks: float


def earned(story: Story) -> dict[str, Earned]:
    """Return what each group earned."""
    found = {}
    for group in GROUPS:
        of = [one for one in story.customers if one.group == group]
        if of:
            found[group] = _earned(of)
    return found


def learns(story: Story) -> Earned:
    """Return what customers earned for whom every experiment learned."""
    of = [
        one for one in story.customers if one.group == "experiment" and not one.is_held
    ]
    return _earned(of)


def held_out() -> float:
    """Return what a customer of the programme's holdout earns, in the mean."""
    idle = values.Table(shop.HEROES[0], shop.NOTHING, shop.NOTHING)
    return sum(
        shop.share(kind)
        * values.value(kind, values.last_allowed, _baseline_strips(kind), idle.menu)
        for kind in shop.KINDS
    )


def _baseline_strips(kind: shop.Kind) -> float:
    """Return the mean margin of the baseline's recommendations: one, and the rest."""
    rest = [strip for strip in shop.STRIPS if strip != FIRST_STRIP]
    below = itertools.permutations(rest, shop.PLACES - 1)
    return float(
        np.mean([shop.slate_margin(kind, (FIRST_STRIP, *more)) for more in below])
    )


def _earned(of: list[Customer]) -> Earned:
    margins = np.array([one.expected for one in of])
    error = float(margins.std() / np.sqrt(len(of)))
    clicks = float(np.mean([one.clicks for one in of]))
    return Earned(len(of), float(margins.mean()), error, clicks)


def lines(story: Story, programme: Json) -> Iterator[str]:
    """Yield what the days came to, beside the programme's own report."""
    best, by_group, learned = values.best(), earned(story), learns(story)
    yield f"{len(story.customers):,} shoppers, {story.days} days; euros a shopper:"
    for group, one in by_group.items():
        yield (
            f"  {NAMES[group]} ({group}, {one.customers:,}): {one.mean:.2f} "
            f"(standard error {one.error:.2f}), {one.clicks:.2f} clicks"
        )
    yield (
        f"  where everything learns ({learned.customers:,}): {learned.mean:.2f}: "
        f"{learned.mean / best.myopic:.3f} of the best without look-ahead "
        f"({best.myopic:.2f}),"
    )
    yield (
        f"  {learned.mean / best.table:.3f} of the best table ({best.table:.2f}), and "
        f"{learned.mean / best.oracle:.3f} of the best ({best.oracle:.2f})"
    )
    truth = by_group["experiment"].mean - held_out()
    yield f"The programme's report (the true uplift is {truth:.2f}):"
    yield f"  uplift {written(programme['whole'])}"
    yield f"  over business as usual {written(programme['versus_business_as_usual'])}"
    for key, part in programme["parts"].items():
        yield f"  part of {key} {written(part)}"
    yield f"  interaction {written(programme['interaction'])}"
    over = broken(story.shown)
    yield (
        f"Shown beyond a limit: {over.mails} mails, {over.offers} offers, "
        f"{over.quiet_hours} mails in quiet hours, of {len(story.shown):,} shown."
    )
    crossed, linked = crossings(story.customers)
    yield f"Changed the group after signing in: {crossed} of {linked}."


def draw(story: Story, folder: Path) -> list[Path]:
    """Draw what each group earned, and what was mailed; return the files."""
    files = [folder / "retailer-earned.svg", folder / "retailer-mails.svg"]
    pictures.write(_earned_chart(story), files[0])
    pictures.write(_mail_chart(story), files[1])
    return files


def _weeks(values_: list[float]) -> list[float]:
    """Return the mean of each whole week, a day."""
    whole = len(values_) // WEEK * WEEK
    return [float(week.mean()) for week in np.array(values_[:whole]).reshape(-1, WEEK)]


def _earned_chart(story: Story) -> str:
    series = [
        Series(NAMES[group], _weeks(story.by_day[group]))
        for group in GROUPS
        if group in story.by_day
    ]
    return line_chart(
        _times(len(series[0].values)),
        series,
        "Margin a shopper a day, by week",
        "euros a day",
        lambda value: f"{value:.1f}",
    )


def _mail_chart(story: Story) -> str:
    weeks = sorted({week for week, _, _ in story.mails})
    kinds = ("nothing", "reminder", "complements", "voucher")
    shares = {kind: [_share(story, week, kind) for week in weeks] for kind in kinds}
    return share_chart(
        _times(len(weeks)),
        [Series(kind, values_) for kind, values_ in shares.items()],
        "Mails to bargain hunters, by week",
        "share",
        lambda value: f"{value:.0%}",
    )


def _share(story: Story, week: int, kind: str) -> float:
    of = {
        variant: count
        for (when, tier, variant), count in story.mails.items()
        if when == week and tier == shop.TIERS[1]
    }
    like = sum(count for variant, count in of.items() if variant.startswith(kind))
    return like / sum(of.values())


def _times(count: int) -> list[float]:
    return [(START_MS + week * WEEK * DAY_MS) / 1_000 for week in range(count)]
