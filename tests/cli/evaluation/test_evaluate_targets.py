"""What `bandit-svc evaluate KEY --policy` can be asked about, beside the labels."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.command import Run

OWN = """
def half(context, variant_keys):
    context.clear()
    return [1 / len(variant_keys)] * len(variant_keys)

class Table:
    @staticmethod
    def sandals(context, variant_keys):
        return [float(key == "sandals") for key in variant_keys]

asked = []

def fails_at_the_second(context, variant_keys):
    asked.append(context["device"])
    if len(asked) == 2:
        raise RuntimeError("no more")
    return half(context, variant_keys)

def too_much(context, variant_keys):
    return [0.75] * len(variant_keys)

constant = 3
"""
RULES = """
kind = "rules"
name = "table"
otherwise = "dress"
rules = ['when device = "mobile" then sandals']
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the folder that the command is started in; gives its name."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN)
    (tmp_path / "broken_module.py").write_text("import nothing_of_this_name")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def evaluated(run: Run, data: Path, *specs: str) -> list[dict[str, Any]]:
    options = [word for spec in specs for word in ("--policy", spec)]
    result = run("evaluate", "hero", *options, "--format", "json", "--data", data)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["policies"]
    return found


def numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "policy"}


def test_weights_in_json_are_a_policy(run: Run, trained: Path) -> None:
    even = '{"kind": "weighted", "weights": {"dress": 2, "sandals": 2}}'
    one = '{"kind": "weighted", "weights": {"sandals": 1}, "name": "one"}'
    found = evaluated(run, trained, even, one, "uniform", "fixed:sandals")

    assert [row["policy"] for row in found] == [
        *("weighted", "one", "uniform", "fixed:sandals"),
    ]
    assert numbers(found[0]) == numbers(found[2])
    assert numbers(found[1]) == numbers(found[3])


def test_a_rule_table_in_toml_is_a_policy(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "table.toml"
    file.write_text(RULES)
    (row,) = evaluated(run, trained, f"@{file}")

    assert row["policy"] == "table"
    assert row["n"] > 0


def test_a_published_model_is_a_policy_and_says_what_counts(
    run: Run, trained: Path
) -> None:
    (row,) = evaluated(run, trained, "model:1")
    text = run("evaluate", "hero", "--policy", "model:1", "--data", trained)

    # All 40 decisions matured in one tick, so version 1 has seen them all.
    assert (row["policy"], row["n"]) == ("model:1", 0)
    assert "Version 1 learned from the log" in row["refused"]
    assert "would be biased upwards" in text.stdout


def test_a_function_by_its_dotted_name_is_a_policy(
    run: Run, trained: Path, own: str
) -> None:
    found = evaluated(
        run,
        trained,
        *("fixed:sandals", "uniform"),
        *(f"callable:{own}:half", f"callable:{own}:Table.sandals"),
    )

    assert [row["policy"] for row in found[2:]] == [
        *(f"callable:{own}:half", f"callable:{own}:Table.sandals"),
    ]
    assert numbers(found[2]) == numbers(found[1])
    assert numbers(found[3]) == numbers(found[0])


def test_a_function_alone_is_evaluated_alone(run: Run, trained: Path, own: str) -> None:
    assert len(evaluated(run, trained, f"callable:{own}:half")) == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "{own}:fails_at_the_second",
            "at decision 2 that it was asked about: it raised ",
        ),
        ("{own}:fails_at_the_second", "RuntimeError: no more"),
        (
            "{own}:too_much",
            "at decision 1 that it was asked about: it returned no ",
        ),
        ("{own}:constant", "has no function constant"),
        ("{own}:nothing", "has no function nothing"),
        ("{own}", "write callable:package.module:function"),
        (":half", "write callable:package.module:function"),
        ("no_such_module:f", "can't be imported: ModuleNotFoundError"),
        ("broken_module:f", "No module named 'nothing_of_this_name'"),
        ("..:f", "can't be imported"),
    ],
)
def test_a_function_that_fails_is_a_sentence(
    run: Run, trained: Path, own: str, name: str, sentence: str
) -> None:
    spec = "callable:" + name.format(own=own)
    result = run("evaluate", "hero", "--policy", spec, "--data", trained)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output
