"""A streaming service: one evening of its home page, on a real service.

`python -m examples.streaming.story --url URL --data FOLDER --secret KEY
--publishable KEY`. A reward window is some seconds long, so that the end of it can be
seen.
"""

import time
import tomllib
from math import isclose, prod
from pathlib import Path
from typing import Any

from examples.telling import Json, Service, check, service_of, tell, wait

HERE = Path(__file__).parent
EXPERIMENTS = ("home-rows", "artwork")
WINDOW = {"window_seconds": 10, "grace_seconds": 10}
SLOTS, TITLES = 5, 40
SHOWS = ("face", "scene", "action", "logo")
EVENING = {
    "viewer": "documentary",
    "part": "evening",
    "moment": "documentary evening",
    "tired": "nothing",
}


def main() -> None:
    """Play the story."""
    service = service_of("The story of a home page, on a running service.")
    screen = Screen(service)
    for step in (
        *(screen.opens, screen.has_something_unfinished, screen.reloads),
        *(screen.shows_pictures, screen.plays, screen.is_checked),
    ):
        step()


class Screen:
    """The home page, and what has happened on it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        for key in EXPERIMENTS:
            definition = tomllib.loads((HERE / f"{key}.toml").read_text())
            definition["reward"] |= WINDOW
            service.post("/v1/experiments", definition)
        self.page: Json = {}

    def opens(self) -> None:
        """One decision fills five slots."""
        self.page = self._page("viewer-1", unfinished=False)
        rows = [slot["variant"] for slot in self.page["slots"]]
        check(len(set(rows)) == SLOTS, "five different rows")
        check("continue" not in rows, "nothing is unfinished")
        chances = [slot["propensity"] for slot in self.page["slots"]]
        check(isclose(prod(chances), self.page["propensity"]), "the page's chance")
        tell(
            1,
            "A viewer opens the home page. One request fills five slots with "
            "five different rows of eight. Each row has the chance it was "
            'drawn with, given the rows above it; "continue" is not among '
            "them, as nothing is unfinished.",
        )

    def has_something_unfinished(self) -> None:
        """Another viewer may see the row `continue`."""
        made = self._page("viewer-2", unfinished=True)
        first = f"{made['decision_id']}.1"
        found = wait(lambda: self._look_up(first), "the first slot is known")
        keys = [variant["variant"] for variant in found["variants"]]
        check("continue" in keys, f"continue may be shown: {keys}")
        tell(2, "For a viewer who stopped in the middle of a film, it may be shown.")

    def reloads(self) -> None:
        """A reload repeats the page, whichever worker it meets."""
        wait(lambda: self._look_up(self.page["decision_id"]), "the page is stored")
        time.sleep(2.0)
        again = self._page("viewer-1", unfinished=False)
        check(again["decision_id"] == self.page["decision_id"], "the same decision")
        check(again["repeat"] is True, "it is a repeat")
        check(again["slots"] == self.page["slots"], "the same rows")
        tell(3, "A reload shows the same page, and nothing is drawn or learned again.")

    def shows_pictures(self) -> None:
        """One batch chooses the pictures of forty titles."""
        asked = [
            {
                "experiment": "artwork",
                "unit_id": "viewer-1",
                "context": {"viewer": "documentary", "row": slot["variant"]},
                "variants": _pictures(f"title-{slot['slot']}-{title}"),
            }
            for slot in self.page["slots"]
            for title in range(TITLES // SLOTS)
        ]
        made = self.service.post("/v1/decisions/batch", {"decisions": asked})
        titles = {one["variant"].rpartition("-")[0] for one in made["decisions"]}
        check(len(titles) == TITLES, f"{TITLES} pictures of as many titles")
        tell(
            4,
            f"One batch chooses the pictures of {TITLES} titles, eight in each "
            "row. The request brings the pictures of each title, and says in "
            "which row it stands.",
        )

    def plays(self) -> None:
        """What is played in a slot rewards this slot."""
        page = self._page("viewer-3", unfinished=False)
        first, second = (slot["decision_id"] for slot in page["slots"][:2])
        check(second == f"{page['decision_id']}.2", "the id of the second slot")
        for metric in ("reward", "completed"):
            told = {"decision_id": second, "value": 1, "metric": metric}
            self.service.post("/v1/rewards", told | {"reward_id": f"{metric}-3"})
        self._joined(second, 1.0)
        self._joined(first, 0.0)
        tell(5, "A viewer plays something in the second row: it alone is rewarded.")
        found = self._look_up(second)
        metrics = {one["metric"] for one in found["rewards"]}
        check(metrics == {"reward", "completed"}, f"both are known: {metrics}")
        tell(
            6,
            "It is watched to its end. That is a metric beside the reward: "
            "reported, not learned from.",
        )

    def is_checked(self) -> None:
        """Every model is what the log gives."""
        wait(
            lambda: all(self._models(key) for key in EXPERIMENTS),
            "each experiment has a model",
        )
        for key in EXPERIMENTS:
            self.service.command("replay", key, "--verify")
        tell(7, "Every model is, byte for byte, what the log gives.")

    def _page(self, viewer: str, *, unfinished: bool) -> Json:
        body = {
            "experiment": "home-rows",
            "unit_id": viewer,
            "context": EVENING | {"unfinished": unfinished},
            "slots": SLOTS,
        }
        return dict(self.service.post("/v1/decisions", body))

    def _look_up(self, decision_id: str) -> Any:
        return self.service.get(f"/v1/decisions/{decision_id}")

    def _joined(self, decision_id: str, reward: float) -> None:
        def joined() -> bool:
            found = self._look_up(decision_id)
            return bool(found) and found["state"] == "joined"

        wait(joined, "the window has closed")
        known = self._look_up(decision_id)["reward"]
        check(known == reward, f"the reward is {reward}: {known}")

    def _models(self, key: str) -> list[Json]:
        return list(self.service.get(f"/v1/experiments/{key}/models")["models"])


def _pictures(title: str) -> list[Json]:
    return [{"key": f"{title}-{one}", "features": {"shows": one}} for one in SHOWS]


if __name__ == "__main__":
    main()
