"""A process of its own that uses the store of a place; started by conftest.py.

Says each step on stdout, and waits for a line on stdin where it says so.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.event import decode_event
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.keys import KeyRow
from bandit_svc.storage.programmes.reservations import Place
from bandit_svc.storage.rows import Arrival, ClosingRule
from tests.harness.stored.backends import open_place


class Halting(list[Arrival]):
    """A batch that says when half of it was taken, and then waits."""

    looks = 0
    """How often a store goes over it before its transaction begins."""

    def __iter__(self) -> Iterator[Arrival]:
        is_taken = self.looks == 0
        self.looks -= 1
        for index, arrival in enumerate(super().__iter__()):
            if is_taken and index == len(self) // 2:
                say("half")
                wait()
            yield arrival


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def wait() -> None:
    sys.stdin.readline()


def create(storage: Storage) -> None:
    definition = Definition(key="elsewhere", variants=(Variant("a"),))
    storage.experiments.create(definition, "salt", 0)


def revise(storage: Storage) -> None:
    experiment = storage.experiments.get("hero")
    definition = msgspec.structs.replace(experiment.definition, holdout=0.5)
    storage.experiments.revise(experiment, definition, 1)


def add_key(storage: Storage) -> None:
    storage.keys.add(KeyRow("k-other", "secret", "0" * 64, 1))


def revoke_key(storage: Storage) -> None:
    storage.keys.revoke("k-1", 5)


def hold_lease(storage: Storage) -> None:
    with storage.leases.hold("learner") as held:
        say(str(held))
        wait()


def hold_lease_and_write(storage: Storage) -> None:
    with storage.leases.hold("learner") as held:
        say(str(held))
        wait()
        try:
            create(storage)
        except Unavailable as error:
            say(error.message)


def ingest(storage: Storage) -> None:
    """Ingest the lines of stdin up to an empty one, and halt in the middle."""
    arrivals = Halting()
    # A server's store first sees whether it may write beside others.
    arrivals.looks = int(storage.is_on_server)
    while line := sys.stdin.readline().rstrip("\n").encode():
        rule = ClosingRule(1000, 1000, on_first_reward=False)
        arrivals.append(Arrival(line, decode_event(line), rule))
    storage.facts.ingest(arrivals, {"p": Cursor(1, 999)})


def take_and_hang(storage: Storage) -> None:
    with storage.reservations.holding(["u"]) as held:
        held.take([Place("#shop tag=offer", "d", 400 * DAY_MS, None)])
    say("taken")
    wait()


def hold_places_and_hang(storage: Storage) -> None:
    with storage.reservations.holding(["u"]) as held:
        held.take([Place("#shop tag=offer", "d", 400 * DAY_MS, None)])
        say("held")
        wait()


def share_and_publish(storage: Storage) -> None:
    """Publish a model of each shard that is held, with its token, for ever."""
    assert storage.shares is not None
    with storage.shares.join([str(number) for number in range(1, 7)]) as member:
        while True:
            for held in member.held():
                number = int(held.shard)
                newest = storage.model_versions.newest(number)
                parent = 0 if newest is None else newest.version
                meta = ModelVersionMeta(
                    number=number,
                    version=parent + 1,
                    policy={},
                    spans=(),
                    learned=held.token,
                    sha256="",
                    created_at_ms=0,
                )
                # One that is stopped in a transaction may hold up the others.
                with suppress(Unavailable), storage.shares.writing(held):
                    model = ModelVersion(meta=meta, state=b"")
                    storage.model_versions.publish(model, parent)
            member.settle()


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        create,
        revise,
        add_key,
        revoke_key,
        hold_lease,
        hold_lease_and_write,
        ingest,
        take_and_hang,
        hold_places_and_hang,
        share_and_publish,
    )
}

if __name__ == "__main__":
    opened = open_place(sys.argv[2])
    SCENARIOS[sys.argv[1]](opened)
    opened.close()
    say("done")
