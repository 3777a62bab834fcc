"""Pages reach the store and the reading end of the log, and nothing that decides.

That no file of pages imports what decides is a contract in setup.cfg.
"""

from contextlib import closing

from flask import Flask

from bandit_svc.web import dashboard
from bandit_svc.web.access.page_access import Visitor
from bandit_svc.web.page_context import PageContext
from bandit_svc.wiring import Backends
from tests.harness.worker_in_process import WorkerInProcess


def test_every_page_is_made_without_a_catalog_and_without_a_writer(
    lived_in: WorkerInProcess, one_of_each: list[str]
) -> None:
    with closing(Backends(lived_in.worker.settings)) as backends:
        assert not hasattr(backends, "catalog")
        assert not hasattr(backends, "log")
        app = Flask("pages alone", static_folder=None)
        page_context = PageContext(backends, lambda: lived_in.now_ms)
        app.register_blueprint(dashboard.page_routes(page_context))
        app.context_processor(lambda: {"visitor": Visitor("")})
        client = app.test_client()

        for path in one_of_each:
            assert client.get(path).status_code == 200, path


def test_looking_at_every_page_leaves_no_trace(
    lived_in: WorkerInProcess, one_of_each: list[str]
) -> None:
    before = lived_in.stored()
    served = lived_in.worker.catalog.running("hero").policy

    for path in one_of_each:
        lived_in.get(path)

    assert lived_in.stored() == before
    assert lived_in.worker.catalog.running("hero").policy is served
