"""A page that Flask renders: the variant is in its HTML, and the page rewards it.

Run `flask --app examples/web/flask_page.py run`.
"""

import uuid

from flask import Flask, Response, make_response, render_template_string, request

from bandit_svc.client import BanditClient

SERVICE = "http://localhost:8000"
KEY = "bpk_YOUR_PUBLISHABLE_KEY"
YEAR_S = 31_536_000
HEADLINES = {"summer-dress": "Summer dresses", "sandals": "Sandals for the beach"}
PAGE = """<!doctype html>
<html lang="en">
<title>Summer sale</title>
<section id="hero" data-variant="{{ variant }}" data-decision="{{ decision_id or '' }}">
  <h1>{{ headline }}</h1>
  <a id="buy" href="/checkout">Buy now</a>
</section>
<script type="module">
  import("{{ service }}/client.js").then(({ BanditClient }) => {
    const client = new BanditClient("{{ service }}", { key: "{{ key }}" });
    const decisionId = document.querySelector("#hero").dataset.decision;
    {% if deferred %}client.activate(decisionId);{% endif %}
    document.querySelector("#buy").addEventListener("click", () => {
      client.reward(decisionId, 1);
    });
  }, () => {});
</script>
"""

app = Flask(__name__)
client = BanditClient(SERVICE, KEY, timeout_s=0.5)


@app.get("/")
def home() -> Response:
    """Show the variant that was decided for the visitor of the cookie."""
    visitor = request.cookies.get("visitor") or uuid.uuid4().hex
    # A browser may fetch a page that its visitor never opens. Its decision counts when
    # the script runs, which is when the page is opened.
    deferred = "prefetch" in request.headers.get("Sec-Purpose", "")
    agent = request.headers.get("User-Agent", "")
    decision = client.decide(
        "homepage-hero",
        unit_id=visitor,
        context={"device": "mobile" if "Mobile" in agent else "desktop"},
        defer=deferred,
        fallback="summer-dress",
    )
    page = render_template_string(
        PAGE,
        variant=decision.variant,
        decision_id=decision.decision_id,
        headline=HEADLINES[decision.variant],
        deferred=deferred,
        service=SERVICE,
        key=KEY,
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    answer.set_cookie("visitor", visitor, max_age=YEAR_S, httponly=True, samesite="Lax")
    return answer


@app.get("/checkout")
def checkout() -> str:
    """Thank the visitor."""
    return "Thank you."
