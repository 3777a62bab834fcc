"""Write joined decisions as Parquet.

Owns the columns. Lists hold one entry for each eligible variant; the context is
JSON text, since its keys may change from one decision to the next. Needs the extra
`parquet`.
"""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.programmes.membership import Membership
from bandit_svc.errors import Unprocessable
from bandit_svc.services.decision_logs.exported import Exported


def write_parquet(batches: Iterable[list[Exported]], path: Path) -> int:
    """Write a file; return the number of decisions in it.

    Raises:
        Unprocessable: pyarrow is not installed.
    """
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise Unprocessable(
            "writing Parquet needs pyarrow, which is not installed; run `pip install "
            "pyarrow` (the extra `parquet`), or export as dsjson"
        ) from error
    schema = arrow.schema(fields(arrow))
    n = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in batches:
            rows = [parquet_row(one) for one in batch]
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            n += len(rows)
    return n


def fields(arrow: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - pyarrow ships no types
    """Return the names and types of the columns, in their order.

    Args:
        arrow: the module pyarrow.
    """
    return [
        ("decision_id", arrow.string()),
        ("decided_at", arrow.timestamp("ms", tz="UTC")),
        ("revision", arrow.int32()),
        ("model_version", arrow.int32()),
        ("group", arrow.string()),
        ("unit_id", arrow.string()),
        ("context", arrow.string()),
        ("variant", arrow.string()),
        ("propensity", arrow.float64()),
        ("reward", arrow.float64()),
        ("variants", arrow.list_(arrow.string())),
        ("pmf", arrow.list_(arrow.float64())),
        ("group_chance", arrow.float64()),
        ("treatment_pmf", arrow.list_(arrow.float64())),
        ("baseline_pmf", arrow.list_(arrow.float64())),
        ("programme", arrow.string()),
        ("programme_group", arrow.string()),
        ("programme_chance", arrow.float64()),
        ("baseline_share", arrow.float64()),
        ("instead", arrow.string()),
        ("split", arrow.int32()),
        ("branch", arrow.string()),
        ("branch_share", arrow.float64()),
        ("slate_id", arrow.string()),
        ("slot", arrow.int32()),
        ("slot_reward", arrow.float64()),
        ("shown", arrow.bool_()),
    ]


def parquet_row(one: Exported) -> Payload:
    """Return a decision as a row of these columns."""
    branch = one.branch
    return {
        "decision_id": one.decision_id,
        "decided_at": one.decided_at_ms,
        "revision": one.revision,
        "model_version": one.model_version,
        "group": one.group,
        "unit_id": one.unit_id,
        "context": msgspec.json.encode(one.context).decode(),
        "variant": one.actions[one.chosen].key,
        "propensity": one.propensity,
        "reward": one.reward,
        "variants": [a.key for a in one.actions],
        "pmf": list(one.pmf),
        "group_chance": one.group_chance,
        "treatment_pmf": one.treatment_pmf,
        "baseline_pmf": one.baseline_pmf,
        "split": None if branch is None else branch.split,
        "branch": None if branch is None else branch.name,
        "branch_share": None if branch is None else branch.share,
        "slate_id": one.slate_id,
        "slot": one.slot,
        "slot_reward": one.slot_reward,
        "shown": one.shown,
    } | _of_programme(one.programme)


def _of_programme(membership: Membership | None) -> Payload:
    """Return the columns of a programme; null for a decision that is in none."""
    if membership is None:
        return {}
    return {
        "programme": membership.key,
        "programme_group": membership.group,
        "programme_chance": membership.chance,
        "baseline_share": membership.baseline_share,
        "instead": membership.instead,
    }
