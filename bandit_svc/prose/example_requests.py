"""A first decision and its reward, ready to be copied: curl, Python, JavaScript.

Owns the three texts. Keys are never in them: a placeholder stands where one goes.
"""

import json
import shlex
from typing import NamedTuple

from bandit_svc.domain.apprentice.mode import APPRENTICE
from bandit_svc.domain.experiment import Experiment, RewardDefinition
from bandit_svc.domain.plain_values import Context

UNIT = "user-81"
CONTEXT: Context = {"device": "mobile", "hour": 21}
KEY = "bpk_YOUR_PUBLISHABLE_KEY"


class Example(NamedTuple):
    """One text."""

    language: str
    text: str


def example_requests(
    experiment: Experiment, url: str, context: Context | None = None
) -> list[Example]:
    """Return a decision and a reward for an experiment in three languages.

    Of an apprentice in one.

    Args:
        url: where the service is reached, without a slash at its end.
        context: what its requests look like; a made-up one where none came yet.
    """
    asked: Context = {
        "experiment": experiment.key,
        "unit_id": UNIT,
        "context": dict(context or CONTEXT),
    }
    value = example_value(experiment.definition.reward)
    fallback = experiment.definition.active_variants[0].key
    if experiment.definition.mode == APPRENTICE:
        # The clients have no word for what the caller's own system shows.
        shown = {"shown": fallback, "shown_propensity": None}
        return [Example("curl", _curl({**asked, **shown}, url, value))]
    return [
        Example("curl", _curl(asked, url, value)),
        Example("Python", _python(asked, url, value, fallback)),
        Example("JavaScript", _javascript(asked, url, value, fallback)),
    ]


def _curl(asked: Context, url: str, value: float) -> str:
    reward = json.dumps({"decision_id": "DECISION_ID", "value": value})
    return "\n".join(
        [
            f"KEY={KEY}",
            f'curl {shlex.quote(url)}/v1/decisions -H "Authorization: Bearer $KEY" \\',
            f"  -d {shlex.quote(json.dumps(asked))}",
            "",
            "# with the decision_id of the answer:",
            f'curl {shlex.quote(url)}/v1/rewards -H "Authorization: Bearer $KEY" \\',
            f"  -d {shlex.quote(reward)}",
        ]
    )


def _python(asked: Context, url: str, value: float, fallback: str) -> str:
    return "\n".join(
        [
            "from bandit_svc.client import BanditClient",
            "",
            f"client = BanditClient({json.dumps(url)}, {json.dumps(KEY)})",
            "decision = client.decide(",
            f"    {json.dumps(asked['experiment'])},",
            f"    unit_id={json.dumps(UNIT)},",
            f"    context={asked['context']!r},",
            f"    fallback={json.dumps(fallback)},",
            ")",
            "print(decision.variant, decision.payload)",
            f"client.reward(decision.decision_id, {value!r})",
        ]
    )


def _javascript(asked: Context, url: str, value: float, fallback: str) -> str:
    module, experiment = f"{url}/client.js", json.dumps(asked["experiment"])
    context = json.dumps(asked["context"], indent=2).replace("\n", "\n  ")
    return "\n".join(
        [
            '// In a <script type="module">; the page shows the fallback until then.',
            f"const {{ BanditClient }} = await import({json.dumps(module)});",
            f"const client = new BanditClient({json.dumps(url)}, {{",
            f"  key: {json.dumps(KEY)},",
            "  timeoutMs: 500,",
            "});",
            f"const decision = await client.decide({experiment}, {{",
            f"  unitId: {json.dumps(UNIT)},",
            f"  context: {context},",
            f"  fallback: {json.dumps(fallback)},",
            "});",
            "console.log(decision.variant, decision.payload);",
            f"client.reward(decision.decisionId, {json.dumps(value)});",
        ]
    )


def example_value(rule: RewardDefinition) -> float:
    """Return a reward as a visitor may earn it: 1, or a tenth of what is possible.

    Rewards without a value above 0 get the middle of their range.
    """
    lower, upper = rule.minimum, rule.maximum
    if upper is None:
        return max(1.0, lower)
    if lower <= 0 < upper:
        return upper if upper <= 1 else float(f"{upper / 10:.2g}")
    return (lower + upper) / 2
