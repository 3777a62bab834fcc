"""Bring the sums of a programme up to the joined orders of its experiments.

Owns the kept form of a programme's sums, and the step of the learner's tick that adds
to them. They are a function of the joined orders. After a correction of an experiment,
whose joined rewards are others then, they begin anew.
"""

from collections.abc import Mapping, Sequence

import msgspec

from bandit_svc.domain.experiment import TREATMENT, Experiment, UnitHashes
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.domain.times import Deadline
from bandit_svc.ope.programmes.patterns import (
    Arm,
    Pattern,
    ProgrammeSums,
    UnitTotal,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow

BATCH = 2_000
FORM = 1
_CHANCE_DIGITS = 12


class Place(msgspec.Struct, frozen=True, array_like=True):
    """How far the sums have come in the joined order of an experiment.

    Attributes:
        number: of the experiment.
        position: the last joined one that was read.
        corrected: the correction that the joined rewards followed then.
    """

    number: int
    position: int
    corrected: int


class KeptSums(msgspec.Struct, frozen=True, array_like=True):
    """The sums of a programme as bytes hold them."""

    places: tuple[Place, ...] = ()
    sums: ProgrammeSums = ProgrammeSums()
    form: int = FORM

    def place(self, number: int) -> Place | None:
        """Return how far they have come in an experiment."""
        return next((one for one in self.places if one.number == number), None)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptSums).decode
_decode_unit = msgspec.msgpack.Decoder(UnitTotal).decode


def kept_sums(storage: Storage, number: int) -> KeptSums:
    """Return the sums of a programme as they are kept; empty ones before the first."""
    stored = storage.programme_totals.kept(number)
    if stored is None:
        return KeptSums()
    kept = _decode(stored)
    return kept if kept.form == FORM else KeptSums()


def follow_programmes(
    storage: Storage,
    experiments: Sequence[Experiment],
    positions: Mapping[int, int],
    time_is_up: Deadline,
) -> int:
    """Add newly joined decisions to the sums of every programme.

    Args:
        storage: the service's.
        experiments: all of them.
        positions: the last joined position of each.
        time_is_up: asked after each batch.

    Returns:
        How many joined decisions are still to be read.
    """
    behind = 0
    for programme in storage.programmes.all():
        kept = kept_sums(storage, programme.number)
        members = [
            one
            for one in experiments
            if one.definition.programme == programme.key
            or kept.place(one.number) is not None
        ]
        behind += _follow(storage, programme, kept, members, positions, time_is_up)
    return behind


def _follow(
    storage: Storage,
    programme: Programme,
    kept: KeptSums,
    members: Sequence[Experiment],
    positions: Mapping[int, int],
    time_is_up: Deadline,
) -> int:
    corrected = {m.number: storage.corrections.state(m.number).learned for m in members}
    if any(corrected[place.number] != place.corrected for place in kept.places):
        storage.programme_totals.begin_anew(programme.number)
        kept = KeptSums()
    behind = 0
    for member in members:
        last = positions.get(member.number, 0)
        place = kept.place(member.number)
        position = 0 if place is None else place.position
        while position < last:
            rows = storage.joins.after(member.number, position, BATCH)
            # What is damaged is left out; an empty list means that there are no more.
            position = rows[-1].position if rows else last
            reached = Place(member.number, position, corrected[member.number])
            kept = _added(storage, programme, kept, reached, rows)
            if time_is_up():
                break
        behind += last - position
    return behind


def _added(
    storage: Storage,
    programme: Programme,
    kept: KeptSums,
    reached: Place,
    rows: Sequence[JoinedRow],
) -> KeptSums:
    """Add joined decisions of one experiment, and keep the sums."""
    mine = [
        row
        for row in rows
        if row.decision.programme is not None
        and row.decision.programme.key == programme.key
    ]
    hashes = UnitHashes(programme.salt)
    named = {
        row.decision.unit_id: hashes.of(row.decision.unit_id)
        for row in mine
        if row.decision.unit_id is not None
    }
    stored = storage.programme_totals.units(programme.number, set(named.values()))
    before = {unit: _decode_unit(state) for unit, state in stored.items()}
    after: dict[int, UnitTotal] = {}
    alone: list[tuple[UnitTotal | None, UnitTotal]] = []
    for row in mine:
        unit_id = row.decision.unit_id
        if unit_id is None:
            alone.append((None, with_decision(None, row)))
            continue
        unit = named[unit_id]
        after[unit] = with_decision(after.get(unit) or before.get(unit), row)
    changes = [(before.get(unit), now) for unit, now in after.items()]
    others = [place for place in kept.places if place.number != reached.number]
    found = KeptSums(
        tuple(sorted((*others, reached), key=lambda place: place.number)),
        kept.sums.after([*changes, *alone]),
    )
    storage.programme_totals.save(
        programme.number,
        _encode(found),
        {unit: _encode(now) for unit, now in after.items()},
    )
    return found


def with_decision(unit: UnitTotal | None, row: JoinedRow) -> UnitTotal:
    """Return a unit after one more of its decisions has matured.

    Args:
        unit: as it was; None at its first decision.
        row: a joined decision of the programme.
    """
    decision = row.decision
    membership = decision.programme
    if membership is None:
        raise ValueError("the decision is in no programme")
    if unit is None:
        chance = round(membership.chance, _CHANCE_DIGITS)
        unit = UnitTotal(Pattern(membership.group, chance))
    pattern = unit.pattern
    if (
        membership.group == "experiment"
        and membership.instead is None
        and pattern.arm(decision.number) is None
    ):
        share = (decision.group_chance or 0.0) / membership.chance
        treated = decision.group == TREATMENT
        arm: Arm = (decision.number, treated, round(share, _CHANCE_DIGITS))
        pattern = pattern.with_arm(arm)
    crossed = unit.crossed or membership.group != pattern.group
    return UnitTotal(pattern, unit.total + row.reward, unit.decisions + 1, crossed)
