"""The explorers of Vowpal Wabbit on offer, and their command-line flags.

Owns the settings of kind `vw`, which of them can be combined, the command line, and
which combinations resume exactly after a dump and load. Must not import Vowpal Wabbit.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from policies.base import PolicyError
from policies.settings import Choice, Count, Number, Setting

EVERY_CB_TYPE = ("mtr", "ips", "dm", "dr")

# The context holds a constant, so the products include the features alone; adding them
# once more only slows learning down.
_PRODUCTS_ONLY = ("--ignore_linear", "c", "--ignore_linear", "a")
INTERACTIONS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "context:variant": ("-q", "ca", *_PRODUCTS_ONLY),
    "quadratic": ("--cubic", "cca", *_PRODUCTS_ONLY),
}

EPSILON = Number("epsilon", 0.05, "share of choices made uniformly at random", 0.0, 1.0)
GAMMA_SCALE = Number(
    "gamma_scale",
    10.0,
    "scale of SquareCB's gamma; a larger one explores less",
    0.001,
    1e6,
)
SOFTMAX = Number(
    "lambda",
    30.0,
    "inverse temperature of the softmax; a larger one explores less",
    0.001,
    1e6,
)
MELLOWNESS = Number(
    "mellowness",
    0.001,
    "width of RegCB's confidence set; a larger one explores more",
    0.0001,
    100.0,
)
BAG_SIZE = Count("bag_size", 5, "number of bootstrapped policies", 2, 50)
COVER_SIZE = Count("cover_size", 5, "number of policies in the cover", 2, 50)
PSI = Number(
    "psi",
    0.01,
    "weight of the disagreement between the policies of the cover",
    0.0,
    100.0,
)
RND_SIZE = Count("rnd_size", 3, "number of random predictors", 1, 50)
RND_ALPHA = Number(
    "alpha",
    0.01,
    "scale of the exploration bonus; a larger one explores more",
    0.0001,
    100.0,
)


class Explorer(msgspec.Struct, frozen=True):
    """One explorer: its flags, its own settings, and its possible cb_types.

    Attributes:
        flags: precede the settings.
        own: pairs of a setting and its flag.
        cb_types: the cost estimators that are sound with it.
        exact: the cb_types with which it resumes bit for bit after a dump and load.
        needs_cost_range: it must know the least and the largest cost.
    """

    flags: tuple[str, ...]
    own: tuple[tuple[Setting, str], ...]
    cb_types: tuple[str, ...]
    exact: tuple[str, ...]
    needs_cost_range: bool = False


RUNNING_COST_RANGE = ("-4", "4")
"""In deviations; predictions beyond it count as its ends."""

SQUARECB = "squarecb"
EXPLORERS: Mapping[str, Explorer] = {
    SQUARECB: Explorer(
        ("--squarecb",), ((GAMMA_SCALE, "--gamma_scale"),), ("mtr",), ("mtr",)
    ),
    "epsilon": Explorer(
        (), ((EPSILON, "--epsilon"),), EVERY_CB_TYPE, ("mtr", "ips", "dm")
    ),
    "softmax": Explorer(
        ("--softmax",), ((SOFTMAX, "--lambda"),), EVERY_CB_TYPE, ("mtr", "ips", "dm")
    ),
    "regcb": Explorer(
        ("--regcb",),
        ((MELLOWNESS, "--mellowness"),),
        ("mtr",),
        ("mtr",),
        needs_cost_range=True,
    ),
    "bag": Explorer((), ((BAG_SIZE, "--bag"),), EVERY_CB_TYPE, ()),
    "cover": Explorer(
        (), ((COVER_SIZE, "--cover"), (PSI, "--psi")), ("mtr", "ips", "dr"), ()
    ),
    "rnd": Explorer(
        (), ((RND_SIZE, "--rnd"), (RND_ALPHA, "--rnd_alpha")), EVERY_CB_TYPE, ()
    ),
}

EXPLORER = Choice(
    "explorer",
    SQUARECB,
    "how predicted costs become probabilities",
    tuple(EXPLORERS),
)
CB_TYPE = Choice(
    "cb_type",
    "mtr",
    "how costs are estimated from the chosen variant alone: multi-task regression, "
    "inverse propensity, direct method, doubly robust",
    EVERY_CB_TYPE,
)
INTERACTION = Choice(
    "interactions",
    "context:variant",
    "which features are multiplied; with none, a context can't change the order of "
    "the variants",
    tuple(INTERACTIONS),
)
RUNNING, RANGE = "running", "range"
SCALE = Choice(
    "scale",
    RUNNING,
    "how rewards and numbers are scaled: in running deviations from their running "
    "mean, or by the declared range with numbers as they are; experiments from before "
    "this setting keep the range, which needs a learning_rate of 0.5",
    (RUNNING, RANGE),
)
LEARNER_SETTINGS: tuple[tuple[Setting, str], ...] = (
    (
        Number("learning_rate", 0.3, "size of the first steps", 0.0001, 100.0),
        "--learning_rate",
    ),
    (
        Number(
            "power_t", 0.3, "power of the age by which steps shrink; 0: never", 0.0, 1.0
        ),
        "--power_t",
    ),
    (Number("l1", 0.0, "L1 (lasso) penalty of each step", 0.0, 1.0), "--l1"),
    (Number("l2", 0.0, "L2 (ridge) penalty of each step", 0.0, 1.0), "--l2"),
    (
        Number(
            "clip_propensity",
            0.5,
            "propensities below it count as it, so that no weight exceeds 1 / it",
            0.0,
            1.0,
        ),
        "--clip_p",
    ),
    (Count("bits", 18, "binary logarithm of the number of weights", 10, 24), "-b"),
)
PASSES = Count("passes", 1, "number of times that each example is learned", 1, 10)
SEED = Count("seed", 0, "seed of the learner's own randomness", 0, 2**31)


def check_combination(spec: Mapping[str, Any]) -> None:
    """Refuse a cb_type that is not sound with the explorer of a normalised spec.

    Raises:
        PolicyError: see above.
    """
    explorer = EXPLORERS[spec["explorer"]]
    if spec["cb_type"] not in explorer.cb_types:
        raise PolicyError(
            f"cb_type is {spec['cb_type']!r}; explorer {spec['explorer']} takes "
            f"{', '.join(explorer.cb_types)}",
            "cb_type",
        )


def command_line(spec: Mapping[str, Any]) -> list[str]:
    """Return Vowpal Wabbit's arguments for a normalised spec.

    All of them must be passed again when a model is loaded: flags that differ replace
    the saved ones without a warning, and l1 and l2 are not saved.
    """
    explorer = EXPLORERS[spec["explorer"]]
    own = explorer.own
    if weighs_gaps(spec):
        arguments, own = ["--cb_adf"], ()
    else:
        arguments = ["--cb_explore_adf", *explorer.flags]
    if explorer.needs_cost_range:
        least, most = RUNNING_COST_RANGE if is_running(spec) else ("-1", "0")
        arguments += ["--cb_min_cost", least, "--cb_max_cost", most]
    arguments += ["--cb_type", spec["cb_type"], *INTERACTIONS[spec["interactions"]]]
    for setting, flag in (*own, *LEARNER_SETTINGS):
        arguments += [flag, str(spec[setting.name])]
    # The queue's limit reduces a workspace from 9 MB to 1; with the counters preserved,
    # equal states have equal bytes.
    return [
        *arguments,
        "--example_queue_limit",
        "1",
        "--preserve_performance_counters",
        "--quiet",
    ]


def default_command_line() -> list[str]:
    """Return the arguments of the regression that the defaults have."""
    settings = (EXPLORER, CB_TYPE, INTERACTION, SCALE)
    learner = [setting for setting, _ in LEARNER_SETTINGS]
    return command_line(
        {setting.name: setting.default for setting in (*settings, *learner)}
    )


def is_running(spec: Mapping[str, Any]) -> bool:
    """Return whether rewards and numbers are scaled by running moments."""
    return bool(spec.get(SCALE.name, RANGE) == RUNNING)


def weighs_gaps(spec: Mapping[str, Any]) -> bool:
    """Return whether Vowpal Wabbit only predicts costs, and gaps are weighed here.

    Vowpal Wabbit's own SquareCB does it in float32 and without the number of actions.
    """
    return is_running(spec) and spec["explorer"] == SQUARECB


def resumes_exactly(spec: Mapping[str, Any]) -> bool:
    """Return whether learning after a dump and load gives the same bits as without."""
    return spec["cb_type"] in EXPLORERS[spec["explorer"]].exact
