"""The command line, `bandit-svc`.

Owns the list of commands. Each group of commands is a file; errors become exit
codes in exit_codes.py.
"""

import click

from bandit_svc import __version__
from bandit_svc.cli.evaluation.evaluate import evaluate
from bandit_svc.cli.evaluation.features import features
from bandit_svc.cli.evaluation.tune import tune
from bandit_svc.cli.exit_codes import Group
from bandit_svc.cli.experiments.experiment import experiment
from bandit_svc.cli.experiments.report import report
from bandit_svc.cli.experiments.simulate import simulate
from bandit_svc.cli.logs.archive import archive
from bandit_svc.cli.logs.audit import audit
from bandit_svc.cli.logs.export import export
from bandit_svc.cli.logs.import_file import import_file
from bandit_svc.cli.planning.plan import plan
from bandit_svc.cli.service.doctor import doctor
from bandit_svc.cli.service.init import init
from bandit_svc.cli.service.keys import keys
from bandit_svc.cli.service.migrate_to import migrate_to
from bandit_svc.cli.service.privacy import privacy
from bandit_svc.cli.service.replay import replay
from bandit_svc.cli.service.rewards import rewards
from bandit_svc.cli.service.serve import learner, serve, web
from bandit_svc.cli.service.webhook import webhook


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bandit-svc")
def main() -> None:
    """Run contextual bandit experiments: decide, log, learn, report.

    Every option can be set by an environment variable of the same name, such as
    BANDIT_PORT for --port. One with the command's name, such as BANDIT_REPORT_FORMAT,
    sets the option of that command alone. Exit codes: 0 done, 1 failed, 2 wrong usage.

    Example: bandit-svc init && bandit-svc serve
    """


for command in (
    init,
    serve,
    web,
    learner,
    experiment,
    keys,
    webhook,
    rewards,
    plan,
    report,
    evaluate,
    audit,
    tune,
    features,
    replay,
    export,
    import_file,
    archive,
    privacy,
    simulate,
    doctor,
    migrate_to,
):
    main.add_command(command)
