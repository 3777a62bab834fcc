"""The tables of release 0.2.0 as migrations in order, and the list that all go into.

Owns what was released; the next ones are in schema.py.
"""

from sqlite_utils import Database, Migrations

migrations = Migrations("bandit_svc")


@migrations()
def m001_definitions(db: Database) -> None:
    """Experiments, their revisions, keys, and the service's own values."""
    db.table("meta").create({"name": str, "value": str}, pk="name")
    db.table("experiments").create(
        {
            "number": int,
            "key": str,
            "revision": int,
            "salt": str,
            "created_at_ms": int,
            "revised_at_ms": int,
            "definition": str,
        },
        pk="number",
        not_null={"key", "revision", "salt", "definition"},
    ).create_index(["key"], unique=True)
    db.table("revisions").create(
        {"number": int, "revision": int, "revised_at_ms": int, "definition": str},
        pk=("number", "revision"),
    )
    db.table("keys").create(
        {
            "id": str,
            "scope": str,
            "sha256": str,
            "created_at_ms": int,
            "revoked_at_ms": int,
        },
        pk="id",
    ).create_index(["sha256"], unique=True)


@migrations()
def m002_facts(db: Database) -> None:
    """Create the tables of facts: decisions, rewards, activations, cursors."""
    db.table("cursors").create(
        {"partition": str, "segment": int, "offset": int}, pk="partition"
    )
    db.table("decisions").create(
        {
            "row_id": int,
            "id": str,
            "number": int,
            "revision": int,
            "decided_at_ms": int,
            "grp": str,
            "variant": str,
            "state": int,
            "exposed_at_ms": int,
            "closes_at_ms": int,
            "ready_at_ms": int,
            "closes_after_ms": int,
            "window_ms": int,
            "on_first_reward": int,
            "line": bytes,
        },
        pk="row_id",
        not_null={"id", "number", "revision", "grp", "variant", "state", "line"},
    ).create_index(["id"], unique=True)
    db.execute(
        "CREATE INDEX decisions_due ON decisions (ready_at_ms, id) WHERE state = 1"
    )
    db.execute(
        "CREATE INDEX decisions_open ON decisions (number, ready_at_ms) WHERE state = 1"
    )
    db.execute("CREATE INDEX decisions_unexposed ON decisions (number) WHERE state = 0")
    db.execute(
        """CREATE TABLE rewards (
            decision_id TEXT NOT NULL, metric TEXT NOT NULL, reward_id TEXT NOT NULL,
            number INTEGER NOT NULL, value REAL NOT NULL,
            occurred_at_ms INTEGER NOT NULL, received_at_ms INTEGER NOT NULL,
            attached INTEGER NOT NULL, late INTEGER NOT NULL DEFAULT 0,
            conflicts INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (decision_id, metric, reward_id)) WITHOUT ROWID"""
    )
    db.execute(
        "CREATE INDEX rewards_orphan ON rewards (number, received_at_ms)"
        " WHERE attached = 0"
    )
    db.table("activations").create(
        {"decision_id": str, "activated_at_ms": int}
    ).create_index(["decision_id"], unique=True)
    db.table("unreadable").create({"line": bytes})
    db.table("counters").create(
        {"number": int, "name": str, "value": int}, pk=("number", "name")
    )


@migrations()
def m003_derived(db: Database) -> None:
    """Create the tables of what is derived: joined decisions, sums, models."""
    db.execute(
        """CREATE TABLE joined (
            number INTEGER NOT NULL, position INTEGER NOT NULL,
            row_id INTEGER NOT NULL, reward REAL NOT NULL, counted INTEGER NOT NULL,
            learnable INTEGER NOT NULL, joined_at_ms INTEGER NOT NULL,
            PRIMARY KEY (number, position)) WITHOUT ROWID"""
    )
    db.table("joined").create_index(["row_id"], unique=True)
    db.execute(
        """CREATE TABLE tallies (
            number INTEGER NOT NULL, grp TEXT NOT NULL, variant TEXT NOT NULL,
            metric TEXT NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL,
            total_squares REAL NOT NULL,
            PRIMARY KEY (number, grp, variant, metric)) WITHOUT ROWID"""
    )
    db.table("snapshots").create(
        {
            "number": int,
            "version": int,
            "policy": str,
            "spans": str,
            "learned": int,
            "sha256": str,
            "created_at_ms": int,
            "restored_from": int,
            "state": bytes,
        },
        pk=("number", "version"),
    )


@migrations()
def m004_evaluations(db: Database) -> None:
    """Progressive evaluation: the state of each candidate policy."""
    db.table("evaluations").create(
        {
            "number": int,
            "policy": str,
            "spec": str,
            "cursor": int,
            "scores": bytes,
            "state": bytes,
        },
        pk=("number", "policy"),
        not_null={"spec", "cursor", "scores", "state"},
    )


