"""Recompute what another policy of pages would have earned, from an export alone.

    bandit-svc export home-rows --format parquet --out rows.parquet
    python examples/recompute/slates.py rows.parquet

It prints, as JSON, the value of a page under the policy that draws each slot with equal
chances: by slate IPS, by the cascade (RIPS; McInerney et al. 2020) and by slots alone
(IIPS), which are `slate`, `cascade` and `independent` of `bandit-svc evaluate home-rows
--policy uniform --estimand slate`. The formulas are those of the Open Bandit Pipeline's
SlateStandardIPS, SlateRewardInteractionIPS and SlateIndependentIPS. It needs numpy and
pyarrow, and nothing of this project.
"""

import json
import sys

import numpy as np
import pyarrow.parquet


def main(path: str) -> None:
    """Print the three values."""
    rows = pyarrow.parquet.read_table(path).to_pylist()
    pages: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        # A decision for one place is a page of one slot.
        pages.setdefault(row["slate_id"] or row["decision_id"], []).append(row)
    totals = {"cascade": 0.0, "slate": 0.0, "independent": 0.0}
    for page in pages.values():
        slots = sorted(page, key=lambda one: one["slot"] or 1)
        logged = np.array([one["propensity"] for one in slots])
        target = np.array([1 / len(one["variants"]) for one in slots])
        earned = np.array(
            [
                one["reward"] if one["slot"] is None else one["slot_reward"]
                for one in slots
            ]
        )
        down_to = np.cumprod(target / logged)
        totals["cascade"] += float((down_to * earned).sum())
        totals["slate"] += float((down_to[-1] * earned).sum())
        totals["independent"] += float((target / logged * earned).sum())
    values = {name: total / len(pages) for name, total in totals.items()}
    sys.stdout.write(json.dumps({"pages": len(pages), **values}) + "\n")


main(sys.argv[1])
