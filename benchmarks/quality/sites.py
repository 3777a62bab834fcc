"""Learning quality in worlds like real sites, as a share of the oracle.

Prints, for each world, uniform, best-fixed in hindsight and the policies named, each
the mean expected reward of the first rounds over the oracle's, warm-up included.

    python -m benchmarks.quality.sites --policies vw linear --seeds 1 2
    python -m benchmarks.quality.sites --policies '{"kind": "linear", "ridge": 3}'
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.quality.site_rounds import play, yardsticks
from benchmarks.quality.site_worlds import SITE_WORLDS
from policies.spec import build_policy

Shares = dict[tuple[str, str], list[list[float]]]
"""Shares of the oracle by world and contestant: one list of horizons a seed."""


def spec_of(text: str) -> Mapping[str, Any]:
    """Read a policy: JSON, or the name of a kind."""
    if text.startswith("{"):
        return dict(json.loads(text))
    return {"kind": text}


def played(
    world: str, seed: int, policies: Sequence[str], horizons: Sequence[int]
) -> dict[str, list[float]]:
    """Return each contestant's shares of the oracle in one world, by horizon."""
    rounds = SITE_WORLDS[world](max(horizons), seed)
    sticks = [yardsticks(rounds, first) for first in horizons]
    found = {
        "uniform": [one.uniform / one.oracle for one in sticks],
        "best-fixed": [one.best_fixed / one.oracle for one in sticks],
    }
    for text in policies:
        began = time.process_time()
        value = play(rounds, build_policy(spec_of(text), rounds.reward_range))
        found[text] = [
            float(value[:first].mean()) / one.oracle
            for first, one in zip(horizons, sticks, strict=True)
        ]
        shares = " ".join(f"{share:.3f}" for share in found[text])
        spent = (time.process_time() - began) / len(value) * 1e3
        sys.stderr.write(f"{world} {seed} {text}: {shares} ({spent:.2f} ms a round)\n")
    return found


def print_tables(
    shares: Shares, worlds: Sequence[str], horizons: Sequence[int]
) -> None:
    """Print a row per contestant and a column per world, for each horizon."""
    names = list(dict.fromkeys(name for _, name in shares))
    for place, horizon in enumerate(horizons):
        print(f"\nshare of the oracle, first {horizon} rounds (s.e. over the seeds)")
        print(" " * 24 + "".join(f"{world:>14}" for world in [*worlds, "mean"]))
        for name in names:
            row = [[one[place] for one in shares[world, name]] for world in worlds]
            means = [float(np.mean(one)) for one in row]
            errors = [
                float(np.std(one, ddof=1) / len(one) ** 0.5) if len(one) > 1 else np.nan
                for one in row
            ]
            cells = "".join(
                f"{mean:>8.3f} {error:>5.3f}"
                for mean, error in zip(means, errors, strict=True)
            )
            print(f"{name[-24:]:<24}{cells}{float(np.mean(means)):>8.3f}")


def main() -> None:
    """Run the worlds that were asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", nargs="+", default=list(SITE_WORLDS))
    parser.add_argument("--policies", nargs="+", default=["vw", "linear"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--horizons", nargs="+", type=int, default=[500, 2_000, 4_000])
    asked = parser.parse_args()
    shares: Shares = {}
    for world in asked.worlds:
        for seed in asked.seeds:
            found = played(world, seed, asked.policies, asked.horizons)
            for name, one in found.items():
                shares.setdefault((world, name), []).append(one)
    print_tables(shares, asked.worlds, asked.horizons)


if __name__ == "__main__":
    main()
