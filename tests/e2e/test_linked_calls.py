"""A fuzzer that follows the links of `/openapi.json` reaches what they lead to.

The tool is schemathesis, with its own requests and checks, against a running service.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from bandit_svc.http.openapi.document import examples
from bandit_svc.http.openapi.links import LINKS
from bandit_svc.http.openapi.operations import OPERATIONS, Operation
from tests.harness.served import Served, StartServed

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
SCENARIOS = int(os.environ.get("FUZZ_SCENARIOS", "150"))
"""Of the tool, which is about 20 calls each; `make fuzz` asks for more."""
LEAST_REACHED = 3
"""Of the linked operations, those that get a good answer: 6 to 10 were seen. The tool
draws some 25 to 60 scenarios of the many that the operations allow, with new ids in
each run, so that which ones is chance. test_followed_links.py follows every link.
"""
LONGEST_S = 600 + 10 * SCENARIOS


def followed(service: Served, report: Path) -> subprocess.CompletedProcess[str]:
    """Run the tool over every link; `report` gets all calls with their answers."""
    return subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run"),
            f"{service.url}/openapi.json",
            *("--phases", "stateful", "--checks", ",".join(CHECKS)),
            *("--max-examples", str(SCENARIOS), "--seed", "1", "--mode", "positive"),
            *("--continue-on-failure", "--suppress-health-check", "all"),
            *("--report", "har", "--report-har-path", str(report)),
        ],
        capture_output=True,
        text=True,
        cwd=report.parent,
        timeout=LONGEST_S,
        check=False,
    )


def statuses(report: Path) -> dict[str, set[int]]:
    """Return what each operation has answered, by its name."""
    found: dict[str, set[int]] = defaultdict(set)
    for entry in json.loads(report.read_text())["log"]["entries"]:
        path = "/" + entry["request"]["url"].split("?")[0].split("/", 3)[3]
        method = entry["request"]["method"].lower()
        # An operation without parameters is before one whose parameter would fit.
        for operation in sorted(OPERATIONS, key=lambda one: one.path.count("{")):
            if operation.method == method and _pattern(operation).fullmatch(path):
                found[operation.name].add(entry["response"]["status"])
                break
    return found


def _pattern(operation: Operation) -> re.Pattern[str]:
    """Return what the path of an operation looks like with its parameters filled."""
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path))


@pytest.mark.e2e
def test_links_lead_to_good_answers_as_described(
    start_service: StartServed, tmp_path: Path
) -> None:
    service = start_service(workers="1", fsync="never")
    created = service.post(
        "/v1/experiments", examples()["post /v1/experiments"]["request"]
    )
    programme = service.post("/v1/programmes", {"key": "shop"})
    source = service.post("/v1/webhooks", {"name": "orders", "kind": "stripe"})
    assert None not in (created, programme, source)

    ran = followed(service, tmp_path / "calls.har")

    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
    answered = statuses(tmp_path / "calls.har")
    linked = {link.to for links in LINKS.values() for link in links}
    reached = {one.name for one in OPERATIONS if one.status in answered[one.name]}
    assert len(reached & linked) >= LEAST_REACHED, sorted(linked - reached)
    assert max(status for found in answered.values() for status in found) < 500
