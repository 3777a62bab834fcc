"""What caps count of a decision.

Owns what a decision logs of the caps that count its variant, so that the learner counts
exposures, and says which came though a cap was full, from the log alone. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from bandit_svc.domain.people.trail import Entry, added
from bandit_svc.domain.programmes.caps import CAP_REASON

UNREAD: Final = "; it can't be read now how often it was shown"
WITHOUT_UNIT: Final = "; without unit_id nobody knows whose it is"
"""Behind the words of a cap that keeps out for the safe side."""
OF_CAPS: Final = "#"
"""How the name of a trail begins that caps read; no event's has it there."""
_HITS: Final = "cap_hits "
_FEWEST_ENTRIES: Final = 8


class CountedCap(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A cap that counts what a decision shows, as it was declared then.

    Attributes:
        programme: its key.
        name: what the cap counts, in one form; see Cap.name.
        words: the cap as a reason has it.
        max: how often a person may be shown it.
        per_ms: in this time.
    """

    programme: str
    name: str
    words: str
    max: int
    per_ms: int

    @property
    def trail(self) -> str:
        """Return the name of the trail of exposures that it reads."""
        return trail_of(self.programme, self.name)


encode_counted = msgspec.msgpack.Encoder().encode
decode_counted = msgspec.msgpack.Decoder(tuple[CountedCap, ...]).decode


def trail_of(programme: str, name: str) -> str:
    """Return the name of the trail of exposures that a cap of a programme reads."""
    return f"{OF_CAPS}{programme} {name}"


def exposures(trail: Sequence[Entry], from_ms: int) -> int:
    """Return how many exposures of a trail there are since a time."""
    return sum(
        (e if e.span_ms == 0 else e.since(from_ms)).n
        for e in trail
        if e.at_ms >= from_ms
    )


def with_exposure(
    trails: Mapping[str, tuple[Entry, ...]],
    caps: Sequence[CountedCap],
    at_ms: int,
) -> dict[str, tuple[Entry, ...]]:
    """Return trails with one exposure more in each that a cap of it reads.

    A trail keeps what its caps need: the newest exposures, one by one up to 32 of them.
    """
    found = dict(trails)
    for name in dict.fromkeys(cap.trail for cap in caps):
        readers = [cap for cap in caps if cap.trail == name]
        needed = max(_FEWEST_ENTRIES, *(cap.max for cap in readers))
        from_ms = at_ms - max(cap.per_ms for cap in readers)
        entries = added(found.get(name, ()), Entry(at_ms), from_ms)
        found[name] = entries[-needed:]
    return found


def hits_of(programme: str, words: str) -> str:
    """Return the name of the counter of decisions in which a cap kept something out.

    Args:
        programme: its key, which has no space.
        words: of the cap.
    """
    return f"{_HITS}{programme} {words}"


def read_hits(name: str) -> tuple[str, str] | None:
    """Return the programme and the words of a cap whose counter this is."""
    if not name.startswith(_HITS):
        return None
    programme, _, words = name.removeprefix(_HITS).partition(" ")
    return programme, words


def are_unread(reasons: Mapping[str, str]) -> bool:
    """Return whether something was kept out since it could not be read."""
    return any(why.endswith(UNREAD) for why in reasons.values())


def caps_in(reasons: Mapping[str, str]) -> list[str]:
    """Return the words of the caps that kept variants of a decision out."""
    return sorted(
        {
            why.removeprefix(CAP_REASON).split(";")[0]
            for why in reasons.values()
            if why.startswith(CAP_REASON)
        }
    )
