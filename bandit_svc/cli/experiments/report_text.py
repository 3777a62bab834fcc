"""A report for a person at a terminal.

Owns the words and the columns; every number comes with the report.
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import asdict

from bandit_svc.cli.check_lines import check_lines
from bandit_svc.cli.columns import columns
from bandit_svc.domain.experiment import BASELINE
from bandit_svc.domain.numbers import NOTHING, counted
from bandit_svc.prose.apprentice.sentence import apprentice_sentence
from bandit_svc.prose.consent import consent_sentence
from bandit_svc.prose.corrections import corrections_sentence
from bandit_svc.prose.deployed import deployed_sentence
from bandit_svc.prose.derived import (
    chance_sentence,
    chance_text,
    claims_sentence,
    derived_note,
)
from bandit_svc.prose.memory import memory_sentence, thinning_sentence
from bandit_svc.prose.money import money_sentences
from bandit_svc.prose.planned import outlook_sentence
from bandit_svc.prose.restricted import restricted_sentence
from bandit_svc.prose.slots import HEAD, slot_cells, slots_sentence
from bandit_svc.services.report.ranges.asked import ReportRange
from bandit_svc.services.report.report import Group, Report, Segment, VariantRow
from bandit_svc.services.values import TRAJECTORY, Bounds

UNKNOWN = "-"


def report_text(report: Report) -> str:
    """Return the report as text: a sentence, then the numbers behind it."""
    head = (
        f"{report.experiment} ({report.status}, revision {report.revision}), "
        f"as of {report.as_of}\n{report.verdict}"
    )
    ahead = outlook_sentence(report.outlook)
    parts = [
        head,
        "\n".join(filter(None, [_table(_uplift(report)), *_chance(report), ahead])),
        _table(_groups(report)),
        _table(_variants(report)),
    ]
    if report.policies:
        policies = [_table(_policies(report)), *_refused(report), *_notes(report)]
        parts.append("\n".join(policies))
    if report.money:
        parts.append("\n".join(money_sentences(report.money)))
    if report.metrics:
        parts.append(_table(_metrics(report)))
    if report.derived_metrics:
        notes = [derived_note(row) for row in report.derived_metrics]
        parts.append("\n".join([_table(_derived(report)), *notes]))
    if report.claims:
        parts.append(claims_sentence(report.claims))
    if report.segments:
        parts.append(_table(_segments(report)))
    if report.without_consent:
        parts.append(consent_sentence(report))
    apart = (restricted_sentence, deployed_sentence, apprentice_sentence)
    parts += filter(None, [tell(report) for tell in apart])
    parts += _slots(report)
    if report.made:
        parts.append(_range(report.made))
    else:
        parts += [f"{_decisions(report)}\nRewards: {report.latency.detail}."]
        parts.append("\n".join(check_lines(report.health)))
    return "\n\n".join(parts) + "\n"


def _slots(report: Report) -> Iterator[str]:
    if report.slots:
        head = [name.upper() for name in HEAD]
        rows: Iterator[Sequence[str]] = iter([head, *map(slot_cells, report.slots)])
        yield f"{_table(rows)}\n{slots_sentence(report)}"


def _range(made: ReportRange) -> str:
    missing = "" if made.complete else " Some reward windows are still open."
    return f"{made.detail}{missing}"


def _uplift(report: Report) -> Iterator[Sequence[str]]:
    uplift = report.uplift
    absolute, relative = uplift.absolute, uplift.relative
    yield ("UPLIFT", "ESTIMATE", f"{uplift.confidence:.0%} INTERVAL")
    yield (
        "absolute",
        _number(absolute.estimate, "+.4f"),
        _interval(absolute.interval, "+.4f"),
    )
    yield (
        "relative",
        _number(relative.estimate, "+.1%"),
        _interval(relative.interval, "+.1%"),
    )
    plain = uplift.randomised.absolute
    yield (
        "by group alone",
        _number(plain.estimate, "+.4f"),
        _interval(plain.interval, "+.4f"),
    )
    adjusted = uplift.adjusted
    if adjusted:
        yield (
            f"adjusted for {adjusted.covariate}",
            _number(adjusted.estimate, "+.4f"),
            _interval(adjusted.interval, "+.4f"),
        )


def _groups(report: Report) -> Iterator[Sequence[str]]:
    yield ("GROUP", "DECISIONS", "UNITS", "MEAN", "INTERVAL")
    for row in report.groups:
        yield (row.group, str(row.n), str(row.units), *_mean(row))


def _variants(report: Report) -> Iterator[Sequence[str]]:
    yield ("VARIANT", "DECISIONS", "UNITS", "SHARE", "MEAN", "INTERVAL")
    for row in report.variants:
        yield (
            row.variant,
            str(row.n),
            _number(row.units, "d"),
            _number(row.share, ".1%"),
            *_mean(row),
        )


def _metrics(report: Report) -> Iterator[Sequence[str]]:
    yield ("METRIC", "GROUP", "REPORTED", "MEAN A DECISION", "GUARDRAIL")
    for row in report.metrics:
        yield (
            row.metric,
            row.group,
            str(row.reported),
            _number(row.mean, ".4f"),
            row.guardrail.status if row.guardrail else UNKNOWN,
        )


def _derived(report: Report) -> Iterator[Sequence[str]]:
    yield (
        *("DERIVED METRIC", "UNITS", "BANDIT", "BASELINE", "DIFFERENCE", "INTERVAL"),
        *("RELATIVE", "CHANCE TO BEAT"),
    )
    for row in report.derived_metrics:
        yield (
            row.metric,
            " + ".join(str(group.units) for group in row.groups),
            *(_number(group.mean, ".4f") for group in row.groups),
            _number(row.difference.estimate, "+.4f"),
            _interval(row.difference.interval, "+.4f"),
            _number(row.relative.estimate, "+.1%"),
            chance_text(row.chance_to_beat).replace(NOTHING, UNKNOWN),
        )


def _chance(report: Report) -> Iterator[str]:
    sentence = chance_sentence(report.uplift.chance_to_beat or None)
    if sentence:
        yield sentence


def _both_groups(segment: Segment) -> tuple[str, str]:
    """Write the decisions and units of the bandit + those of the baseline."""
    treatment, baseline = segment.groups
    units = (_number(group.units, "d") for group in segment.groups)
    return f"{treatment.n} + {baseline.n}", " + ".join(units)


def _segments(report: Report) -> Iterator[Sequence[str]]:
    yield ("SEGMENT", "DECISIONS", "UNITS", "UPLIFT", "INTERVAL", "DECIDED")
    for row in report.segments:
        yield (
            f"{row.key}: {row.value}",
            *_both_groups(row),
            _number(row.uplift.estimate, "+.4f"),
            _interval(row.uplift.interval, "+.4f"),
            "yes" if row.significant else "no",
        )


def _policies(report: Report) -> Iterator[Sequence[str]]:
    yield (
        *("POLICY", "DECISIONS", "UNITS", "EFFECTIVE SAMPLE SIZE"),
        *("ESTIMATOR", "ESTIMATE", "INTERVAL"),
    )
    # Under the baseline's first row: that of the deployed policy, if there is one.
    first = next((r for r in report.policies if r.policy == BASELINE), None)
    for row in report.policies:
        name, found = row.shown
        behind = f" (and {row.behind} to come)" if row.behind else ""
        deployed = ", deployed" if row.estimand == TRAJECTORY else ""
        yield (
            row.policy + deployed,
            f"{row.n}{behind}",
            str(row.units or 0),
            _number(row.effective_sample_size, ".0f"),
            name or UNKNOWN,
            _number(found.estimate, ".4f"),
            _interval(found.interval, ".4f"),
        )
        if row is first:
            group = report.groups[1]
            counts = (str(group.n), str(group.units), UNKNOWN)
            yield ("the holdout itself", *counts, "mean", *_mean(group))


def _notes(report: Report) -> Iterator[str]:
    """Yield each note once, with the policies that it holds for."""
    notes: dict[str, list[str]] = {}
    for row in report.policies:
        if row.note and row.refused is None:
            notes.setdefault(row.note, []).append(row.policy)
    for note, names in notes.items():
        yield f"Of {', '.join(names)}: {note}"


def _refused(report: Report) -> Iterator[str]:
    """Yield each reason once, with the policies that it holds for."""
    reasons: dict[str, list[str]] = {}
    for row in report.policies:
        if row.refused is not None:
            reasons.setdefault(row.refused, []).append(row.policy)
    for reason, names in reasons.items():
        yield f"No estimate for {', '.join(names)}: {reason}"


def _decisions(report: Report) -> str:
    counts, model = report.decisions, report.model
    rest = [
        _count(name, value)
        for name, value in asdict(counts).items()
        if value and name not in {"treatment", "baseline"}
    ]
    made = counted(counts.joined + counts.pending, "decision")
    age = _number(model.age_seconds, ".1f")
    catching_up = "; a changed policy is catching up" if model.catching_up else ""
    served = (
        f"Model version {model.version}, learned from "
        f"{counted(model.learned, 'decision')}, {age} s old, "
        f"{model.lag_seconds:.1f} s behind{catching_up}. "
        f"{memory_sentence(report.policy_memory)}"
    )
    lines = (
        f"{', '.join([made, *rest])}.",
        served,
        thinning_sentence(report.thinning),
        corrections_sentence(report.corrections),
    )
    return "\n".join(filter(None, lines)).rstrip()


def _count(name: str, value: int) -> str:
    words = name.replace("_", " ")
    # The counts of rewards are named in the plural: `late_rewards`, `rewards_refused`.
    return counted(value, words.replace("rewards", "reward"), words)


def _mean(row: Group | VariantRow) -> tuple[str, str]:
    return _number(row.mean, ".4f"), _interval(row.interval, ".4f")


def _interval(bounds: Bounds, form: str) -> str:
    lower, upper = bounds
    if lower is None and upper is None:
        return UNKNOWN
    return f"{_number(lower, form)} to {_number(upper, form)}"


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _table(rows: Iterator[Sequence[str]]) -> str:
    return "\n".join(columns(list(rows)))
