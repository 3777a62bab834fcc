"""The registry entry of kind `vw`.

Owns its order of settings, its examples, and what a search of settings tries.
"""

from policies.change.settings import DETECT, LATER_SETTINGS
from policies.kind import ExplorerChoice, Former, PolicyKind, Search
from policies.vw.checkpointed import build_vw
from policies.vw.explorers import (
    CB_TYPE,
    EXPLORER,
    EXPLORERS,
    INTERACTION,
    LEARNER_SETTINGS,
    PASSES,
    RANGE,
    RUNNING,
    SCALE,
    SEED,
    check_combination,
    is_running,
)

_SEARCH = Search(
    # 12 specs; with those of the other kinds, the incumbent and its neighbours at
    # most 24.
    grid={
        "explorer": ["squarecb", "softmax", "regcb"],
        "cb_type": ["mtr"],
        "interactions": ["context:variant", "quadratic"],
        "learning_rate": [0.5, 0.3],
    },
    wide={
        "explorer": ["squarecb", "epsilon", "softmax", "regcb"],
        "cb_type": ["mtr", "dr", "ips"],
        "interactions": ["none", "context:variant", "quadratic"],
        "learning_rate": [0.05, 0.1, 0.25, 0.5, 1.0, 2.0],
        "power_t": [0.0, 0.3, 0.5],
        "l1": [0.0, 1e-7, 1e-6],
        "l2": [0.0, 1e-6, 1e-4],
    },
    scaled=("learning_rate",),
    changed=(
        {"change": DETECT},
        # The next one is for specs that were stored before the setting existed.
        {"scale": RUNNING, "learning_rate": 0.3, "power_t": 0.3},
        {"power_t": 0.5},
        {"interactions": "context:variant"},
        {"interactions": "quadratic"},
    ),
)

KIND = PolicyKind(
    name="vw",
    summary="learns from the context and from the features of variants",
    build=build_vw,
    settings=(
        CB_TYPE,
        INTERACTION,
        *(setting for setting, _ in LEARNER_SETTINGS),
        PASSES,
        SEED,
        SCALE,
    ),
    explorers=ExplorerChoice(
        EXPLORER,
        {
            name: tuple(setting for setting, _ in explorer.own)
            for name, explorer in EXPLORERS.items()
        },
    ),
    check=check_combination,
    former=Former(SCALE),
    scales_itself=is_running,
    later=LATER_SETTINGS,
    examples=(
        *(
            {"kind": "vw", "explorer": name, "cb_type": cb_type}
            for name, explorer in EXPLORERS.items()
            for cb_type in explorer.cb_types
        ),
        {"kind": "vw", "l1": 1e-5},
        {"kind": "vw", "l2": 1e-5},
        {"kind": "vw", "passes": 3, "interactions": "quadratic"},
        {"kind": "vw", "power_t": 0.2, "interactions": "none", "clip_propensity": 0.3},
        {"kind": "vw", "explorer": "bag", "seed": 7},
        *(
            {"kind": "vw", "explorer": name, "scale": RANGE, "learning_rate": 0.5}
            for name in ("squarecb", "softmax", "regcb", "bag")
        ),
        {"kind": "vw", "change": "detect"},
        {"kind": "vw", "memory": 100, "explorer": "bag"},
        {"kind": "vw", "max_shares": {"floor": 0.0, "shares": {"sandals": 0.1}}},
    ),
    search=_SEARCH,
)
