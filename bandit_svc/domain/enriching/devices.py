"""Features of a visitor's device, by what its browser says.

Owns the few words that a device, an operating system and a browser are told by, and
which of a User-Agent and of client hints decides each. Pure.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

MAX_AGENT_LENGTH: Final = 1_024
"""A longer User-Agent is not read, so that none takes long."""
MAX_HINT_LENGTH: Final = 512
MAX_HINTS: Final = 16
HINTS: Final = (
    *("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"),
    "sec-ch-ua-form-factors",
)
"""The client hints that are read, as names of headers."""
OTHER: Final = "other"

_BOT: Final = re.compile(
    r"bot\b|bots?[/;) _-]|crawl|spider|slurp|scrap(?:e|y)|archiver|facebookexternalhit|"
    r"preview|headless|lighthouse|pingdom|monitor(?:ing)?\b|uptime|curl/|wget/|python-|"
    r"aiohttp|httpx/|java/|apache-httpclient|go-http-client|node-fetch|axios/|undici|"
    r"libwww|phantomjs|feedfetcher|mediapartners|\+https?://",
    re.IGNORECASE,
)
_CLASSES: Final = (
    ("console", re.compile(r"playstation|xbox|nintendo", re.IGNORECASE)),
    (
        "tv",
        re.compile(
            r"smart-?tv|\btv\b|appletv|apple ?tv|googletv|android ?tv|hbbtv|web0s|"
            r"webos\.tv|netcast|bravia|viera|roku|crkey|\baft[a-z]{1,6}\d*\b|dtv|"
            r"tvos|vidaa",
            re.IGNORECASE,
        ),
    ),
    (
        "headset",
        re.compile(r"oculusbrowser|quest|\bpico\b|vision ?os|\bvr\b", re.IGNORECASE),
    ),
    ("watch", re.compile(r"watch ?os|\bwatch\b|sm-r\d{3}", re.IGNORECASE)),
    (
        "tablet",
        re.compile(
            r"ipad|tablet|kindle|playbook|\bkf[a-z]{3,5}\b|nexus (?:7|9|10)\b|"
            r"sm-(?:t|x|p)\d{3}|mediapad|xoom",
            re.IGNORECASE,
        ),
    ),
    (
        "phone",
        re.compile(
            r"iphone|ipod|windows phone|\bmobile\b|kaios|blackberry|\bbb10\b|"
            r"symbian|opera mini",
            re.IGNORECASE,
        ),
    ),
    ("tablet", re.compile(r"android", re.IGNORECASE)),
    (
        "desktop",
        re.compile(
            r"windows nt|macintosh|x11|\bcros\b|linux (?:x86|i686|amd)", re.IGNORECASE
        ),
    ),
)
"""The first that is found decides: an Android that is not Mobile is a tablet."""
_FORM_FACTORS: Final = {
    "tablet": "tablet",
    "xr": "headset",
    "watch": "watch",
    "automotive": "car",
    "eink": "tablet",
    "mobile": "phone",
    "desktop": "desktop",
}
_SYSTEMS: Final = (
    ("windows phone", "Windows Phone"),
    ("windows", "Windows"),
    ("mac os", "macOS"),
    ("macos", "macOS"),
    ("kaios", "KaiOS"),
    ("ios", "iOS"),
    ("ipados", "iOS"),
    ("android", "Android"),
    ("fire os", "Android"),
    ("chrome os", "ChromeOS"),
    ("chromium os", "ChromeOS"),
    ("tizen", "Tizen"),
    ("webos", "webOS"),
    ("web0s", "webOS"),
    ("atv os", "tvOS"),
    ("tvos", "tvOS"),
    ("watchos", "watchOS"),
    ("harmony", "HarmonyOS"),
    *(
        (name, "Linux")
        for name in (
            *("linux", "ubuntu", "fedora", "debian", "red hat", "suse", "mint"),
            *("arch", "gentoo", "centos"),
        )
    ),
)
_BROWSERS: Final = (
    ("edge", "Edge"),
    ("samsung internet", "Samsung Internet"),
    ("opera", "Opera"),
    ("brave", "Brave"),
    ("vivaldi", "Vivaldi"),
    ("duckduckgo", "DuckDuckGo"),
    ("yandex", "Yandex"),
    ("yabrowser", "Yandex"),
    ("uc browser", "UC Browser"),
    ("silk", "Silk"),
    ("miui", "MIUI Browser"),
    ("huawei", "Huawei Browser"),
    ("firefox", "Firefox"),
    *(
        (name, "in-app")
        for name in (
            *("facebook", "instagram", "tiktok", "wechat", "line", "pinterest"),
            *("snapchat", "linkedin", "twitter", "google", "webview", "musical_ly"),
        )
    ),
    ("ie", "Internet Explorer"),
    ("internet explorer", "Internet Explorer"),
    ("chrome", "Chrome"),
    ("chromium", "Chrome"),
    ("safari", "Safari"),
)
_BRANDS: Final = (
    ("microsoft edge", "Edge"),
    ("opera", "Opera"),
    ("brave", "Brave"),
    ("vivaldi", "Vivaldi"),
    ("samsung internet", "Samsung Internet"),
    ("yabrowser", "Yandex"),
    ("yandex", "Yandex"),
    ("duckduckgo", "DuckDuckGo"),
    ("android webview", "in-app"),
    ("google chrome", "Chrome"),
)
"""Brands of client hints; bare Chromium says no more than the User-Agent."""
_EXACT: Final = frozenset({"ie", "line", "google", "arch"})
"""Words that are parts of others, so that only the whole name counts."""
_CONSOLE_SYSTEMS: Final = re.compile(r"playstation|nintendo", re.IGNORECASE)


class ParsedAgent(NamedTuple):
    """Families that a parser has found in a User-Agent; None for none."""

    browser: str | None = None
    system: str | None = None
    device: str | None = None
    brand: str | None = None


NOTHING_PARSED: Final = ParsedAgent()


def device_features(
    agent: str, parsed: ParsedAgent, hints: Mapping[str, str]
) -> dict[str, str | bool]:
    """Return the features of a device; what is not known is absent.

    Args:
        agent: the User-Agent, empty for none.
        parsed: what a parser found in it.
        hints: client hints by the names of their headers, in lower case.
    """
    if not agent and not any(hints.get(name) for name in HINTS):
        return {}
    brands = hints.get("sec-ch-ua", "")
    if _is_bot(agent, parsed, brands):
        return {"class": "bot", "is_bot": True}
    found: dict[str, str | bool] = {}
    kind = _class_of(agent, hints)
    if kind is not None:
        found["class"] = kind
    system = _system_of(agent, parsed, hints)
    if system is not None:
        found["os"] = system
    browser = _browser_of(parsed, brands)
    if browser is not None:
        found["browser"] = browser
    if found:
        found["is_bot"] = False
    return found


def _is_bot(agent: str, parsed: ParsedAgent, brands: str) -> bool:
    return (
        parsed.brand == "Spider"
        or parsed.device == "Spider"
        or _BOT.search(agent) is not None
        or "headless" in brands.lower()
    )


def _class_of(agent: str, hints: Mapping[str, str]) -> str | None:
    factors = hints.get("sec-ch-ua-form-factors", "").lower()
    if factors:
        for name, kind in _FORM_FACTORS.items():
            if f'"{name}"' in factors:
                return kind
    for kind, pattern in _CLASSES:
        if pattern.search(agent):
            if kind == "tablet" and hints.get("sec-ch-ua-mobile") == "?1":
                # A frozen Android says Mobile itself; a hint that says more wins.
                return "phone"
            return kind
    mobile = hints.get("sec-ch-ua-mobile")
    if mobile == "?1":
        return "phone"
    if mobile == "?0":
        system = hints.get("sec-ch-ua-platform", "").strip('"').lower()
        return "tablet" if system == "android" else "desktop"
    return None


def _system_of(agent: str, parsed: ParsedAgent, hints: Mapping[str, str]) -> str | None:
    named = hints.get("sec-ch-ua-platform", "").strip('" ')
    for text in (named, parsed.system):
        if text and text.lower() != "unknown":
            known = _named(text, _SYSTEMS)
            if known is not None:
                return known
    if "xbox" in agent.lower():
        return "Windows"
    if _CONSOLE_SYSTEMS.search(agent) or parsed.system or named:
        return OTHER
    return None


def _browser_of(parsed: ParsedAgent, brands: str) -> str | None:
    branded = brands.lower()
    for word, name in _BRANDS:
        if f'"{word}"' in branded or (word == "opera" and '"opera' in branded):
            return name
    if parsed.browser is not None:
        return _named(parsed.browser, _BROWSERS) or OTHER
    return "Chrome" if '"chromium"' in branded else None


def _named(text: str, known: tuple[tuple[str, str], ...]) -> str | None:
    lower = text.lower()
    for word, name in known:
        if word == lower or (word not in _EXACT and word in lower):
            return name
    return None
