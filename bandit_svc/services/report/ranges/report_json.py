"""Encode a report, of everything or of a range.

Owns which parts a report of a range does not have: what is known of the whole log
alone is absent from it, rather than empty.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.report.counts.decisions import Decisions
from bandit_svc.services.report.report import Report, VariantRow

_NOT_OF_A_RANGE = frozenset(
    {
        *("policies", "reward_model", "segments", "segment_rule", "latency", "model"),
        *("health", "pending", "policy_choice", "policy_memory", "outlook"),
        *("derived_metrics", "claims", "deployed"),
    }
)
_COUNTED = frozenset({"treatment", "baseline", "joined"})
NOT_IN_A_RANGE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        Report.__name__: _NOT_OF_A_RANGE,
        Decisions.__name__: frozenset(Decisions.__struct_fields__) - _COUNTED,
        VariantRow.__name__: frozenset({"ips"}),
    }
)
"""The fields that a report of a range lacks, by the name of their struct."""


def report_json(report: Report) -> Payload:
    """Return a report as the API has it."""
    whole = dict(checked_json(report))
    if report.made is None:
        del whole["range"]
        return whole
    found = {name: v for name, v in whole.items() if name not in _NOT_OF_A_RANGE}
    found["decisions"] = {name: whole["decisions"][name] for name in sorted(_COUNTED)}
    for row in found["variants"]:
        del row["ips"]
    return found
