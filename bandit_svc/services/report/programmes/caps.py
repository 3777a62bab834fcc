"""The caps of a programme: how often each kept something out, and was exceeded.

Owns its rows. They are counts of the learner's, made of the log.
"""

from collections.abc import Iterable

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.programmes.counted import hits_of
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.storage.interface import Storage


class CapRow(msgspec.Struct, frozen=True):
    """One cap, as it is declared now.

    Attributes:
        hits: decisions in which it kept something out.
        overshoot: exposures that came though it was full.
    """

    match: str
    max: int
    per: str
    strict: bool
    hits: int
    overshoot: int


def cap_rows(
    storage: Storage, programme: Programme, experiments: Iterable[Experiment]
) -> list[CapRow]:
    """Return the caps of a programme in their order.

    Args:
        storage: of the service.
        programme: whose caps they are.
        experiments: those that are or were in the programme.
    """
    caps = programme.definition.caps
    if not caps:
        return []
    counts = [storage.facts.totals(one.number).counts for one in experiments]
    overshoot = storage.units.overshoot()
    return [
        CapRow(
            match=cap.match,
            max=cap.max,
            per=cap.per,
            strict=cap.strict,
            hits=sum(one.get(hits_of(programme.key, cap.words), 0) for one in counts),
            overshoot=overshoot.get((programme.key, cap.words), 0),
        )
        for cap in caps
    ]
