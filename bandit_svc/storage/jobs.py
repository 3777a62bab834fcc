"""Work that is asked for now and done later, one piece at a time.

Owns the record of a job and the protocol that every backend implements; see
storage.interface for the words that hold of all protocols. What a kind of job means,
and the contents of its request and its result, the store does not know.
"""

from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import msgspec

from bandit_svc.domain.plain_values import Payload

EVALUATION = "evaluation"
"""The kind of job that estimates what policies would have earned."""
CORRECTION = "correction"
"""The kind of job that makes anew what was learned from rewards that were corrected."""
ARCHIVE = "archive"
"""The kind of job that writes joined decisions to the archive."""
JobStatus = Literal["queued", "running", "done", "failed"]


class JobRow(msgspec.Struct, frozen=True):
    """One job.

    Attributes:
        number: of the experiment that it is about.
        request: all that the one who does it needs to know, as JSON.
        attempts: how often it was begun.
        done: how many steps of `total` are done; 0 of 0 before the first word.
        error: why it failed, in a sentence.
        result: JSON; None until it is done.
    """

    id: str
    number: int
    kind: str
    request: dict[str, Any]
    created_at_ms: int
    status: JobStatus = "queued"
    attempts: int = 0
    done: int = 0
    total: int = 0
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    error: str | None = None
    result: dict[str, Any] | None = None


class Jobs(Protocol):
    """A queue, oldest first, and what came of each job.

    In an embedded store who claims holds the lease `jobs`, so at most one job is
    running. Elsewhere several processes claim, and each running job has a lease of its
    own.
    """

    def add(self, row: JobRow, limit: int) -> None:
        """Put a job at the end of the queue.

        Raises:
            Conflict: so many of its experiment are queued already.
        """

    def get(self, number: int, job_id: str) -> JobRow | None:
        """Return one job of an experiment, or None."""

    def all(self, number: int, kind: str) -> list[JobRow]:
        """Return the jobs of an experiment and a kind without results, newest first."""

    def faults(self, kind: str) -> list[JobRow]:
        """Return the newest finished job of each experiment that failed, of a kind."""

    def unfinished(self) -> bool:
        """Return whether a job waits for somebody to do it; costs one look-up.

        One that is running waits, unless it is known that who does it lives.
        """

    def recover(self, attempts: int, reason: str, now_ms: int) -> None:
        """Put back to the queue what was running and whose process is dead.

        In an embedded store the caller holds the lease `jobs`, so that all are.

        What was begun `attempts` times has failed for that reason.
        """

    def claim(self, now_ms: int) -> JobRow | None:
        """Take the oldest queued job: it is running now. None if there is none."""

    def holding(self, job_id: str) -> AbstractContextManager[None]:
        """Do a claimed job in this block.

        Raises:
            Unavailable: from a write of this thread, which is not done: the process was
                stopped for so long that another one may do the job by now.
        """

    def progress(self, job_id: str, done: int, total: int) -> None:
        """Keep how far a running job has come."""

    def release(self, job_id: str) -> None:
        """Put a running job back to the queue as if it had not been begun."""

    def complete(self, job_id: str, result: Payload, now_ms: int, keep: int) -> None:
        """Keep the result of a running job, and forget all but the newest `keep`.

        Of the finished ones of its experiment and kind, that is.
        """

    def fail(self, job_id: str, error: str, now_ms: int, keep: int) -> None:
        """Keep why a running job failed; forgets as `complete` does."""
