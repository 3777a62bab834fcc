"""The playground: what can be varied, whose chances are shown, and what is kept."""

import json
import re
from collections.abc import Iterator

import pytest

from bandit_svc.services.serving.playground import (
    ContextField,
    context_fields,
    context_of,
)
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

PATH = "/playground/hero"


@pytest.fixture(scope="module")
def learned(start_shared_worker: StartWorker) -> Iterator[WorkerInProcess]:
    """Return an experiment in which phones earn with `a` and nobody else does."""
    service = start_shared_worker()
    service.create(
        "hero", holdout=0.2, exploration_floor=0.1, reward={"window_seconds": 60}
    )
    service.create("quiet")
    requests = [
        {
            "experiment": "hero",
            "unit_id": f"u{n}",
            "context": {
                "device": "phone" if n % 2 else "desk",
                "hour": n % 24,
                "a/b": {"c.d": n % 3 == 0, "e~": f"text {n}"},
            },
        }
        for n in range(600)
    ]
    decided = service.post("/v1/decisions/batch", {"decisions": requests}).json
    rewards = [
        {"decision_id": d["decision_id"], "value": 1.0}
        for n, d in enumerate(decided["decisions"])
        if (d["variant"] == "a") == (n % 2 == 1)
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)
    yield service
    service.close()


def chances(service: WorkerInProcess, query: str) -> dict[str, float]:
    """Return the chances of the page's table, in percent."""
    page = service.get(f"{PATH}?{query}")
    assert page.status_code == 200, page.text
    rows = re.findall(
        r'<th scope="row">([^<]+)</th><td class="number">([\d.]+) %', page.text
    )
    return {name: float(chance) for name, chance in rows}


def test_the_chances_follow_the_context(learned: WorkerInProcess) -> None:
    """Rewarded are `a` on phones and `b` elsewhere, always, 270 times each."""
    phone = chances(learned, "asked=1&/device=%22phone%22")
    desk = chances(learned, "asked=1&/device=%22desk%22")

    assert phone["a"] > 80
    assert desk["b"] > 80
    assert sum(phone.values()) == pytest.approx(100, abs=0.2)
    # The floor of 10 % over two variants.
    assert min(phone.values()) >= 5


def test_they_are_those_of_a_decision_with_the_same_context(
    learned: WorkerInProcess,
) -> None:
    context = {"device": "phone", "hour": 7, "a/b": {"c.d": True}}
    query = "asked=1&/device=%22phone%22&/hour=7&use=/hour&has:/hour=1"
    shown = chances(learned, query + "&/a~1b/c.d=true")

    decided = [learned.decide("hero", context=context) for _ in range(30)]
    made = next(d for d in decided if d["group"] == "treatment")

    assert shown[made["variant"]] == pytest.approx(100 * made["propensity"], abs=0.051)


def test_it_begins_with_the_newest_decision_and_offers_what_came(
    learned: WorkerInProcess,
) -> None:
    source = learned.get(PATH).text

    assert 'name="/device"' in source
    assert '<option value="&#34;desk&#34;"' in source
    assert re.search(r'type="range"[^>]*name="/hour" min="0" max="23" step="1"', source)
    assert 'name="/a~1b/c.d"' in source
    assert 'name="text:/a~1b/e~0"' in source


def test_a_feature_can_be_left_out(learned: WorkerInProcess) -> None:
    source = learned.get(f"{PATH}?asked=1&has:/hour=1&/hour=7&/device=").text
    sent = re.findall(r"<pre><code>([^<]*)</code></pre>", source)

    assert json.loads(sent[-1]) == {}
    assert "left out</output>" in source


def test_nothing_is_logged_and_nothing_is_stored(learned: WorkerInProcess) -> None:
    before = learned.stored()
    served = learned.worker.catalog.running("hero").policy

    chances(learned, "asked=1&/device=%22phone%22")

    assert learned.stored() == before
    assert learned.worker.catalog.running("hero").policy is served


def test_before_the_first_decision_the_context_is_typed(
    learned: WorkerInProcess,
) -> None:
    source = learned.get("/playground/quiet").text
    assert 'name="context"' in source
    assert "untrained" in source

    asked = learned.get("/playground/quiet", query={"context": '{"x": 1}'})
    assert "50.0 %" in asked.text


@pytest.mark.parametrize(
    "query",
    [
        {"context": "{"},
        {"context": "[]"},
        {"context": '{"a": [1]}'},
        {"context": "[" * 100_000},
        {"asked": "1", "/device": "phone"},
        {"asked": "1", "/a/b/c": "1"},
        {"asked": "1", "/device": '{"x": 1}', "/device/x/y": "1"},
        {"asked": "1", "/device": "[1]"},
        {"asked": "1", "/device": "1e999"},
        {"asked": "1", "/" + "k" * 300: "1"},
    ],
)
def test_a_context_that_no_decision_could_have_is_told(
    learned: WorkerInProcess, query: dict[str, str]
) -> None:
    answer = learned.get(PATH, query=query)

    assert answer.status_code == 200
    assert 'class="notice bad" role="alert"' in answer.text


def test_an_address_may_name_what_no_decision_had(learned: WorkerInProcess) -> None:
    source = learned.get(f"{PATH}?asked=1&/moon=%22full%22&/hour=99").text

    assert '<option value="&#34;full&#34;" selected>full</option>' in source
    assert 'max="99"' in source


def test_fields_are_menus_sliders_or_texts_by_what_came() -> None:
    contexts = [
        {"flag": n % 2 == 0, "hour": n % 24, "share": n / 100, "id": f"u{n}", "one": 1}
        for n in range(100)
    ]

    fields = {".".join(f.path): f for f in context_fields(contexts)}

    assert fields["flag"].values == (False, True)
    assert fields["hour"] == ContextField(("hour",), "number", (), 0, 23, 1)
    assert (fields["share"].low, fields["share"].high) == (0.0, 0.99)
    assert fields["share"].step == pytest.approx(0.0099)
    assert fields["id"].kind == "text"
    assert fields["one"].values == (1,)


def test_a_name_that_is_a_value_and_a_namespace_keeps_the_first() -> None:
    assert context_of({("a",): 1, ("a", "b"): 2}) == {"a": 1}
    assert context_of({("a", "b"): 2, ("a", "c"): 3}) == {"a": {"b": 2, "c": 3}}
