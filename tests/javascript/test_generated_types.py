"""Types that openapi-typescript makes of `/openapi.json` are accepted, and true."""

import json

import pytest

from bandit_svc.http.openapi.document import build
from tests.harness.web.npm import Workshop

pytestmark = pytest.mark.e2e
USE = """
import type { components, paths } from "./types.js";
type Schemas = components["schemas"];
export const asked: Schemas["DecisionBody"] = {
  experiment: "homepage-hero", unit_id: "u", context: { hour: 21 },
};
type Answers = paths["/v1/decisions"]["post"]["responses"];
export const propensity =
  (answer: Answers[201]["content"]["application/json"]): number | null =>
    answer.propensity;
"""


@pytest.fixture(scope="module")
def typed(workshop: Workshop) -> Workshop:
    """Return the workshop with types.ts, made from the document."""
    workshop.write("openapi.json", json.dumps(build()))
    program = "../node_modules/openapi-typescript/bin/cli.js"
    options = ("--default-non-nullable", "false", "-o", "types.ts")
    workshop.node(program, "openapi.json", *options)
    return workshop


def test_the_generated_types_compile(typed: Workshop) -> None:
    assert typed.check_types("use.ts", USE) == ""


def test_the_generated_types_refuse_a_field_that_is_not_described(
    typed: Workshop,
) -> None:
    wrong = USE.replace("unit_id", "unitId")

    assert "unitId" in typed.check_types("wrong.ts", wrong)
