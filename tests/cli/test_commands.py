"""What holds for every command: help, variables, exit codes, sentences."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bandit_svc import __version__
from bandit_svc.cli.catalogue import every_command, options_of
from bandit_svc.cli.command_option import CommandOption
from bandit_svc.cli.exit_codes import exit_code, sentence
from bandit_svc.cli.main import main
from bandit_svc.client import BanditClientError
from bandit_svc.errors import Conflict, FieldError, InvalidInput, TooLarge, Unavailable
from bandit_svc.setting import Setting
from bandit_svc.settings import SETTINGS
from tests.harness.command import Run

COMMANDS = dict(every_command(main))


def test_the_commands_are_those_of_the_contract_and_what_keys_are_worth() -> None:
    assert set(COMMANDS) == {
        *("features", "migrate-to"),
        *("serve", "web", "learner", "init", "report", "replay", "simulate", "doctor"),
        *("evaluate", "audit", "tune", "export", "archive", "import", "plan"),
        *(f"experiment {w}" for w in ("create", "list", "show")),
        *(f"experiment {w}" for w in ("pause", "resume", "archive")),
        *(f"keys {w}" for w in ("create", "list", "revoke")),
        *(f"webhook {w}" for w in ("add", "list", "rotate", "remove")),
        *(f"rewards {w}" for w in ("quarantine", "redrive")),
        *(f"privacy {w}" for w in ("export", "erase")),
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


def context_of(words: str) -> click.Context:
    """Return what click makes of a command line of these words."""
    context = click.Context(main, info_name="bandit-svc")
    command: click.Command = main
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.commands[word]
        context = click.Context(command, info_name=word, parent=context)
    return context


def shared_choices() -> Iterator[tuple[str, str, str]]:
    """Find each command, option and value that some command of that option takes."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    every = [(w, o) for w, c in COMMANDS.items() for o in options_of(c)]
    for _, one in every:
        if isinstance(one.type, click.Choice):
            values[one.opts[0]] |= {str(choice) for choice in one.type.choices}
    for words, one in every:
        for value in sorted(values[one.opts[0]]):
            yield words, one.opts[0], value


@pytest.mark.parametrize(("words", "name", "value"), [*shared_choices()])
def test_a_shared_variable_sets_an_option_only_where_its_value_fits(
    monkeypatch: pytest.MonkeyPatch, words: str, name: str, value: str
) -> None:
    (chosen,) = (o for o in options_of(COMMANDS[words]) if o.opts == [name])
    monkeypatch.setenv(str(chosen.envvar), value)
    assert isinstance(chosen.type, click.Choice)
    fits = value in chosen.type.choices

    assert chosen.resolve_envvar_value(context_of(words)) == (value if fits else None)


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (words, option.own_variable(f"bandit-svc {words}"))
        for words, command in COMMANDS.items()
        for option in options_of(command)
        if isinstance(option, CommandOption)
    ],
)
def test_an_option_of_one_command_has_a_variable_that_no_other_one_reads(
    run: Run, words: str, variable: str
) -> None:
    readers = [w for w in COMMANDS if variable in run(*w.split(), "--help").stdout]

    assert readers == [words]
    assert variable not in {setting.variable for setting in SETTINGS}


def test_the_variable_of_the_command_goes_before_the_shared_one(
    run: Run, trained: Path
) -> None:
    both = {"BANDIT_FORMAT": "csv", "BANDIT_REPORT_FORMAT": "json"}
    result = run("report", "hero", "--data", trained, **both)

    assert result.stdout.startswith("{")


def test_a_form_of_another_command_does_not_stop_this_one(
    run: Run, trained: Path
) -> None:
    shared = {"BANDIT_FORMAT": "html", "BANDIT_POLICY": "uniform"}
    for words in (["features", "hero"], ["audit", "hero"], ["report", "hero"]):
        result = run(*words, "--data", trained, **shared)

        # A check of so small a log may fail, which is no fault of the usage.
        assert "Error: " not in result.output


def test_a_value_that_no_command_takes_is_wrong_usage(run: Run, trained: Path) -> None:
    result = run("report", "hero", "--data", trained, BANDIT_FORMAT="pdf")

    assert result.exit_code == 2
    assert "'pdf'" in result.stderr


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_help_of_a_setting_names_its_unit(setting: Setting) -> None:
    units = {"_ms": "milliseconds", "_s": "seconds", "_bytes": "bytes"}
    for suffix, unit in units.items():
        if setting.name.endswith(suffix):
            assert unit in setting.help.lower()


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


@pytest.mark.parametrize(
    "words",
    [
        words
        for words, command in COMMANDS.items()
        for parameter in command.params
        if isinstance(parameter, click.Argument) and parameter.name == "key"
    ],
)
def test_an_unknown_experiment_names_the_command_that_lists_them(
    run: Run, initialised: Path, words: str
) -> None:
    more = ["--format", "dsjson"] if words == "export" else []
    more += ["--policy", "uniform"] if words == "evaluate" else []
    if words == "import":
        log = initialised / "log.csv"
        log.write_text("a\n1\n")
        more.append(str(log))
    result = run(*words.split(), "nowhere", *more, "--data", initialised)

    assert result.exit_code == 1
    assert "`bandit-svc experiment list` lists those that exist" in result.stderr
    assert "/v1/" not in result.stderr
