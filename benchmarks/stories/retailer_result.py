"""What the shop's sixty days came to, beside what is true.

Owns the numbers and the pictures of the story.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandit_svc.charts.heat_map import Cell, Side, heat_map
from bandit_svc.charts.over_time import Series, line_chart
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
WEEK, LAST_DAYS = 7, 14


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
    for cap in programme["caps"]:
        yield (
            f"  {cap['match']}: kept something out {cap['hits']:,} times, exceeded "
            f"{cap['overshoot']:,} times"
        )
    crossed, linked = crossings(story.customers)
    yield (
        f"Changed the group after signing in: {crossed} of {linked}; units in both "
        f"groups: {programme['units_in_both_groups']}."
    )


def draw(story: Story, folder: Path) -> list[Path]:
    """Draw what each group earned, and what was mailed; return the files."""
    files = [folder / "retailer-earned.svg", folder / "retailer-mails.svg"]
    pictures.write(_earned_chart(story), files[0])
    pictures.write(_mail_chart(story), files[1])
    return files


def _earned_chart(story: Story) -> str:
    total = np.array(story.by_day)
    weeks = np.diff(total[::WEEK], axis=0, prepend=0.0) / WEEK
    series = []
    for group in GROUPS:
        of = [one.group == group for one in story.customers]
        if any(of):
            series.append(Series(NAMES[group], weeks[1:, of].mean(axis=1).tolist()))
    return line_chart(
        _times(len(series[0].values)),
        series,
        "Margin a shopper a day, by week",
        "euros a shopper a day, by week",
        lambda value: f"{value:.1f}",
    )


def _mail_chart(story: Story) -> str:
    """Draw which mail each kind of shopper gets most often in the last weeks."""
    sent: dict[tuple[str, str], Counter[str]] = {}
    for one in story.mails:
        is_late = one.day >= story.days - LAST_DAYS
        is_sent = one.variant != shop.NOTHING
        if is_late and is_sent and one.group == "experiment":
            found = sent.setdefault((one.kind.tier, one.kind.rhythm), Counter())
            found[one.variant] += 1
    cells = {}
    for at, found in sent.items():
        variant, count = found.most_common(1)[0]
        colour = shop.MAIL_VARIANTS.index(variant)
        share = count / found.total()
        cells[at] = Cell(colour, share, (variant, f"{share:.0%} of {found.total():,}"))
    return heat_map(
        Side("tier", shop.TIERS),
        Side("reads mail", shop.RHYTHMS),
        cells,
        "The mail that is sent most often in the last two weeks",
    )


def _times(count: int) -> list[float]:
    return [(START_MS + week * WEEK * DAY_MS) / 1_000 for week in range(count)]
