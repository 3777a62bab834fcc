"""What holds for every command: help, variables, exit codes, sentences."""

from pathlib import Path

import click
import pytest

from bandit_svc import __version__
from bandit_svc.cli.catalogue import every_command, options_of
from bandit_svc.cli.exit_codes import exit_code, sentence
from bandit_svc.cli.main import main
from bandit_svc.client import BanditClientError
from bandit_svc.errors import Conflict, FieldError, InvalidInput, TooLarge, Unavailable
from bandit_svc.settings import SETTINGS
from tests.harness.command import Run

COMMANDS = dict(every_command(main))


def test_the_commands_are_those_of_the_contract_and_what_keys_are_worth() -> None:
    assert set(COMMANDS) == {
        "features",
        *("serve", "web", "learner", "init", "report", "replay", "simulate", "doctor"),
        *("evaluate", "audit", "tune", "export"),
        *(f"experiment {w}" for w in ("create", "list", "show")),
        *(f"experiment {w}" for w in ("pause", "resume", "archive")),
        *(f"keys {w}" for w in ("create", "list", "revoke")),
    }


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_of_each_command_has_an_example_of_itself(
    run: Run, words: str
) -> None:
    result = run(*words.split(), "--help")

    assert result.exit_code == 0
    assert f"Example: bandit-svc {words}" in result.stdout


@pytest.mark.parametrize("words", COMMANDS)
def test_each_option_has_a_help_and_an_environment_variable_of_its_name(
    words: str,
) -> None:
    for option in options_of(COMMANDS[words]):
        (name,) = option.opts
        assert option.envvar == "BANDIT_" + name[2:].replace("-", "_").upper()
        assert option.help


def test_serve_takes_every_setting_with_its_default_and_help() -> None:
    options = [
        (o.opts[0], o.envvar, o.default, o.help) for o in options_of(COMMANDS["serve"])
    ]

    assert options == [(s.option, s.variable, s.default, s.help) for s in SETTINGS]


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"bandit-svc, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["keys", "unknown"],
        ["serve", "--port", "high"],
        ["serve", "--port", "70000"],
        ["serve", "--workers", "0"],
        ["serve", "--fsync", "sometimes"],
        ["serve", "--dev", "--host", "0.0.0.0"],  # noqa: S104 - it is refused
        ["web", "--threads", "-1"],
        ["learner", "--learner-tick-ms", "0"],
        ["report"],
        ["report", "hero", "--format", "pdf"],
        ["evaluate", "--format", "json"],
        ["audit", "--log", "log.csv", "--actions", "1"],
        ["simulate", "mars"],
        ["simulate", "hero", "--rounds", "0"],
        ["simulate", "hero", "--rate", "0"],
    ],
)
def test_wrong_usage_exits_2_with_a_sentence(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output


def test_a_wrong_variable_is_wrong_usage_too(run: Run) -> None:
    result = run("serve", BANDIT_PORT="high")

    assert result.exit_code == 2
    assert "BANDIT_PORT" in result.stderr or "--port" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--port", "0"],
        ["web", "--port", "0"],
        ["learner"],
        ["experiment", "list"],
        ["keys", "list"],
        ["report", "hero"],
        ["replay", "hero"],
    ],
)
def test_without_a_store_a_command_names_init_and_creates_nothing(
    run: Run, data: Path, arguments: list[str]
) -> None:
    result = run(*arguments, "--data", data)

    assert result.exit_code == 1
    assert f"bandit-svc init --data {data}" in result.stderr
    assert not data.exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("a"), 2),
        (TooLarge("a"), 2),
        (Conflict("a"), 1),
        (Unavailable("a"), 1),
        (BanditClientError(None, {}), 1),
        (PermissionError(), 1),
        (ZeroDivisionError(), 1),
    ],
)
def test_the_nearest_class_of_an_error_decides_the_exit_code(
    error: Exception, code: int
) -> None:
    assert exit_code(error) == code


def test_each_field_at_fault_is_on_a_line_with_its_pointer() -> None:
    error = InvalidInput("two are wrong", FieldError("/a", "x"), FieldError("/b", "y"))

    assert sentence(error) == "two are wrong\n  /a: x\n  /b: y"


def test_a_fault_of_ours_is_a_sentence_too(
    run: Run, initialised: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_key: str) -> click.Command:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("bandit_svc.cli.experiments.experiment.echo_rows", fail)
    result = run("experiment", "list", "--data", initialised)

    assert result.exit_code == 1
    assert "ZeroDivisionError: by zero" in result.stderr
    assert "Traceback" not in result.output
