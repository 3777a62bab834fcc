"""Write joined decisions as dsjson, Vowpal Wabbit's log format of a decision service.

Owns its fields; readers/dsjson.py reads them. Cost is minus reward. Actions are
numbered from 1 in the order of `_multi`, where `_tag` is the variant's key; in `a` and
`p` the chosen one comes first, then the likeliest.
"""

from typing import Any

import msgspec

from bandit_svc.domain.times import timestamp
from bandit_svc.services.decision_logs.exported import Exported


def dsjson_line(one: Exported) -> bytes:
    """Return one decision as a line, with its line end."""
    chosen = one.chosen
    others = [i for i in range(len(one.pmf)) if i != chosen]
    ranked = [chosen, *sorted(others, key=lambda i: (-one.pmf[i], i))]
    event: dict[str, Any] = {
        "_label_cost": 0.0 - one.reward,
        "_label_probability": one.propensity,
        "_label_Action": chosen + 1,
        "_labelIndex": chosen,
        "Timestamp": timestamp(one.decided_at_ms),
        "Version": "1",
        "EventId": one.decision_id,
        "a": [i + 1 for i in ranked],
        "c": {
            **one.context,
            "_multi": [
                {"_tag": a.key, "variant": {"key": a.key, **a.features}}
                for a in one.actions
            ],
        },
        "p": [one.pmf[i] for i in ranked],
        "VWState": {"m": f"{one.model_version}"},
    }
    return msgspec.json.encode(event) + b"\n"
