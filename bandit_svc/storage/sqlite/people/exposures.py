"""What caps count and hit, as the decisions of a batch tell it.

Owns the facts that a person was shown something which a cap counts, and the counters of
decisions in which a cap kept something out; inside the transaction of a batch. The
caller owns the transaction.
"""

from collections import Counter

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.people.unit_fact import KeptFact, encode_exposure, exposure_of
from bandit_svc.domain.programmes.counted import are_unread, caps_in, hits_of


class Exposures:
    """Those of one transaction.

    Attributes:
        facts: each with the bytes that are kept of it, and no partition.
    """

    def __init__(self) -> None:
        self.facts: list[tuple[KeptFact, bytes, int]] = []

    def decided(self, decision: Decision, counts: Counter[tuple[int, str]]) -> None:
        """Take note of a new decision, and of its exposure if it is not deferred."""
        if decision.kept_out and decision.programme is not None:
            for words in caps_in(decision.kept_out):
                counts[decision.number, hits_of(decision.programme.key, words)] += 1
            if are_unread(decision.kept_out):
                counts[decision.number, "caps_unread"] += 1
        if not decision.deferred:
            self.shown(decision, decision.decided_at_ms)

    def shown(self, decision: Decision, at_ms: int) -> None:
        """Take note that a decision was shown."""
        exposure = exposure_of(decision, at_ms)
        if exposure is not None:
            self.facts.append((exposure, encode_exposure(exposure), 0))
