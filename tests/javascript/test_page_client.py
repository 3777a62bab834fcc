"""The client in a page of another origin, against a real service with keys."""

from typing import Any

import pytest
from playwright.sync_api import Response, Route, expect

from bandit_svc.http.doors.client_module import newest_module
from tests.harness.shop import Shop
from tests.harness.web.other_page import OpenPage, OtherPage
from tests.harness.web.site import example, site

pytestmark = pytest.mark.e2e

PAGE = """<!doctype html><body>
<main style="height: 300vh">Above</main>
<p id="deep">Deep</p>
<script type="module">
  import { BanditClient } from "URL/client.js";
  window.start = (options) => {
    const usual = { key: "KEY", timeoutMs: 100000 };
    window.client = new BanditClient("URL", { ...usual, ...options });
    return window.client;
  };
  start();
  document.body.dataset.ready = "yes";
</script>"""
DECIDE = "client.decide('homepage-hero', { fallback: 'mine' })"


def page_of(shop: Shop) -> str:
    return PAGE.replace("URL", shop.url).replace("KEY", shop.publishable)


def opened(open_page: OpenPage, url: str) -> OtherPage:
    page = open_page(url)
    expect(page.page.locator("body")).to_have_attribute("data-ready", "yes")
    return page


def rewards(shop: Shop, decision_id: str) -> list[dict[str, Any]]:
    known = shop.look_up(decision_id)
    return list(known["rewards"]) if known else []


def is_decision(answer: Response) -> bool:
    return answer.url.endswith("/v1/decisions") and answer.request.method == "POST"


def test_a_page_shows_what_was_decided_and_its_reward_arrives_as_it_is_left(
    shop: Shop, open_page: OpenPage
) -> None:
    text = example("plain.html", shop.url, shop.publishable)
    pages = {"/": text.replace("timeoutMs: 500", "timeoutMs: 100000")}
    with site(pages | {"/checkout": "<!doctype html>Thanks"}) as url:
        page = open_page(f"{url}/checkout").page
        with page.expect_response(is_decision) as answered:
            page.goto(url)
        decided = answered.value.json()
        hero = page.locator("#hero")
        expect(hero).to_have_attribute("data-source", "service")
        expect(hero).to_have_attribute("data-variant", decided["variant"])
        page.get_by_text("Buy now").click()
        page.wait_for_url("**/checkout")

        found = shop.wait_for(
            lambda: rewards(shop, decided["decision_id"]), "the reward"
        )
        assert [one["value"] for one in found] == [1.0]


WITHOUT = {
    "beacon": "navigator.sendBeacon = () => false;",
    "fetch": "window.fetch = () => new Promise(() => {});",
}
LEAVES = {
    "link": "location.href = 'about:blank';",
    "phone": """Object.defineProperty(document, "visibilityState", { value: "hidden" });
      document.dispatchEvent(new Event("visibilitychange"));""",
}


@pytest.mark.parametrize("is_same_origin", [True, False])
@pytest.mark.parametrize(
    ("leave", "without"), [("link", "fetch"), ("link", "beacon"), ("phone", "fetch")]
)
def test_what_is_reported_as_a_page_is_left_arrives(
    shop: Shop, open_page: OpenPage, leave: str, without: str, *, is_same_origin: bool
) -> None:
    """By a beacon alone, and by `fetch` alone."""
    with site({"/page": page_of(shop)}) as url:
        page = open_page(f"{url}/page").page
        if is_same_origin:
            page.route(f"{shop.url}/page", lambda r: r.fulfill(**html(page_of(shop))))
            page.goto(f"{shop.url}/page")
        page.wait_for_selector("[data-ready]")
        decision = page.evaluate(DECIDE)
        assert decision["source"] == "service"
        page.evaluate(
            f"""(id) => {{
              {WITHOUT[without]}
              client.reward(id, 0.25, {{ rewardId: "leaving" }});
              client.track("left", {{ unitId: "u", decisionId: id, eventId: "e" }});
              {LEAVES[leave]}
            }}""",
            decision["decisionId"],
        )
        found = shop.wait_for(
            lambda: rewards(shop, decision["decisionId"]), "the reward"
        )

        assert [(one["reward_id"], one["value"]) for one in found] == [
            ("leaving", 0.25)
        ]


def html(text: str) -> Any:
    return {"content_type": "text/html", "body": text}


def test_a_tab_that_is_closed_sends_what_it_had_to_tell(
    shop: Shop, open_page: OpenPage
) -> None:
    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        decision = page.evaluate(DECIDE)
        page.evaluate(f"client.reward('{decision['decisionId']}', 1)")
        page.close()

        assert shop.wait_for(
            lambda: rewards(shop, decision["decisionId"]), "the reward"
        )


def test_what_the_service_could_not_take_is_sent_again_and_counts_once(
    shop: Shop, open_page: OpenPage
) -> None:
    sent: list[Any] = []

    def fail_first(route: Route) -> None:
        sent.append(route.request.post_data_json)
        cors = {"Access-Control-Allow-Origin": "*"}
        if len(sent) == 1:
            route.abort()
        elif len(sent) == 2:
            route.fulfill(status=503, headers=cors, json={"status": 503})
        else:
            route.continue_()

    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        page.route("**/v1/outcomes", fail_first)
        decision = page.evaluate(DECIDE)
        with page.expect_response(lambda one: one.status == 202):
            page.evaluate(f"client.reward('{decision['decisionId']}', 1)")
        (kept,) = shop.wait_for(
            lambda: rewards(shop, decision["decisionId"]), "the reward"
        )

        assert kept["value"] == 1
        assert sent[0] == sent[1] == sent[2]


