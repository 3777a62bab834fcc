"""The links of `/openapi.json`: what can be called with what was answered.

Owns them by the operation whose good answer is the beginning. A caller that follows
them, such as a fuzzer, calls each route with keys and ids that exist.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]

_KEY = "$response.body#/key"
_ID = "$response.body#/decision_id"
_SENT_KEY = "$request.path.key"
_SENT_UNIT = "$request.path.unit_id"
_EXPERIMENT = "/v1/experiments/{key}"
_DECISION = "/v1/decisions/{decision_id}"


class Link(NamedTuple):
    """One link.

    Attributes:
        name: unique within the operation that it begins at.
        to: the name of the operation that can be called.
        parameters: of its path, by runtime expressions.
        body: of the request; its texts that begin with `$` are runtime expressions.
    """

    name: str
    to: str
    parameters: Mapping[str, str] = {}
    body: Json | None = None


def _of_experiment(key: str) -> tuple[Link, ...]:
    """Return what can be called with the key of an experiment."""
    at = {"key": key}
    unit = "u-81"
    flags = {"context": {"targetingKey": unit, "device": "mobile"}}
    asked: Json = {"experiment": key, "unit_id": unit, "context": {"device": "mobile"}}
    evaluations = f"{_EXPERIMENT}/evaluations"
    return (
        Link("decide", "post /v1/decisions", body=asked),
        Link("defer", "post /v1/decisions", body=asked | {"defer": True}),
        Link("decide_batch", "post /v1/decisions/batch", body={"decisions": [asked]}),
        Link("evaluate_flag", "post /ofrep/v1/evaluate/flags/{key}", at, flags),
        Link("read", f"get {_EXPERIMENT}", at),
        Link("change", f"patch {_EXPERIMENT}", at, {"exploration_floor": 0.1}),
        Link("revisions", f"get {_EXPERIMENT}/revisions", at),
        Link("report", f"get {_EXPERIMENT}/report", at),
        Link("report_csv", f"get {_EXPERIMENT}/report.csv", at),
        Link("models", f"get {_EXPERIMENT}/models", at),
        Link("splits", f"get {_EXPERIMENT}/splits", at),
        Link("evaluate", f"post {evaluations}", at, {"policies": ["uniform"]}),
        Link("evaluations", f"get {evaluations}", at),
    )


def _of_programme(key: str) -> tuple[Link, ...]:
    """Return what can be called with the key of a programme."""
    at = {"key": key}
    return (
        Link("read", "get /v1/programmes/{key}", at),
        Link("report", "get /v1/programmes/{key}/report", at),
        Link("change", "patch /v1/programmes/{key}", at, {"holdout": 0.1}),
    )


def _of_decision(id_: str) -> tuple[Link, ...]:
    """Return what can be called with the id of a decision."""
    at = {"decision_id": id_}
    reward: Json = {"decision_id": id_, "value": 1.0}
    return (
        Link("reward", "post /v1/rewards", body=reward),
        Link("reward_batch", "post /v1/rewards/batch", body={"rewards": [reward]}),
        Link("look_up", f"get {_DECISION}", at),
        Link("why", "get /v1/why/{decision_id}", at),
    )


def _of_deferred(id_: str) -> tuple[Link, ...]:
    """Return what can be called with the id of a decision that may be deferred."""
    ids = {"decision_ids": [id_]}
    return (
        Link("activate", f"post {_DECISION}/activate", {"decision_id": id_}),
        Link("activate_batch", "post /v1/activations/batch", body=ids),
    )


def _of_unit(id_: str) -> tuple[Link, ...]:
    """Return what can be called with the id of a unit."""
    at = {"unit_id": id_}
    event: Json = {"unit_id": id_, "event": "viewed"}
    return (
        Link("event", "post /v1/events", body=event),
        Link("event_batch", "post /v1/events/batch", body={"events": [event]}),
        Link("unit", "get /v1/units/{unit_id}", at),
        Link("change_unit", "put /v1/units/{unit_id}", at, {"traits": {"tier": "a"}}),
        Link("erase_unit", "delete /v1/units/{unit_id}", at),
    )


def _of_evaluation(key: str, id_: str) -> Link:
    where = {"key": key, "id": id_}
    return Link("evaluation", f"get {_EXPERIMENT}/evaluations/{{id}}", where)


def _of_source(name: str) -> tuple[Link, ...]:
    """Return what can be called with the name of a source of webhooks."""
    at, address = {"source": name}, "/v1/webhooks/{source}"
    return (
        Link("deliver", f"post {address}", at, {"type": "ping"}),
        Link("rotate", f"post {address}/secrets", at, {"keep_seconds": 60}),
    )


_FLAG = "$response.body#/metadata/decisionId"
_FIRST_FLAG = "$response.body#/flags/0/metadata/decisionId"
_FIRST_DECISION = "$response.body#/decisions/0/decision_id"
_REWARD = "get /v1/rewards/{reward_id}"
_RESTORE = f"post {_EXPERIMENT}/models/{{version}}/restore"
_NEWEST = {"key": _SENT_KEY, "version": "$response.body#/models/0/version"}
_DOWNLOAD = f"get {_EXPERIMENT}/models/{{version}}/download"
_LATEST = {"key": "$request.body#/decisions/0/experiment", "version": "latest"}
_ERASURE = Link("erasure", "get /v1/erasures/{id}", {"id": "$response.body#/id"})
_LOOK_UP = Link("look_up", f"get {_DECISION}", {"decision_id": _ID})

LINKS: Mapping[str, tuple[Link, ...]] = {
    "post /v1/experiments": _of_experiment(_KEY),
    "get /v1/experiments": _of_experiment("$response.body#/experiments/0/key"),
    f"get {_EXPERIMENT}": _of_experiment(_KEY),
    "post /v1/programmes": _of_programme(_KEY),
    "get /v1/programmes": _of_programme("$response.body#/programmes/0/key"),
    f"patch {_EXPERIMENT}": _of_experiment(_KEY),
    f"get {_EXPERIMENT}/splits": (
        Link(
            "resume",
            f"patch {_EXPERIMENT}/splits",
            {"key": _SENT_KEY},
            {"action": "resume"},
        ),
    ),
    f"get {_EXPERIMENT}/models": (Link("restore", _RESTORE, _NEWEST),),
    "post /v1/decisions/log": (
        Link("look_up", f"get {_DECISION}", {"decision_id": _FIRST_DECISION}),
        Link("newest_model", _DOWNLOAD, _LATEST),
    ),
    f"post {_EXPERIMENT}/evaluations": (
        _of_evaluation(_SENT_KEY, "$response.body#/id"),
    ),
    f"get {_EXPERIMENT}/evaluations": (
        _of_evaluation(_SENT_KEY, "$response.body#/evaluations/0/id"),
    ),
    "post /v1/decisions": (
        *_of_decision(_ID),
        *_of_deferred(_ID),
        *_of_unit("$request.body#/unit_id"),
    ),
    "post /v1/decisions/batch": _of_decision(_FIRST_DECISION),
    f"post {_DECISION}/activate": _of_decision(_ID),
    "post /ofrep/v1/evaluate/flags/{key}": _of_decision(_FLAG),
    "post /ofrep/v1/evaluate/flags": (
        *_of_deferred(_FIRST_FLAG),
        *_of_unit("$request.body#/context/targetingKey"),
    ),
    "post /v1/rewards": (
        _LOOK_UP,
        Link("reward", _REWARD, {"reward_id": "$response.body#/reward_id"}),
    ),
    "post /v1/rewards/batch": (
        Link("reward", _REWARD, {"reward_id": "$response.body#/rewards/0/reward_id"}),
    ),
    "get /v1/webhooks": _of_source("$response.body#/webhooks/0/name"),
    "post /v1/webhooks": (
        *_of_source("$response.body#/name"),
        Link(
            "remove",
            "delete /v1/webhooks/{source}",
            {"source": "$response.body#/name"},
        ),
    ),
    "post /v1/events": _of_unit("$request.body#/unit_id"),
    "put /v1/units/{unit_id}": _of_unit(_SENT_UNIT),
    "get /v1/units/{unit_id}": _of_unit(_SENT_UNIT),
    "delete /v1/units/{unit_id}": (_ERASURE,),
}
"""By the name of the operation whose good answer they begin at."""
