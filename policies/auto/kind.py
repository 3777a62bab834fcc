"""The registry entry of kind `auto`.

Owns its settings, its examples, and what a search of settings tries.
"""

import msgspec

from policies.auto.policy import AutoPolicy
from policies.change.settings import CHANGE, DETECT, IGNORE, MEMORY, RESET_EVERY
from policies.kind import PolicyKind, Search
from policies.settings import Number

KIND = PolicyKind(
    name="auto",
    summary="chooses among models by itself: rare rewards, money, raw numbers, change",
    build=AutoPolicy,
    settings=(
        Number(
            "gamma_scale",
            3.0,
            "scale of SquareCB's gamma; a larger one explores less",
            0.0,
            1e6,
        ),
        Number(
            "horizon",
            500.0,
            "examples that the evidence for a model reaches back at least; fewer "
            "follow a change sooner",
            10.0,
            1e6,
        ),
        msgspec.structs.replace(CHANGE, default=DETECT),
        MEMORY,
        RESET_EVERY,
    ),
    examples=(
        {"kind": "auto"},
        {"kind": "auto", "gamma_scale": 10, "horizon": 100, "change": IGNORE},
        {"kind": "auto", "memory": 100},
        {"kind": "auto", "reset_every": 50},
        {"kind": "auto", "max_shares": {"floor": 0.02, "shares": {"boots": 0.3}}},
    ),
    search=Search(
        grid={"gamma_scale": [3.0]},
        wide={
            "gamma_scale": [0.75, 1.5, 3.0, 6.0],
            "horizon": [100.0, 500.0, 2_500.0],
            "change": [DETECT, IGNORE],
            "memory": [0, 2_000, 20_000],
        },
        scaled=("gamma_scale",),
        changed=({"change": IGNORE}, {"memory": 5_000}),
    ),
    scales_itself=lambda _spec: True,
)