def test_the_same_question_has_one_answer_as_long_as_the_page_lives(
    shop: Shop, open_page: OpenPage
) -> None:
    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        asked = []
        page.on("response", lambda one: asked.append(one) if is_decision(one) else None)
        same = page.evaluate(
            """async () => {
              const ask = (context, unitId) =>
                client.decide("homepage-hero", { context, unitId });
              const first = ask({ device: "phone", hour: 3 });
              const again = ask({ hour: 3, device: "phone" });
              const others = [ask({ hour: 4 }), ask({ device: "phone", hour: 3 }, "u")];
              const ids = await Promise.all([first, ...others]);
              return [first === again, new Set(ids.map((d) => d.decisionId)).size];
            }"""
        )

        assert same == [True, 3]
        assert len(asked) == 3


def test_a_page_has_a_unit_of_its_own_and_keeps_it_only_where_it_is_asked_to(
    shop: Shop, open_page: OpenPage
) -> None:
    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        ask = "[client.unitId, start({ persist: true }).unitId, localStorage.length]"
        only_asked = "[start().unitId, localStorage.length]"
        unasked = page.evaluate(only_asked)
        first = page.evaluate(ask)
        page.reload()
        expect(page.locator("body")).to_have_attribute("data-ready", "yes")
        second = page.evaluate(ask)

        assert len(unasked[0]) == 32
        assert unasked[1] == 0
        assert first == [unasked[0], unasked[0], 1]
        assert second[1] == first[1]
        assert second[0] != first[0]


def test_a_deferred_decision_counts_when_its_element_is_seen(
    shop: Shop, open_page: OpenPage
) -> None:
    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        ids = page.evaluate(
            """async () => {
              const defer = true;
              const ask = (n) =>
                client.decide("homepage-hero", { defer, context: { n } });
              const made = await Promise.all([ask(1), ask(2)]);
              client.observe(document.querySelector("main"), made[0].decisionId);
              client.observe(document.querySelector("#deep"), made[1].decisionId);
              return made.map((one) => one.decisionId);
            }"""
        )

        def state(id_: str) -> str:
            known = shop.look_up(id_)
            return str(known["state"]) if known else ""

        # The first is taller than the window, which it fills.
        shop.wait_for(lambda: state(ids[0]) == "open", "what is seen active")
        assert state(ids[1]) == "deferred"
        page.locator("#deep").scroll_into_view_if_needed()
        shop.wait_for(lambda: state(ids[1]) == "open", "what is scrolled to active")


def test_a_page_that_is_prepared_before_it_is_opened_counts_when_it_is_opened(
    shop: Shop, open_page: OpenPage
) -> None:
    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        page.evaluate(
            """Object.defineProperty(document, "prerendering",
                 { value: true, configurable: true })"""
        )
        id_ = page.evaluate(DECIDE)["decisionId"]
        known = shop.wait_for(lambda: shop.look_up(id_), "the decision")
        assert known["state"] == "deferred"
        page.evaluate(
            """() => {
              delete document.prerendering;
              document.dispatchEvent(new Event("prerenderingchange"));
            }"""
        )

        shop.wait_for(lambda: shop.look_up(id_)["state"] == "open", "it active")


@pytest.mark.parametrize("is_right", [True, False])
def test_a_page_under_a_policy_runs_only_the_module_whose_hash_it_names(
    shop: Shop, open_page: OpenPage, *, is_right: bool
) -> None:
    module = newest_module()
    versioned = f"{shop.url}/client/{module.version}.js"
    hash_ = module.integrity if is_right else module.integrity[:-4] + "AAAA"
    policy = f"script-src 'self' {shop.url}; connect-src 'self' {shop.url}"
    text = example("plain.html", shop.url, shop.publishable)
    text = text.replace("timeoutMs: 500", "timeoutMs: 100000")
    before, _, rest = text.partition('<script type="module">')
    script, _, after = rest.partition("</script>")
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<link rel="modulepreload" href="{versioned}" integrity="{hash_}" crossorigin>'
        "<title>"
    )
    linked = before.replace("<title>", head, 1)
    pages = {
        "/": f'{linked}<script type="module" src="/page.js"></script>{after}',
        "/page.js": script.replace(f"{shop.url}/client.js", versioned),
    }
    with site(pages) as url:
        page = open_page(url).page
        source = page.locator("#hero").get_attribute
        if is_right:
            expect(page.locator("#hero")).to_have_attribute("data-source", "service")
        else:
            refused = page.evaluate(
                "(m) => import(m).then(() => 'run', () => 'not')", versioned
            )
            assert (refused, source("data-source")) == ("not", None)


def test_a_page_of_slots_has_each_of_them_and_rewards_one(
    shop: Shop, open_page: OpenPage
) -> None:
    with site({"/": page_of(shop)}) as url:
        page = opened(open_page, url).page
        found = page.evaluate(
            """async () => {
              const page = await client.decide("homepage-hero", { slots: 2 });
              const { slots, decisionId, variant } = page;
              return { slots, decisionId, variant };
            }"""
        )

        assert [one["slot"] for one in found["slots"]] == [1, 2]
        assert found["variant"] == found["slots"][0]["variant"]
        assert found["slots"][1]["decisionId"] == f"{found['decisionId']}.2"
        assert len({one["variant"] for one in found["slots"]}) == 2
