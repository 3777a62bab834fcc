"""The registry entry of kind `linear`.

Owns its settings, its examples, what a search of settings tries, and the choice between
one regression an action and some in parallel.
"""

from collections.abc import Mapping
from typing import Any

from policies.base import Policy, RewardRange
from policies.change.settings import DETECT, IGNORE, LATER_SETTINGS
from policies.kind import ExplorerChoice, Former, PolicyKind, Search
from policies.linear.explorers import EXPLORER, EXPLORERS
from policies.linear.parallel import ParallelPolicy
from policies.linear.policy import LinearPolicy
from policies.settings import Choice, Count, Number

PARALLEL, ONE = "parallel", "one"
REGRESSIONS = Choice(
    "regressions",
    PARALLEL,
    "one regression a variant, or six in parallel that are weighted by how well each "
    "predicts: they differ in ridge, forgetting and hat functions of numbers; "
    "experiments from before this setting keep one",
    (PARALLEL, ONE),
)


def is_parallel(spec: Mapping[str, Any]) -> bool:
    """Return whether a normalised spec has regressions in parallel."""
    return bool(spec.get(REGRESSIONS.name, ONE) == PARALLEL)


def _build(spec: Mapping[str, Any], reward_range: RewardRange) -> Policy:
    if is_parallel(spec):
        return ParallelPolicy(spec, reward_range)
    return LinearPolicy(spec, reward_range)


KIND = PolicyKind(
    name="linear",
    summary="learns each variant by itself, by regressions on the context",
    build=_build,
    settings=(
        Count(
            "dimensions",
            128,
            "most columns of the feature vector; of regressions in parallel at most "
            "128, and 96 for hat functions",
            16,
            512,
        ),
        Number(
            "ridge",
            1.0,
            "penalty that pulls weights towards 0; of regressions in parallel a factor "
            "of the penalty of each",
            1e-6,
            1e6,
        ),
        Number(
            "forgetting",
            3.0,
            "about the last 1 / forgetting of the log counts; 0: all of it; two of "
            "the regressions in parallel forget faster",
            0.0,
            1000.0,
        ),
        REGRESSIONS,
    ),
    former=Former(REGRESSIONS),
    scales_itself=is_parallel,
    explorers=ExplorerChoice(
        EXPLORER, {name: own for name, (_, own) in EXPLORERS.items()}
    ),
    later=LATER_SETTINGS,
    examples=(
        *({"kind": "linear", "explorer": name} for name in EXPLORERS),
        {"kind": "linear", "forgetting": 0, "dimensions": 16},
        *(
            {"kind": "linear", "explorer": name, "regressions": ONE}
            for name in EXPLORERS
        ),
        {"kind": "linear", "forgetting": 0, "dimensions": 16, "regressions": ONE},
        {"kind": "linear", "change": "detect", "memory": 100},
        {"kind": "linear", "regressions": ONE, "reset_every": 50},
        {
            "kind": "linear",
            "memory": 100,
            "max_shares": {"floor": 0.1, "shares": {"boots": 0.4, "sandals": 0.2}},
        },
    ),
    search=Search(
        grid={"regressions": [PARALLEL]},
        wide={
            "explorer": list(EXPLORERS),
            "ridge": [0.3, 1.0, 3.0],
            "change": [IGNORE, DETECT],
        },
        scaled=("ridge",),
        changed=({"regressions": PARALLEL, "explorer": "igw"}, {"change": DETECT}),
    ),
)
