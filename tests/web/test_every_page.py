"""What is true of every page that the application has a route for."""

import pytest
from werkzeug.routing import Map, Rule

from tests.harness.page_addresses import page_addresses
from tests.harness.worker_in_process import WorkerInProcess

OPEN = {"/docs", "/sign-in"}


def test_without_a_session_only_open_pages_are_shown(
    lived_in: WorkerInProcess, pages: list[str]
) -> None:
    stranger = lived_in.new_client()
    answers = {path: stranger.get(path) for path in pages}
    shown = {path for path, answer in answers.items() if answer.status_code == 200}
    sent_away = set(answers) - shown

    assert shown == OPEN
    for path in sent_away:
        assert answers[path].status_code == 303, path
        assert answers[path].headers["Location"].startswith("/sign-in"), path


def test_a_publishable_key_opens_no_page(
    lived_in: WorkerInProcess, pages: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {lived_in.publishable}"}
    stranger = lived_in.new_client()

    for path in set(pages) - OPEN:
        assert stranger.get(path, headers=headers).status_code == 403, path


def test_the_addresses_hold_each_page_in_each_situation(pages: list[str]) -> None:
    assert {"/", "/new", "/experiments/hero", "/experiments/untouched"} <= set(pages)
    assert "/experiments/hero/change/pause" in pages
    assert "/experiments/hero/report.csv" not in pages
    assert len(pages) == len(set(pages))


def test_a_page_whose_parameters_are_unknown_fails_with_a_sentence() -> None:
    routes = Map([Rule("/teams/<team>", endpoint="pages.team", methods=["GET"])])

    with pytest.raises(AssertionError, match=r"/teams/<team> has the parameters"):
        page_addresses(routes, [{"key": "hero"}])
