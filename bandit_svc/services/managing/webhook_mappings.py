"""Mappings of sources, as their owner gives them.

Owns the check that the experiments are there that a mapping names.
"""

from collections.abc import Iterable

from bandit_svc.domain.doors.mapping import parse_mapping
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import FieldError, InvalidInput


def checked_mapping(document: Payload, experiments: Iterable[Experiment]) -> Payload:
    """Return a mapping that a source may have.

    Raises:
        InvalidInput: it can't be followed, or names an experiment or a metric that
            there is not; the pointer says where.
    """
    try:
        mapping = parse_mapping(document)
    except InvalidInput as error:
        fields = [FieldError("/mapping" + f.pointer, f.detail) for f in error.fields]
        raise InvalidInput(error.message, *fields) from error
    known = {one.key: one for one in experiments}
    for index, rule in enumerate(mapping.events):
        if rule.experiment is None:
            continue
        at = f"/mapping/events/{index}/experiment"
        if rule.experiment not in known:
            raise InvalidInput.at(
                at,
                f"there is no experiment {rule.experiment[:128]!r}; `bandit-svc "
                "experiment list` shows those that there are",
            )
        reward = known[rule.experiment].definition.reward
        if rule.unit and not rule.decision_id and reward.credit_rule is None:
            raise InvalidInput.at(
                at,
                f"the experiment {rule.experiment!r} takes no rewards of units; "
                "declare reward.event or reward.credit in it, or write decision_id",
            )
    return document
