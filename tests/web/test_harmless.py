"""Every page: well-formed, nothing inline, nothing of callers that runs."""

import re

import pytest

from tests.harness.pages import Page, ReadPage
from tests.harness.worker_in_process import WorkerInProcess

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
MISSING = [
    "/experiments/nope",
    "/experiments/nope/live",
    "/experiments/nope/who",
    "/experiments/nope/decisions",
    "/experiments/nope/report.json",
    "/experiments/hero/decisions/nope",
]


def test_every_page_is_well_formed_and_has_nothing_inline(
    lived_in: WorkerInProcess, one_of_each: list[str], read_page: ReadPage
) -> None:
    for path in one_of_each:
        page = read_page(lived_in, path)

        assert "None" not in page.text, path
        assert "Undefined" not in page.text, path


def test_what_callers_wrote_is_shown_as_text(
    lived_in: WorkerInProcess, one_of_each: list[str], read_page: ReadPage
) -> None:
    seen = ""
    for path in one_of_each:
        source = lived_in.get(path).text
        page = read_page(lived_in, path)
        seen += page.text

        assert "<script>" not in source
        assert "<img" not in source
        assert "img" not in page.tags

    assert "<script>alert('x')</script>" in seen
    assert "onerror=alert(1)" in seen


def test_the_policy_allows_our_own_files_alone(
    lived_in: WorkerInProcess, one_of_each: list[str]
) -> None:
    for path in one_of_each:
        answer = lived_in.get(path)

        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text), path


def test_what_a_page_loads_is_kept_by_its_hash_and_needs_no_key(
    lived_in: WorkerInProcess,
) -> None:
    source = lived_in.get("/").text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', source)

    assert len(files) == 6
    for path in files:
        answer = lived_in.client.get(path)

        assert answer.status_code == 200
        assert answer.mimetype in {"text/css", "text/javascript"}
        assert "immutable" in answer.headers["Cache-Control"]
        assert "http" not in re.findall(r"url\((\w+)", answer.text)


def test_a_file_of_another_release_is_not_kept(lived_in: WorkerInProcess) -> None:
    answer = lived_in.client.get("/static/000000000000/style.css")

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert lived_in.client.get("/static/000000000000/nope.css").status_code == 404


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there_is_told_on_a_page(
    lived_in: WorkerInProcess, read_page: ReadPage, path: str
) -> None:
    page = read_page(lived_in, path, 404)

    assert "Not found" in page.text
    assert "There is no" in page.text
    assert "/" in page.links


def test_a_browser_gets_a_page_for_an_unknown_address_and_a_program_a_problem(
    lived_in: WorkerInProcess,
) -> None:
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    page = lived_in.client.get("/nope", headers={"Accept": accept})
    problem = lived_in.client.get("/nope", headers={"Accept": "*/*"})

    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert problem.mimetype == "application/problem+json"


def test_no_page_needs_a_script(
    lived_in: WorkerInProcess, one_of_each: list[str]
) -> None:
    """Parts that refresh are whole pages without it, and filters are forms."""
    for path in one_of_each:
        source = lived_in.get(path).text
        for form in re.findall(r"<form[^>]*>", source):
            assert 'action="/' in form
            assert "method=" in form


def test_a_number_has_no_more_digits_than_one_reads(
    lived_in: WorkerInProcess, one_of_each: list[str]
) -> None:
    for path in one_of_each:
        # Ids and hashes are code: a random one may have digits alone.
        source = re.sub(r"<code>[^<]*</code>", "", lived_in.get(path).text)
        text = Page(source).text

        # The draw of a receipt alone is shown with six, to be compared.
        assert not re.findall(r"\b\d{7,}\b|\b\d\.\d{7,}", text), path
