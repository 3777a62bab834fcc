"""A report as one HTML file for a person who did not build the service.

Owns what the page shows and in which order; the words that stay are in
templates/report.html, the drawings are bandit_svc.charts'. The file needs nothing
else: no script, no font, no other file.
"""

from functools import cache
from typing import Literal

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from bandit_svc.domain.numbers import amount, count, duration, percent
from bandit_svc.prose.apprentice.sentence import apprentice_sentence
from bandit_svc.prose.consent import consent_sentence
from bandit_svc.prose.corrections import corrections_sentence
from bandit_svc.prose.deployed import deployed_sentence
from bandit_svc.prose.derived import (
    chance_sentence,
    chance_text,
    claims_sentence,
    derived_cells,
    derived_note,
)
from bandit_svc.prose.memory import memory_sentence, thinning_sentence
from bandit_svc.prose.money import money_sentences
from bandit_svc.prose.periods import during, note_on_times
from bandit_svc.prose.planned import outlook_sentence
from bandit_svc.prose.report_html import compared, over_time
from bandit_svc.prose.report_html.figure import Figure
from bandit_svc.prose.restricted import restricted_sentence
from bandit_svc.prose.slots import slot_cells, slots_sentence
from bandit_svc.services.checks.check import WORDS, tally, with_status
from bandit_svc.services.evaluation.history_watch import ONE_STEP_NOTE
from bandit_svc.services.evaluation.rows import ALIKE_UNKNOWN
from bandit_svc.services.report.first_reward import REASON
from bandit_svc.services.report.report import Report
from bandit_svc.services.report.verdict import is_price_of_learning


def report_html(report: Report, description: str = "") -> str:
    """Return the whole page.

    Args:
        report: as services.report.build builds it.
        description: what the experiment is about, in its owner's words.
    """
    template = _environment().get_template("report.html")
    page = template.render(
        report=report,
        description=description,
        outcome=outcome_of(report),
        figures=figures(report),
        history_note=history_note(report),
        unit_note=unit_note(report),
        biased=report.uplift.absolute.reason == REASON,
        tally=tally(report.health),
        words=WORDS,
    )
    # The template's own settings leave empty lines before the doctype.
    return page.lstrip()


def figures(report: Report) -> dict[str, Figure]:
    """Return the charts that there are data for, by name."""
    made: dict[str, Figure] = {}
    history = report.history
    bounded = [point for point in history if point.uplift.interval[0] is not None]
    if bounded:
        made["uplift"] = over_time.uplift(bounded)
    known = [point for point in history if point.uplift.estimate is not None]
    if known:
        made["means"] = over_time.means(known)
    shown = [point for point in history if point.shown]
    if shown:
        made["shares"] = over_time.shares(shown)
    if any(point.rewarded for point in history):
        made["rewarded"] = over_time.rewarded(history)
    if report.segments:
        made["segments"] = compared.segments(report.segments)
    if any(row.n for row in report.policies):
        made["policies"] = compared.policies(report)
    choice = report.policy_choice
    if choice and any(row.estimate is not None for row in choice.evidence):
        made["policy_choice"] = compared.policy_choice(choice)
    if report.latency.histogram:
        made["latency"] = compared.latency(report.latency)
    return made | _guardrails(report)


def _guardrails(report: Report) -> dict[str, Figure]:
    return {
        f"guardrail/{row.metric}": compared.guardrail(row.metric, row.guardrail)
        for row in report.metrics
        if row.guardrail and row.guardrail.difference.interval[0] is not None
    }


def unit_note(report: Report) -> str:
    """Return whom the intervals of policies are of, where that needs telling."""
    return (
        ALIKE_UNKNOWN if any(r.note == ALIKE_UNKNOWN for r in report.policies) else ""
    )


def history_note(report: Report) -> str:
    """Return why one changed decision is not what a policy earns; empty if it is."""
    noted = any(row.note == ONE_STEP_NOTE for row in report.policies)
    return ONE_STEP_NOTE if noted else ""


def outcome_of(report: Report) -> Literal["good", "bad", "open"]:
    """Return how the verdict is coloured."""
    if with_status(report.health, "fail"):
        return "bad"
    lower, upper = report.uplift.absolute.interval
    if lower is None or upper is None:
        return "open"
    if upper < 0:
        return "open" if is_price_of_learning(report) else "bad"
    return "good" if lower > 0 else "open"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("bandit_svc.prose.report_html", "templates"),
                PackageLoader("bandit_svc.charts", ""),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    derived = derived_cells, derived_note, chance_text, chance_sentence, claims_sentence
    told = (
        during,
        note_on_times,
        memory_sentence,
        thinning_sentence,
        outlook_sentence,
        consent_sentence,
        restricted_sentence,
        deployed_sentence,
        apprentice_sentence,
        slots_sentence,
        slot_cells,
        *derived,
        money_sentences,
        corrections_sentence,
    )
    for write in (amount, count, duration, percent, *told):
        environment.filters[write.__name__] = write
    return environment
