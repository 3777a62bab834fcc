"""Declarations of options.

Owns the rule that every option is also an environment variable of the same name, the
options that come from the list of settings, and those that several commands have.
Settings mean the same to every command; the others are command_option.py's.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import click

from bandit_svc.cli.command_option import CommandOption, variable_of
from bandit_svc.setting import Setting
from bandit_svc.settings import SETTINGS, Settings, settings_from

Command = TypeVar("Command", bound=Callable[..., object])

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_HINTS = get_type_hints(Settings)


def _declared(name: str, **attributes: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own
    attributes.setdefault("show_default", True)
    variable = variable_of(name)
    return click.option(f"--{name}", envvar=variable, show_envvar=True, **attributes)


def option(name: str, **attributes: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own
    """Declare `--name` of one command; BANDIT_COMMAND_NAME and BANDIT_NAME set it too.

    Args:
        name: without dashes in front, as in "reward-window".
        attributes: as for CommandOption.
    """
    return _declared(name, cls=CommandOption, **attributes)


def setting_options(*names: str) -> Callable[[Command], Command]:
    """Declare an option for each of these settings, in this order.

    Name, default and help come from `SETTINGS`; the command gets each value
    under the setting's name.
    """

    def declare(command: Command) -> Command:
        for name in reversed(names):
            command = _setting_option(_BY_NAME[name])(command)
        return command

    return declare


data_option = setting_options("data")
archive_option = setting_options("archive")
processes_option = option(
    "processes",
    type=click.IntRange(min=1),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="as many as there are cores",
    help="Number of processes that share the work; the result is the same.",
)


def result_options(*forms: str) -> Callable[[Command], Command]:
    """Declare `--format`, one of these forms and the first by default, and `--out`."""
    form = option(
        "format", type=click.Choice(forms), default=forms[0], help="Form of the result."
    )
    out = option(
        "out",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File for the result, instead of standard output.",
    )
    return lambda command: form(out(command))


def settings_of(**given: object) -> Settings:
    """Return the settings of a command: its options over the environment.

    Raises:
        InvalidInput: a value is out of its range.
    """
    variables = {
        _BY_NAME[name].variable: str(int(v)) if isinstance(v, bool) else str(v)
        for name, v in given.items()
    }
    return settings_from({**os.environ, **variables})


def _setting_option(setting: Setting) -> Callable[[Command], Command]:
    attributes: dict[str, Any] = {"help": setting.help, "default": setting.default}
    if isinstance(setting.default, bool):
        attributes["is_flag"] = True
        attributes["show_default"] = False
    elif choices := get_args(_HINTS[setting.name]):
        attributes["type"] = click.Choice(choices)
    else:
        attributes["type"] = type(setting.default)
    return _declared(setting.name.replace("_", "-"), **attributes)
