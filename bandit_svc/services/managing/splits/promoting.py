"""Make another policy that of an experiment: in a split, or all at once.

Owns the patch of a promotion, and when it can't be a jump. Where what a unit finds
follows from its earlier decisions, the log can't say what a policy earns once it is
deployed; a split can.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload, Spec
from bandit_svc.domain.splits.split import CURRENT
from bandit_svc.errors import Conflict, FieldError, WayOut
from bandit_svc.services.evaluation.history_watch import history
from bandit_svc.services.policy_inputs import with_limits
from bandit_svc.storage.interface import Storage

FIRST_SHARE = 0.1
"""Of the units that get a promoted policy at first."""
WHOLE = 1.0
_DIGITS = 12


def split_patch(name: str, spec: Spec, share: float, reason: str = "") -> Payload:
    """Return the patch that begins a split.

    Args:
        name: of the branch of the promoted policy.
        spec: of the policy.
        share: of the units that get it at first, in (0, 1).
        reason: kept with the first step.
    """
    shares = {CURRENT: round(WHOLE - share, _DIGITS), name: share}
    return {"split": {"policies": shares, "policy": spec, "reason": reason}}


def check_jump(storage: Storage, experiment: Experiment, patch: Payload) -> None:
    """Refuse a patch that changes the policy of all units where a split is needed.

    Raises:
        Conflict: the check `history` warns.
    """
    spec = patch.get("policy")
    definition = experiment.definition
    if spec is None or with_limits(definition, spec) == definition.policy:
        return
    if history(storage, experiment.number).status == "warn":
        detail = (
            "the check `history` warns: what a unit finds follows from its earlier "
            "decisions, so that the log can't say what this policy earns once all "
            "units have it"
        )
        raise Conflict(
            detail,
            FieldError("/policy", detail),
            way_out=WayOut(
                api="begin a split: PATCH the experiment with `split`",
                command="promote it with --split",
                page="give it to a share of the units at first, such as 0.1",
            ),
        )
