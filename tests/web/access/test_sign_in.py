"""Signing in and out: who sees a page, what the cookie holds, when it ends."""

import pytest
from flask.testing import FlaskClient

from bandit_svc.web.access.page_access import COOKIE
from bandit_svc.web.access.sessions import SESSION_MS, Sessions
from tests.harness.pages import Page
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

KEY = "0123456789ab"


def visitor(service: WorkerInProcess, key: str | None = None) -> FlaskClient:
    """Return a browser that has signed in."""
    client = service.app.test_client()
    answer = client.post("/sign-in", data={"key": key or service.secret})
    assert answer.status_code == 303, answer.text
    return client


def form_token(client: FlaskClient, parse_page: type[Page]) -> str:
    return parse_page(client.get("/").text).fields["form_token"]


def test_without_a_session_a_page_leads_to_the_form_and_back(
    service: WorkerInProcess,
) -> None:
    answer = service.client.get("/experiments/hero?x=1")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=/experiments/hero%3Fx%3D1"

    form = service.client.get(answer.headers["Location"])
    assert 'value="/experiments/hero?x=1"' in form.text

    sent = {"key": f" {service.secret} ", "next": "/experiments/hero?x=1"}
    entered = service.client.post("/sign-in", data=sent)
    assert entered.headers["Location"] == "/experiments/hero?x=1"


def test_a_part_that_refreshes_itself_sends_the_whole_page_to_the_form(
    service: WorkerInProcess,
) -> None:
    answer = service.client.get("/", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\nb"],
)
def test_signing_in_leads_nowhere_else(service: WorkerInProcess, wanted: str) -> None:
    answer = service.client.post(
        "/sign-in", data={"key": service.secret, "next": wanted}
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_kept_from_scripts_and_holds_no_key(
    service: WorkerInProcess, scheme: str
) -> None:
    answer = service.client.post(
        "/sign-in", data={"key": service.secret}, base_url=f"{scheme}://localhost"
    )
    cookie = answer.headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age=43200" in cookie
    assert ("Secure" in cookie) == (scheme == "https")
    assert service.secret not in cookie
    assert service.secret[4:] not in cookie


@pytest.mark.parametrize("key", ["", "bsk_" + "q" * 32, "é", "x" * 100_000])
def test_a_wrong_key_opens_nothing(service: WorkerInProcess, key: str) -> None:
    answer = service.client.post("/sign-in", data={"key": key})

    assert answer.status_code == 403
    assert "not valid" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert not key or key not in answer.text


def test_a_publishable_key_opens_no_page(service: WorkerInProcess) -> None:
    entered = service.client.post("/sign-in", data={"key": service.publishable})
    read = service.client.get(
        "/", headers={"Authorization": f"Bearer {service.publishable}"}
    )

    assert (entered.status_code, read.status_code) == (403, 403)
    assert "publishable" in entered.text


def test_a_session_ends_after_twelve_hours(service: WorkerInProcess) -> None:
    client = visitor(service)
    service.now_ms += SESSION_MS - 1
    before = client.get("/").status_code
    service.now_ms += 1

    assert (before, client.get("/").status_code) == (200, 303)


def test_a_revoked_key_ends_its_session_at_the_next_request(
    service: WorkerInProcess,
) -> None:
    key, row = service.issue("secret")
    mine, other = visitor(service, key), visitor(service)
    service.worker.storage.keys.revoke(row.id, service.now_ms)

    assert mine.get("/").status_code == 303
    assert other.get("/").status_code == 200


def test_signing_out_ends_every_copy_of_the_session_in_every_worker(
    service: WorkerInProcess, parse_page: type[Page]
) -> None:
    client, other = visitor(service), visitor(service)
    copied = client.get_cookie(COOKIE)
    assert copied is not None
    thief = service.new_client()
    thief.set_cookie(COOKIE, copied.value)
    before = thief.get("/ops").status_code
    client.post("/sign-out", data={"form_token": form_token(client, parse_page)})
    service.now_ms += 1

    assert (before, thief.get("/ops").status_code) == (200, 303)
    assert other.get("/ops").status_code == 200
    assert thief.post("/new", data={"form_token": "x"}).status_code == 401


def test_signing_out_ends_the_session_of_this_browser(
    service: WorkerInProcess, parse_page: type[Page]
) -> None:
    client = visitor(service)
    token = form_token(client, parse_page)
    answer = client.post("/sign-out", data={"form_token": token})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert client.get("/").status_code == 303


def test_a_form_without_the_token_of_its_session_is_refused(
    service: WorkerInProcess, parse_page: type[Page]
) -> None:
    client, other = visitor(service), visitor(service)
    token = form_token(other, parse_page)

    for sent in ({}, {"form_token": ""}, {"form_token": token}, {"form_token": "é"}):
        assert client.post("/sign-out", data=sent).status_code == 403
    assert client.get("/").status_code == 200


def test_a_form_of_another_origin_is_refused(
    service: WorkerInProcess, parse_page: type[Page]
) -> None:
    client = visitor(service)
    token = form_token(client, parse_page)
    for path, sent in (
        ("/sign-out", {"form_token": token}),
        ("/sign-in", {"key": service.secret}),
    ):
        for site in ("cross-site", "same-site"):
            answer = client.post(path, data=sent, headers={"Sec-Fetch-Site": site})
            assert (answer.status_code, answer.mimetype) == (403, "text/html")


def test_a_form_without_a_session_is_refused(service: WorkerInProcess) -> None:
    assert service.client.post("/sign-out", data={}).status_code == 401
    # A key in the header reads pages, and sends no form.
    assert service.post("/sign-out").status_code == 401


def test_dev_needs_no_session_and_checks_its_forms(
    start_worker: StartWorker,
) -> None:
    service = start_worker(dev=True)
    page = service.client.get("/")

    assert page.status_code == 200
    assert "Sign out" not in page.text
    assert service.client.get("/sign-in").headers["Location"] == "/"
    assert service.client.post("/sign-out", data={}).status_code == 403
    service.close()


def test_a_session_that_was_changed_in_any_place_is_none() -> None:
    sessions = Sessions(bytes(32))
    text = sessions.issue(KEY, 1_000, b"nonce")
    found = sessions.read(text, 2_000)

    assert found is not None
    assert (found.key_id, found.expires_at_ms) == (KEY, 1_000 + SESSION_MS)
    for place in range(len(text)):
        other = "x" if text[place] != "x" else "y"
        assert sessions.read(text[:place] + other + text[place + 1 :], 2_000) is None
    for wrong in ("", ".", "...", text + ".", "é" * 9, text[:-1], "a" * 300):
        assert sessions.read(wrong, 2_000) is None
    assert Sessions(bytes(31) + b"x").read(text, 2_000) is None


def test_the_token_of_a_form_is_not_the_signature_of_a_session() -> None:
    sessions = Sessions(bytes(32))
    text = sessions.issue(KEY, 1_000, b"nonce")
    body = text.rsplit(".", 1)[0]

    assert sessions.read(f"{body}.{sessions.form_token(body)}", 2_000) is None
    assert sessions.is_form_token(text, sessions.form_token(text))
    assert not sessions.is_form_token(text, sessions.form_token(text) + "x")
