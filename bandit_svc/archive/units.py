"""Units in files of the archive.

Owns the number by which a unit is grouped and found there: a search reads one column
of numbers, and lines only where the number is.
"""

import hashlib
from collections.abc import Collection, Iterator

from bandit_svc.archive.names import FileName
from bandit_svc.archive.opened import opened_file
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import decode_decision


def unit_number(decision: Decision) -> int:
    """Return a number of a decision's unit; a decision without one is its own unit."""
    return _number(decision.id if decision.unit_id is None else decision.unit_id)


def lines_of_units(
    target: ArchiveTarget, file: FileName, ids: Collection[str]
) -> Iterator[tuple[int, Decision]]:
    """Yield position and decision of each decision of a file for any of some ids.

    Raises:
        Unprocessable: the file can't be read.
    """
    wanted = {_number(id_) for id_ in ids}
    with opened_file(target, file) as whole:
        for group in range(whole.num_row_groups):
            units = whole.read_row_group(group, columns=["unit"])
            if wanted.isdisjoint(units.column("unit").to_pylist()):
                continue
            table = whole.read_row_group(group, columns=["position", "unit", "line"])
            for row in table.to_pylist():
                if row["unit"] not in wanted or row["line"] is None:
                    continue
                decision = decode_decision(row["line"])
                if {decision.unit_id, decision.asked_unit_id} & set(ids):
                    yield row["position"], decision


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little", signed=True)
