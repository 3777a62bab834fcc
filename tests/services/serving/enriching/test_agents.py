"""Devices by the strings that real browsers, apps and bots send (agents.tsv)."""

from pathlib import Path

import pytest

from bandit_svc.services.serving.enriching.agents import device_of

TABLE = Path(__file__).with_name("agents.tsv").read_text(encoding="utf-8")
ROWS = [line.split("\t") for line in TABLE.splitlines()[1:]]
WINDOWS = next(agent for *_, agent in ROWS if "Windows NT 10.0" in agent)
LINUX = next(agent for *_, agent in ROWS if "X11; Linux x86_64) Apple" in agent)
FROZEN = next(agent for *_, agent in ROWS if "Android 10; K)" in agent)
FROZEN_TABLET = FROZEN.replace(" Mobile", "")


@pytest.mark.parametrize(("kind", "system", "browser", "agent"), ROWS)
def test_a_browser_is_what_it_says(
    kind: str, system: str, browser: str, agent: str
) -> None:
    told = {"class": kind, "os": system, "browser": browser}
    known = {name: word for name, word in told.items() if word}

    assert device_of(agent, None) == {**known, "is_bot": kind == "bot"}


def test_the_table_is_wide() -> None:
    kinds = {kind for kind, *_ in ROWS}

    assert len(ROWS) >= 60
    assert kinds == {"bot", "console", "desktop", "headset", "phone", "tablet", "tv"}


HINTED = [
    # Chrome freezes its User-Agent: the hints tell what it leaves out.
    (
        FROZEN_TABLET,
        {"sec-ch-ua-mobile": "?0", "sec-ch-ua-platform": '"Android"'},
        ("tablet", "Android", "Chrome"),
    ),
    (
        FROZEN_TABLET,
        {"sec-ch-ua-mobile": "?1", "sec-ch-ua-platform": '"Android"'},
        ("phone", "Android", "Chrome"),
    ),
    (
        FROZEN,
        {"sec-ch-ua-form-factors": '"Tablet"', "sec-ch-ua-mobile": "?1"},
        ("tablet", "Android", "Chrome"),
    ),
    (
        WINDOWS,
        {"sec-ch-ua": '"Brave";v="124", "Chromium";v="124", "Not A;Brand";v="99"'},
        ("desktop", "Windows", "Brave"),
    ),
    (
        WINDOWS,
        {"sec-ch-ua": '"Chromium";v="124", "Microsoft Edge";v="124"'},
        ("desktop", "Windows", "Edge"),
    ),
    (
        LINUX,
        {"sec-ch-ua-platform": '"Chrome OS"', "sec-ch-ua-mobile": "?0"},
        ("desktop", "ChromeOS", "Chrome"),
    ),
    (
        "",
        {
            "sec-ch-ua": '"Google Chrome";v="124"',
            "sec-ch-ua-mobile": "?1",
            "sec-ch-ua-platform": '"Android"',
        },
        ("phone", "Android", "Chrome"),
    ),
    (
        "",
        {
            "sec-ch-ua": '"Google Chrome";v="124"',
            "sec-ch-ua-mobile": "?0",
            "sec-ch-ua-platform": '"Windows"',
        },
        ("desktop", "Windows", "Chrome"),
    ),
    (
        FROZEN_TABLET,
        {"sec-ch-ua-form-factors": '"XR"'},
        ("headset", "Android", "Chrome"),
    ),
]


@pytest.mark.parametrize(("agent", "hints", "told"), HINTED)
def test_client_hints_say_what_a_frozen_string_leaves_out(
    agent: str, hints: dict[str, str], told: tuple[str, str, str]
) -> None:
    found = device_of(agent, hints)

    assert (found["class"], found["os"], found["browser"]) == told


def test_a_headless_brand_is_a_bot() -> None:
    hints = {"sec-ch-ua": '"HeadlessChrome";v="124"'}

    assert device_of(WINDOWS, hints)["is_bot"]


@pytest.mark.parametrize("agent", ["", "x" * 1_025, "\x00\xff", "-", "Mozilla/5.0"])
def test_of_what_says_nothing_nothing_is_known(agent: str) -> None:
    assert device_of(agent, None) == {}
    assert device_of(agent, {"accept": "text/html"}) == {}


def test_hints_beyond_their_limit_are_not_read() -> None:
    assert device_of(None, {"sec-ch-ua": '"' * 513}) == {}
