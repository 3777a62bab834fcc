"""Clients that are generated from `/openapi.json` decide and report rewards.

The generator is openapi-python-client; what it makes is used as it is.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.http.openapi.document import build, examples
from tests.harness.served import StartServed

PACKAGE = "generated_bandit_client"
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a package that is generated from the document."""
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(build()))
    ran = subprocess.run(
        [
            *(PROGRAMS / "openapi-python-client", "generate", "--meta", "none"),
            *("--path", document, "--output-path", tmp_path / PACKAGE),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # It formats what it made with the ruff that it finds.
        env=os.environ | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "WARNING" not in said.upper(), said
    monkeypatch.syspath_prepend(tmp_path)
    return PACKAGE


@pytest.mark.e2e
def test_a_generated_python_client_decides_and_rewards(
    generated: str, start_service: StartServed
) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{generated}.{name}")

    service = start_service(workers="1", fsync="never")
    recorded = examples()["post /v1/experiments"]
    assert service.post("/v1/experiments", recorded["request"]) is not None
    models = part("models")
    asked = {"experiment": "homepage-hero", "unit_id": "u", "context": {"hour": 9}}

    with part("client").Client(base_url=service.url) as client:
        body = models.DecisionBody.from_dict(asked)
        decided = part("api.default.post_decisions").sync(client=client, body=body)
        body = models.RewardBody(value=1.0, decision_id=decided.decision_id)
        rewarded = part("api.default.post_rewards").sync(client=client, body=body)

    assert decided.variant in {"summer-dress", "sandals"}
    assert 0 < decided.propensity <= 1
    assert (rewarded.decision_id, rewarded.status) == (decided.decision_id, "accepted")
