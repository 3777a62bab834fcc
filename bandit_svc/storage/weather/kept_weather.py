"""The weather of coarse places, and which places are asked for, as small files.

Owns the folder `weather` of the data: one file a web worker of the places that its
requests asked for, and one of what was found out. Each is written whole and then takes
the place of the former one, so that a reader never sees half of it. What can't be read
is as good as missing: it is asked for again.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bandit_svc.domain.enriching.skies import Observed, Place, place_named

T = TypeVar("T")

FOLDER: Final = "weather"
MOST_PLACES: Final = 5_000
_OBSERVED: Final = "observed.json"
_ASKED: Final = "asked-"


class _Asked(msgspec.Struct):
    at_ms: int
    places: list[str]


class _Found(msgspec.Struct):
    observed: dict[str, Observed]
    fault: str = ""


class KeptWeather:
    """The files of one data folder; each process has its own."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self._seen: tuple[int, int] | None = None
        self._fault = ""

    def ask(self, name: str, places: Collection[Place], now_ms: int) -> None:
        """Keep which places a process asks for.

        Args:
            name: of the process.
            places: all of them.
            now_ms: the time.
        """
        asked = _Asked(now_ms, sorted(place.text for place in places))
        self._write(f"{_ASKED}{name}.json", msgspec.json.encode(asked))

    def asked(self, since_ms: int) -> frozenset[Place]:
        """Return the places that any process asks for; forget those of long ago.

        Args:
            since_ms: what a process has not asked for since is forgotten.
        """
        found: set[Place] = set()
        for path in sorted(self._folder.glob(f"{_ASKED}*.json")):
            asked = _read(path, _Asked)
            if asked is None or asked.at_ms < since_ms:
                path.unlink(missing_ok=True)
                continue
            found |= {p for text in asked.places if (p := place_named(text))}
        return frozenset(sorted(found)[:MOST_PLACES])

    def keep(self, observed: Mapping[Place, Observed], fault: str = "") -> None:
        """Keep what was found out, and why no more was; empty for nothing."""
        found = _Found({place.text: one for place, one in observed.items()}, fault)
        self._write(_OBSERVED, msgspec.json.encode(found))

    def news(self) -> Mapping[Place, Observed] | None:
        """Return what was found out; None where nothing changed since the last look."""
        path = self._folder / _OBSERVED
        try:
            stat = path.stat()
        except OSError:
            return None
        seen = (stat.st_mtime_ns, stat.st_ino)
        if seen == self._seen:
            return None
        found = _read(path, _Found)
        self._seen = seen
        if found is None:
            return None
        self._fault = found.fault
        return {
            place: one
            for text, one in found.observed.items()
            if (place := place_named(text))
        }

    @property
    def fault(self) -> str:
        """Return why nothing newer was found out; empty for nothing."""
        return self._fault

    def _write(self, name: str, text: bytes) -> None:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / name
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_bytes(text)
        fresh.replace(path)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
