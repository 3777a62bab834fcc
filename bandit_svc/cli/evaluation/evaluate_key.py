"""`bandit-svc evaluate KEY`: any policy on an experiment of our own.

Owns how a policy is named on the command line, and the choice of form; the numbers
are services.evaluation.evaluate's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bandit_svc.cli.evaluation.called_policy import CALLABLE, CalledPolicy
from bandit_svc.cli.evaluation.evaluate_text import evaluation_csv, evaluation_text
from bandit_svc.cli.opening import opened
from bandit_svc.cli.output import as_json, emit
from bandit_svc.cli.plain_file import plain_values
from bandit_svc.cli.progress import counting
from bandit_svc.clock import now_ms
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.estimators.registry import PROGRESSIVE
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.evaluation.evaluate import Target, evaluate
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.report.build import build_report
from bandit_svc.services.values import ONE_STEP, SLATE, TRAJECTORY, Estimand

ANYTIME = (
    "The intervals (95 %) hold at every look. Those of a policy that learns bound the\n"
    "mean of its value as it was at each decision. ips and snips share one;\n"
    "dr's holds however wrong its reward model is; dm has the same,\n"
    "widened to hold its own estimate."
)
ALONG_HISTORIES = (
    "pdis weighs the whole history of each unit, as the policy would have made it if\n"
    "it were deployed. Its intervals (95 %, asymptotic) hold at every look, and take\n"
    "each unit as one draw. EFFECTIVE SAMPLE SIZE is in units."
)
BY_PAGE = (
    "Values are of a page. cascade weighs a slot by what stands down to it, slate by\n"
    "the whole page, independent by the slot alone; cascade_sn divides the cascade's\n"
    "weights by their mean. The intervals (95 %, asymptotic) hold at every look, and\n"
    "take each unit as one draw."
)
NOTES = {ONE_STEP: ANYTIME, TRAJECTORY: ALONG_HISTORIES, SLATE: BY_PAGE}


def evaluate_key(
    key: str,
    data: str,
    policies: Sequence[str],
    estimators: Sequence[str],
    estimand: Estimand,
    form: str,
    out: Path | None,
) -> None:
    """Evaluate policies over the log of an experiment and print the result.

    Args:
        key: of the experiment.
        data: the data folder.
        policies: labels, specs as JSON, @FILE, or `callable:MODULE:FUNCTION`;
            without any, all candidates.
        estimators: names of those to print; without any, all that there are.
        estimand: what the estimates are of; a trajectory has one estimator.
        form: text, json or csv.
        out: where to write it, or None for standard output.

    Raises:
        InvalidInput: a policy is not known or refused, or an estimator can't be
            had of an experiment's own log.
        NotFound: there is no experiment of that key.
    """
    shown = _progressive(estimators)
    named = [policy for policy in policies if policy.startswith(CALLABLE)]
    asked = [asked_policy(policy) for policy in policies if policy not in named]
    given = {policy: CalledPolicy(policy) for policy in named}
    with opened(data) as backends:
        storage = backends.storage
        experiment = storage.experiments.get(key)
        specs: dict[str, Target] = {}
        if asked or not given:
            models = storage.model_versions.metas(experiment.number)
            specs.update(asked_specs(experiment.definition, asked, models))
        specs.update(given)
        total = storage.joins.last_position(experiment.number)
        with counting(f"Evaluating {key}", total) as show:
            result = evaluate(
                storage,
                experiment,
                specs,
                lambda done, _total: show(done, "joined decisions"),
                shown,
                estimand,
            )
        treatment, _ = build_report(storage, experiment, now_ms()).groups
    written = {
        "text": lambda: evaluation_text(result, key, treatment.mean, NOTES[estimand]),
        "json": lambda: as_json(checked_json(result)),
        "csv": lambda: evaluation_csv(result),
    }
    emit(written[form](), out)


def _progressive(names: Sequence[str]) -> tuple[str, ...]:
    other = [name for name in names if name not in PROGRESSIVE]
    if other:
        raise InvalidInput(
            f"--estimator {other[0]} reads a log once (--log FILE); of an experiment's "
            f"own log there are {', '.join(PROGRESSIVE)}, whose intervals hold at "
            "every look"
        )
    return tuple(names) or tuple(PROGRESSIVE)


def asked_policy(policy: str) -> str | Mapping[str, Any]:
    """Read a policy as it is named on the command line: a label, JSON, or @FILE.

    Raises:
        InvalidInput: it can't be read, or is no object.
    """
    if policy.startswith("@"):
        values = plain_values(Path(policy[1:]))
    elif policy.startswith("{"):
        try:
            values = msgspec.json.decode(policy)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"--policy {policy}: not valid JSON, {error}") from error
    else:
        return policy
    if not isinstance(values, Mapping):
        raise InvalidInput(
            f'--policy {policy} holds no policy; write an object like {{"kind": '
            '"linear"}'
        )
    return values
