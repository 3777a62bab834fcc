"""Report the uplift in parts of the traffic.

Owns the report's `segments`: which of them are shown, and the correction for
looking at many.

The correction is Bonferroni's, with the largest number of segments that an
experiment can ever show (domain.segment), not the number that it shows today. Each
interval is a confidence sequence at 1 - alpha / MAX_SEGMENTS, so with probability
1 - alpha all of them hold at every look, however segments come and go and whenever
one stops looking. Benjamini and Hochberg's rule would find more, but it needs
p-values at one moment that was chosen beforehand; under continuous looks it
guarantees nothing. A number of segments that follows the data would guarantee less:
the sum of the errors spent would grow with each new value. The price of the fixed
number is small, since widths grow with the root of its logarithm: at 10,000
decisions they are 1.3 times those for the 9 segments of a small context.

It is anti-conservative early, as the sequence itself is: the nominal share of intervals
that are ever wrong is 0.6 in 10,000, and up to 1 in 10,000 were
(tests/ope/test_many_sequences.py), so that with 100 segments it is 1 % of experiments.
"""

from collections import defaultdict
from collections.abc import Mapping

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment, Group
from bandit_svc.domain.segment import FOLDED, LEAST_SHOWN, MAX_SEGMENTS
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift
from bandit_svc.services.report.report import Segment, SegmentGroup, SegmentRule
from bandit_svc.services.values import CONFIDENCE, Possible, estimated
from bandit_svc.storage.interface import Storage

OTHER = "other"
SEGMENT_CONFIDENCE = 1 - (1 - CONFIDENCE) / MAX_SEGMENTS
RULE = SegmentRule(
    SEGMENT_CONFIDENCE,
    MAX_SEGMENTS,
    f"All intervals together hold with {CONFIDENCE * 100:.0f} % confidence at every "
    f"look, although there are many (Bonferroni over the {MAX_SEGMENTS} segments that "
    f"could ever be shown). Values with fewer than {LEAST_SHOWN} decisions are counted "
    "under “other”.",
)
_TOO_FEW = f"each group needs {MINIMAL_COUNT} matured decisions of the segment"
_FOLDED = "rare values together are not tested"

_Groups = dict[Group, Moments]


def segments(storage: Storage, experiment: Experiment) -> tuple[Segment, ...]:
    """Return each shown value of each context key that splits the traffic."""
    by_key: defaultdict[str, defaultdict[str, _Groups]] = defaultdict(
        lambda: defaultdict(lambda: {TREATMENT: Moments(), BASELINE: Moments()})
    )
    for row in storage.breakdowns.segments(experiment.number):
        mine = Moments(row.n, row.total, row.total_squares)
        by_key[row.key][row.value][row.group] = mine
    found: list[Segment] = []
    for key, values in by_key.items():
        shown = {v: g for v, g in values.items() if v != FOLDED and _is_shown(g)}
        if len(shown) > 1:
            found += [
                _segment(experiment, key, value, groups)
                for value, groups in sorted(
                    shown.items(), key=lambda item: -_n(item[1])
                )
            ]
            found += _others(key, [g for v, g in values.items() if v not in shown])
    return tuple(found)


def _segment(
    experiment: Experiment, key: str, value: str, groups: Mapping[Group, Moments]
) -> Segment:
    reward = experiment.definition.reward
    uplift = absolute_uplift(
        groups[TREATMENT],
        groups[BASELINE],
        SEGMENT_CONFIDENCE,
        reward.minimum,
        reward.maximum,
    )
    lower, upper = uplift.interval.lower, uplift.interval.upper
    significant = lower is not None and upper is not None and not lower <= 0 <= upper
    width = reward.maximum - reward.minimum
    return Segment(
        key=key,
        value=value,
        folded=False,
        groups=_groups(groups),
        uplift=estimated(
            uplift.estimate, uplift.interval, Possible(-width, width), _TOO_FEW
        ),
        significant=significant,
    )


def _others(key: str, folded: list[_Groups]) -> list[Segment]:
    """Return all that is not shown as one row; a mixture is not tested."""
    groups: _Groups = {TREATMENT: Moments(), BASELINE: Moments()}
    for one in folded:
        for group, moments in one.items():
            groups[group] = groups[group].merge(moments)
    if not _n(groups):
        return []
    untested = estimated(None, reason=_FOLDED)
    return [
        Segment(
            key=key,
            value=OTHER,
            folded=True,
            groups=_groups(groups),
            uplift=untested,
            significant=False,
        )
    ]


def _groups(groups: Mapping[Group, Moments]) -> tuple[SegmentGroup, ...]:
    return tuple(
        SegmentGroup(group, m.n, m.mean if m.n else None) for group, m in groups.items()
    )


def _n(groups: Mapping[Group, Moments]) -> int:
    return sum(moments.n for moments in groups.values())


def _is_shown(groups: Mapping[Group, Moments]) -> bool:
    return _n(groups) >= LEAST_SHOWN