@migrations()
def m005_history(db: Database) -> None:
    """Sums of the joined decisions by time, segment and latency."""
    db.table("history_widths").create({"number": int, "width_ms": int}, pk="number")
    db.table("history_variants").create(
        {"number": int, "variant": str}, pk=("number", "variant")
    )
    db.execute(
        """CREATE TABLE history (
            number INTEGER NOT NULL, bucket INTEGER NOT NULL, grp TEXT NOT NULL,
            variant TEXT NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL,
            total_squares REAL NOT NULL,
            PRIMARY KEY (number, bucket, grp, variant)) WITHOUT ROWID"""
    )
    db.table("segment_keys").create(
        {"number": int, "key": str, "n": int, "folded": int, "closed": int},
        pk=("number", "key"),
    )
    db.execute(
        """CREATE TABLE segments (
            number INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
            grp TEXT NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL,
            total_squares REAL NOT NULL,
            PRIMARY KEY (number, key, value, grp)) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE latencies (
            number INTEGER NOT NULL, bin INTEGER NOT NULL, counted INTEGER NOT NULL,
            late INTEGER NOT NULL, PRIMARY KEY (number, bin)) WITHOUT ROWID"""
    )


@migrations()
def m007_jobs(db: Database) -> None:
    """Work that is asked for now and done later."""
    db.table("jobs").create(
        {
            "sequence": int,
            "id": str,
            "number": int,
            "kind": str,
            "request": str,
            "created_at_ms": int,
            "status": str,
            "attempts": int,
            "done": int,
            "total": int,
            "started_at_ms": int,
            "finished_at_ms": int,
            "error": str,
            "result": str,
        },
        pk="sequence",
        not_null={"id", "number", "kind", "request", "created_at_ms", "status"},
    ).create_index(["id"], unique=True)
    db.table("jobs").create_index(["number", "kind"])
    db.execute(
        "CREATE INDEX jobs_unfinished ON jobs (sequence) WHERE finished_at_ms IS NULL"
    )


@migrations()
def m009_revision_notes(db: Database) -> None:
    """Why a revision was made."""
    db.table("revisions").add_column("note", str, not_null_default="")


@migrations()
def m008_trust(db: Database) -> None:
    """Sums that tell whether the log can be trusted, and the adjusted uplift.

    Whether a joined decision got a reward is known of the old ones too.
    """
    db.execute(
        "CREATE TABLE units (number INTEGER NOT NULL, unit INTEGER NOT NULL,"
        " PRIMARY KEY (number, unit)) WITHOUT ROWID"
    )
    db.execute(
        """CREATE TABLE unit_counts (
            number INTEGER NOT NULL, since INTEGER NOT NULL,
            treatment INTEGER NOT NULL, baseline INTEGER NOT NULL,
            looked INTEGER NOT NULL, PRIMARY KEY (number, since)) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE unit_looks (
            number INTEGER NOT NULL, since INTEGER NOT NULL,
            treatment INTEGER NOT NULL, baseline INTEGER NOT NULL,
            PRIMARY KEY (number, since, treatment, baseline)) WITHOUT ROWID"""
    )
    db.execute("ALTER TABLE history ADD COLUMN rewarded INTEGER NOT NULL DEFAULT 0")
    db.execute(
        """UPDATE history SET rewarded = found.n FROM (
            SELECT j.number AS number, d.exposed_at_ms / coalesce(w.width_ms, 1000)
                AS bucket, d.grp AS grp, coalesce(v.variant, '') AS variant,
                count(*) AS n
            FROM joined j JOIN decisions d USING (row_id)
            LEFT JOIN history_widths w ON w.number = j.number
            LEFT JOIN history_variants v
                ON v.number = j.number AND v.variant = d.variant
            WHERE j.counted > 0 GROUP BY 1, 2, 3, 4) AS found
        WHERE history.number = found.number AND history.bucket = found.bucket
            AND history.grp = found.grp AND history.variant = found.variant"""
    )
    db.table("calibration_widths").create({"number": int, "width": int}, pk="number")
    db.execute(
        """CREATE TABLE calibration (
            number INTEGER NOT NULL, block INTEGER NOT NULL, bin INTEGER NOT NULL,
            n INTEGER NOT NULL, expected REAL NOT NULL, variance REAL NOT NULL,
            happened INTEGER NOT NULL,
            PRIMARY KEY (number, block, bin)) WITHOUT ROWID"""
    )
    db.table("drift_stretches").create(
        {"number": int, "begins": int, "begins_at_ms": int, "n": int},
        pk=("number", "begins"),
    )
    db.execute(
        """CREATE TABLE drift (
            number INTEGER NOT NULL, begins INTEGER NOT NULL, key TEXT NOT NULL,
            value TEXT NOT NULL, n INTEGER NOT NULL,
            PRIMARY KEY (number, begins, key, value)) WITHOUT ROWID"""
    )
    db.table("adjusted").create({"number": int, "state": bytes}, pk="number")


@migrations()
def m012_headlines(db: Database) -> None:
    """Create the table of headlines: the newest report of each experiment in short."""
    db.table("headlines").create(
        {"number": int, "as_of_ms": int, "content": bytes},
        pk="number",
        not_null={"as_of_ms", "content"},
    )


@migrations()
def m013_reward_models(db: Database) -> None:
    """Move the reward models of candidates from labels of evaluations to a table.

    Their slot was the end of the label: ":reward-model:0" is slot 0.
    """
    db.table("reward_models").create(
        {"number": int, "slot": int, "cursor": int, "quality": bytes, "state": bytes},
        pk=("number", "slot"),
        not_null={"cursor", "quality", "state"},
    )
    db.execute(
        """INSERT INTO reward_models
        SELECT number, CAST(substr(policy, length(':reward-model:') + 1) AS INTEGER),
            cursor, scores, state
        FROM evaluations WHERE policy LIKE ':reward-model:%'"""
    )
    db.execute("DELETE FROM evaluations WHERE policy LIKE ':reward-model:%'")
