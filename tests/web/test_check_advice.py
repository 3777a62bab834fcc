"""Each check of a report is named, and says what to do."""

from typing import Any

from bandit_svc.prose.report_html.page import CHECKS
from bandit_svc.web.check_advice import ADVICE

Service = Any


def test_every_check_has_words_and_advice(lived_in: Service) -> None:
    report = lived_in.get("/v1/experiments/hero/report").json
    given = {check["check"] for check in report["health"]}

    assert len(given) >= 12
    assert given - set(CHECKS) == set()
    assert given - set(ADVICE) == set()
    assert set(ADVICE) == set(CHECKS) == given
