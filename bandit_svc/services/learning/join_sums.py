"""Sums that a batch of joined decisions adds to.

Owns how logged choices become ope's calibration sums, one set for each model version.
"""

from collections.abc import Sequence

import numpy as np

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.slots.places import slot_decisions
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.calibration import CalibrationSums
from bandit_svc.storage.rows import ClosedDecision, VersionSums


def calibration_of(
    closed: Sequence[ClosedDecision], choices: Sequence[Decision]
) -> list[VersionSums]:
    """Sum up logged chances and choices by experiment, model version and bin.

    Each slot of a page was a draw of its own.
    """
    if not closed:
        return []
    # What the caller's own system showed was no draw of a logged pmf.
    choices = [choice for choice in choices if choice.shown is None]
    if not choices:
        return []
    if any(choice.slots is not None for choice in choices):
        choices = [slot for choice in choices for slot in slot_decisions(choice)]
    blocks: dict[tuple[int, int], int] = {}
    block = [
        blocks.setdefault((choice.number, choice.model_version), len(blocks))
        for choice in choices
    ]
    sums = CalibrationSums.of(
        pmf_matrix([choice.pmf for choice in choices]),
        np.array([choice.chosen for choice in choices]),
        np.array(block),
        len(blocks),
    )
    return [
        VersionSums(
            *key,
            bin=int(place),
            n=int(sums.n[index, place]),
            expected=float(sums.expected[index, place]),
            variance=float(sums.variance[index, place]),
            happened=int(sums.happened[index, place]),
        )
        for key, index in blocks.items()
        for place in np.flatnonzero(sums.n[index])
    ]


def pmf_matrix(pmfs: Sequence[tuple[float, ...]]) -> FloatArray:
    """Return pmfs as rows of one length, short ones padded with zeros."""
    lengths = np.array([len(pmf) for pmf in pmfs])
    widest = int(lengths.max())
    if lengths.min() == widest:
        return np.array(pmfs, dtype=np.float64)
    matrix = np.zeros((len(pmfs), widest))
    matrix[np.arange(widest) < lengths[:, None]] = np.concatenate(pmfs)
    return matrix
