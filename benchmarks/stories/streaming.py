"""A home page of rows, and the pictures of its titles, beside what is true.

Owns the visits of the story. The rows are those of `simulators.worlds.home_page`; the
pictures have a world of their own here: who likes faces plays what shows a face.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.stories.site import Site
from simulators.worlds.home_page import (
    PARTS,
    ROWS,
    VIEWERS,
    HomePage,
    Visit,
    next_tired,
)

KEYS = ("home-rows", "artwork")
NEW_SHOWN = 200
"""How often a title that is new is shown at the end."""
START_MS = 1_798_761_600_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOURS = {"morning": 8, "evening": 20}
RELOADS = 0.1
"""The share of visits in which the page is loaded again a minute later."""
LEARN_EVERY = 200
"""Pages between two ticks of the learner."""

TITLES = 40
PICTURES_EVERY = 20
"""Pages between two batches of pictures."""
SHOWS = ("face", "scene", "action", "logo")
LIKES = {"documentary": "scene", "series": "face", "family": "face", "sport": "action"}
PLAYS_LIKED, PLAYS_OTHER = 0.30, 0.06


class Page(NamedTuple):
    """A page as it was shown."""

    visit: Visit
    slate: tuple[str, ...]
    number: int
    group: str


class Story:
    """The viewers' days."""

    def __init__(self, site: Site, viewers: int, seed: int) -> None:
        self.site = site
        self.place = HomePage()
        self._rng = np.random.default_rng(seed)
        self._viewers = [
            VIEWERS[n] for n in self._rng.integers(len(VIEWERS), size=viewers)
        ]
        self._tired: list[str | None] = [None] * viewers
        self.pages: list[Page] = []
        self.reloads, self.repeated = 0, 0
        self.pictures: Counter[tuple[str, bool]] = Counter()
        """Pictures by phase, and whether the viewer likes what is shown."""
        self._batches = 0

    def play(self, days: int) -> None:
        """Let each viewer come once a day, in the morning or in the evening."""
        for day in range(days):
            visits = [
                (viewer, self.place.next_visit(kind, self._tired[viewer], self._rng))
                for viewer, kind in enumerate(self._viewers)
            ]
            for part in PARTS:
                hour_ms = START_MS + day * DAY_MS + HOURS[part] * HOUR_MS
                self.site.now_ms = max(hour_ms, self.site.now_ms)
                for viewer, visit in visits:
                    if visit.part == part:
                        self._visit(viewer, visit)
                self.site.learn()
        self.site.now_ms += DAY_MS
        self.site.learn()

    def _visit(self, viewer: int, visit: Visit) -> None:
        unit, context = f"viewer-{viewer}", visit.context()
        slots = self.place.slots
        page = self.site.decide("home-rows", unit, context=context, slots=slots)
        slate = tuple(slot["variant"] for slot in page["slots"])
        self.pages.append(Page(visit, slate, len(self.pages), page["group"]))
        if self._rng.random() < RELOADS:
            self.site.now_ms += 1
            again = self.site.decide("home-rows", unit, context=context, slots=slots)
            self.reloads += 1
            self.repeated += (
                again["decision_id"] == page["decision_id"] and again["repeat"]
            )
        played = self.place.draw_play(visit, slate, self._rng)
        if played is not None:
            slot = page["slots"][played]["decision_id"]
            self.site.post("/v1/rewards", {"decision_id": slot, "value": 1})
        self._tired[viewer] = next_tired(slate, played)
        if len(self.pages) % PICTURES_EVERY == 0:
            titles = [f"title-{n}" for n in range(TITLES)]
            self._show_pictures(viewer, visit, titles, "siblings")
        if len(self.pages) % LEARN_EVERY == 0:
            self.site.learn()

    def show_new_title(self, times: int) -> None:
        """Show a title that was never shown, to viewers as they are."""
        for turn in range(times):
            viewer = turn % len(self._viewers)
            visit = self.place.next_visit(self._viewers[viewer], None, self._rng)
            self._show_pictures(viewer, visit, ["title-new"], "new", reward=False)

    def _show_pictures(
        self,
        viewer: int,
        visit: Visit,
        titles: Sequence[str],
        phase: str,
        *,
        reward: bool = True,
    ) -> None:
        """Ask for the pictures of titles in one batch, and let some be played."""
        self._batches += 1
        asked = [self._pictures_of(viewer, visit, title) for title in titles]
        made = self.site.post("/v1/decisions/batch", {"decisions": asked})
        for one in made["decisions"]:
            likes = one["variant"].endswith(LIKES[visit.viewer])
            self.pictures[phase, likes] += 1
            chance = PLAYS_LIKED if likes else PLAYS_OTHER
            if reward and self._rng.random() < chance:
                play = {"decision_id": one["decision_id"], "value": 1}
                self.site.post("/v1/rewards", play)

    def _pictures_of(self, viewer: int, visit: Visit, title: str) -> dict[str, Any]:
        return {
            "experiment": "artwork",
            "unit_id": f"viewer-{viewer}",
            "context": {"viewer": visit.viewer, "row": "trending"},
            "variants": [
                {"key": f"{title}-{shows}", "features": {"shows": shows}}
                for shows in SHOWS
            ],
        }


def shares_on_top(
    pages: Sequence[Page], row: str, slots: int = 2
) -> dict[tuple[str, str], float]:
    """Return how often a row was in the first slots, by viewer and part of the day."""
    found: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for page in pages:
        found[page.visit.viewer, page.visit.part].append(row in page.slate[:slots])
    return {cell: float(np.mean(tops)) for cell, tops in found.items()}


def mean_slots(pages: Sequence[Page]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the share of pages on which each row was on top, by viewer and part."""
    return {
        (viewer, part): {
            row: shares_on_top(pages, row, 1).get((viewer, part), 0.0) for row in ROWS
        }
        for viewer in VIEWERS
        for part in PARTS
    }


def true_plays(place: HomePage, pages: Sequence[Page]) -> float:
    """Return the mean chance of a play of the pages that were shown."""
    return float(
        np.mean([place.played(page.visit, page.slate).sum() for page in pages])
    )
