"""Play an apprentice of a table of rules, and hold its report against what is true.

`python -m tests.harness.simulated.apprentice_seeds SEEDS` prints a line for each seed,
once with given and once with unknown chances: the agreement in the last 500 of 7,000
decisions, the policy's value with its interval, and what it earns live in the 1,000
decisions after the switch.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bandit_svc.services.report.apprentice.rows import Apprentice
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from tests.harness.service import Service
from tests.harness.simulated.rules_table import Played, RulesTable

BATCH = 500
BATCHES = 14
LATER_MS = 10 * 60_000
"""After which all that is kept from time to time is in the store."""


def report_of(service: Service) -> Report:
    """Return the report of the experiment, once all of it is kept."""
    service.now_ms += LATER_MS
    service.learner_lives()
    service.learner.tick()
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def found_in(service: Service) -> Apprentice:
    """Return what the report says of the apprentice."""
    found = report_of(service).apprentice
    assert found is not None
    return found


def play(
    service: Service, world: RulesTable, rounds: int, *, live: bool = False
) -> list[Played]:
    """Play rounds, BATCH at a time, after each of which all windows end."""
    played: list[Played] = []
    for _ in range(rounds // BATCH):
        played += world.play(service, BATCH, live=live)
        service.mature()
    return played


def _line(seed: int, folder: Path, *, given: bool, high: float, low: float) -> str:
    service = Service(folder)
    service.start()
    service.create(mode="apprentice")
    world = RulesTable(seed, given=given, high=high, low=low)
    last = play(service, world, BATCHES * BATCH)[-BATCH:]
    found = found_in(service)
    service.change(mode="live")
    service.mature()
    live = play(service, world, 2 * BATCH, live=True)
    earned = sum(one.policy_value for one in live) / len(live)
    service.close()
    agreement = sum(one.agrees for one in last) / BATCH
    lower, upper = found.policy.interval
    held = None
    if lower is not None and upper is not None:
        held = lower <= earned <= upper
    return (
        f"seed {seed}, {'given' if given else 'unknown'} chances: agreement "
        f"{agreement:.3f}, value {found.policy.estimate} in {found.policy.interval}, "
        f"live {earned:.4f}, held {held} {found.refused or ''}"
    )


def main(seeds: int, high: float = 0.4, low: float = 0.1) -> None:
    """Print the lines of seeds 1 to `seeds`."""
    for seed in range(1, seeds + 1):
        for given in (True, False):
            with TemporaryDirectory() as folder:
                line = _line(seed, Path(folder), given=given, high=high, low=low)
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), *map(float, sys.argv[2:]))
