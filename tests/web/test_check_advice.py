"""Each check of a report is named, and says what to do."""

from bandit_svc.prose.report_html.page import CHECKS
from bandit_svc.web.check_advice import ADVICE
from tests.harness.worker_in_process import WorkerInProcess


def test_every_check_has_words_and_advice(lived_in: WorkerInProcess) -> None:
    report = lived_in.get("/v1/experiments/hero/report").json
    given = {check["check"] for check in report["health"]}

    assert len(given) >= 12
    assert given - set(CHECKS) == set()
    assert given - set(ADVICE) == set()
    assert set(ADVICE) == set(CHECKS) == given
