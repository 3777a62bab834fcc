"""Is what a cluster stored what its callers were told?

Owns the invariants. They are read from the store itself, and from `bandit-svc doctor`
and `bandit-svc replay --verify`, which run beside the service.
"""

import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bandit_svc.errors import BanditError
from bandit_svc.settings import settings_from
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from bandit_svc.wiring import Backends
from benchmarks.cluster.ledger import Ledger
from benchmarks.cluster.part import plain
from benchmarks.cluster.service import PROGRAM

_PAGE = 5_000
_COMMAND_WITHIN_S = 300.0


class Finding(NamedTuple):
    """One invariant, whether it holds, and what was counted."""

    name: str
    holds: bool
    said: str


class Stored(NamedTuple):
    """What the store has of the experiments.

    Attributes:
        rewards: of each joined decision, by its id.
        faults: positions that are missing or taken twice, ids that joined twice.
        late: rewards that came after their decision had closed.
        pending: decisions that have not joined.
    """

    rewards: Mapping[str, float]
    faults: Sequence[str]
    late: int
    pending: int


def backends_of(data: Path, settings: Mapping[str, str]) -> Backends:
    """Open the store that the nodes of a cluster share."""
    return Backends(settings_from({**settings, "BANDIT_DATA": str(data)}))


def is_settled(data: Path, settings: Mapping[str, str], ledger: Ledger) -> bool:
    """Return whether everything that was acknowledged has joined."""
    try:
        with closing(backends_of(data, settings)) as backends:
            stored = read_stored(backends.storage)
    except BanditError:
        return False
    return stored.pending == 0 and ledger.decisions.keys() <= stored.rewards.keys()


def read_stored(storage: Storage) -> Stored:
    """Read every joined decision of every experiment in its order."""
    rewards: dict[str, float] = {}
    faults: list[str] = []
    late = pending = 0
    for experiment in storage.experiments.all():
        for at, row in enumerate(_joined(storage, experiment.number), start=1):
            if row.position != at:
                faults.append(f"{experiment.key} has {row.position} in place {at}")
            if row.decision.id in rewards:
                faults.append(f"{row.decision.id} joined twice")
            rewards[row.decision.id] = row.reward
        totals = storage.facts.totals(experiment.number)
        late += totals.counts.get("rewards_late", 0)
        pending += totals.pending
    return Stored(rewards, faults, late, pending)


def audit(
    data: Sequence[Path], settings: Mapping[str, str], ledger: Ledger
) -> list[Finding]:
    """Return every invariant with what was found.

    Args:
        data: the data folders, of which `doctor` is asked.
        settings: those of the nodes.
    """
    with closing(backends_of(data[0], settings)) as backends:
        stored = read_stored(backends.storage)
        keys = [experiment.key for experiment in backends.storage.experiments.all()]
    return [
        *compared(ledger, stored),
        *(_command("doctor", settings, path, ()) for path in data),
        *(_command("replay", settings, data[0], (key, "--verify")) for key in keys),
    ]


def compared(ledger: Ledger, stored: Stored) -> list[Finding]:
    """Compare what callers were told with what is stored."""
    return [
        *_told_and_stored(ledger, stored),
        _rewarded(ledger, stored),
        Finding(
            "joined once, positions without gaps",
            not stored.faults,
            "; ".join(stored.faults[:3]) or f"{len(stored.rewards)} joined",
        ),
        _answers(ledger),
    ]


def _told_and_stored(ledger: Ledger, stored: Stored) -> Iterable[Finding]:
    told, kept = ledger.decisions.keys(), stored.rewards.keys()
    missing, more = told - kept, kept - told
    yield Finding(
        "every acknowledged decision is stored",
        not missing,
        f"{len(told)} acknowledged, {len(missing)} of them missing",
    )
    # A request whose answer was lost may have been decided.
    yield Finding(
        "nothing else is stored",
        len(more) <= ledger.unanswered,
        f"{len(more)} stored of {ledger.unanswered} requests without an answer",
    )


def _rewarded(ledger: Ledger, stored: Stored) -> Finding:
    uncounted = sum(
        stored.rewards.get(decision_id) != value
        for decision_id, value in ledger.rewards.items()
    )
    unknown = sum(
        reward != 0.0
        for decision_id, reward in stored.rewards.items()
        if decision_id not in ledger.rewards
    )
    return Finding(
        "every acknowledged reward is counted, or counted as late",
        uncounted <= stored.late and unknown == 0,
        f"{len(ledger.rewards)} acknowledged, {uncounted} not in their decision, "
        f"{stored.late} counted as late, {unknown} that nobody sent",
    )


def _answers(ledger: Ledger) -> Finding:
    refused = Counter(ledger.refused).most_common(2)
    return Finding(
        "a request_id has one decision, and no request was refused",
        not ledger.differing and not refused,
        f"{len(ledger.differing)} with two decisions, {ledger.repeated} sent again"
        + "".join(f"; {count} x {words}" for words, count in refused),
    )


def _command(
    name: str, settings: Mapping[str, str], data: Path, words: Sequence[str]
) -> Finding:
    done = subprocess.run(
        [PROGRAM, name, *words, "--data", str(data)],
        env={**plain(), **settings},
        capture_output=True,
        text=True,
        timeout=_COMMAND_WITHIN_S,
        check=False,
    )
    said = done.stdout if done.returncode == 0 else done.stdout + done.stderr
    lines = said.strip().splitlines() or [""]
    title = " ".join((name, *words, *(() if words else (data.name,))))
    return Finding(title, done.returncode == 0, "; ".join(lines[-4:]))


def _joined(storage: Storage, number: int) -> Iterator[JoinedRow]:
    position = 0
    while rows := storage.joins.after(number, position, _PAGE):
        yield from rows
        position = rows[-1].position
