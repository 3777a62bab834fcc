"""The page `/docs`: the API, described for people.

Owns the route; the lists are those of `http.openapi.operations` and `http.problems`.
Open without a key, as `/openapi.json` is.
"""

from flask import Blueprint

from bandit_svc.http.openapi.document import examples
from bandit_svc.http.openapi.operations import OPERATIONS
from bandit_svc.http.problems import STATUS
from bandit_svc.web.page_context import PageContext, render


def register(routes: Blueprint, _page_context: PageContext) -> None:
    """Add the page; it needs nothing of the worker."""

    @routes.get("/docs")
    def docs() -> str:
        codes = {kind.code: row for kind, row in STATUS.items()}
        return render(
            "docs.html", operations=OPERATIONS, problems=codes, examples=examples()
        )
