"""A first decision and its reward, ready to be copied: curl, Python, JavaScript.

Owns the three texts. Keys are never in them: a placeholder stands where one goes.
"""

import json
import shlex
from typing import NamedTuple

from bandit_svc.domain.experiment import Experiment
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

    Args:
        url: where the service is reached, without a slash at its end.
        context: what its requests look like; a made-up one where none came yet.
    """
    asked = {
        "experiment": experiment.key,
        "unit_id": UNIT,
        "context": dict(context or CONTEXT),
    }
    value = experiment.definition.reward.maximum or 1.0
    fallback = experiment.definition.active_variants[0].key
    return [
        Example("curl", _curl(asked, url, value)),
        Example("Python", _python(asked, url, value, fallback)),
        Example("JavaScript", _javascript(asked, url, value)),
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


def _javascript(asked: Context, url: str, value: float) -> str:
    body = json.dumps(asked, indent=2).replace("\n", "\n  ")
    return "\n".join(
        [
            "const send = async (path, body) => {",
            f"  const answer = await fetch({json.dumps(url)} + path, {{",
            '    method: "POST",',
            "    headers: {",
            f'      "Authorization": "Bearer {KEY}",',
            '      "Content-Type": "application/json",',
            "    },",
            "    body: JSON.stringify(body),",
            "  });",
            "  return answer.json();",
            "};",
            f'const decision = await send("/v1/decisions", {body});',
            "console.log(decision.variant, decision.payload);",
            'await send("/v1/rewards", {',
            f"  decision_id: decision.decision_id, value: {json.dumps(value)},",
            "});",
        ]
    )
