"""The generated pages of docs/reference, made from registries and declarations.

Owns what each page says. `make reference` writes the pages; test_reference.py fails
where a page on disk is not what its function returns.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from bandit_svc import metrics
from bandit_svc.cli.exit_codes import exit_code
from bandit_svc.http.problems import STATUS
from bandit_svc.ope.estimators.registry import ESTIMATORS, Estimator
from bandit_svc.services.checks.check import CheckKind
from bandit_svc.services.decision_logs.audit_log import LOG_CHECKS
from bandit_svc.services.decision_logs.evaluate_log import REWARD_MODEL
from bandit_svc.services.report.checks import REPORT_CHECKS
from bandit_svc.settings import SETTINGS
from policies.kind import PolicyKind
from policies.prior.settings import PRIOR
from policies.settings import Setting
from policies.shares.settings import MAX_SHARES
from policies.spec import DEFAULT_KIND, KIND_OF_SETTINGS, KINDS
from tests.architecture.python_reference import python_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
Row = Sequence[str]


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |"
        for line in lines
    )


_POLICIES = f"""\
A policy is an object of `kind` and settings: `{{"kind": "linear", "ridge": 5}}`.
It is the `policy`, the `baseline` or one of the `candidates` of an experiment, and what
`bandit-svc evaluate --policy` takes. Without `kind`, an empty object is
`{DEFAULT_KIND}`, and settings are those of `{KIND_OF_SETTINGS}`.
A setting that is left out has its default; one that the kind does not have is refused.
Both limits of a number are included.

Every kind also has `{MAX_SHARES.name}`: {MAX_SHARES.help}.
It is {MAX_SHARES.limits}.

