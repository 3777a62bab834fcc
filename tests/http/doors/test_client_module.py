"""The client for pages, as the service hands it out."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

import bandit_svc.client
from tests.harness.worker_in_process import WorkerInProcess

FOLDER = Path(bandit_svc.client.__file__).parent / "js"
PACKAGE = json.loads((FOLDER / "package.json").read_text())
VERSIONED = f"/client/{PACKAGE['version']}.js"
MOST_BYTES = 4096
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def integrity(content: bytes) -> str:
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    return f"sha384-{digest}"


@pytest.mark.parametrize("path", ["/client.js", VERSIONED])
def test_any_page_may_load_the_module_without_a_key(
    service: WorkerInProcess, path: str
) -> None:
    answer = service.client.get(path, headers={"Origin": "https://shop.example"})

    assert (answer.status_code, answer.mimetype) == (200, "text/javascript")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.data == (FOLDER / "client.js").read_bytes()


def test_the_module_is_small_and_comes_compressed(service: WorkerInProcess) -> None:
    plain = service.client.get("/client.js")
    short = service.client.get("/client.js", headers=GZIP)

    assert short.headers["Content-Encoding"] == "gzip"
    assert len(short.data) <= MOST_BYTES
    assert gzip.decompress(short.data) == plain.data
    assert "Accept-Encoding" in short.headers["Vary"]
    assert short.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize("path", ["/client.js", VERSIONED])
@pytest.mark.parametrize("how", [{}, GZIP])
def test_a_module_that_a_browser_has_is_not_sent_again(
    service: WorkerInProcess, path: str, how: dict[str, str]
) -> None:
    first = service.client.get(path, headers=how)
    tag = {"If-None-Match": first.headers["ETag"]}
    again = service.client.get(path, headers=how | tag)
    other = service.client.get(path, headers=how | {"If-None-Match": '"x"'})

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert other.data == first.data


def test_a_version_may_be_kept_for_good_and_the_newest_for_minutes(
    service: WorkerInProcess,
) -> None:
    newest = service.client.get("/client.js").headers["Cache-Control"]
    versioned = service.client.get(VERSIONED).headers["Cache-Control"]

    assert newest == "public, max-age=600"
    assert versioned == "public, max-age=31536000, immutable"


def test_an_unknown_version_is_a_problem_that_names_the_known_ones(
    service: WorkerInProcess,
) -> None:
    for version in ("0.0.0", "..%2f", "1.0.0.0"):
        answer = service.client.get(f"/client/{version}.js")
        assert answer.status_code == 404
    assert PACKAGE["version"] in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_version_has_the_bytes_that_it_was_published_with(
    service: WorkerInProcess,
) -> None:
    """Pages name the hash of a version, and load nothing else.

    A changed client.js needs another VERSION, with its hash in versions.json; the
    former file goes to former/VERSION.js, and is served for good.
    """
    published = json.loads((FOLDER / "versions.json").read_text())

    assert PACKAGE["version"] in published
    for version, digest in published.items():
        content = service.client.get(f"/client/{version}.js").data
        assert integrity(content) == digest
        assert f'VERSION = "{version}"'.encode() in content


def test_the_types_have_what_the_module_has() -> None:
    source = (FOLDER / "client.js").read_text()
    types = (FOLDER / "client.d.ts").read_text()
    public = re.compile(r"^  (?:get )?([a-z]\w*)(?:<[^(]*>)?\(", re.MULTILINE)

    assert set(public.findall(source)) == set(public.findall(types))
    assert {"decide", "activate", "observe", "reward", "track"} <= set(
        public.findall(source)
    )
