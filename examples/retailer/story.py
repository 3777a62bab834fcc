"""A shop: one shopper from the first look to the refund, on a real service.

`python -m examples.retailer.story --url URL --data FOLDER --secret KEY
--publishable KEY`. The events come from Segment's SDK, the order from Stripe's
signature, and the banner from `/client.js` in Chromium. What lies days back in the
story is sent with the time at which it happened; a reward window is some seconds long,
so that the end of it can be seen.
"""

import json
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from segment.analytics.client import Client
from stripe import WebhookSignature

from examples.telling import Json, Service, check, opened, service_of, tell, wait

HERE = Path(__file__).parent
EXPERIMENTS = ("hero", "recs", "popup", "cart-mail")
WINDOW = {"window_seconds": 10, "grace_seconds": 10}
LOOKS_BACK = {"within_seconds": 600}
UNITS = 1_000
GUESTS = 40
MAIL = "mail:9c1e"
NIGHT, NOON = 23, 12
"""Hours of the day at which people are where they live."""
OFFERS = ("discount-5", "discount-10")


def main() -> None:
    """Tell the story."""
    service = service_of("The story of a shop, on a running service.")
    shop = Shop(service)
    for step in (
        *(shop.looks_around, shop.opens_a_page, shop.signs_in, shop.is_mailed),
        *(shop.comes_back, shop.orders, shop.is_offered_once, shop.is_refunded),
        *(shop.denies, shop.asks_why, shop.is_checked),
    ):
        step()


