"""Work is repeated in the background, whatever one time of it runs into."""

import logging
from collections.abc import Callable
from threading import Event

import pytest

from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.server.repeating import Repeating
from policies.base import PolicyError

LIMIT_S = 120


def refreshes(first: Exception | None) -> tuple[Callable[[], None], Event]:
    """Return a refresh that fails once, and the event of its second call."""
    failures = [] if first is None else [first]
    refreshed = Event()

    def refresh() -> None:
        if failures:
            raise failures.pop()
        refreshed.set()

    return refresh, refreshed


@pytest.mark.parametrize("error", [Unavailable("locked"), PolicyError("damaged")])
def test_a_refresh_that_fails_is_logged_and_the_next_one_is_made(
    error: BanditError | PolicyError, caplog: pytest.LogCaptureFixture
) -> None:
    refresh, refreshed = refreshes(error)
    poller = Repeating("models", refresh, 1, "newer models can't be loaded")

    with caplog.at_level(logging.ERROR):
        poller.start()
        assert refreshed.wait(LIMIT_S)
        poller.close()

    assert caplog.messages == [f"newer models can't be loaded: {error}"]


def test_nothing_is_refreshed_after_close() -> None:
    refresh, refreshed = refreshes(None)
    poller = Repeating("models", refresh, 1, "newer models can't be loaded")
    poller.start()
    assert refreshed.wait(LIMIT_S)

    poller.close()
    poller.close()
    refreshed.clear()

    assert not refreshed.is_set()
