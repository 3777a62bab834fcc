"""Watch an apprentice along its joined decisions.

Owns what is summed up of each decision of the caller's own system: whether the policy's
likeliest variant is the shown one, and the doubly robust term of what the policy would
have earned. The policy is the one that served at the decision, as its logged pmf has
it; the reward model has not seen the decision, nor has the model of the caller's
chances (ope/shown/logging_policy.py), which takes the place of those that are unknown.

The watch goes along with the candidates. It begins anew when an experiment becomes an
apprentice again: its policy has chosen in between. It keeps no value of a context and
no unit, but hashes of the former that many values share.
"""

import math
import zlib
from collections.abc import Sequence

import msgspec
import numpy as np

from bandit_svc.domain.events.decision import Decision
from bandit_svc.ope.progressive.weighing import Draw
from bandit_svc.ope.shown.blocks import GROUPS, Blocks
from bandit_svc.ope.shown.logging_policy import CLIP, LoggingPolicy, hashed
from bandit_svc.services.evaluation.apprentice.findings import (
    AGREES,
    AUDITED_FROM,
    DIFFERENCE,
    GIVEN,
    NOTHING,
    REWARD,
    SERIES,
    SURE,
    VALUE,
    Found,
    bounds_of,
    refused_value,
)
from bandit_svc.services.evaluation.apprentice.stretches import Stretches
from bandit_svc.services.evaluation.candidate import Candidate
from bandit_svc.services.evaluation.history_watch import flat
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.rows import EvaluationRow

LABEL = "check:apprentice"
"""No candidate can have it: a name can't hold a colon."""
_SPEC = {"kind": "apprentice"}


class _Kept(msgspec.Struct):
    """The state; see ApprenticeWatch."""

    n: int = 0
    unknown: int = 0
    revision: int = 0
    live: int = 0
    """The newest revision of a decision that the policy itself made."""
    evidence: float = 0.0
    audited: int = 0
    given: int = 0
    blocks: bytes = b""
    model: bytes = b""
    stretches: Stretches = msgspec.field(default_factory=Stretches)


class ApprenticeWatch(Candidate):
    """The sums of one apprentice; a candidate that is asked for no policy."""

    def __init__(self) -> None:
        super().__init__(LABEL, _SPEC, None)
        self.stored_rarely = False
        self.needs_maximum = False
        self._kept = _Kept()
        self._blocks = Blocks(SERIES)
        self._model = LoggingPolicy()

    @classmethod
    def restored(cls, row: EvaluationRow) -> "ApprenticeWatch":
        """Return the watch in its stored state; a new one if that can't be read."""
        watch = cls()
        try:
            kept = msgspec.msgpack.decode(row.state, type=_Kept)
            blocks = Blocks.from_bytes(kept.blocks, SERIES)
            model = LoggingPolicy.from_bytes(kept.model)
        except (msgspec.DecodeError, ValueError):
            return watch
        watch._kept, watch._blocks, watch._model = kept, blocks, model
        watch.cursor = row.cursor
        return watch

    def row(self) -> EvaluationRow:
        """Return the row to store: the findings as scores, the sums as state."""
        self._kept.blocks = self._blocks.to_bytes()
        self._kept.model = self._model.to_bytes()
        state = msgspec.msgpack.encode(self._kept)
        scores = msgspec.msgpack.encode(self.findings())
        return EvaluationRow(LABEL, _SPEC, self.cursor, scores, state)

    def evaluate(
        self,
        decision: Decision,
        draw: Draw,
        reward: float,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Take note that the policy itself has made a decision."""
        del draw, reward, examples, predicted
        self.pass_over(decision)

    def pass_over(self, decision: Decision) -> None:
        """Take note that the policy itself has made a decision."""
        self._kept.live = max(self._kept.live, decision.revision)

    def take_shown(
        self, decision: Decision, reward: float, predicted: Sequence[float] | None
    ) -> None:
        """Add one decision of the caller's own system."""
        shown, pmf = decision.shown, decision.treatment_pmf
        if shown is None or pmf is None or len(pmf) == 1:
            # The only eligible variant was no choice.
            return
        if decision.revision > self._kept.live >= self._kept.revision:
            self._begin(decision.revision)
        kept, chosen = self._kept, decision.chosen
        features = hashed(flat(decision.context))
        chances = self._model.learn(features, decision.variants, chosen)
        own = float(chances[chosen])
        given = shown.propensity is not None
        chance = max(own, CLIP) if shown.propensity is None else shown.propensity
        weight = pmf[chosen] / chance
        q = predicted or (0.0,) * len(pmf)
        value = sum(p * r for p, r in zip(pmf, q, strict=True))
        value += weight * (reward - q[chosen])
        agrees = _agreement(pmf, chosen)
        unit = decision.unit_id or decision.id
        group = zlib.crc32(unit.encode("utf-8", "surrogatepass")) % GROUPS
        self._blocks.add(
            group,
            (
                agrees,
                value,
                reward,
                value - reward,
                weight,
                given,
                given and chance >= SURE,
                int(np.argmax(chances)) != chosen,
            ),
            decision.decided_at_ms,
        )
        kept.n += 1
        kept.unknown += not given
        kept.stretches.add(decision.decided_at_ms, agrees)
        if given:
            self._audit(own, chance)

    def _begin(self, revision: int) -> None:
        """Begin the sums anew; the model of the caller's chances goes on."""
        before = self._kept
        self._kept = _Kept(revision=revision, live=before.live)
        self._blocks = Blocks(SERIES)

    def _audit(self, own: float, chance: float) -> None:
        """Bet half of all on the model against the chance that was given.

        Where the given chances are true, the product of the factors is a martingale.
        """
        kept = self._kept
        kept.given += 1
        if kept.given > AUDITED_FROM:
            kept.evidence += math.log(0.5 + 0.5 * own / chance)
            kept.audited += 1

    def findings(self) -> Found:
        """Return what is found so far."""
        kept, block = self._kept, self._blocks.newest
        refused = refused_value(block, kept.evidence)
        # Without a maximum of rewards the largest one seen is their range.
        width = max(1.0, block.largest(REWARD))
        shown = {} if refused else {"value": VALUE, "difference": DIFFERENCE}
        bounds = {name: bounds_of(block, one, width) for name, one in shown.items()}
        return Found(
            n=kept.n,
            unknown=kept.unknown,
            revision=kept.revision,
            recent=block.n,
            first_ms=block.first_ms if block.n else None,
            last_ms=block.last_ms if block.n else None,
            agreement=bounds_of(block, AGREES),
            value=bounds.get("value", NOTHING),
            reward=bounds_of(block, REWARD, width),
            difference=bounds.get("difference", NOTHING),
            refused=refused,
            estimated=block.n > 0 and block.total(GIVEN) < block.n / 2,
            evidence=kept.evidence,
            audited=kept.audited,
            history=kept.stretches.points,
        )


def _agreement(pmf: Sequence[float], chosen: int) -> float:
    """Return 1 if the chosen variant is the likeliest, and its share of equal ones."""
    most = max(pmf)
    return 1.0 / pmf.count(most) if pmf[chosen] == most else 0.0
