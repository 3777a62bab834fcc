"""Who wrote which joined position, by the server's own account, and what follows.

Owns the triggers that note each position and each change of a shard's hands, in their
order, and the audit. A write locks its shard's lease until it is over, and one who
takes the shard waits for it or passes over it: so the order of the notes is that in
which the store changed hands.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import psycopg
from psycopg import sql

from bandit_svc.eventlog.stream.partitions import partition_of
from benchmarks.learners.engines import Engines

_INSTALL = """
    CREATE TABLE {0}.watched (
        seq bigserial PRIMARY KEY, who text NOT NULL, shard text, token bigint,
        number bigint, position bigint);
    CREATE FUNCTION {0}.note_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {0}.watched (who, shard, token) VALUES (
            current_setting('application_name'),
            substr(NEW.name, 7), NEW.token);
        RETURN NULL; END $$;
    CREATE FUNCTION {0}.note_joined() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {0}.watched (who, number, position) VALUES (
            current_setting('application_name'), NEW.number, NEW.position);
        RETURN NULL; END $$;
    CREATE TRIGGER watched AFTER UPDATE ON {0}.leases FOR EACH ROW
        WHEN (NEW.token <> OLD.token AND starts_with(NEW.name, 'shard '))
        EXECUTE FUNCTION {0}.note_taken();
    CREATE TRIGGER watched AFTER INSERT ON {0}.joined FOR EACH ROW
        EXECUTE FUNCTION {0}.note_joined()"""
_NOTES = "SELECT who, shard, token, number, position FROM {}.watched ORDER BY seq"


class Audit(NamedTuple):
    """What the notes say.

    Attributes:
        positions: how many were written.
        taken: how often a shard changed hands.
        by_former: positions that another than the last taker of their shard wrote.
        not_next: positions that did not follow the one before of their experiment.
        tokens_back: changes of hands whose token was not above the one before.
        writers: positions by the name of their writer.
    """

    positions: int
    taken: int
    by_former: int
    not_next: int
    tokens_back: int
    writers: Counter[str]

    @property
    def holds(self) -> bool:
        """True if no note is wrong."""
        return not (self.by_former or self.not_next or self.tokens_back)


def install(engines: Engines) -> None:
    """Let the server take notes of a store, before any learner is started."""
    schema = sql.Identifier(engines.schema)
    with psycopg.connect(engines.postgres, autocommit=True) as plain:
        plain.execute(sql.SQL(_INSTALL).format(schema))


def audit(engines: Engines) -> Audit:
    """Read the notes; nothing is left to be joined."""
    schema = sql.Identifier(engines.schema)
    with psycopg.connect(engines.postgres) as plain:
        notes = plain.execute(sql.SQL(_NOTES).format(schema)).fetchall()
    return audited(notes, engines.stream.partitions)


def audited(
    notes: Iterable[tuple[str, str | None, int | None, int | None, int | None]],
    partitions: int,
) -> Audit:
    """Return what notes in their order say.

    Args:
        notes: of each the writer, then shard and token, or experiment and position.
        partitions: of the stream, besides that of the units.
    """
    holders: dict[str, tuple[str, int]] = {}
    last: Counter[int] = Counter()
    writers: Counter[str] = Counter()
    taken = by_former = not_next = tokens_back = 0
    for who, shard, token, number, position in notes:
        if shard is not None and token is not None:
            taken += 1
            tokens_back += token <= holders.get(shard, ("", -1))[1]
            holders[shard] = (who, token)
        elif number is not None and position is not None:
            writers[who] += 1
            holder = holders.get(partition_of(number, partitions))
            by_former += holder is None or holder[0] != who
            not_next += position != last[number] + 1
            last[number] = position
    return Audit(
        sum(writers.values()), taken, by_former, not_next, tokens_back, writers
    )
