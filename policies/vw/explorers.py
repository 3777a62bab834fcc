"""Which explorers of Vowpal Wabbit we offer, and how each is spelled for it.

Owns the settings of kind `vw`, the rules between them, the command line, and which
combinations resume exactly after a dump and load. Must not import Vowpal Wabbit.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from policies import settings
from policies.base import PolicyError
from policies.settings import Choice, Count, Number, Setting

EVERY_CB_TYPE = ("mtr", "ips", "dm", "dr")

# The context holds a constant, so that each product has the lower ones in it; the
# same features alone, once more, only slow learning down.
_PRODUCTS_ONLY = ("--ignore_linear", "c", "--ignore_linear", "a")
INTERACTIONS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "context:variant": ("-q", "ca", *_PRODUCTS_ONLY),
    "quadratic": ("--cubic", "cca", *_PRODUCTS_ONLY),
}

EPSILON = Number("epsilon", 0.05, "share of uniform exploration", 0.0, 1.0)
GAMMA_SCALE = Number(
    "gamma_scale", 20.0, "how greedy; larger explores less", 0.001, 1e6
)
SOFTMAX = Number("lambda", 30.0, "how greedy; larger explores less", 0.001, 1e6)
MELLOWNESS = Number("mellowness", 0.001, "width of the confidence set", 0.0001, 100.0)
BAG_SIZE = Count("bag_size", 5, "number of bootstrapped policies", 2, 50)
COVER_SIZE = Count("cover_size", 5, "number of policies in the cover", 2, 50)
PSI = Number("psi", 0.01, "weight of disagreement between the policies", 0.0, 100.0)
RND_SIZE = Count("rnd_size", 3, "number of random predictors", 1, 50)
RND_ALPHA = Number("alpha", 0.01, "size of the exploration bonus", 0.0001, 100.0)


class Explorer(msgspec.Struct, frozen=True):
    """One explorer: its flag, its own settings, what it can be combined with.

    Attributes:
        flags: spelled before the settings.
        own: pairs of a setting and its flag.
        cb_types: those that are sound with it.
        exact: the cb_types with which it resumes exactly.
    """

    flags: tuple[str, ...]
    own: tuple[tuple[Setting, str], ...]
    cb_types: tuple[str, ...]
    exact: tuple[str, ...]


EXPLORERS: Mapping[str, Explorer] = {
    "squarecb": Explorer(
        ("--squarecb",), ((GAMMA_SCALE, "--gamma_scale"),), ("mtr",), ("mtr",)
    ),
    "epsilon": Explorer(
        (), ((EPSILON, "--epsilon"),), EVERY_CB_TYPE, ("mtr", "ips", "dm")
    ),
    "softmax": Explorer(
        ("--softmax",), ((SOFTMAX, "--lambda"),), EVERY_CB_TYPE, ("mtr", "ips", "dm")
    ),
    "regcb": Explorer(
        ("--regcb", "--cb_min_cost", "-1", "--cb_max_cost", "0"),
        ((MELLOWNESS, "--mellowness"),),
        ("mtr",),
        ("mtr",),
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
    "explorer", "squarecb", "how scores become probabilities", tuple(EXPLORERS)
)
CB_TYPE = Choice("cb_type", "mtr", "how a reward is learned from", EVERY_CB_TYPE)
INTERACTION = Choice(
    "interactions",
    "context:variant",
    "which features are multiplied; without any, a context can't change a ranking",
    tuple(INTERACTIONS),
)
LEARNER_SETTINGS: tuple[tuple[Setting, str], ...] = (
    (Number("learning_rate", 0.5, "step size", 0.0001, 100.0), "--learning_rate"),
    (Number("power_t", 0.5, "how fast steps shrink", 0.0, 1.0), "--power_t"),
    (Number("l1", 0.0, "lasso penalty a step", 0.0, 1.0), "--l1"),
    (Number("l2", 0.0, "ridge penalty a step", 0.0, 1.0), "--l2"),
    (
        Number("clip_propensity", 0.5, "smallest propensity to weight by", 0.0, 1.0),
        "--clip_p",
    ),
    (Count("bits", 18, "log2 of the weight table's size", 10, 24), "-b"),
)
SEED = Count("seed", 0, "of the learner's own randomness", 0, 2**31)
PASSES = Count("passes", 1, "how often each example is learned", 1, 10)


def normalise(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Check the spec of kind `vw`.

    Raises:
        PolicyError: a setting is unknown, belongs to another explorer, is out of
            its limits, or can't be combined with another one.
    """
    name = EXPLORER.checked(spec.get("explorer", EXPLORER.default))
    explorer = EXPLORERS[name]
    own = [setting for setting, _ in explorer.own]
    for setting_name in spec:
        _refuse_of_another_explorer(setting_name, name, own)
    learner = [setting for setting, _ in LEARNER_SETTINGS]
    result = settings.normalised(
        "vw", spec, [EXPLORER, *own, CB_TYPE, INTERACTION, *learner, PASSES, SEED]
    )
    if result["cb_type"] not in explorer.cb_types:
        raise PolicyError(
            f"cb_type is {result['cb_type']!r}; explorer {name} takes "
            f"{', '.join(explorer.cb_types)}",
            "cb_type",
        )
    return result


def _refuse_of_another_explorer(name: str, chosen: str, own: list[Setting]) -> None:
    if name in (setting.name for setting in own):
        return
    owners = [
        explorer_name
        for explorer_name, explorer in EXPLORERS.items()
        if any(setting.name == name for setting, _ in explorer.own)
    ]
    if owners:
        raise PolicyError(
            f"{name} is a setting of explorer {', '.join(owners)}; the explorer here "
            f"is {chosen}: leave {name} out or choose another explorer",
            name,
        )


def command_line(spec: Mapping[str, Any]) -> list[str]:
    """Give Vowpal Wabbit's arguments for a normalised spec.

    All of them must be passed again when a model is loaded: flags that differ
    replace the saved ones without a word, and l1 and l2 aren't saved.
    """
    explorer = EXPLORERS[spec["explorer"]]
    arguments = ["--cb_explore_adf", *explorer.flags, "--cb_type", spec["cb_type"]]
    arguments += INTERACTIONS[spec["interactions"]]
    for setting, flag in (*explorer.own, *LEARNER_SETTINGS):
        arguments += [flag, str(spec[setting.name])]
    # The queue's limit makes a workspace 1 MB instead of 9; the counters make equal
    # states equal bytes.
    return [
        *arguments,
        "--example_queue_limit",
        "1",
        "--preserve_performance_counters",
        "--quiet",
    ]


def resumes_exactly(spec: Mapping[str, Any]) -> bool:
    """Whether learning after a dump and load equals going on, bit by bit."""
    return spec["cb_type"] in EXPLORERS[spec["explorer"]].exact