A kind that learns has `{PRIOR.name}` too: {PRIOR.help}
([how it begins](../beginnings.md#begin-with-another-experiment)).
It is {PRIOR.limits}."""


def policies_page() -> str:
    """Return the page of policy kinds and their settings."""
    kinds = [
        [f"[`{name}`](#{name})", f"{_capital(kind.summary)}."]
        for name, kind in KINDS.items()
    ]
    return "\n\n".join(
        [
            "# Policy kinds and their settings",
            _POLICIES,
            table(["kind", "does"], kinds),
            *(_kind_section(kind) for kind in KINDS.values()),
        ]
    )


def _kind_section(kind: PolicyKind) -> str:
    example = msgspec.json.format(msgspec.json.encode(kind.examples[0]), indent=0)
    parts = [
        f"## {kind.name}",
        f"{_capital(kind.summary)}. Example: `{example.decode()}`.",
    ]
    rows = [_setting_row(setting, "") for setting in kind.settings]
    if kind.explorers is not None:
        own: dict[Setting, list[str]] = {}
        for explorer, settings in kind.explorers.own.items():
            for setting in settings:
                own.setdefault(setting, []).append(explorer)
        rows = [
            _setting_row(kind.explorers.setting, ""),
            *(_setting_row(one, ", ".join(names)) for one, names in own.items()),
            *rows,
        ]
    head = ["setting", "default", "limits", "meaning", "only of explorer"]
    if kind.explorers is None:
        head, rows = head[:-1], [row[:-1] for row in rows]
    parts.append(table(head, rows) if rows else "It has no settings.")
    return "\n\n".join(parts)


def _setting_row(setting: Setting, explorers: str) -> list[str]:
    default = setting.default
    shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    return [
        f"`{setting.name}`",
        "required" if default is None else shown,
        setting.limits,
        setting.help,
        explorers,
    ]


_CHECKS = """\
Each check asks one question about soundness. Its `status` is `ok`, `warn`, `fail` or
`early`. `early` means that there is not enough to test yet: it is no fault, and no
approval. After a `fail` the numbers of the report should not be acted on.
`bandit_health_status` is 0 for `ok`, 1 for `warn` and 2 for `fail`; an `early` check
exports no sample. `bandit-svc audit` exits 1 if a check fails."""


_LOG_CHECKS = """\
By `bandit-svc audit` and `evaluate --log`. Those from `effective_sample_size` to
`mean_weight` are about one target policy each."""


def checks_page() -> str:
    """Return the page of checks, with what each makes sure of."""
    head = ["check", "makes sure of", "what to do when it is not ok"]
    report = [one.kind for one in REPORT_CHECKS]
    return "\n\n".join(
        [
            "# Checks",
            _CHECKS,
            "## Checks of an experiment's report\n\nIn the order of `health`.",
            table(head, [_check_row(kind) for kind in report]),
            f"## Checks of a log\n\n{_LOG_CHECKS}",
            table(head, [_check_row(kind) for kind in (*LOG_CHECKS, REWARD_MODEL)]),
        ]
    )


def _check_row(kind: CheckKind) -> list[str]:
    return [f"`{kind.name}`", kind.title, kind.advice]


def _capital(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:]


_ESTIMATORS = """\
An estimator turns logged decisions into what a target policy would have earned.
`bandit-svc evaluate --estimator NAME` prints one of them. Those marked *every look* are
kept as sums while an experiment's own log grows: reports have them, and their 95 %
intervals hold at every look. Another system's log (`--log FILE`) is read once: it has
all of them, with 95 % intervals for one look, which are not narrower than if rewards
did not depend on weights; where weights are modified, they are wider by the bias that
the log does not exclude."""


def estimators_page() -> str:
    """Return the page of off-policy estimators."""
    head = ["estimator", "kind", "reward model", "every look", "reference"]
    return "\n\n".join(
        [
            "# Off-policy estimators",
            _ESTIMATORS,
            table(head, [_estimator_row(one) for one in ESTIMATORS.values()]),
            *(_estimator_section(one) for one in ESTIMATORS.values()),
        ]
    )


def _estimator_row(one: Estimator) -> list[str]:
    return [
        f"[`{one.name}`](#{one.name})",
        one.kind,
        "yes" if one.needs_model else "no",
        "no" if one.progressive is None else "yes",
        one.reference,
    ]


def _estimator_section(one: Estimator) -> str:
    lines = {"Bias": one.bias, "Variance": one.variance, "When to use": one.use}
    told = "\n".join(f"- **{name}**: {line}" for name, line in lines.items())
    return f"## {one.name}\n\n{one.meaning}\n\n{told}"


_SETTINGS = """\
Each is an option of `bandit-svc serve` and an environment variable; an option goes
before its variable. Both limits are included."""


def settings_page() -> str:
    """Return the page of settings."""
    rows = [
        [
            f"`{one.variable}`",
            f"`{one.option}`",
            f"`{one.default}`",
            "" if one.least is None else f"{one.least:,} to {one.most:,}",
            one.help,
        ]
        for one in SETTINGS
    ]
    head = ["variable", "option", "default", "limits", "sets"]
    return "\n\n".join(["# Settings", _SETTINGS, table(head, rows)])


_METRICS = """\
`GET /metrics` has them in Prometheus' text format. Keys of experiments and variants
beyond the caps share the label `(other)`. No label comes from a request."""


def metrics_page() -> str:
    """Return the page of Prometheus metrics."""
    rows = [
        [
            f"`{name}{'_total' if one.type == 'counter' else ''}`",
            one.type,
            ", ".join(f"`{label}`" for label in labels),
            one.documentation,
        ]
        for name, (one, labels) in sorted(_metrics().items())
    ]
    head = ["metric", "type", "labels", "measures"]
    return "\n\n".join(["# Metrics", _METRICS, table(head, rows)])


def _metrics() -> dict[str, tuple[Metric, tuple[str, ...]]]:
    found = [m for m in vars(metrics).values() if isinstance(m, MetricWrapperBase)]
    return {
        # The library has no public way to ask for labels.
        described.name: (described, one._labelnames)  # noqa: SLF001 - see above
        for one in found
        for described in one.describe()
    }


_ERRORS = """\
The API answers an error as `application/problem+json` (RFC 9457). Its `type` is
`/docs#` and the code, `errors` has an RFC 6901 `pointer` for each field at fault, and
`detail` is a sentence. `bandit-svc` prints the same sentence and ends with the exit
code. Codes are stable."""


def errors_page() -> str:
    """Return the page of error codes."""
    rows = [
        [
            f"`{kind.code}`",
            str(status),
            title,
            str(exit_code(kind(""))),
            inspect.cleandoc(kind.__doc__ or "").split("\n")[0],
        ]
        for kind, (status, title) in STATUS.items()
    ]
    head = ["code", "status", "title", "exit code", "means"]
    return "\n\n".join(["# Error codes", _ERRORS, table(head, rows)])


PAGES: Mapping[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "metrics.md": metrics_page,
    "settings.md": settings_page,
    "checks.md": checks_page,
    "estimators.md": estimators_page,
    "policies.md": policies_page,
    "python.md": python_page,
}
"""The function that returns a page, by the name of its file in docs/reference."""

NOTE = "<!-- Generated by `make reference`; do not edit. -->\n"


def page(name: str) -> str:
    """Return the text of one file of docs/reference."""
    return f"{NOTE}{PAGES[name]().strip()}\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page_name in PAGES:
        (FOLDER / page_name).write_text(page(page_name))
