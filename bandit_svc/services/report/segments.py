"""What the treatment earned in parts of the traffic.

Owns the report's `segments`: which of them are shown, and the correction for
looking at many.

The correction is Bonferroni's, with the largest number of segments that an
experiment can ever show (domain.segment), not the number that it shows today. Each
interval is a confidence sequence at 1 - alpha / MAX_SEGMENTS, so with probability
1 - alpha all of them hold at every look, however segments come and go and whenever
one stops looking. Benjamini and Hochberg's rule would find more, but it needs
p-values at one moment that was chosen beforehand; under continuous looks it
promises nothing. A number of segments that follows the data would promise less, too:
the sum of the errors spent would grow with each new value. The price of the fixed
number is small, since widths grow with the root of its logarithm: at 10,000
decisions they are 1.3 times those for the 9 segments of a small context.

It lies early, as the sequence itself does: 0.6 in 10,000 are promised to be ever
wrong, and up to 1 in 10,000 were (tests/ope/test_many_sequences.py), so that with
100 segments it is 1 % of experiments.
"""

from collections import defaultdict
from collections.abc import Mapping

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment
from bandit_svc.domain.segment import FOLDED, LEAST_SHOWN, MAX_SEGMENTS
from bandit_svc.ope.interval import UNBOUNDED, Estimate
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift
from bandit_svc.services.values import CONFIDENCE, Json, estimate_json
from bandit_svc.storage.interface import Storage

OTHER = "other"
SEGMENT_CONFIDENCE = 1 - (1 - CONFIDENCE) / MAX_SEGMENTS
RULE: Json = {
    "confidence": SEGMENT_CONFIDENCE,
    "segments_at_most": MAX_SEGMENTS,
    "detail": (
        f"Each interval is made so wide that all of them together are right with "
        f"{CONFIDENCE * 100:.0f} % confidence at every look, although there are many "
        f"(Bonferroni over the {MAX_SEGMENTS} that could ever be shown). A value with "
        f"fewer than {LEAST_SHOWN} decisions stands under “other”."
    ),
}

_Groups = dict[str, Moments]


def segments(storage: Storage, experiment: Experiment) -> list[Json]:
    """Give each shown value of each context key that splits the traffic."""
    by_key: defaultdict[str, defaultdict[str, _Groups]] = defaultdict(
        lambda: defaultdict(lambda: {TREATMENT: Moments(), BASELINE: Moments()})
    )
    for row in storage.breakdowns.segments(experiment.number):
        mine = Moments(row.n, row.total, row.total_squares)
        by_key[row.key][row.value][row.group] = mine
    found: list[Json] = []
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
    return found


def _segment(
    experiment: Experiment, key: str, value: str, groups: Mapping[str, Moments]
) -> Json:
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
    return _row(key, value, groups, uplift, significant=significant)


def _others(key: str, folded: list[_Groups]) -> list[Json]:
    """Give all that is not shown as one row; a mixture is not tested."""
    groups: _Groups = {TREATMENT: Moments(), BASELINE: Moments()}
    for one in folded:
        for group, moments in one.items():
            groups[group] = groups[group].merge(moments)
    if not _n(groups):
        return []
    untested = Estimate(None, UNBOUNDED)
    return [_row(key, OTHER, groups, untested, significant=False) | {"folded": True}]


def _row(
    key: str,
    value: str,
    groups: Mapping[str, Moments],
    uplift: Estimate,
    *,
    significant: bool,
) -> Json:
    return {
        "key": key,
        "value": value,
        "folded": False,
        "groups": [
            {"group": group, "n": m.n, "mean": m.mean if m.n else None}
            for group, m in groups.items()
        ],
        "uplift": estimate_json(uplift),
        "significant": significant,
    }


def _n(groups: Mapping[str, Moments]) -> int:
    return sum(moments.n for moments in groups.values())


def _is_shown(groups: Mapping[str, Moments]) -> bool:
    return _n(groups) >= LEAST_SHOWN
