"""Shards of a PostgreSQL store: fair, and never in two hands (a model test)."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.storage.control.shares import Held, ShardLost, Shares, fair_share
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.sharing.fence import require_writer
from bandit_svc.storage.postgres.sharing.shares import PostgresMember, PostgresShares
from tests.harness.stored.postgres import SCHEMA
from tests.harness.waiting import wait_until

SHARDS: Final = ("0", "1", "2", "3", "4", "5", "u0")
MEMBERS: Final = 4
TTL_S: Final = 600.0
"""Nothing ends by itself while the test runs; time passes when it says so."""
_WRITE: Final = """
    INSERT INTO positions SELECT %s, coalesce(max(position), 0) + 1, %s
    FROM positions WHERE shard = %s"""
_GAPS: Final = """
    SELECT count(*) FROM (SELECT position - lag(position) OVER w AS step,
        token < max(token) OVER w AS lower FROM positions
        WINDOW w AS (PARTITION BY shard ORDER BY position)) steps
    WHERE step <> 1 OR lower"""


class World:
    """Members over connections of their own, some of which may be stopped."""

    def __init__(self, address: str) -> None:
        self.databases = [
            Database(address, SCHEMA, schema.dialect, require=require_writer)
            for _ in range(MEMBERS)
        ]
        self.shares = [PostgresShares(one, TTL_S) for one in self.databases]
        self.members: list[PostgresMember | None] = [None] * MEMBERS
        self.known: list[frozenset[Held]] = [frozenset()] * MEMBERS
        self.plain = psycopg.connect(
            address, autocommit=True, options=f"-c search_path={SCHEMA}"
        )
        self.plain.execute(
            "CREATE TABLE positions (shard text, position bigint, token bigint,"
            " PRIMARY KEY (shard, position))"
        )

    def close(self) -> None:
        for one in self.databases:
            one.close()
        self.plain.execute("DROP TABLE positions")
        self.plain.execute("DELETE FROM leases")
        self.plain.execute("DELETE FROM members")
        self.plain.close()

    def beat(self, at: int) -> None:
        member = self.members[at]
        if member is None:
            member = self.members[at] = PostgresMember(
                self.databases[at], SHARDS, TTL_S
            )
        member.beat()

    def look(self, at: int) -> None:
        """Begin a tick: what is written up to the next look is for these tokens."""
        member = self.members[at]
        self.known[at] = frozenset() if member is None else member.held()

    def write(self, at: int) -> None:
        for held in self.known[at]:
            try:
                with (
                    self.shares[at].writing(held),
                    self.databases[at].write() as connection,
                ):
                    values = held.shard, held.token, held.shard
                    connection.plain.execute(_WRITE, values)
            except ShardLost:
                continue
            assert self.token(held.shard) == held.token

    def stall(self, at: int) -> None:
        """Stop one for so long that the others take what it has; then let it write."""
        self.look(at)
        self.pass_time(1.1)
        for other in range(MEMBERS):
            if other != at:
                self.beat(other)
                self.look(other)
                self.write(other)
        self.write(at)

    def settle(self, at: int) -> None:
        member = self.members[at]
        if member is not None:
            self.known[at] = member.settle()

    def leave(self, at: int) -> None:
        member = self.members[at]
        if member is not None:
            member.leave()
        self.members[at] = None

    def pass_time(self, times_ttl: float) -> None:
        for table in ("leases", "members"):
            self.plain.execute(
                f"UPDATE {table} SET expires_at = expires_at - %s * interval '1 s'",  # noqa: S608 - the name of a table
                (TTL_S * times_ttl,),
            )

    def token(self, shard: str) -> int:
        found = self.plain.execute(
            "SELECT token FROM leases WHERE name = %s", (f"shard {shard}",)
        ).fetchone()
        assert found is not None
        return int(found[0])

    def gaps(self) -> int:
        found = self.plain.execute(_GAPS).fetchone()
        assert found is not None
        return int(found[0])


@contextmanager
def world(address: str) -> Iterator[World]:
    with closing(World(address)) as made:
        yield made


MEMBER = st.integers(0, MEMBERS - 1)
ACTION = st.one_of(
    st.tuples(
        st.sampled_from(["beat", "look", "write", "settle", "leave", "stall"]), MEMBER
    ),
    st.tuples(st.just("pass"), st.sampled_from([0.4, 1.1])),
)


def test_shards_are_in_one_hand_and_become_fair(postgres: str) -> None:
    @settings(max_examples=30, deadline=None, database=None)
    @given(st.lists(ACTION, min_size=10, max_size=40))
    def run(actions: list[tuple[str, float]]) -> None:
        with world(postgres) as one:
            for name, value in actions:
                if name == "pass":
                    one.pass_time(value)
                else:
                    getattr(one, name)(int(value))
            assert one.gaps() == 0
            # Those that live go on; whoever was stopped has lost what it held.
            living = [at for at in range(MEMBERS) if at % 2 or one.members[at]]
            one.pass_time(1.1)
            for _ in range(3):
                for at in living:
                    one.beat(at)
                    one.settle(at)
            held = {at: one.known[at] for at in living}
            shards = [h.shard for mine in held.values() for h in mine]
            assert sorted(shards) == sorted(SHARDS)
            sizes = [len(mine) for mine in held.values()]
            assert max(sizes) - min(sizes) <= 1
            for at in living:
                one.write(at)
            assert one.gaps() == 0

    run()


@given(st.integers(0, 200), st.integers(1, 40))
def test_fair_shares_are_all_shards_and_differ_by_one(shards: int, many: int) -> None:
    members = [f"{at:02}" for at in range(many)]

    shares = [fair_share(shards, members, member) for member in members]

    assert sum(shares) == shards
    assert max(shares) - min(shares) <= 1
    assert fair_share(shards, members, "nobody") == 0


def test_a_member_that_wants_all_gets_what_the_others_give_back(postgres: str) -> None:
    with world(postgres) as one:
        for _ in range(2):
            one.beat(0)
            one.beat(1)
        first, second = one.members[0], one.members[1]
        assert first is not None
        assert second is not None
        first.settle("all")
        one.beat(0)
        one.beat(1)

        assert second.settle() == frozenset()
        one.beat(0)
        assert {held.shard for held in first.held()} == set(SHARDS)

        first.settle("fair")
        for _ in range(2):
            one.beat(1)
            one.beat(0)
            first.settle()
        one.beat(1)
        assert sorted([len(first.held()), len(second.held())]) == [3, 4]


def test_who_wants_to_learn_alone_waits_for_the_members(storage: Storage) -> None:
    assert storage.shares is not None
    with storage.shares.join(SHARDS) as member:
        wait_until(lambda: len(member.held()) == len(SHARDS), "it holds all shards")
        with storage.leases.hold("learner") as alone:
            assert alone is None
        assert set(storage.shares.holders()) == set(SHARDS)
    assert storage.shares.holders() == {}
    with storage.leases.hold("learner") as alone:
        assert alone is not None


def test_members_hold_nothing_while_one_learns_alone(
    storage: Storage, postgres: str
) -> None:
    with world(postgres) as one:
        with storage.leases.hold("learner"):
            one.beat(0)
            one.look(0)
            assert one.known[0] == frozenset()
        one.beat(0)
        one.look(0)
        assert len(one.known[0]) == len(SHARDS)


@pytest.mark.e2e
def test_stopped_and_killed_processes_lose_their_shards_and_their_writes(
    storage: Storage, start_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    shares = storage.shares
    assert shares is not None
    processes = [start_process("share_and_publish") for _ in range(3)]
    wait_until(lambda: _counts(shares) == [2, 2, 2], "three have two shards each")
    processes[0].send_signal(signal.SIGSTOP)
    wait_until(lambda: _counts(shares) == [3, 3], "the two others have all")
    processes[0].send_signal(signal.SIGCONT)
    wait_until(lambda: _counts(shares) == [2, 2, 2], "all three share again")
    processes[1].kill()
    wait_until(lambda: _counts(shares) == [3, 3], "two have the shards of the dead one")
    before = [_versions(storage, number)[-1] for number in range(1, 7)]
    wait_until(
        lambda: all(_versions(storage, n)[-1] > before[n - 1] for n in range(1, 7)),
        "every shard goes on",
    )

    for number in range(1, 7):
        found = _versions(storage, number)
        versions, tokens = zip(*found, strict=True)
        assert list(versions) == list(range(1, len(versions) + 1))
        assert list(tokens) == sorted(tokens)


def _counts(shares: Shares) -> list[int]:
    """Return how many shards each process holds."""
    return sorted(Counter(one.process for one in shares.holders().values()).values())


def _versions(storage: Storage, number: int) -> list[tuple[int, int]]:
    """Return the published versions with the token of who published each."""
    metas = storage.model_versions.metas(number)
    return sorted((meta.version, meta.learned) for meta in metas) or [(0, 0)]
