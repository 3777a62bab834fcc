"""Facts about units that never were.

Owns streams of random facts in which units come back, change, and are linked.
"""

import random

from bandit_svc.domain.people.feature import TrailName
from bandit_svc.domain.people.unit_fact import (
    Consent,
    UnitChange,
    UnitEvent,
    UnitFact,
    kept_of,
)

KEEP_MS = 7 * 86_400_000
_TRAILS = {
    TrailName("viewed"): KEEP_MS,
    TrailName("viewed", "style", as_text=True): KEEP_MS,
    TrailName("purchased", "value"): KEEP_MS,
}
_CONSENTS: tuple[Consent, ...] = ("granted", "granted", "unknown", "denied")


def seeded(seed: int) -> random.Random:
    """Return a source of chance that a test can repeat."""
    return random.Random(seed)  # noqa: S311 - no secret


def random_facts(chance: random.Random, count: int, ids: int = 200) -> list[UnitFact]:
    """Return facts about units `u0`, `u1` …, a minute after one another."""
    return [_fact(chance, i, ids) for i in range(count)]


def _fact(chance: random.Random, i: int, ids: int) -> UnitFact:
    at_ms = 1_800_000_000_000 + 60_000 * i
    unit = f"u{chance.randrange(ids)}"
    kind = chance.random()
    if kind < 0.1:
        others = {f"u{chance.randrange(ids)}" for _ in range(chance.randint(1, 2))}
        links = tuple(sorted(others - {unit}))
        return UnitChange(f"f{i}", unit, at_ms, links=links)
    if kind < 0.25:
        traits = {f"t{chance.randrange(5)}": chance.choice([None, 1, "x", True])}
        return UnitChange(f"f{i}", unit, at_ms, traits, chance.choice(_CONSENTS))
    name = chance.choice(["viewed", "purchased"])
    properties = {"style": chance.choice("abc"), "value": chance.randint(1, 99)}
    taken = kept_of(name, properties, _TRAILS)
    occurred_ms = at_ms - chance.randrange(5_000_000)
    return UnitEvent(f"f{i}", unit, at_ms, name, occurred_ms, taken)
