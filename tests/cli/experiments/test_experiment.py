"""`bandit-svc experiment`: definitions from files, and their life."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.services.managing import lifecycle
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.command import Run

SMALL = {"key": "small", "variants": [{"key": "a"}, {"key": "b"}]}


def shown(run: Run, data: Path, key: str) -> dict[str, object]:
    result = run("experiment", "show", key, "--data", data)
    definition: dict[str, object] = json.loads(result.stdout)
    return definition


def test_toml_json_and_stdin_make_the_same_definition(
    run: Run, initialised: Path, tmp_path: Path
) -> None:
    toml, plain = tmp_path / "t.toml", tmp_path / "j.json"
    toml.write_text('key = "t"\nvariants = [{key = "a"}, {key = "b"}]\n')
    plain.write_text(json.dumps({**SMALL, "key": "j"}))
    results = [
        run("experiment", "create", toml, "--data", initialised),
        run("experiment", "create", plain, "--data", initialised),
        run(
            *("experiment", "create", "-", "--data", initialised),
            stdin=json.dumps({**SMALL, "key": "s"}),
        ),
    ]
    definitions = [shown(run, initialised, key) for key in "tjs"]

    assert [r.exit_code for r in results] == [0, 0, 0]
    assert len({json.dumps({**d, "key": ""}) for d in definitions}) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"holdout": 2}, "/holdout"),
        ({"holdout": "half"}, "/holdout"),
        ({"variants": [{"key": "a"}, {"key": "a"}]}, "/variants/1/key"),
        ({"variants": [{"kee": "a"}]}, "/variants/0/kee"),
        ({"policy": {"kind": "guess"}}, "/policy/kind"),
        ({"reward": {"minimum": 3}}, "/reward/maximum"),
    ],
)
def test_a_bad_field_exits_2_with_its_pointer_and_stores_nothing(
    run: Run, initialised: Path, change: dict[str, object], pointer: str
) -> None:
    body = json.dumps({**SMALL, **change})
    result = run("experiment", "create", "-", "--data", initialised, stdin=body)
    listed = run("experiment", "list", "--data", initialised).stdout

    assert result.exit_code == 2
    assert f"Error: {pointer}: " in result.stderr
    assert "small" not in listed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.toml", None),
        ("bad.toml", "key = ["),
        ("bad.json", "{"),
        ("nan.json", '{"key": NaN}'),
        ("latin.toml", b"key = '\xff'"),
        ("other.yaml", "key: a"),
        ("folder.json/x.json", None),
        ("list.json", "[1]"),
    ],
)
def test_a_file_that_gives_no_definition_is_wrong_usage(
    run: Run, initialised: Path, tmp_path: Path, name: str, content: str | bytes | None
) -> None:
    file = tmp_path / name
    if isinstance(content, str):
        content = content.encode()
    if content is not None:
        file.write_bytes(content)
    result = run("experiment", "create", file, "--data", initialised)

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_a_taken_key_exits_1(
    run: Run, initialised: Path, definition_file: Path
) -> None:
    first = run("experiment", "create", definition_file, "--data", initialised)
    second = run("experiment", "create", definition_file, "--data", initialised)

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "exists already" in second.stderr


def test_what_show_prints_can_be_created_again_under_another_key(
    run: Run, trained: Path
) -> None:
    original = shown(run, trained, "hero")
    copy = json.dumps({**original, "key": "copy"})
    result = run("experiment", "create", "-", "--data", trained, stdin=copy)

    assert result.exit_code == 0
    assert shown(run, trained, "copy") == {**original, "key": "copy"}


def test_show_tells_why_a_revision_was_made_beside_the_definition(
    run: Run, trained: Path
) -> None:
    with closing(Backends(Settings(data=str(trained)))) as backends:
        lifecycle.change(backends.storage, "hero", {"holdout": 0.3}, 0, "a test")
    result = run("experiment", "show", "hero", "--data", trained)

    assert result.stderr == "Revision 2, 1970-01-01 00:00:00Z: a test.\n"
    assert json.loads(result.stdout)["holdout"] == 0.3


def test_pause_resume_and_archive_set_the_status(run: Run, trained: Path) -> None:
    statuses = []
    for command in ("pause", "resume", "archive"):
        assert run("experiment", command, "hero", "--data", trained).exit_code == 0
        statuses.append(shown(run, trained, "hero")["status"])

    assert statuses == ["paused", "running", "archived"]


def test_an_archived_experiment_does_not_come_back(run: Run, trained: Path) -> None:
    run("experiment", "archive", "hero", "--data", trained)
    result = run("experiment", "resume", "hero", "--data", trained)

    assert result.exit_code == 1
    assert "archived" in result.stderr


def test_list_has_a_line_for_each_experiment(run: Run, trained: Path) -> None:
    lines = run("experiment", "list", "--data", trained).stdout.splitlines()

    assert [line.split()[:5] for line in lines] == [
        ["KEY", "STATUS", "POLICY", "VARIANTS", "REVISION"],
        ["hero", "running", "linear", "2", "1"],
    ]


@pytest.mark.parametrize("command", ["show", "pause", "resume", "archive"])
def test_an_unknown_key_exits_1(run: Run, initialised: Path, command: str) -> None:
    result = run("experiment", command, "nothing", "--data", initialised)

    assert result.exit_code == 1
    assert "nothing" in result.stderr
