"""List the estimators.

Owns the one list of them: reports, evaluations, the command line and the generated
reference page all derive from it, in its order. To add an estimator, write its
function in a module of this folder and add one entry here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bandit_svc.ope.estimators.doubly_robust import (
    doubly_robust,
    self_normalised_doubly_robust,
)
from bandit_svc.ope.estimators.importance import ips, snips
from bandit_svc.ope.estimators.read_once import (
    ReadOnce,
    direct_estimate,
    with_interval,
    with_tuned_parameter,
)
from bandit_svc.ope.estimators.score_interval import Form
from bandit_svc.ope.estimators.tuning import CLIPPED_IPS, SHRUNK_DR, SWITCH_DR
from bandit_svc.ope.progressive import estimates as progressive
from bandit_svc.ope.progressive.estimates import Progressive

Kind = Literal["importance weighting", "direct", "doubly robust"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """One way to estimate a target policy's value.

    Attributes:
        name: its key in reports and after `--estimator`.
        kind: the family that it belongs to.
        needs_model: true if it reads predicted rewards.
        read_once: estimates from a log that is read once.
        progressive: estimates from sums that are kept while a log grows; None if it
            can't be had from sums.
        meaning: what it computes, in one sentence.
        bias: when it is biased, and in which direction if known.
        variance: what its variance depends on.
        use: when to read it.
        reference: the paper.
    """

    name: str
    kind: Kind
    needs_model: bool
    read_once: ReadOnce
    progressive: Progressive | None = None
    meaning: str
    bias: str
    variance: str
    use: str
    reference: str


_LIST = (
    Estimator(
        name="ips",
        kind="importance weighting",
        needs_model=False,
        read_once=with_interval(ips, Form()),
        progressive=progressive.ips,
        meaning="Inverse propensity scoring: the mean of weight times reward.",
        bias="None with true propensities above 0 wherever the target's are.",
        variance="Grows with the largest weight.",
        use="As a check of the others: it assumes nothing but the propensities.",
        reference="Horvitz and Thompson (1952)",
    ),
    Estimator(
        name="snips",
        kind="importance weighting",
        needs_model=False,
        read_once=with_interval(snips, Form(divided=True)),
        progressive=progressive.snips,
        meaning="Self-normalised IPS: IPS divided by the mean weight.",
        bias="Falls with 1/n; large where the effective sample size is small.",
        variance="Mostly well below that of `ips`.",
        use="Instead of `ips` where there is no reward model.",
        reference="Swaminathan and Joachims (2015)",
    ),
    Estimator(
        name="dm",
        kind="direct",
        needs_model=True,
        read_once=direct_estimate,
        progressive=progressive.direct_method,
        meaning="Direct method: predicted rewards, averaged over the target's pmf.",
        bias="As large as the error of the reward model.",
        variance="The least of all; it does not depend on weights.",
        use="Only beside `dr`, to see how much the correction changes.",
        reference="Dudik, Langford and Li (2011)",
    ),
    Estimator(
        name="dr",
        kind="doubly robust",
        needs_model=True,
        read_once=with_interval(doubly_robust, Form(uses_model=True)),
        progressive=progressive.doubly_robust,
        meaning="Doubly robust: `dm` plus the mean weighted residual of the model.",
        bias="None if the propensities or the model are true.",
        variance="Below that of `ips` where the model predicts well.",
        use="By default, where there is a reward model.",
        reference="Dudik, Langford and Li (2011)",
    ),
    Estimator(
        name="clipped_ips",
        kind="importance weighting",
        needs_model=False,
        read_once=with_tuned_parameter(CLIPPED_IPS),
        meaning="IPS with no weight above a limit that is chosen on the log.",
        bias="Downwards for rewards not below 0; the interval includes it.",
        variance="Bounded by the limit.",
        use="Where a few large weights dominate and there is no reward model.",
        reference="Ionides (2008); Bottou et al. (2013)",
    ),
    Estimator(
        name="sndr",
        kind="doubly robust",
        needs_model=True,
        read_once=with_interval(
            self_normalised_doubly_robust, Form(uses_model=True, divided=True)
        ),
        meaning="DR with residuals divided by the sum of the weights.",
        bias="Falls with 1/n.",
        variance="Below that of `dr` where weights are large.",
        use="Where weights are large and all of them count.",
        reference="Thomas and Brunskill (2016)",
    ),
    Estimator(
        name="switch_dr",
        kind="doubly robust",
        needs_model=True,
        read_once=with_tuned_parameter(SWITCH_DR),
        meaning="DR where the weight is at most a limit, else the model alone.",
        bias="The model's error where weights exceed the limit; in the interval.",
        variance="Bounded by the limit.",
        use="Where a few actions have tiny propensities.",
        reference="Wang, Agarwal and Dudik (2017)",
    ),
    Estimator(
        name="dros",
        kind="doubly robust",
        needs_model=True,
        read_once=with_tuned_parameter(SHRUNK_DR),
        meaning="DR with weights shrunk towards 0, the more the larger they are.",
        bias="The model's error where weights are large; in the interval.",
        variance="Bounded by the strength of the shrinkage.",
        use="As `switch_dr`, without its sharp limit.",
        reference="Su, Dimakopoulou, Krishnamurthy and Dudik (2020)",
    ),
)
ESTIMATORS: Mapping[str, Estimator] = {one.name: one for one in _LIST}
PROGRESSIVE: Mapping[str, Progressive] = {
    one.name: one.progressive for one in _LIST if one.progressive is not None
}
"""Those that an experiment's own log has, whose intervals hold at every look."""
