"""A page is one file of web/pages, and adds its routes by itself."""

from bandit_svc.web.dashboard import page_modules
from tests.harness.worker_in_process import WorkerInProcess


def test_every_module_of_the_folder_adds_a_route(service: WorkerInProcess) -> None:
    app = service.app
    found = {
        app.view_functions[r.endpoint].__module__ for r in app.url_map.iter_rules()
    }

    assert set(page_modules()) <= found


def test_modules_come_in_the_same_order_in_each_worker() -> None:
    assert page_modules() == sorted(page_modules())
