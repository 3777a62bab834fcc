"""The examples of the README and of docs/, run as a reader would run them.

Requests and Python run in the order of the pages against one service with keys.
Commands run in this process over its store, where the only thing promised is that none
is wrong usage: an experiment of one decision has no tuning to show.
"""

import csv
import json
import re
import shlex
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bandit_svc import client as client_package
from bandit_svc.domain.doors.mapping import parse_mapping
from policies.spec import normalise_spec
from tests.harness.command import run_command
from tests.harness.loopback import free_port, get_text
from tests.harness.process import COMMAND, Process, plain_environment

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ADDRESS = re.compile(r"(?:http://)?(?:localhost|127\.0\.0\.1):8000")
WRONG_USAGE = 2
NOT_RUN = ("init", "serve", "simulate")
"""Commands that the fixture runs itself, or that run for minutes."""

pytestmark = pytest.mark.e2e


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    language: str
    text: str


class Documented(NamedTuple):
    """A service with keys, as the README makes one."""

    url: str
    data: Path
    secret: str
    publishable: str


def blocks() -> list[Block]:
    return [
        Block(page.name, *found)
        for page in PAGES
        for found in re.findall(
            r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
        )
    ]


def commands(program: str) -> list[list[str]]:
    """Return the words of each command of a program, comments and pipes left out."""
    lines = [
        line
        for block in blocks()
        if block.language == ""
        for line in re.split(r"\n(?=\S)", block.text.replace("\\\n", ""))
        if line.startswith(f"{program} ")
    ]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Documented]:
    """Return the README's service, over a folder of its own."""
    folder = tmp_path_factory.mktemp("documented")
    data, port = folder / "data", free_port()
    environment = plain_environment(BANDIT_DATA=str(data))
    keys = subprocess.run(
        [COMMAND, "init"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    (secret,) = re.findall(r"bsk_\w+", keys)
    (publishable,) = re.findall(r"bpk_\w+", keys)
    process = Process(
        [COMMAND, "serve", "--port", str(port)], folder / "log", environment
    )
    url = f"http://127.0.0.1:{port}"
    process.wait_for(lambda: get_text(f"{url}/readyz"), "the service ready")
    yield Documented(url, data, secret, publishable)
    process.terminate()
    process.end()


def send(words: list[str], documented: Documented, last: dict[str, Any]) -> Any:
    """Send what a curl command sends; return the answer's JSON.

    Raises:
        urllib.error.HTTPError: the service refused it.
    """
    headers, body, address, asked = {}, "", "", ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, value = next(rest).split(": ")
            value = value.replace("$SECRET", documented.secret)
            headers[name] = value.replace("$PUBLISHABLE", documented.publishable)
        elif word == "-d":
            body = next(rest).replace("…", last.get("decision_id", ""))
            body = body.replace("$PUBLISHABLE", documented.publishable)
        elif word == "-X":
            asked = next(rest)
        elif not word.startswith("-"):
            address = ADDRESS.sub(documented.url, word)
    sent = body.encode() if body else None
    method = asked or ("GET" if sent is None else "POST")
    request = urllib.request.Request(address, sent, headers, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def test_requests_python_and_commands_of_the_pages_work(
    documented: Documented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last: dict[str, Any] = {}
    requests = commands("curl")
    for words in requests:
        last |= send(words, documented, last)
    assert len(requests) >= 5
    assert last["decision_id"]

    added = run_command(
        *("webhook", "add", "events", "--kind", "segment"),
        BANDIT_DATA=str(documented.data),
    )
    write_key = added.output.split()[-1]
    sources = [block.text for block in blocks() if block.language == "python"]
    monkeypatch.chdir(tmp_path)
    # An export, which is made below.
    (tmp_path / "hero.dsjson").touch()
    # The client's own distribution has the same files under this name.
    monkeypatch.setitem(sys.modules, "bandit_client", client_package)
    for source in sources:
        names: dict[str, Any] = {"key": documented.publishable, "write_key": write_key}
        shown = ADDRESS.sub(documented.url, source)
        exec(shown.replace("bsk_YOUR_SECRET_KEY", documented.secret), names)  # noqa: S102 - our own pages
        if "details" in names:
            # Of OpenFeature's SDK, which evaluates flags.
            assert names["details"].flag_metadata["decisionId"]
            continue
        if "local" in names:
            # A page above gave the experiment a split, which the service alone follows.
            names["local"].close()
            assert names["decision"].variant == "summer-dress"
            continue
        if "workspace" in names:
            # Of Vowpal Wabbit, which has learned an export.
            assert (tmp_path / "hero.vw").exists()
            continue
        if "analytics" in names:
            # Of Segment's SDK, which has sent when it is flushed.
            names["analytics"].shutdown()
            continue
        # The examples keep their client for the life of the program.
        names["client"].close()
        assert names["decision"].decision_id
    assert sources

    write_log(tmp_path / "log.csv")
    (tmp_path / "old.csv").write_text(
        "banner,clicked,p,device,hour,user.segment\nsandals,1,0.5,mobile,9,new\n"
    )
    lines = [words[1:] for words in commands("bandit-svc") if words[1] not in NOT_RUN]
    assert len(lines) >= 7
    for line in lines:
        done = run_command(*line, BANDIT_DATA=str(documented.data))
        assert done.exit_code != WRONG_USAGE, (line, done.output)


def write_log(path: Path) -> None:
    """Write the log that the pages ask about: eighty items, chosen uniformly."""
    generator = np.random.default_rng(11)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", "click", "propensity_score", "p"])
        for _ in range(400):
            clicked = int(generator.random() < 0.1)
            rows.writerow([generator.integers(80), clicked, 1 / 80, 1 / 80])


def test_the_rules_and_mappings_of_the_pages_are_valid() -> None:
    found = [
        tomllib.loads(block.text) for block in blocks() if block.language == "toml"
    ]
    mappings = [one for one in found if "events" in one]
    specs = [one for one in found if one not in mappings]

    assert specs
    for spec in specs:
        assert normalise_spec(spec)["kind"] == "rules"
    assert mappings
    for mapping in mappings:
        assert parse_mapping(mapping).events
