"""Tell a story on a real service, then play its weeks on a clock that is moved.

`python -m benchmarks.stories retailer|streaming [--people N] [--days N] [--seed N]
[--out FOLDER] [--no-script]`. The script is that of `examples/`; what was learned in
the weeks is printed and drawn. Exits 1 where a claim does not hold.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.processes import end_on_sigterm
from benchmarks.stories import (
    cascade,
    retailer,
    retailer_result,
    streaming,
    streaming_result,
    told,
    vouchers,
)
from benchmarks.stories.site import Site
from simulators.worlds.retailer import shop


class Asked(NamedTuple):
    """What to play, and where to draw it."""

    people: int
    days: int
    seed: int
    out: Path


class Weeks(NamedTuple):
    """The weeks of a story: how they are played, with how many people and days."""

    play: Callable[[str, Asked], list[Path]]
    people: int
    days: int


def main() -> None:
    """Play the story that was asked for."""
    parser = argparse.ArgumentParser(description="Tell a story.")
    parser.add_argument("story", choices=sorted(WEEKS))
    parser.add_argument("--people", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/stories"))
    parser.add_argument("--no-script", action="store_true")
    given = parser.parse_args()
    end_on_sigterm()
    if not given.no_script:
        say([told.tell(given.story)])
    weeks = WEEKS[given.story]
    people, days = given.people or weeks.people, given.days or weeks.days
    with tempfile.TemporaryDirectory() as folder:
        files = weeks.play(folder, Asked(people, days, given.seed, given.out))
    say(f"Drawn: {file}" for file in files)


def play_retailer(folder: str, asked: Asked) -> list[Path]:
    """Play the shop, and the trial of vouchers; return its pictures."""
    site = Site(f"{folder}/shop", retailer.START_MS)
    site.start_programme("retailer/programme.toml")
    site.create(*(f"retailer/{key}.toml" for key in retailer.KEYS))
    story = retailer.Story(site, asked.people, asked.seed)
    story.play(asked.days)
    programme = site.call("GET", "/v1/programmes/shop/report")
    say(retailer_result.lines(story, programme))
    say([site.verified(retailer.KEYS)])
    site.close()
    other = Site(f"{folder}/vouchers", retailer.START_MS)
    people = vouchers.TIMES_PEOPLE * asked.people
    say(vouchers.play(other, people, asked.days, asked.seed))
    other.close()
    return retailer_result.draw(story, asked.out)


def play_streaming(folder: str, asked: Asked) -> list[Path]:
    """Play the home page; return its picture."""
    site = Site(folder, streaming.START_MS)
    site.create(*(f"streaming/{key}.toml" for key in streaming.KEYS))
    story = streaming.Story(site, asked.people, asked.seed)
    story.play(asked.days)
    story.show_new_title(streaming.NEW_SHOWN)
    say(streaming_result.lines(story))
    say([site.verified(streaming.KEYS), str(cascade.coverage(asked.seed))])
    site.close()
    return streaming_result.draw(story, asked.out)


def say(lines: Iterable[str]) -> None:
    """Print lines as they come."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


WEEKS: Mapping[str, Weeks] = {
    "retailer": Weeks(play_retailer, 2_000, shop.DAYS),
    "streaming": Weeks(play_streaming, 1_500, 10),
}

if __name__ == "__main__":
    main()
