"""What is known of each revision before its decisions are weighed."""

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.learning.thinning import ALL, is_evaluated
from bandit_svc.services.learning.definitions import Definitions


class WeightBounds:
    """The largest weight of the treatment's draws, known before each of them.

    It also knows which decisions are evaluated as they come.
    """

    def __init__(
        self, definitions: Definitions, number: int, *, thinned: bool = False
    ) -> None:
        """Begin with nothing known.

        Args:
            definitions: of the experiments.
            number: the experiment's.
            thinned: true where its `evaluate_share` holds; else all are evaluated.
        """
        self._definitions = definitions
        self._number = number
        self._thinned = thinned
        self._of_revision: dict[int, tuple[float, int, float]] = {}

    def bound(self, decision: Decision) -> float | None:
        """Return K / f, or None where the decision had no exploration floor f.

        K is the number of the experiment's active variants, or of the request's own
        if those are more; requests with fewer variants share the bound of the others.
        """
        floor, count, _ = self._known(decision.revision)
        if floor <= 0.0 or decision.propensity <= 0.0:
            return None
        return max(count, len(decision.variants)) / floor

    def is_evaluated(self, decision: Decision) -> bool:
        """Return whether candidates are evaluated on a decision.

        Args:
            decision: one that is no lower slot of a page.
        """
        if not self._thinned:
            return True
        return is_evaluated(decision.id, self._known(decision.revision)[2])

    def _known(self, revision: int) -> tuple[float, int, float]:
        """Return the floor, the variants and the evaluated share of a revision."""
        known = self._of_revision.get(revision)
        if known is None:
            one = self._definitions.at(self._number, revision)
            known = (0.0, 0, ALL)
            if one is not None:
                count = len(one.active_variants)
                known = (one.exploration_floor, count, one.evaluate_share)
            self._of_revision[revision] = known
        return known
