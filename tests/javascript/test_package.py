"""The package of npm: what is in it, and what its types allow."""

import json
import tarfile

import pytest

from tests.harness.web.npm import CLIENT, SCRIPTS, Workshop

pytestmark = pytest.mark.e2e

PACKED = {
    *("package.json", "README.md", "client.js", "client.d.ts"),
    *("openfeature.js", "openfeature.d.ts"),
}
RIGHT = """
import { BanditClient, VERSION, type Decision } from "bandit-svc-client";
import { reporting } from "bandit-svc-client/openfeature";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";

const url = "https://bandit.example";
const client = new BanditClient(url, { key: "bpk_1", timeoutMs: 5, persist: true });
const decision: Decision<{ img: string }> = await client.decide("hero", {
  unitId: 81,
  context: { device: "phone", user: { isNew: true } },
  fallback: "a",
});
client.reward(decision.decisionId, 1, { rewardId: "order-5512" });
client.track("viewed", { properties: { style: "dress" }, decisionId: null });
client.observe(document.querySelector("#hero"), decision.decisionId);
client.activate(decision.decisionId);
const image: string | undefined = decision.payload?.img;
const BanditProvider = reporting(OFREPWebProvider);
const provider = new BanditProvider({ baseUrl: url, key: "bpk_1" });
provider.track("bought", { targetingKey: "u" }, { value: 1 });
console.log(VERSION, image, client.unitId, provider.metadata.name);
"""
WRONG = """
import { BanditClient } from "bandit-svc-client";
const client = new BanditClient("https://bandit.example", { timeout: 5 });
client.decide("hero", { context: { tags: ["a"] } });
client.reward("d-1");
client.unitId = "u";
"""
NODE = """
import { BanditClient, VERSION } from "bandit-svc-client";
const client = new BanditClient("http://127.0.0.1:9", { persist: true });
const decision = await client.decide("hero", { fallback: "a" });
client.reward(decision.decisionId, 1);
console.log(VERSION, decision.variant, decision.source, client.unitId.length);
"""


def test_the_archive_has_what_is_published_and_nothing_else(workshop: Workshop) -> None:
    with tarfile.open(workshop.packed) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
        module = archive.extractfile("package/client.js")
        assert module is not None
        content = module.read()

    assert names == PACKED
    assert content == (CLIENT / "client.js").read_bytes()


def test_node_runs_the_package_and_ends(workshop: Workshop) -> None:
    version = json.loads((CLIENT / "package.json").read_text())["version"]
    workshop.write("as_node.mjs", NODE)

    assert workshop.node("as_node.mjs").split() == [version, "a", "fallback", "32"]


def test_the_types_allow_what_works_and_nothing_else(workshop: Workshop) -> None:
    right = workshop.check_types("right.mts", RIGHT)
    wrong = workshop.check_types("wrong.mts", WRONG)

    assert right == ""
    lines = [line for line in wrong.splitlines() if line.startswith("wrong.mts")]
    places = [int(line.partition("(")[2].partition(",")[0]) for line in lines]
    assert places == [3, 4, 5, 6]


def test_each_package_of_the_tests_is_pinned_with_its_hash() -> None:
    lock = json.loads((SCRIPTS / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    wanted = json.loads((SCRIPTS / "package.json").read_text())["dependencies"]

    assert packages
    assert [name for name, one in packages.items() if "integrity" not in one] == []
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
