"""Say who learns at present, for people.

Owns the sentence for one learner, and for several that share the shards.
"""

from bandit_svc.storage.control.leases import LEARNER
from bandit_svc.storage.interface import Control


def who_learns(control: Control) -> str:
    """Return who holds the learner's lease or shards of it; empty for nobody."""
    alone = control.leases.holder(LEARNER)
    if alone is not None:
        return str(alone)
    if control.shares is None:
        return ""
    held: dict[str, list[str]] = {}
    for shard, holder in control.shares.holders().items():
        held.setdefault(str(holder), []).append(shard)
    return "; ".join(f"{who} ({_shards(mine)})" for who, mine in sorted(held.items()))


def _shards(names: list[str]) -> str:
    listed = ", ".join(sorted(names, key=lambda name: (len(name), name)))
    return f"shard {listed}" if len(names) == 1 else f"shards {listed}"
