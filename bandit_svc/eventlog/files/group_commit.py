"""One fsync for many callers of one segment.

Owns who flushes, when, and for whom. A caller that has written waits until an fsync
that began after its write has ended. At most one is in flight; those who come
meanwhile form the next group, and its first member flushes for all of it.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

GROUPS_WITHOUT_WAITING = 32
"""After a wait in vain; then it is tried again."""


class Group:
    """The callers that one fsync answers. Its first member flushes for all."""

    def __init__(self, lock: threading.Lock) -> None:
        self.size = 0
        self.confirmed = False
        self.turn = threading.Condition(lock)
        self.members: list[threading.Lock] = []
        """One held lock for each member but the first; the end of the fsync frees it.

        A member that wakes up so needs no lock that the others want too.
        """


class Ticket(NamedTuple):
    """A caller's place in a group; the first member has no lock to wait for."""

    group: Group
    freed: "threading.Lock | None"


class GroupCommit:
    """The fsyncs of one segment, and the closing of its descriptor. Thread-safe.

    After an fsync that failed, the kernel may have dropped what it could not write,
    and a second one would report success. So no later caller is confirmed.

    The first of a group waits until as many have come as last time, or as long as the
    last fsync took: callers that were answered together come back together, and one
    that flushed alone would make all others wait for a second fsync. Where that was in
    vain, the next groups don't wait.

    Args:
        descriptor: of the segment; closed here.
        on_failure: called at each fsync that failed.
        sync: flushes a descriptor; raises OSError if the disk does not confirm.
    """

    def __init__(
        self,
        descriptor: int,
        on_failure: Callable[[], None],
        sync: Callable[[int], None] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._on_failure = on_failure
        self._sync = sync
        self._lock = threading.Lock()
        self._forming: Group | None = None
        self._busy = False
        self._failed = False
        self._expected = 0
        self._lasted_s = 0.0
        self._not_worth_it = 0
        self._waiting = 0
        self._retired = False

    def enter(self) -> Ticket:
        """Join the group that forms; the caller has written, and must `wait`.

        The descriptor stays open until then.
        """
        with self._lock:
            self._waiting += 1
            group = self._forming
            if group is None:
                group = self._forming = Group(self._lock)
            group.size += 1
            if group.size == 1:
                return Ticket(group, None)
            freed = threading.Lock()
            freed.acquire()
            group.members.append(freed)
            if group.size == self._expected:
                group.turn.notify()
            return Ticket(group, freed)

    def wait(self, ticket: Ticket) -> bool:
        """Return whether the disk has confirmed what the caller had written."""
        group, freed = ticket
        if freed is not None:
            freed.acquire()
        else:
            try:
                with self._lock:
                    self._gather(group)
                if not self._failed:
                    group.confirmed = self._timed_sync()
            finally:
                self._end(group)
        return group.confirmed

    def retire(self) -> None:
        """Close the descriptor as soon as nobody waits for it."""
        with self._lock:
            self._retired = True
            self._close_if_idle()

    def abandon(self) -> None:
        """Close a forked child's copy, whatever the parent's threads were doing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _gather(self, group: Group) -> None:
        """Wait for the fsync in flight, and then for the usual callers."""
        while self._busy:
            group.turn.wait()
        self._busy = True
        if self._not_worth_it:
            self._not_worth_it -= 1
        else:
            self._wait_for_the_usual(group)
        self._forming = None

    def _wait_for_the_usual(self, group: Group) -> None:
        due_s = time.monotonic() + self._lasted_s
        while group.size < self._expected:
            left_s = due_s - time.monotonic()
            if left_s <= 0 or not group.turn.wait(left_s):
                # They need longer than an fsync, which may run meanwhile.
                self._not_worth_it = GROUPS_WITHOUT_WAITING
                break

    def _timed_sync(self) -> bool:
        began_s = time.monotonic()
        try:
            # Looked up at the call, so that one os.fsync serves the whole log.
            (self._sync or os.fsync)(self._descriptor)
        except OSError:
            self._on_failure()
            return False
        self._lasted_s = time.monotonic() - began_s
        return True

    def _end(self, group: Group) -> None:
        """Answer the members, and hand on to the next group."""
        with self._lock:
            self._expected = group.size
            self._failed = self._failed or not group.confirmed
            self._busy = False
            if self._forming is group:
                self._forming = None
            elif self._forming is not None:
                self._forming.turn.notify()
            self._waiting -= group.size
            self._close_if_idle()
        for freed in group.members:
            freed.release()

    def _close_if_idle(self) -> None:
        if self._retired and not self._waiting and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
