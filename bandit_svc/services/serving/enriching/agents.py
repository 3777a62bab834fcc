"""What a browser says of itself, parsed.

Owns the one parser of a process, an optional library, and the bounded memory of what it
found: most visitors send one of a few thousand strings. Nothing of it is kept beyond
the process. Thread-safe.
"""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from bandit_svc.domain.enriching.devices import (
    HINTS,
    MAX_AGENT_LENGTH,
    MAX_HINT_LENGTH,
    NOTHING_PARSED,
    ParsedAgent,
    device_features,
)
from bandit_svc.domain.plain_values import Payload

MOST_KNOWN = 4_096

_Parse = Callable[[str], Any]


@cache
def parser() -> _Parse | None:
    """Return the parser of User-Agents, None where its library is not installed."""
    try:
        found: _Parse = import_module("ua_parser").parse
    except ImportError:
        return None
    return found


def device_of(agent: str | None, hints: Mapping[str, str] | None) -> Payload:
    """Return the features of a visitor's device; none where nothing is known."""
    given = "" if agent is None or len(agent) > MAX_AGENT_LENGTH else agent
    told: tuple[str | None, ...] = ()
    if hints:
        told = tuple([_hint(hints.get(name)) for name in HINTS])
    return dict(_features(given, told))


@lru_cache(maxsize=MOST_KNOWN)
def _features(agent: str, told: tuple[str | None, ...]) -> Mapping[str, str | bool]:
    hints = {name: text for name, text in zip(HINTS, told, strict=False) if text}
    return device_features(agent, _parsed(agent), hints)


def _parsed(agent: str) -> ParsedAgent:
    parse = parser()
    if parse is None or not agent:
        return NOTHING_PARSED
    found = parse(agent)
    device = found.device
    return ParsedAgent(
        None if found.user_agent is None else found.user_agent.family,
        None if found.os is None else found.os.family,
        None if device is None else device.family,
        None if device is None else device.brand,
    )


def _hint(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_HINT_LENGTH else None
