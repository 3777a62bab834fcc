"""Which decisions are learned from and evaluated, where not all of them are.

Owns the draw. It follows from a decision's id alone, by a purpose of its own, so that
it is the same in every run over the log, and has nothing to do with what was chosen or
earned: estimates over the drawn ones are of all. Slots of a page go with their page.
"""

from bandit_svc.domain.events.decision_id import uniform_from_id

SHARES = (0.001, 1.0)
"""The least and the largest share that can be declared."""
ALL = 1.0


def is_learned(decision_id: str, share: float) -> bool:
    """Return whether a decision is among the share that policies learn from.

    Args:
        decision_id: of a decision, or of a whole page.
        share: `learn_share` of its revision.
    """
    return share >= ALL or uniform_from_id(decision_id, b"learn") < share


def is_evaluated(decision_id: str, share: float) -> bool:
    """Return whether a decision is among the share on which candidates are evaluated.

    Args:
        decision_id: of a decision, or of the first slot of a page.
        share: `evaluate_share` of its revision.
    """
    return share >= ALL or uniform_from_id(decision_id, b"evaluate") < share
