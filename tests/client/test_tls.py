"""The same calls over TLS: certificates are checked, and a handshake takes no longer.

The certificate in `tls` is of 127.0.0.1 and signed by itself, for a hundred years.
"""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandit_svc.client import AsyncBanditClient, BanditClient, Decision
from tests.harness.client.raw_service import raw_service
from tests.harness.fakes.json_server import Answer, json_server
from tests.harness.waiting import GENEROUS_S
from tests.harness.web.own_loop import in_own_loop

FOLDER = Path(__file__).parent / "tls"
DECIDED = {"decision_id": "d-1", "experiment": "hero", "variant": "sandals"}

Twice = list[Decision]
Ask = Callable[[str, float], Twice]


def by_sync(url: str, limit_s: float) -> Twice:
    with BanditClient(url, timeout_s=limit_s) as client:
        return [client.decide("hero", fallback="mine") for _ in range(2)]


def by_async(url: str, limit_s: float) -> Twice:
    async def ask() -> Twice:
        async with AsyncBanditClient(url, timeout_s=limit_s) as client:
            return [await client.decide("hero", fallback="mine") for _ in range(2)]

    return in_own_loop(ask())


@pytest.fixture
def url() -> Iterator[str]:
    """Return the address of a service behind TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(FOLDER / "certificate.pem", FOLDER / "key.pem")
    with json_server(lambda _: Answer(201, DECIDED), tls) as url:
        yield url


@pytest.mark.parametrize("ask", [by_sync, by_async])
def test_decisions_are_made_over_a_kept_connection(
    *, url: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(FOLDER / "certificate.pem"))

    assert [one.variant for one in ask(url, GENEROUS_S)] == ["sandals", "sandals"]


@pytest.mark.parametrize("ask", [by_sync, by_async])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    *, url: str, ask: Ask
) -> None:
    made = ask(url, GENEROUS_S)[0]

    assert made.variant == "mine"
    assert "certificate verify failed" in str(made.error)


@pytest.mark.parametrize("ask", [by_sync, by_async])
@pytest.mark.parametrize("fault", ["no_accept", "body_drips"])
def test_a_handshake_takes_no_longer_than_the_deadline(*, fault: str, ask: Ask) -> None:
    with raw_service(fault) as url:  # type: ignore[arg-type] # one of its faults
        made = ask(url.replace("http:", "https:"), 0.2)[0]

    assert made.variant == "mine"
    assert made.error is not None
    assert made.error.reason in {"timeout", "unreachable"}