class Shop:
    """The shop, its programme and experiments, and what has happened."""

    def __init__(self, service: Service) -> None:
        self.service = service
        programme = tomllib.loads((HERE / "programme.toml").read_text())
        service.post("/v1/programmes", programme)
        for key in EXPERIMENTS:
            definition = tomllib.loads((HERE / f"{key}.toml").read_text())
            definition["reward"] |= WINDOW
            if "event" in definition["reward"]:
                definition["reward"] |= LOOKS_BACK
            service.post("/v1/experiments", definition)
        write_key = service.command("webhook", "add", "shop", "--kind", "segment")
        self.segment = Client(write_key.split()[-1], host=service.url, timeout=120)
        mapping = ("--mapping", str(HERE / "stripe.toml"))
        added = service.command(
            "webhook", "add", "stripe", "--kind", "stripe", *mapping
        )
        self.stripe_secret = added.split()[-1]
        self.first: Json = {}
        self.banner: Json = {}
        self.popup: Json = {}
        self.orders_at_s = 0

    def looks_around(self) -> None:
        """Events of yesterday and today become features."""
        yesterday = datetime.now(UTC) - timedelta(days=1)
        for item, category in (*[("dress-42", "dress")] * 3, ("sandals-7", "shoes")):
            self._track("anon-7f", "viewed", {"item": item, "category": category})
        self._track("anon-7f", "cart_added", {"item": "dress-42"}, yesterday)
        self.segment.flush()

        def known() -> bool:
            unit = self.service.get("/v1/units/anon-7f")
            return bool(unit) and unit["features"]["hero"].get("views_7d") == 4

        wait(known, "four views are known of anon-7f")
        tell(
            1,
            "anon-7f looks at dress-42 three times and at sandals-7 once, "
            "and puts the dress into the cart. Segment's SDK reports it; "
            "within a second it is known.",
        )

    def opens_a_page(self) -> None:
        """The page's banner is a decision, whose receipt has the features."""
        html = (HERE / "page.html").read_text()
        for word, value in (
            ("SERVICE", self.service.url),
            ("PUBLISHABLE", self.service.publishable),
            ("UNIT", "anon-7f"),
        ):
            html = html.replace(word, value)
        with opened(html) as page:
            body = page.locator("body[data-source=service]")
            body.wait_for()
            decision_id = body.get_attribute("data-decision") or ""
        self.first = wait(lambda: self._look_up(decision_id), "the banner is logged")
        unit = self.first["context"]["unit"]
        check(unit["style"] == "dress", "the receipt has the style")
        tell(
            2,
            "The next page asks for its banner by /client.js. The decision's "
            f"receipt says what was known: {unit['views_7d']} views in 7 "
            f"days, style {unit['style']}.",
        )

    def signs_in(self) -> None:
        """A link keeps the group."""
        self.segment.identify(
            "u-81", {"zone": _zone_of_hour(NOON)}, anonymous_id="anon-7f"
        )
        self.segment.flush()
        self._link("u-81", MAIL)
        wait(self._is_linked, "u-81, anon-7f and the mail id are one person")
        again = self._decide("hero", "u-81")
        check(again["programme"] == self.first["programme"], "the group stays")
        check(again["group"] == self.first["group"], "the group stays")
        tell(
            3,
            "anon-7f signs in as u-81. It is the same person, in the same group.",
        )

    def is_mailed(self) -> None:
        """A batch job asks for everybody who left a cart; mails count when sent."""
        units = ["u-81", *(f"u-{1_000 + i}" for i in range(UNITS - 1))]
        asleep = set(units[1:21])
        for unit in units:
            hour = NIGHT if unit in asleep else NOON
            self.segment.identify(unit, {"zone": _zone_of_hour(hour)})
        self.segment.flush()
        wait(lambda: self._traits(units[-1]).get("zone"), "the zones are known")
        items = _mails_of({"item": "dress-42", "price": 59})
        asked = [
            {
                "experiment": "cart-mail",
                "unit_id": unit,
                "context": {"tier": "bargain", "rhythm": "late", "cart": "small"},
                "variants": items,
                "defer": True,
            }
            for unit in units
        ]
        made = self.service.post("/v1/decisions/batch", {"decisions": asked})
        decisions = made["decisions"]
        check(all("variant" in one for one in decisions), "all are decided")
        by_unit = dict(zip(units, decisions, strict=True))
        at_night = {by_unit[unit]["variant"] for unit in asleep}
        check(at_night == {"nothing"}, f"nobody is mailed at night: {at_night}")
        sent = {u: d for u, d in by_unit.items() if d["variant"] != "nothing"}
        ids = [one["decision_id"] for one in sent.values()]
        done = self.service.post("/v1/activations/batch", {"decision_ids": ids})
        check(all("status" in one for one in done["activations"]), "all are activated")
        unit = next(iter(sent))
        click = {
            "unit_id": unit,
            "experiment": "cart-mail",
            "metric": "clicked",
            "value": 1,
            "reward_id": f"click-{unit}",
        }
        self.service.post("/v1/rewards", click)
        credited = wait(
            lambda: self._credited(f"click-{unit}"), "the click is credited"
        )
        check(credited == [sent[unit]["decision_id"]], "to the mail of that person")
        tell(
            4,
            f"A batch job asks what to mail to {UNITS:,} people who left a "
            "cart: nothing, a reminder, one with complements, or a voucher, "
            "at 8 or at 18 h. Of 20 at whose place it is night, all get "
            "nothing. Mails count from when they are sent, and a click that "
            "names the person alone is credited to their mail.",
        )

    def comes_back(self) -> None:
        """One batch decides banner, recommendations and pop-up."""
        self._track("u-81", "cart_added", {"item": "dress-42"})
        self.segment.flush()
        fresh = lambda: self._features("u-81", "popup").get("cart_age_h", 9) < 1  # noqa: E731
        wait(fresh, "the cart is fresh")
        context = {"tier": "bargain", "rhythm": "late"}
        asked = [
            {"experiment": key, "unit_id": "u-81", "context": context}
            for key in ("hero", "recs", "popup")
        ]
        asked[1]["slots"] = 4
        made = self.service.post("/v1/decisions/batch", {"decisions": asked})
        self.orders_at_s = int(time.time()) + 1
        self.banner, recs, self.popup = made["decisions"]
        check(len({slot["variant"] for slot in recs["slots"]}) == 4, "four strips")
        product = 1.0
        for slot in recs["slots"]:
            product *= slot["propensity"]
        check(abs(product - recs["propensity"]) < 1e-9, "the page's chance")
        check(self.popup["variant"] in ("nothing", *OFFERS), "a pop-up or nothing")
        tell(
            5,
            "Three days later one request gives banner, four recommendations "
            "in their order, and a pop-up, as the cart is fresh.",
        )

    def orders(self) -> None:
        """An order that Stripe delivers twice counts once."""
        order = {
            "client_reference_id": "u-81",
            "payment_intent": "pi-5512",
            "amount_total": 8_400,
            "created": self.orders_at_s,
        }
        for _ in range(2):
            self._deliver("evt-1", "checkout.session.completed", order)
        popup = self.popup["decision_id"]
        wait(lambda: self._credited("pi-5512"), "the order is credited")
        found = self._credited("pi-5512")
        check(found == [popup], f"once, to the pop-up: {found}")
        tell(
            6,
            "The order of 84.00 comes as a webhook of Stripe, twice. It is "
            "credited once, to the pop-up that was decided last.",
        )

    def is_offered_once(self) -> None:
        """A strict cap holds for the person, whatever id and worker."""
        guests = [f"g-{i}" for i in range(GUESTS)]
        for guest in guests:
            self._track(guest, "cart_added", {"item": "dress-42"})
            self._link(guest, f"mail:{guest}")
        self.segment.flush()
        for guest in guests:
            fresh = lambda who=guest: "cart_age_h" in self._features(who, "popup")  # noqa: E731
            wait(fresh, "the guests' carts are known")
        offered = {
            guest: made
            for guest in guests
            if (made := self._decide("popup", guest))["variant"] in OFFERS
        }
        check(offered, "somebody gets an offer")
        # A single shopper may be in a holdout, from which no model learns.
        self._see_page(guests)
        for guest in offered:
            # Each request has a connection of its own, so that any worker may answer.
            for unit in (guest, f"mail:{guest}", guest, f"mail:{guest}"):
                again = self._decide("popup", unit)
                check(again["variant"] == "nothing", "no second offer")
                why = {again["ineligible"][offer] for offer in OFFERS}
                check(why == {"cap: offer 1 per 30d"}, f"the cap says so: {why}")
        tell(
            7,
            f"{GUESTS} guests with fresh carts: whoever got an offer gets no "
            "second one within 30 days, not under the mail id nor from "
            'another worker. The answer says "cap: offer 1 per 30d".',
        )

    def is_refunded(self) -> None:
        """A refund corrects what was learned already."""
        popup = self.popup["decision_id"]
        wait(
            lambda: (self._look_up(popup) or {}).get("state") == "joined",
            "the window has closed",
        )
        check(self._look_up(popup)["reward"] == 84, "the order is its reward")
        refund = {
            "payment_intent": "pi-5512",
            "amount": 8_400,
            "amount_refunded": 3_000,
            "metadata": {"unit_id": "u-81"},
            "created": self.orders_at_s,
        }
        self._deliver("evt-2", "charge.refunded", refund)

        def corrected() -> float | None:
            report = self.service.get("/v1/experiments/popup/report")
            done = report["corrections"]
            return done["change"] if done["count"] and not done["pending"] else None

        change = wait(corrected, "the report follows the refund")
        check(change == -30, f"the report says what changed: {change}")
        check(self._look_up(popup)["reward"] == 54, "the reward is what is left")
        tell(
            8,
            "30.00 are refunded after the window has closed. What was learned "
            f"is made anew, and the report says: 1 correction, {change:+.2f}.",
        )

    def denies(self) -> None:
        """Of a person who denies consent nothing is kept."""
        unit = "u-shy"
        self.service.post(f"/v1/units/{unit}", {"consent": "denied"}, "PUT")
        wait(lambda: self._denied(unit), "the denial is known")
        event = {"unit_id": unit, "event": "viewed"}
        status = self.service.post("/v1/events", event)["status"]
        check(status == "dropped", "the event is dropped")
        made = self._decide("hero", unit)
        found = wait(lambda: self._look_up(made["decision_id"]), "it is logged")
        check(found["without_consent"], "the decision is without consent")
        check(not found["context"], "the decision has no context")
        check(found["unit_id"] is None, "the decision has no unit")
        tell(
            9,
            "Another shopper denies consent: the event is dropped, and the "
            "banner is chosen without a context, and kept without a unit.",
        )

    def asks_why(self) -> None:
        """A person may know why."""
        key = {"Authorization": f"Bearer {self.service.publishable}"}
        path = f"/v1/why/{self.banner['decision_id']}"
        status, why = self.service.ask("GET", path, headers=key)
        check(status == 200 and isinstance(why["because"], list), "why is answered")
        tell(
            10,
            "u-81 asks why this banner, and gets an answer in words.",
        )

    def is_checked(self) -> None:
        """Every model is what the log gives."""
        self.segment.shutdown()
        wait(
            lambda: all(self._models(key) for key in EXPERIMENTS),
            "each experiment has a model",
        )
        for key in EXPERIMENTS:
            self.service.command("replay", key, "--verify")
        self.service.command("replay", "--units", "--verify")
        tell(11, "Every model is, byte for byte, what the log gives.")

    def _models(self, key: str) -> list[Json]:
        return list(self.service.get(f"/v1/experiments/{key}/models")["models"])

    def _track(
        self, unit: str, event: str, properties: Json, at: datetime | None = None
    ) -> None:
        who = {"anonymous_id": unit} if unit.startswith("anon") else {"user_id": unit}
        self.segment.track(event=event, properties=properties, timestamp=at, **who)

    def _decide(self, experiment: str, unit: str) -> Json:
        context = {"tier": "bargain", "rhythm": "late"}
        body = {"experiment": experiment, "unit_id": unit, "context": context}
        return dict(self.service.post("/v1/decisions", body))

    def _see_page(self, units: list[str]) -> None:
        """Decide banner and recommendations of a page for each unit."""
        context = {"tier": "bargain", "rhythm": "late"}
        asked: list[Json] = [
            {"experiment": key, "unit_id": unit, "context": context}
            for unit in units
            for key in ("hero", "recs")
        ]
        self.service.post("/v1/decisions/batch", {"decisions": asked})

    def _link(self, unit: str, other: str) -> None:
        self.service.post(f"/v1/units/{unit}", {"links": [other]}, "PUT")

    def _is_linked(self) -> bool:
        unit = self.service.get("/v1/units/u-81")
        return bool(unit) and len(unit["links"]) == 2

    def _denied(self, unit: str) -> bool:
        found = self.service.get(f"/v1/units/{unit}")
        return bool(found) and found["consent"] == "denied"

    def _traits(self, unit: str) -> Json:
        return dict((self.service.get(f"/v1/units/{unit}") or {}).get("traits", {}))

    def _features(self, unit: str, experiment: str) -> Json:
        found = self.service.get(f"/v1/units/{unit}") or {}
        return dict(found.get("features", {}).get(experiment, {}))

    def _look_up(self, decision_id: str) -> Any:
        return self.service.get(f"/v1/decisions/{decision_id}")

    def _credited(self, reward_id: str) -> list[str]:
        found = self._rewards(reward_id)
        return [one["decision_id"] for one in found if one["decision_id"]]

    def _rewards(self, reward_id: str) -> list[Json]:
        found = self.service.get(f"/v1/rewards/{reward_id}") or {"rewards": []}
        return list(found["rewards"])

    def _deliver(self, event_id: str, type_: str, order: Json) -> None:
        event = {"id": event_id, "type": type_, "livemode": True}
        body = json.dumps(event | {"data": {"object": order}})
        signature = WebhookSignature.generate_signature_header(
            body, self.stripe_secret, int(time.time())
        )
        status, answer = self.service.ask(
            "POST",
            "/v1/webhooks/stripe",
            body.encode(),
            {"Stripe-Signature": signature, "Authorization": ""},
        )
        check(status == 200, f"Stripe is answered {status} {answer}")


def _mails_of(item: Json) -> list[Json]:
    """Return the mails about an item in a cart, as whole variants."""
    mails: list[Json] = [{"key": "nothing", "features": {"mail": "nothing"}}]
    for what in ("reminder", "complements", "voucher"):
        for hour in ("08", "18"):
            mail: Json = {
                "key": f"{what}-{hour}",
                "features": {"mail": what, "hour": hour, "price": item["price"]},
                "payload": {"item": item["item"]},
            }
            if what == "voucher":
                mail["tags"] = ["offer"]
            mails.append(mail)
    return mails


def _zone_of_hour(hour: int) -> str:
    """Return a zone in which it is that hour of the day now, or a little later."""
    ahead = (hour - datetime.now(UTC).hour + 11) % 24 - 11
    # The names of these zones have the sign of the other direction.
    return f"Etc/GMT{-ahead:+d}"


if __name__ == "__main__":
    main()
