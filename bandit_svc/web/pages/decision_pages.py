"""The pages of decisions: the newest ones, a search, and the receipt of one.

Owns the paging, and the figure of a receipt.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, assert_never

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from bandit_svc.charts.chances import Chance, chances
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import amount, percent
from bandit_svc.errors import NotFound
from bandit_svc.prose.report_html.figure import Figure, figure
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.services.serving.receipt import Receipt, receipt
from bandit_svc.storage.overview import Place, RecentDecision, RecentState
from bandit_svc.storage.rows import DecisionView
from bandit_svc.web.access.own_address import own
from bandit_svc.web.page_context import PageContext, moment, render

Json = dict[str, Any]
PAGE = 25
_ID = re.compile(r"[0-9A-Za-z_~]{40}")
_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})")
STATES: Mapping[RecentState, str] = MappingProxyType(
    {
        "open": "Waiting for rewards",
        "joined": "Matured",
        "deferred": "Not shown yet",
    }
)


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add both pages."""

    @routes.get("/experiments/<key>/decisions")
    def decisions(key: str) -> str | Response:
        experiment = page_context.storage.experiments.get(key)
        wanted = request.args.get("id", "").strip()
        if _ID.fullmatch(wanted):
            return redirect(own(f"/experiments/{key}/decisions/{wanted}"), 303)
        return render(
            "decisions.html", wanted=wanted, **_recent(page_context, experiment)
        )

    @routes.get("/experiments/<key>/decisions/<decision_id>")
    def decision(key: str, decision_id: str) -> str:
        experiment = page_context.storage.experiments.get(key)
        backends = page_context.backends
        view = look_up(
            page_context.storage.facts, backends.reader, backends.decoder, decision_id
        )
        if view.decision.number != experiment.number:
            raise NotFound(
                f"this decision is not of the experiment {key!r}; it belongs to "
                f"{view.decision.experiment!r}"
            )
        found = receipt(page_context.storage, experiment, view)
        return render(
            "decision.html",
            experiment=experiment,
            view=view,
            receipt=found,
            chances=_chances(found),
            outcome=_outcome(view, page_context.now_ms()),
            rewards=sorted(view.rewards, key=lambda r: r.received_at_ms),
        )


def _recent(page_context: PageContext, experiment: Experiment) -> Json:
    asked = request.args.get("state", "")
    state = next((s for s in STATES if s == asked), None)
    before = _place(request.args.get("before", ""))
    overview, number = page_context.storage.overview, experiment.number
    # Open decisions are the newest; where there are none, matured ones are shown.
    for one in (state,) if state else ("open", "joined", "deferred"):
        shown: RecentState = one
        found = overview.recent(number, shown, PAGE + 1, before)
        if found:
            break
    rows = found[:PAGE]
    return {
        "experiment": experiment,
        "states": STATES,
        "state": shown,
        "found": rows,
        "rewards_so_far": _rewards_so_far(page_context, rows)
        if shown == "open"
        else {},
        "is_first": before is None,
        "older": "{}-{}".format(*found[PAGE - 1].place) if len(found) > PAGE else None,
    }


def _rewards_so_far(
    page_context: PageContext, rows: Sequence[RecentDecision]
) -> dict[str, int]:
    """Return how many rewards decisions have that have not matured, by id."""
    facts = page_context.storage.facts
    views = (facts.decision(row.decision.id) for row in rows)
    return {view.decision.id: len(view.rewards) for view in views if view is not None}


def _place(text: str) -> Place | None:
    match = _PLACE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _chances(found: Receipt) -> Figure:
    """Draw the pmf, with the part of the draw of each variant in the table."""
    bars = [Chance(v.variant, v.probability, chosen=v.chosen) for v in found.variants]
    return figure(
        lambda width: chances(bars, "The chance of each variant", percent, width),
        (
            *("Variant", "Chance", "In the bandit's group", "In the holdout"),
            *("Its part of the draw", "Chosen"),
        ),
        [
            (
                v.variant,
                percent(v.probability),
                percent(v.treatment),
                percent(v.baseline),
                f"{v.begins:.4f} to {v.ends:.4f}",
                "yes" if v.chosen else "no",
            )
            for v in found.variants
        ],
    )


def _outcome(view: DecisionView, now_ms: int) -> str:
    """Return a sentence on what became of a decision, or why nothing has yet."""
    match view.state:
        case "joined":
            reward = f"Joined with a reward of {amount(view.joined_reward)}"
            if any(not r.late and r.metric == MAIN_METRIC for r in view.rewards):
                return reward + "."
            return reward + ", the default: none was reported in time."
        case "open":
            return _waiting(view.closes_at_ms, now_ms)
        case "ambiguous" | "deferred":
            return _NEVER_JOINED[view.state]
        case _:
            assert_never(view.state)


def _waiting(closes_at_ms: int | None, now_ms: int) -> str:
    if closes_at_ms is None:
        return "Not joined yet: the learner has not read it from the event log."
    closes = moment(closes_at_ms)
    if closes_at_ms > now_ms:
        return f"Not joined yet: rewards count until {closes} UTC."
    return f"Its window closed at {closes} UTC; the learner joins it at its next tick."


_NEVER_JOINED = {
    "ambiguous": (
        "Never joined: its request_id was answered with two different variants, so "
        "learning and reports leave it out."
    ),
    "deferred": (
        "Not joined: it was requested with `defer`, and no request has reported that "
        "its variant was shown. Until then learning and reports leave it out."
    ),
}
