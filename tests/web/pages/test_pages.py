"""What the pages tell: the list, one experiment, its decisions, operations."""

import re

import pytest

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.numbers import amount, count, percent
from bandit_svc.learner.reporting import Reporting
from bandit_svc.storage.overview import RecentState
from bandit_svc.storage.rows import FoundDamages
from bandit_svc.web.page_context import with_code
from tests.harness.pages import ReadPage
from tests.harness.worker_in_process import WorkerInProcess


def earn(
    service: WorkerInProcess, key: str = "hero", decisions: int = 400
) -> list[str]:
    """Let the treatment earn 1 a decision and the baseline nothing; give the ids."""
    requests = [{"experiment": key, "unit_id": f"u{n}"} for n in range(decisions)]
    found = service.post("/v1/decisions/batch", {"decisions": requests}).json
    rewards = [
        {"decision_id": d["decision_id"], "value": 1.0}
        for d in found["decisions"]
        if d["group"] == "treatment"
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)
    return [d["decision_id"] for d in found["decisions"]]


def test_without_an_experiment_the_list_says_how_to_make_one(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    page = read_page(service, "/")

    assert "There is no experiment yet" in page.text
    assert "/v1/experiments" in page.text
    assert "table" not in page.tags


def test_the_list_tells_decisions_uplift_health_and_what_to_do(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create(
        "hero",
        holdout=0.5,
        policy={"kind": "fixed", "variant": "a"},
        baseline={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward={"window_seconds": 60},
    )
    earn(service)
    report = service.get("/v1/experiments/hero/report").json
    page = read_page(service, "/")

    assert report["verdict"] in page.text
    assert "running" in page.text
    assert count(400) in page.text
    estimate = report["uplift"]["relative"]["estimate"]
    absolute = report["uplift"]["absolute"]["estimate"]
    # The baseline earned nothing, so the relative uplift has no number.
    assert estimate is None
    assert f"{amount(absolute, signed=True)} reward per decision" in page.text


def test_uplifts_of_a_list_say_that_they_are_relative_and_share_a_scale(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero", holdout=0.5, reward={"window_seconds": 60})
    decided = service.post(
        "/v1/decisions/batch",
        {"decisions": [{"experiment": "hero", "unit_id": f"u{n}"} for n in range(400)]},
    ).json
    rewards = [
        {"decision_id": d["decision_id"], "value": 1.0} for d in decided["decisions"]
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)
    relative = service.get("/v1/experiments/hero/report").json["uplift"]["relative"]
    page = read_page(service, "/")

    assert f"{percent(relative['estimate'], signed=True)} relative" in page.text
    assert "The bars of relative uplifts share one scale" in page.text


def test_a_relative_uplift_without_bounds_has_no_number(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero", holdout=0.5, reward={"window_seconds": 60})
    decided = service.post(
        "/v1/decisions/batch",
        {"decisions": [{"experiment": "hero", "unit_id": f"u{n}"} for n in range(20)]},
    ).json
    rewards = [
        {"decision_id": d["decision_id"], "value": float(n % 2)}
        for n, d in enumerate(decided["decisions"])
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)
    relative = service.get("/v1/experiments/hero/report").json["uplift"]["relative"]
    page = read_page(service, "/experiments/hero")

    assert relative["estimate"] is not None
    assert relative["interval"] == [None, None]
    assert percent(relative["estimate"], signed=True) not in page.text
    assert "its interval is still unbounded" in page.text


def test_a_page_has_one_name_for_the_group_of_the_bandit(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero", holdout=0.5, reward={"window_seconds": 60})
    decision_id = earn(service, decisions=40)[0]
    here = "/experiments/hero"
    paths = (f"{here}/decisions?state=joined", f"{here}/decisions/{decision_id}")

    for path in (*paths, "/playground/hero"):
        assert "treatment" not in read_page(service, path).text, path
    # The one place that says how the API calls it.
    assert read_page(service, here).text.count("treatment") == 1


def test_the_list_reads_what_the_learner_has_kept_and_makes_no_report(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    """An old headline is shown as what it is: nothing new is known."""
    service.create("hero", holdout=0.5, reward={"window_seconds": 60})
    earn(service)
    worker = service.worker
    Reporting(worker.storage, worker.reader).refresh(service.now_ms)
    service.patch("/v1/experiments/hero", {"status": "paused"})
    fresh = read_page(service, "/").text
    service.now_ms += 121_000
    stale = read_page(service, "/").text

    assert "paused" in fresh
    assert "last report is" not in fresh
    assert "failed learner" in stale
    assert "the last report is 2 min old" in stale


def test_the_list_is_filtered_by_name_and_keeps_its_filter(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    for key in ("hero-a", "hero-b", "other"):
        service.create(key)
    page = read_page(service, "/?q=HERO")

    assert "/experiments/hero-a" in page.links
    assert "/experiments/other" not in page.links
    assert page.fields["q"] == "HERO"
    assert 'hx-get="/?q=HERO"' in service.get("/?q=HERO").text


def test_a_part_that_refreshes_itself_is_the_main_part_of_the_page(
    lived_in: WorkerInProcess,
) -> None:
    whole = lived_in.get("/ops").text
    part = lived_in.get("/ops", headers={"HX-Request": "true"}).text

    assert "<!doctype html>" in whole
    assert "<html" not in part
    assert 'id="live"' in part


def test_an_experiment_without_data_has_a_sentence_in_place_of_each_chart(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    page = read_page(lived_in, "/experiments/untouched")

    assert "svg" not in page.tags
    for sentence in (
        "No request for a decision has come yet",
        "There is nothing to show yet: no decision of both groups has matured yet",
        "No context key splits the traffic yet",
        "No model has been published yet",
        "created",
    ):
        assert sentence in page.text


def test_an_experiment_shows_every_part_of_its_report(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    report = lived_in.get("/v1/experiments/hero/report").json
    page = read_page(lived_in, "/experiments/hero")

    assert report["verdict"] in page.text
    for row in (*report["groups"], *report["variants"]):
        assert f"{count(row['n'])}" in page.text
        assert amount(row["mean"]) in page.text
    for check in report["health"]:
        assert check["detail"] in page.text
    for policy in report["policies"]:
        assert policy["policy"] in page.text
        assert not policy["refused"] or policy["refused"] in page.text
    # Each chart in two widths: uplift, means, shares, means of variants, who gets
    # what, policies, models, latency, a guardrail; and segments.
    assert page.tags.count("svg") == 2 * 10
    assert page.tags.count("figure") == 10


def test_a_page_of_a_learner_that_stands_still_does_not_say_that_none_waits(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero", sticky={"for_seconds": 3_600})
    earn(service)
    alive = read_page(service, "/experiments/hero").text
    service.decide("hero", unit_id="u1")
    service.learn()
    service.now_ms += 61_000
    service.decide("hero", unit_id="new")
    dead = read_page(service, "/experiments/hero").text

    assert "behind" in alive
    assert "look at the learner" not in alive
    assert "1 given again to their units" in dead
    assert "But look at the learner: the learner has stored nothing for 61 s" in dead
    assert re.search(r"learned from [0-9]+ decisions, and none since", dead)


def test_revisions_tell_what_was_before_and_after(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    text = read_page(lived_in, "/experiments/hero").text

    assert "holdout 0.3 0.2" in text
    assert "Revision 2" in text


def test_the_downloads_are_the_report(lived_in: WorkerInProcess) -> None:
    report = lived_in.get("/v1/experiments/hero/report").json

    assert lived_in.get("/experiments/hero/report.json").json == report
    table = lived_in.get("/experiments/hero/report.csv")
    assert table.mimetype == "text/csv"
    assert table.text == lived_in.get("/v1/experiments/hero/report.csv").text


def test_who_gets_what_follows_the_keys_that_were_asked_for(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    path = "/experiments/hero/who?rows=hour&columns=device&variant=b"
    source = lived_in.get(path).text
    page = read_page(lived_in, path)

    assert "<option selected>hour</option>" in source
    assert "<option selected>b</option>" in source
    assert "How often the bandit shows b" in page.text
    unknown = "/experiments/hero/who?rows=nope&columns=nope&variant=nope"
    assert "The variant that the bandit shows most" in read_page(lived_in, unknown).text


def test_decisions_are_paged_without_gap_or_repetition(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    made = earn(service, decisions=60)
    seen: list[str] = []
    path = "/experiments/hero/decisions?state=joined"
    while path:
        page = read_page(service, path)
        ids = [link.rsplit("/", 1)[1] for link in page.links if "/decisions/" in link]
        seen += ids
        path = next((link for link in page.links if "before=" in link), "")

    assert len(seen) == 60
    assert set(seen) == set(made)


def test_the_newest_decisions_are_those_that_wait_for_rewards(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    earn(service, decisions=5)
    newest = service.decide("hero")["decision_id"]
    service.learn()
    page = read_page(service, "/experiments/hero/decisions")

    links = [link for link in page.links if "/decisions/" in link]
    assert links == [f"/experiments/hero/decisions/{newest}"]


def test_a_search_leads_to_the_receipt_or_says_what_an_id_is(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    path = "/experiments/hero/decisions?id="
    found = lived_in.get(path + "x" * 40)

    assert found.status_code == 303
    assert found.headers["Location"] == "/experiments/hero/decisions/" + "x" * 40
    assert "40 characters" in read_page(lived_in, path + "abc").text


def test_a_receipt_of_another_experiment_is_refused(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    recent = lived_in.worker.storage.overview.recent(1, "joined", 1)[0]
    path = f"/experiments/untouched/decisions/{recent.decision.id}"

    assert "not of the experiment" in read_page(lived_in, path, 404).text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("open", "rewards count until"),
        ("joined", "Joined with a reward of"),
        ("deferred", "no request has reported that its variant was shown"),
    ],
)
def test_a_receipt_draws_again_and_says_where_the_decision_stands(
    lived_in: WorkerInProcess, read_page: ReadPage, state: RecentState, sentence: str
) -> None:
    recent = lived_in.worker.storage.overview.recent(1, state, 1)[0]
    decision = recent.decision
    page = read_page(lived_in, f"/experiments/hero/decisions/{decision.id}")

    assert sentence in page.text
    assert f"{decision.variant} was shown with a chance of" in page.text
    assert percent(decision.propensity) in page.text
    assert "differs" not in page.text


def test_a_decision_that_only_the_event_log_has_has_a_receipt(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    service.create("hero")
    made = service.decide("hero", context={"device": "phone"}, exclude=["a"])
    page = read_page(service, f"/experiments/hero/decisions/{made['decision_id']}")

    assert "has not read it from the event log" in page.text
    assert "a : the request left it out, by exclude or by" in page.text


def test_operations_show_ids_of_keys_and_no_key(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    text = read_page(lived_in, "/ops").text

    for row in lived_in.worker.storage.keys.all():
        assert row.id in text
        assert row.sha256 not in text
    for key in (lived_in.secret, lived_in.publishable):
        assert key not in text
    # No learner process holds the lease here.
    assert "no process holds the learner's lease" in text
    assert re.search(r"2xx \d", text)


def test_operations_see_the_lease_of_a_learner(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    with service.worker.storage.leases.hold("learner") as held:
        text = read_page(service, "/ops").text

    assert held is not None
    assert f"{held} holds the lease" in text


def test_operations_see_damage_of_the_log_until_it_is_acknowledged(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    storage = service.worker.storage
    lost = Damage("p", 2, 94, 1, 40, "cut", at_least=True)
    storage.facts.ingest([], {}, FoundDamages([lost], 100))
    damaged = read_page(service, "/ops").text
    storage.damages.acknowledge(1, 200)
    accepted = read_page(service, "/ops").text

    sentence = "damaged at 1 place, and at least 1 fact is lost"
    assert sentence in damaged
    assert sentence not in accepted


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("plain & <b>", "plain &amp; &lt;b&gt;"),
        ("run `a <b>` now", "run <code>a &lt;b&gt;</code> now"),
        ("`one` and `two`", "<code>one</code> and <code>two</code>"),
        ("a lone ` stays", "a lone ` stays"),
    ],
)
def test_what_stands_between_backquotes_is_shown_as_code(
    sentence: str, shown: str
) -> None:
    assert str(with_code(sentence)) == shown


def test_the_page_of_an_unknown_experiment_speaks_of_pages(
    lived_in: WorkerInProcess, read_page: ReadPage
) -> None:
    text = read_page(lived_in, "/experiments/nowhere", 404).text

    assert "the list of experiments has those that exist" in text
    assert "/v1/" not in text
