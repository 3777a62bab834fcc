"""What the rows of each form mean to an experiment."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.decision_logs.export import export
from bandit_svc.services.decision_logs.imports.worded import Wording
from bandit_svc.services.decision_logs.readers.rows import (
    Columns,
    Reading,
    UnreadableLog,
)
from bandit_svc.services.decision_logs.writers.dsjson import dsjson_line
from bandit_svc.services.decision_logs.writers.parquet import write_parquet
from tests.harness.service import Service
from tests.harness.stored.old_log import import_into, old_rows, write_log

LINEAR = {"kind": "linear"}
NO_COLUMNS = Columns()


@pytest.fixture
def hero(service: Service) -> Service:
    """A service with an experiment that nobody has asked yet."""
    service.create(holdout=0.0, policy=LINEAR)
    return service


def learned(service: Service, number: int = 1) -> list[tuple[object, ...]]:
    """Return what an experiment learns of its imports, in order."""
    last = service.storage.imports.last_position(number)
    files = service.storage.imports.files(number)
    first = last - sum(file.decisions for file in files)
    rows = service.storage.joins.after(number, first, 10**6)
    return [
        (
            row.decision.variant,
            row.decision.variants,
            row.decision.propensity,
            row.reward,
            row.decision.context,
        )
        for row in rows
    ]


def write_csv(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_column_of_text_is_of_numbers_if_every_cell_is(
    hero: Service, tmp_path: Path
) -> None:
    log = write_csv(
        tmp_path / "old.csv",
        [
            ("v", "r", "p", "hour", "size", "new", "user.tier", "user.age"),
            ("a", "1", "0.5", "21", "4", "true", "gold", ""),
            ("b", "0", "0.25", "7.5", "XL", "false", "", "41"),
        ],
    )
    context = ("hour", "size", "new", "user.tier", "user.age")
    columns = Columns(action="v", reward="r", propensity="p", context=context)
    import_into(hero, log, columns=columns)
    of_all = ("a", "b", "c")

    assert learned(hero) == [
        (
            *("a", of_all, 0.5, 1.0),
            {"hour": 21, "size": "4", "new": True, "user": {"tier": "gold"}},
        ),
        (
            *("b", of_all, 0.25, 0.0),
            {"hour": 7.5, "size": "XL", "new": False, "user": {"age": 41}},
        ),
    ]


def test_a_semicolon_and_a_decimal_comma(hero: Service, tmp_path: Path) -> None:
    log = tmp_path / "old.csv"
    log.write_text("v;r;p;age\na;1;0,5;3,5\n")
    columns = Columns(action="v", reward="r", propensity="p", context=("age",))
    import_into(hero, log, columns=columns)

    assert learned(hero) == [("a", ("a", "b", "c"), 0.5, 1.0, {"age": 3.5})]


def test_lines_of_json_keep_their_types(hero: Service, tmp_path: Path) -> None:
    log = tmp_path / "old.jsonl"
    row = {"v": "a", "r": 1, "p": 0.5, "user": {"age": 3, "tier": "4"}, "flag": True}
    log.write_text(json.dumps(row) + "\n")
    columns = Columns(action="v", reward="r", propensity="p", context=("user", "flag"))
    import_into(hero, log, columns=columns)

    assert learned(hero) == [
        ("a", ("a", "b", "c"), 0.5, 1.0, {"user": row["user"], "flag": True})
    ]


@pytest.mark.parametrize("form", ["dsjson", "parquet"])
def test_our_own_export_teaches_what_it_was_learned_from(
    hero: Service, tmp_path: Path, form: Literal["dsjson", "parquet"]
) -> None:
    hero.rounds(60)
    for _ in range(5):
        hero.round(exclude=("c",))
    hero.mature()
    hero.create("next", holdout=0.0, policy=LINEAR)
    batches = export(hero.storage, hero.storage.experiments.get("hero"), "all")
    log = tmp_path / f"hero.{form}"
    if form == "parquet":
        write_parquet(batches, log)
    else:
        log.write_bytes(b"".join(dsjson_line(one) for b in batches for one in b))
    import_into(hero, log, "next", columns=NO_COLUMNS)
    hero.mature()
    hero.mature()

    assert hero.model("next").meta.learned == 65
    assert hero.model("next").state == hero.model("hero").state


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (("a", "3", "0.5"), "the reward is 3; the experiment's range is 0 to 1"),
        (("a", "", "0.5"), "the reward is empty.*--default-reward"),
        (("a", "much", "0.5"), "the reward is empty"),
        (("a", "1", "0"), "the propensity is 0; it must be above 0"),
        (("a", "1", ""), "the propensity is nan"),
        (("a", "1", "1.5"), "the propensity is 1.5"),
    ],
)
def test_a_row_that_can_not_be_right_refuses_the_file(
    hero: Service, tmp_path: Path, cells: tuple[str, ...], fault: str
) -> None:
    log = write_csv(tmp_path / "old.csv", [("v", "r", "p"), ("b", "1", "0.5"), cells])
    columns = Columns(action="v", reward="r", propensity="p")
    with pytest.raises(UnreadableLog, match=rf"line 3: {fault}"):
        import_into(hero, log, columns=columns)

    assert hero.storage.imports.files(1) == []

    done = import_into(hero, log, columns=columns, reading=Reading(skip_bad=1))

    assert done.file.decisions == done.left_out["bad"] == 1


def test_without_propensities_a_file_is_refused_or_taken_as_uniform(
    hero: Service, tmp_path: Path
) -> None:
    log = write_csv(tmp_path / "old.csv", [("v", "r"), ("a", "1")])
    columns = Columns(action="v", reward="r")
    with pytest.raises(UnreadableLog, match="--propensity uniform"):
        import_into(hero, log, columns=columns)
    import_into(hero, log, columns=columns, wording=Wording(propensity="uniform"))

    assert learned(hero) == [("a", ("a", "b", "c"), 1 / 3, 1.0, {})]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"pdrop": 0.5}, "no decision.*pdrop"),
        ({"_label_cost": None}, "no decision.*without a reward"),
        ({"c": {"deep": {"er": {"x": 1}}, "_multi": [{}, {}, {}]}}, "an object is not"),
    ],
)
def test_events_that_can_not_be_learned_as_they_are(
    hero: Service, tmp_path: Path, fields: dict[str, object], fault: str
) -> None:
    event = {
        "_label_cost": -1,
        "_label_probability": 0.5,
        "_labelIndex": 0,
        "a": [1, 2, 3],
        "p": [0.5, 0.25, 0.25],
        "c": {"_multi": [{"_tag": "a"}, {"_tag": "b"}, {"_tag": "c"}]},
    }
    log = tmp_path / "old.dsjson"
    log.write_text(json.dumps(event | fields) + "\n")
    wording = Wording(names={"1": "a", "2": "b", "3": "c"})

    with pytest.raises((InvalidInput, UnreadableLog), match=fault):
        import_into(hero, log, columns=NO_COLUMNS, wording=wording)


def test_a_variant_that_is_unknown_is_taken_out_of_the_chances(
    hero: Service, tmp_path: Path
) -> None:
    event = {
        "_label_cost": -1,
        "_label_probability": 0.5,
        "_labelIndex": 0,
        "a": [1, 2, 3],
        "p": [0.5, 0.3, 0.2],
        "c": {"hour": 3, "_multi": [{"_tag": "a"}, {"_tag": "b"}, {"_tag": "boots"}]},
    }
    log = tmp_path / "old.dsjson"
    log.write_text(json.dumps(event) + "\n")
    wording = Wording(skip_unknown=True)
    import_into(hero, log, columns=NO_COLUMNS, wording=wording)

    # 0.5 of the 0.8 that is left without boots.
    assert learned(hero) == [("a", ("a", "b"), 0.625, 1.0, {"hour": 3})]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (NO_COLUMNS, "name its columns with --action-column, --reward-column"),
        (Columns(action="shown", reward="nope"), "has 0 columns 'nope'"),
    ],
)
def test_columns_are_named_and_there(
    hero: Service, tmp_path: Path, columns: Columns, fault: str
) -> None:
    log = write_log(tmp_path / "old.csv", old_rows(5))

    with pytest.raises(InvalidInput, match=fault):
        import_into(hero, log, columns=columns)


def test_a_form_without_names_of_features_is_refused(
    hero: Service, tmp_path: Path
) -> None:
    log = tmp_path / "old.vw"
    log.write_text("1:-1:0.5 | a b\n")

    with pytest.raises(InvalidInput, match="whose features have no names"):
        import_into(hero, log, columns=NO_COLUMNS)
