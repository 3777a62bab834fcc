"""A report for a person at a terminal.

Owns the words and the columns; every number comes with the report.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bandit_svc.cli.columns import columns

Json = dict[str, Any]
UNKNOWN = "-"


def report_text(report: Json) -> str:
    """Give the report as text: a sentence, then what it rests on."""
    head = (
        f"{report['experiment']} ({report['status']}, revision {report['revision']}), "
        f"as of {report['as_of']}\n{report['verdict']}"
    )
    parts = [
        head,
        _table(_uplift(report)),
        _table(_groups(report)),
        _table(_variants(report)),
        "\n".join([_table(_policies(report)), *_refused(report)]),
    ]
    if report["metrics"]:
        parts.append(_table(_metrics(report)))
    if report["segments"]:
        parts.append(_table(_segments(report)))
    latency = report["latency"]["detail"]
    parts += [_decisions(report) + f"\nOf rewards: {latency}."]
    parts.append("\n".join(_health(report)))
    return "\n\n".join(parts) + "\n"


def _uplift(report: Json) -> Iterator[Sequence[str]]:
    uplift = report["uplift"]
    absolute, relative = uplift["absolute"], uplift["relative"]
    yield ("UPLIFT", "ESTIMATE", f"{uplift['confidence']:.0%} INTERVAL")
    yield (
        "absolute",
        _number(absolute["estimate"], "+.4f"),
        _interval(absolute["interval"], "+.4f"),
    )
    yield (
        "relative",
        _number(relative["estimate"], "+.1%"),
        _interval(relative["interval"], "+.1%"),
    )
    adjusted = uplift.get("adjusted")
    if adjusted:
        yield (
            f"adjusted for {adjusted['covariate']}",
            _number(adjusted["estimate"], "+.4f"),
            _interval(adjusted["interval"], "+.4f"),
        )


def _groups(report: Json) -> Iterator[Sequence[str]]:
    yield ("GROUP", "DECISIONS", "MEAN", "INTERVAL")
    for row in report["groups"]:
        yield (row["group"], str(row["n"]), *_mean(row))


def _variants(report: Json) -> Iterator[Sequence[str]]:
    yield ("VARIANT", "DECISIONS", "SHARE", "MEAN", "INTERVAL")
    for row in report["variants"]:
        yield (
            row["variant"],
            str(row["n"]),
            _number(row["share"], ".1%"),
            *_mean(row),
        )


def _metrics(report: Json) -> Iterator[Sequence[str]]:
    yield ("METRIC", "GROUP", "REPORTED", "MEAN A DECISION", "GUARDRAIL")
    for row in report["metrics"]:
        yield (
            row["metric"],
            row["group"],
            str(row["reported"]),
            _number(row["mean"], ".4f"),
            row["guardrail"]["status"] if row["guardrail"] else UNKNOWN,
        )


def _segments(report: Json) -> Iterator[Sequence[str]]:
    yield ("SEGMENT", "DECISIONS", "UPLIFT", "INTERVAL OF ALL TOGETHER", "DECIDED")
    for row in report["segments"]:
        uplift = row["uplift"]
        yield (
            f"{row['key']}: {row['value']}",
            str(sum(group["n"] for group in row["groups"])),
            _number(uplift["estimate"], "+.4f"),
            _interval(uplift["interval"], "+.4f"),
            "yes" if row["significant"] else "no",
        )


def _policies(report: Json) -> Iterator[Sequence[str]]:
    yield (
        *("POLICY", "DECISIONS", "WORTH OF ITS OWN"),
        *("WOULD EARN (DR)", "INTERVAL", "BY WEIGHTS ALONE (IPS)"),
    )
    for row in report["policies"]:
        ips, dr = row["estimates"]["ips"], row["estimates"]["dr"]
        behind = f" (and {row['behind']} to come)" if row["behind"] else ""
        yield (
            row["policy"],
            f"{row['n']}{behind}",
            _number(row["effective_sample_size"], ".0f"),
            _number(dr["estimate"], ".4f"),
            _interval(dr["interval"], ".4f"),
            _number(ips["estimate"], ".4f"),
        )


def _refused(report: Json) -> Iterator[str]:
    """Give each reason once, with the policies that it holds for."""
    reasons: dict[str, list[str]] = {}
    for row in report["policies"]:
        if row["refused"] is not None:
            reasons.setdefault(row["refused"], []).append(row["policy"])
    for reason, names in reasons.items():
        yield f"Nothing to say of {', '.join(names)}: {reason}"


def _decisions(report: Json) -> str:
    counts, model = report["decisions"], report["model"]
    rest = [
        f"{value} {name.replace('_', ' ')}"
        for name, value in counts.items()
        if value and name not in {"treatment", "baseline"}
    ]
    made = counts["treatment"] + counts["baseline"]
    age = _number(model["age_seconds"], ".1f")
    catching_up = "; a changed policy is catching up" if model["catching_up"] else ""
    return (
        f"{', '.join([f'{made} decisions', *rest])}.\n"
        f"Model version {model['version']}, learned from {model['learned']} decisions, "
        f"{age} s old, {model['lag_seconds']:.1f} s behind{catching_up}."
    )


def _health(report: Json) -> Iterator[str]:
    checks = report["health"]
    wrong = [check for check in checks if check["status"] != "ok"]
    if not wrong:
        yield f"All {len(checks)} checks are ok."
    for check in wrong:
        name = check["check"].replace("_", " ")
        yield f"{check['status'].upper()}  {name}: {check['detail']}."


def _mean(row: Json) -> tuple[str, str]:
    return _number(row["mean"], ".4f"), _interval(row["interval"], ".4f")


def _interval(bounds: Sequence[float | None], form: str) -> str:
    lower, upper = bounds
    if lower is None and upper is None:
        return UNKNOWN
    return f"{_number(lower, form)} to {_number(upper, form)}"


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _table(rows: Iterator[Sequence[str]]) -> str:
    return "\n".join(columns(list(rows)))
