"""What the home page has learned, beside what is true.

Owns the numbers and the picture of the story.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from bandit_svc.charts.heat_map import Cell, Side, heat_map
from benchmarks.stories import pictures
from benchmarks.stories.streaming import (
    SHOWS,
    Page,
    Story,
    mean_slots,
    shares_on_top,
    true_plays,
)
from simulators.worlds.home_page import PARTS, ROWS, VIEWERS, Visit, uniform

MOST_ENUMERATED = 24
"""Kinds of visits whose pages at random are enumerated, the most frequent ones."""
LAST = 4
"""What is learned is looked at in the last one of so many parts of the pages."""


def learned(story: Story) -> list[Page]:
    """Return the last pages of the treatment."""
    last = story.pages[-len(story.pages) // LAST :]
    return [page for page in last if page.group == "treatment"]


def lines(story: Story) -> Iterator[str]:
    """Yield what the days came to."""
    pages = learned(story)
    yield (
        f"{len(story.pages):,} pages; {story.repeated:,} of {story.reloads:,} reloads "
        "showed the same page."
    )
    tops = shares_on_top(pages, "documentaries")
    evening, morning = (tops["documentary", part] for part in PARTS[::-1])
    yield (
        "Documentary viewers have the documentaries in slots 1 and 2 on "
        f"{evening:.0%} of their evening pages, {morning:.0%} in the morning "
        f"(the last {len(pages):,} pages)."
    )
    seen = Counter(page.visit for page in pages)
    best = _mean({visit: story.place.best(visit)[1] for visit in seen}, seen)
    most = Counter(dict(seen.most_common(MOST_ENUMERATED)))
    chance = _mean({visit: story.place.value(visit, uniform) for visit in most}, most)
    yield (
        f"The chance of a play is {true_plays(story.place, pages):.3f} a page; of the "
        f"best pages {best:.3f}, of pages at random {chance:.3f}."
    )
    likes = story.pictures["new", True]
    shown = likes + story.pictures["new", False]
    yield (
        f"A title that was never shown gets a picture that its viewer likes in "
        f"{likes / shown:.0%} of {shown:,}, at random in {1 / len(SHOWS):.0%}."
    )


def _mean(values: Mapping[Visit, float], seen: Counter[Visit]) -> float:
    """Return the mean of what is true at each kind of visit, as often as it was."""
    total = sum(values[visit] * count for visit, count in seen.items())
    return total / seen.total()


def draw(story: Story, folder: Path) -> list[Path]:
    """Draw which row is on top for whom; return the file."""
    file = folder / "streaming-rows.svg"
    tops = mean_slots(learned(story))
    cells = {}
    for (viewer, part), shares in tops.items():
        row = max(shares, key=shares.__getitem__)
        words = (row, f"{shares[row]:.0%}")
        colour = sorted(ROWS).index(row) % 7
        cells[viewer, part] = Cell(colour, shares[row], words)
    chart = heat_map(
        Side("viewer", VIEWERS),
        Side("part of the day", PARTS),
        cells,
        "The row that is most often on top",
    )
    pictures.write(chart, file)
    return [file]
