"""An option that belongs to one command, and the variables that set it.

Owns the names of these variables and the rule for a name that several commands use:
BANDIT_REPORT_FORMAT sets --format of `report` alone; BANDIT_FORMAT sets --format of
every command that takes its value.
"""

import os
from collections.abc import Callable

import click
from click.types import OptionHelpExtra

from bandit_svc.cli.catalogue import every_command, options_of

PREFIX = "BANDIT_"


def variable_of(*words: str) -> str:
    """Return the environment variable of these words, "BANDIT_REPORT_FORMAT"."""
    return PREFIX + "_".join(words).replace("-", "_").replace(" ", "_").upper()


class CommandOption(click.Option):
    """An option with a variable for its command, and one for all that share its name.

    A value of the shared variable that only another command takes is left to that
    command. One that no command takes is refused.
    """

    def __init__(
        self,
        param_decls: list[str],
        *,
        accepts: Callable[[str], bool] = lambda _value: True,
        own: bool = False,
        **attributes: object,
    ) -> None:
        # click leaves the types of its attributes to its own stubs.
        super().__init__(param_decls, **attributes)  # type: ignore[arg-type]
        self._accepts = accepts
        # A setting of the same name means something else.
        self._own = own

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the command's own variable, else the shared one if it fits."""
        own = os.environ.get(self.own_variable(ctx.command_path))
        if own or self._own:
            return own
        shared = super().resolve_envvar_value(ctx)
        if (
            shared is None
            or self.takes(shared)
            or not self._taken_elsewhere(shared, ctx)
        ):
            return shared
        return None

    def takes(self, value: str) -> bool:
        """Return whether this option takes the value of a variable."""
        values = self.type.split_envvar_value(value) if self.multiple else [value]
        try:
            for one in values:
                self.type.convert(one, self, None)
        except click.BadParameter:
            return False
        return all(self._accepts(one) for one in values)

    def own_variable(self, command_path: str) -> str:
        """Return the variable of this option of one command.

        Args:
            command_path: the program's name and the words of the command.
        """
        return variable_of(*command_path.split()[1:], self.opts[0].lstrip("-"))

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return the brackets after the help line, with both variables."""
        extra = super().get_help_extra(ctx)
        shared = extra.get("envvars", ())
        own = self.own_variable(ctx.command_path)
        extra["envvars"] = (own,) if self._own else (own, *shared)
        return extra

    def _taken_elsewhere(self, value: str, ctx: click.Context) -> bool:
        root = ctx.find_root().command
        if not isinstance(root, click.Group):
            return False
        return any(
            isinstance(option, CommandOption)
            and option.opts == self.opts
            and option.takes(value)
            for _, command in every_command(root)
            for option in options_of(command)
        )
