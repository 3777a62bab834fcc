"""The group of a unit in a programme, and the experiment of a layer that it meets.

Owns the arithmetic of both. A changed share moves no unit but those between the old
share and the new one; an experiment that joins a layer takes units from the others,
and moves none between them. Pure.
"""

import hashlib

from bandit_svc.domain.programmes.membership import ProgrammeGroup
from bandit_svc.domain.programmes.programme import ProgrammeDefinition

_MIDDLE = 0.5


def group_at(definition: ProgrammeDefinition, uniform: float) -> ProgrammeGroup:
    """Return the group of a number that is uniform in [0, 1).

    Each group has an end of its own that never moves: the holdout begins at 0,
    business as usual at the middle, and explore ends at 1.
    """
    if uniform < definition.holdout:
        return "holdout"
    if uniform >= 1.0 - definition.explore:
        return "explore"
    if _MIDDLE <= uniform < _MIDDLE + definition.business_as_usual:
        return "business_as_usual"
    return "experiment"


def share_of(definition: ProgrammeDefinition, group: ProgrammeGroup) -> float:
    """Return the share of the units that a group has."""
    shares: dict[ProgrammeGroup, float] = {
        "holdout": definition.holdout,
        "business_as_usual": definition.business_as_usual,
        "explore": definition.explore,
    }
    return shares.get(group, 1.0 - sum(shares.values()))


def met_of_layer(salt: str, experiments: tuple[str, ...], unit_id: str) -> str:
    """Return the one experiment of a layer that a unit meets.

    Each experiment draws a number for the unit, and the highest one wins (rendezvous
    hashing, Thaler and Ravishankar 1998), so that all have the same share.
    """
    return max(experiments, key=lambda key: _draw(salt, key, unit_id))


def _draw(salt: str, key: str, unit_id: str) -> bytes:
    digest = hashlib.blake2b(digest_size=8, key=salt.encode(), person=b"layer")
    digest.update(key.encode() + b"\0" + unit_id.encode("utf-8", "surrogatepass"))
    return digest.digest()
