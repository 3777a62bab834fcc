"""Read what the learner has kept of an apprentice."""

from contextlib import suppress

import msgspec

from bandit_svc.services.evaluation.apprentice.findings import Found
from bandit_svc.services.evaluation.apprentice.watch import LABEL
from bandit_svc.storage.joined.evaluations import Evaluations


def kept_findings(evaluations: Evaluations, number: int) -> Found | None:
    """Return the newest findings; None where there are none, or they are damaged."""
    for row in evaluations.scores(number):
        if row.policy == LABEL:
            # The learner makes damaged ones again.
            with suppress(msgspec.MsgspecError):
                return msgspec.msgpack.decode(row.scores, type=Found)
    return None
