"""Print what is true in the worlds in which people come back.

`python -m simulators.worlds`: two channels that saturate, a page of rows, and the shop
of 60 days. What was reckoned is printed beside what was played. It takes half a minute,
for the shop's tables are enumerated.
"""

import sys
from collections.abc import Iterator

import numpy as np

from simulators.worlds import home_page, two_channels
from simulators.worlds.home_page import HomePage, Visit
from simulators.worlds.retailer import playing, values

VIEWERS, VISITS = 5_000, 5
SHOPPERS = 3_000
SEED = 1


def truths() -> Iterator[str]:
    """Yield lines of text."""
    known = two_channels.truth(two_channels.Chances())
    yield "two-channels, purchases a round of a unit, both offers always made:"
    yield f"  whole {known.whole:.4f}, interaction {known.interaction:.4f}"
    yield from (f"  part {name} {part:.4f}" for name, part in known.parts.items())
    page = HomePage()
    yield "home-page, chance of a play at a first visit with nothing unfinished:"
    for viewer in home_page.VIEWERS:
        for part in home_page.PARTS:
            visit = Visit(viewer, part, unfinished=False)
            slate, value = page.best(visit)
            uniform = page.value(visit, home_page.uniform)
            yield f"  {viewer}, {part}: best {value:.3f} with {', '.join(slate)};"
            yield f"    uniform {uniform:.3f}"
    mean = page.mean_value(home_page.uniform, VISITS)
    rng = np.random.default_rng(SEED)
    played = page.played_mean(home_page.uniform, VIEWERS, VISITS, rng)
    yield f"  uniform over {VISITS} visits {mean:.3f}, played {played:.3f}"
    best = values.best()
    yield "retailer, euros of margin a shopper in 60 days, best recommendations:"
    yield f"  with look-ahead {best.oracle:.2f}, without {best.myopic:.2f}"
    yield f"  no offer and no mail {best.nothing:.2f}"
    played = playing.earned(best.tables, SHOPPERS, rng)
    yield f"  best table {best.table:.2f}, played {played:.2f}"
    for tier, table in best.tables.items():
        yield f"  {tier}: {table.hero}, {table.popup}, {table.mail}"


if __name__ == "__main__":
    for line in truths():
        sys.stdout.write(f"{line}\n")
