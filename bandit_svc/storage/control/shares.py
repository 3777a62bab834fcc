"""Shards, which the learners of a service share out among themselves.

Owns the protocols, and how many shards are a fair share. A shard is a partition of the
stream with its experiments; one learner at a time writes what is derived of it. Each
learner is a member as long as it gives signs of life, and takes what is free up to its
share. One that was stopped or cut off loses its shards, and its later writes for them
fail, since each holder of a shard has a higher token than the one before.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

from bandit_svc.errors import Unavailable
from bandit_svc.storage.control.leases import Holder

Wish = Literal["fair", "all"]
"""How much a member wants: its fair share, or all of it. Who wants a fair share gets
nothing while another one wants all."""


class Held(NamedTuple):
    """A shard in the hands of one holder."""

    shard: str
    token: int


class ShardLost(Unavailable):
    """A learner wrote for a shard that another one may hold by now."""


class Member(Protocol):
    """One learner among those that share."""

    def held(self) -> frozenset[Held]:
        """Return what it holds, as it was when it gave its last sign of life."""

    def settle(self, wish: Wish = "fair") -> frozenset[Held]:
        """Return what it holds when it has given back what is beyond its share.

        Call it where nothing of any shard is under way.
        """


class Shares(Protocol):
    """The shards of a store and who holds them."""

    def join(self, shards: Collection[str]) -> AbstractContextManager[Member]:
        """Be a member until the block or the process ends.

        It holds nothing while another process holds the lease `learner`, and nobody
        gets that lease while there is a member.

        Args:
            shards: all that there are; the same for every member.
        """

    def writing(self, held: Held) -> AbstractContextManager[None]:
        """Write for a shard in this block: what this thread writes needs its token.

        Raises:
            ShardLost: from a write, which is not done: another process may hold the
                shard.
        """

    def holders(self) -> Mapping[str, Holder]:
        """Return who holds each shard that is held, by its name."""


def fair_share(shards: int, members: Sequence[str], member: str) -> int:
    """Return how many shards a member may hold, so that no two differ by over one.

    Args:
        shards: how many there are.
        members: those that live, oldest first.
        member: one of them; anybody else may hold nothing.
    """
    if member not in members:
        return 0
    least, more = divmod(shards, len(members))
    return least + (members.index(member) < more)
