"""Published models as target policies.

Owns how a model version becomes a target, and the note about the decisions that
count. An estimate on decisions that it learned from would be biased upwards, so those
up to the last one it learned from don't count, also those that a restore made it skip.
"""

from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Spec
from bandit_svc.ope.progressive.weighted import Summary
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import policy_of
from bandit_svc.services.values import PolicyRow
from bandit_svc.storage.control.model_versions import ModelVersions
from policies.adapters import FrozenPolicy
from policies.base import Policy, PolicyError


def frozen_model(
    model_versions: ModelVersions,
    experiment: Experiment,
    spec: Spec,
    examples: JoinedExamples,
) -> Policy:
    """Return the published model, rebuilt from the log if it can't be read.

    It can't be read if it was pruned, or if its bytes are damaged or of another format.

    Args:
        spec: as labels.asked_specs returns it for `model:17`.

    Raises:
        PolicyError: its spec is refused by this version of the policies.
    """
    kept = model_versions.get(experiment.number, spec["version"])
    if kept is not None:
        try:
            return FrozenPolicy(
                policy_of(experiment.definition, spec["policy"], kept.state)
            )
        except PolicyError:
            # The state is damaged or of another format. The spans of the log give the
            # same model; a spec that is refused is refused again below.
            pass
    spans = tuple((first, last) for first, last in spec["spans"])
    return FrozenPolicy(
        examples.replay(dict(spec["policy"]), experiment.definition, spans)
    )


def learned_until(spec: Spec) -> int:
    """Return the last joined position that a version has learned from.

    0 if it has learned from none.
    """
    return max((last for _, last in spec["spans"]), default=0)


def with_training(row: PolicyRow, spec: Spec, summary: Summary) -> PolicyRow:
    """Add to a version's row which decisions count; refuse the row if there is none.

    Where decisions without an exploration floor are the reason of a refusal, `row` says
    so already, and keeps that reason.

    Args:
        row: of the version.
        spec: as labels.asked_specs returns it for `model:17`.
        summary: the sums behind the row.
    """
    version, until = spec["version"], learned_until(spec)
    if row.n == 0 and not summary.unbounded:
        reason = (
            f"Version {version} learned from the log up to joined decision {until:,}, "
            "and no treatment decision that counts has matured since. An estimate on "
            "decisions that it learned from would be biased upwards; ask again later."
        )
        return replace(row, refused=reason, note=None)
    note = (
        f"Version {version} learned from the log up to joined decision {until:,}, so "
        "only later ones count."
    )
    return replace(row, note=f"{row.note} {note}" if row.note else note)
