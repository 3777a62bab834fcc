"""The worlds by scenario name.

Owns the names that `bandit-svc simulate SCENARIO` and the benchmarks take.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from simulators.environment import World
from simulators.worlds.artwork import ArtworkWorld
from simulators.worlds.drift import DriftWorld
from simulators.worlds.hero import HeroWorld
from simulators.worlds.null import NullWorld
from simulators.worlds.shop import ShopWorld

WORLDS: Mapping[str, Callable[[], World]] = MappingProxyType(
    {
        "hero": HeroWorld,
        "artwork": ArtworkWorld,
        "drift": DriftWorld,
        "null": NullWorld,
        "shop": ShopWorld,
    }
)


class UnknownWorldError(ValueError):
    """No world has this name."""


def world(name: str) -> World:
    """Build the world of a scenario name.

    Raises:
        UnknownWorldError: the name is not in `WORLDS`.
    """
    try:
        build = WORLDS[name]
    except KeyError as error:
        known = ", ".join(WORLDS)
        raise UnknownWorldError(
            f"there is no world {name!r}; the worlds are {known}"
        ) from error
    return build()
