"""Evaluate policies by whole pages.

Owns which pages count, and the row of a policy's value. A policy is asked for each slot
below what the log had put above it, which is what the chance of a slate is made of. The
pages of the treatment count that had an exploration floor, and for which the policy has
a valid pmf at each slot; a decision for one place is a page of one slot.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import split_slot
from bandit_svc.domain.experiment import Experiment
from bandit_svc.ope.interval import UNKNOWN
from bandit_svc.ope.progressive.weighing import Draw
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.slates.pages import Pages
from bandit_svc.ope.slates.values import (
    CASCADE,
    ESTIMATORS,
    MINIMAL_UNITS,
    SlateValue,
    slate_values,
)
from bandit_svc.services.evaluation.candidate import Candidate
from bandit_svc.services.evaluation.rows import SUCCESSES_FIRST
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.values import (
    CONFIDENCE,
    SLATE,
    Estimated,
    PolicyRow,
    estimated,
    period,
)
from policies.base import PolicyError

_NO_PAGE = (
    "No page of the log counts: each is of the baseline, without an exploration floor, "
    "or one that this policy can't make."
)


class SlateCandidate(Candidate):
    """A candidate that keeps the ratio of each slot with its page."""

    def __init__(self, other: Candidate) -> None:
        super().__init__(other.label, other.spec, other.policy)
        # A page of a fixed variant has others in the slots below.
        self._strict = False
        self.needs_maximum = False
        self.mixes_groups = False
        self.of_pages = True
        self._pages: dict[str, int] = {}
        self._units: dict[str, int] = {}
        self._dropped: set[int] = set()
        self._page, self._unit, self._slot = array("q"), array("q"), array("q")
        self._reward, self._ratio = array("d"), array("d")

    def evaluate(
        self,
        decision: Decision,
        draw: Draw,
        reward: float,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Keep one slot of the treatment group.

        Args:
            decision: the slot, or a decision for one place.
            draw: its own draw.
            reward: what it adds to its page, in reward units.
            examples: for its actions.
            predicted: not used.
        """
        del predicted
        try:
            # One variant alone was no choice, with or without a floor.
            alone = len(decision.variants) == 1
            found = None if draw.bound is None and not alone else 1.0
            if found is not None and not alone:
                weighed = self.weigh(decision, draw, examples)
                found = None if weighed is None else weighed[0].weight
        except PolicyError:
            found = None
        if found is None:
            self.pass_over(decision)
            return
        page_id, slot = split_slot(decision.id)
        page = self._pages.setdefault(page_id, len(self._pages))
        unit = decision.unit_id or page_id
        self._page.append(page)
        self._slot.append(slot)
        self._unit.append(self._units.setdefault(unit, len(self._units)))
        self._reward.append(reward)
        self._ratio.append(found)
        self._extend_period(decision.decided_at_ms)

    def pass_over(self, decision: Decision) -> None:
        """Let the page of this decision not count."""
        page_id, _ = split_slot(decision.id)
        self._dropped.add(self._pages.setdefault(page_id, len(self._pages)))

    def pages(self) -> Pages | None:
        """Return the pages that count, None without any."""
        page = np.array(self._page, dtype=np.int64)
        kept = ~np.isin(page, np.array(sorted(self._dropped), dtype=np.int64))
        if not kept.any():
            return None
        return Pages.of(
            page[kept],
            np.array(self._slot)[kept],
            np.array(self._reward)[kept],
            np.array(self._ratio)[kept],
            np.array(self._unit)[kept],
        )

    def value(self) -> PolicyRow:
        """Return the row of the value of a page, in reward units."""
        pages = self.pages()
        if pages is None:
            return _row(self.label, None, {}, _NO_PAGE)
        # A look may come at any number of units, as they arrive.
        units = float(pages.units)
        found = slate_values(pages, boundary(units, CONFIDENCE) * units**0.5)
        row = _row(self.label, pages, found, _refused(found[CASCADE]))
        return replace(row, period=period(self.first_ms, self.last_ms))


def slate_rows(
    experiment: Experiment, candidates: Iterable[SlateCandidate]
) -> tuple[PolicyRow, ...]:
    """Return one row a policy.

    With learn_on first_reward all are refused, as one step at a time.
    """
    rows = tuple(candidate.value() for candidate in candidates)
    if not experiment.definition.reward.closes_at_first_reward:
        return rows
    nothing = {name: estimated(None) for name in ESTIMATORS}
    return tuple(
        replace(row, refused=SUCCESSES_FIRST, estimates=nothing) for row in rows
    )


def _row(
    label: str,
    pages: Pages | None,
    found: Mapping[str, SlateValue],
    refused: str | None,
) -> PolicyRow:
    cascade = found.get(CASCADE)
    return PolicyRow(
        policy=label,
        estimand=SLATE,
        n=pages.pages if pages else 0,
        units=pages.units if pages else 0,
        effective_sample_size=cascade.effective if cascade else 0.0,
        mean_weight=cascade.mean_weight if cascade else None,
        max_weight=cascade.max_weight if cascade else 0.0,
        refused=refused,
        estimates={
            name: _estimated(None if refused else found.get(name))
            for name in ESTIMATORS
        },
    )


def _estimated(found: SlateValue | None) -> Estimated:
    value = UNKNOWN if found is None else found.value
    return estimated(value.estimate, value.interval)


def _refused(cascade: SlateValue) -> str | None:
    if cascade.value.estimate is not None:
        return None
    return (
        f"The log is worth {cascade.effective:.0f} pages that this policy would have "
        f"made down to the last slot; {MINIMAL_UNITS} are needed. Wait for more, "
        "explore more, or ask for fewer slots."
    )
