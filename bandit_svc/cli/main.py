"""The command line, `bandit-svc`.

Owns the list of commands. Each group of commands is a file; errors become exit
codes in exit_codes.py.
"""

import click

from bandit_svc import __version__
from bandit_svc.cli.audit import audit
from bandit_svc.cli.doctor import doctor
from bandit_svc.cli.evaluate import evaluate
from bandit_svc.cli.exit_codes import Group
from bandit_svc.cli.experiment import experiment
from bandit_svc.cli.export import export
from bandit_svc.cli.features import features
from bandit_svc.cli.init import init
from bandit_svc.cli.keys import keys
from bandit_svc.cli.replay import replay
from bandit_svc.cli.report import report
from bandit_svc.cli.serve import learner, serve, web
from bandit_svc.cli.simulate import simulate
from bandit_svc.cli.tune import tune


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bandit-svc")
def main() -> None:
    """Run contextual bandit experiments: decide, log, learn, report.

    Every option can be set by an environment variable of the same name, such as
    BANDIT_PORT for --port. Exit codes: 0 done, 1 failed, 2 wrong usage.

    Example: bandit-svc init && bandit-svc serve
    """


for command in (
    init,
    serve,
    web,
    learner,
    experiment,
    keys,
    report,
    evaluate,
    audit,
    tune,
    features,
    replay,
    export,
    simulate,
    doctor,
):
    main.add_command(command)
