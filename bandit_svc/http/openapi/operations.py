"""The operations of the API.

Owns one entry for each route: its body, its answer, the scope that it needs and every
status that it can answer. openapi.py and the page /docs describe these; a test compares
them with the routes that exist.
"""

from typing import Literal, NamedTuple

Access = Literal["publishable", "secret", "open", "write_key"]
PROBLEM = "Problem"


class Operation(NamedTuple):
    """One route.

    Attributes:
        body: the name of the body's schema; None for a route without a body.
        answer: the name of the answer's schema; None where `media` is no JSON.
        problems: the statuses of problems that the route can answer, but for 500.
        media: the media type of the answer.
        query: the name of the schema of the parameters of the query; None for none.
        has_tag: its answer has an ETag, and is 304 where If-None-Match names it.
        failure: the name of the schema of what the route answers in place of `answer`.
    """

    method: str
    path: str
    summary: str
    status: int
    access: Access
    answer: str | None
    body: str | None = None
    problems: tuple[int, ...] = ()
    media: str = "application/json"
    query: str | None = None
    failure: str = PROBLEM
    has_tag: bool = False

    @property
    def name(self) -> str:
        """Method and path: `get /v1/experiments`."""
        return f"{self.method} {self.path}"


PATCH = "DefinitionPatch"
PROGRAMME_PATCH = "ProgrammePatch"
DOCUMENT = "OpenAPI"
DECISION_OR_PAGE = "DecisionOrPage"
"""Schemas that no struct has."""

_DECIDE = (400, 401, 404, 409, 413, 422, 429, 503)
_BATCH = (400, 401, 413, 429, 503)
_WRITE = (400, 401, 403, 404, 409, 413, 429, 503)
_READ = (401, 403, 404, 429, 503)
_SEGMENT = (400, 401, 413, 429, 503)

OPERATIONS = (
    Operation(
        "post", "/v1/decisions",
        "Choose a variant for a context, or one for each slot of a page; log it "
        "durably, and answer.",
        201, "publishable", DECISION_OR_PAGE, "DecisionBody", _DECIDE,
    ),
    Operation(
        "post", "/v1/decisions/batch",
        "Make up to 1,000 decisions; each entry is an answer or a problem, in order.",
        200, "publishable", "DecisionBatchAnswer", "DecisionBatchBody", _BATCH,
    ),
    Operation(
        "post", "/v1/decisions/{decision_id}/activate",
        "Report that the variant of a deferred decision was shown; idempotent.",
        202, "publishable", "ActivationAnswer", None, (401, 404, 409, 429, 503),
    ),
    Operation(
        "post", "/v1/activations/batch",
        "Activate up to 1,000 deferred decisions; each entry an answer or a problem.",
        202, "publishable", "ActivationBatchAnswer", "ActivationBatchBody", _BATCH,
    ),
    Operation(
        "get", "/v1/decisions/{decision_id}",
        "Read one decision with its rewards and its state.",
        200, "secret", "DecisionRecord", None, _READ,
    ),
    Operation(
        "post", "/v1/decisions/log",
        "Log up to 1,000 decisions that the caller made itself by a downloaded model; "
        "idempotent by decision_id.",
        202, "secret", "LocalLogAnswer", "LocalLogBody",
        (400, 401, 403, 413, 429, 503),
    ),
    Operation(
        "get", "/v1/why/{decision_id}",
        "Tell a person why a variant was shown, in declared words.",
        200, "publishable", "WhyAnswer", None, (401, 403, 404, 429, 503),
    ),
    Operation(
        "post", "/v1/rewards",
        "Report a reward of a decision or, with a secret key, of a unit; idempotent by "
        "reward_id. Durable when answered.",
        202, "publishable", "RewardAnswer", "RewardBody",
        (400, 401, 403, 404, 413, 429, 503),
    ),
    Operation(
        "post", "/v1/rewards/batch",
        "Report up to 1,000 rewards; each entry is an answer or a problem, in order.",
        202, "publishable", "RewardBatchAnswer", "RewardBatchBody", _BATCH,
    ),
    Operation(
        "get", "/v1/rewards/{reward_id}",
        "Read what became of a reward, in every decision that it went to.",
        200, "secret", "RewardRecords", None, _READ,
    ),
    Operation(
        "post", "/v1/events",
        "Report something that a unit did; idempotent by event_id. Durable when "
        "answered.",
        202, "publishable", "EventAnswer", "EventBody", (400, 401, 413, 429, 503),
    ),
    Operation(
        "post", "/v1/events/batch",
        "Report up to 1,000 events; each entry is an answer or a problem, in order.",
        202, "publishable", "EventBatchAnswer", "EventBatchBody", _BATCH,
    ),
    Operation(
        "post", "/v1/outcomes",
        "Report rewards, events and activations of a page in one body, with the "
        "publishable key in it: a beacon has no headers. Up to 1,000 of each.",
        202, "open", "OutcomesAnswer", "OutcomesBody", (400, 401, 403, 413, 429, 503),
    ),
    Operation(
        "post", "/ofrep/v1/evaluate/flags/{key}",
        "Evaluate an experiment as a feature flag (OFREP): a decision, which counts as "
        "shown.",
        200, "publishable", "FlagEvaluation", "FlagEvaluationBody",
        (400, 401, 403, 404, 413, 429, 503), failure="FlagEvaluationFailure",
    ),
    Operation(
        "post", "/ofrep/v1/evaluate/flags",
        "Evaluate all experiments as feature flags (OFREP): deferred decisions, which "
        "count once they are activated or rewarded.",
        200, "publishable", "FlagEvaluations", "FlagEvaluationBody",
        (400, 401, 403, 413, 429, 503), failure="FlagEvaluationFailure", has_tag=True,
    ),
    Operation(
        "post", "/v1/batch",
        "Take messages of the SDKs of Segment or RudderStack, up to 2,500 and 500 kB.",
        200, "write_key", "SegmentAnswer", "SegmentBatch", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/import",
        "Take messages of the past; as /v1/batch.",
        200, "write_key", "SegmentAnswer", "SegmentBatch", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/track",
        "Take what a unit did (Segment); an event, idempotent by messageId.",
        200, "write_key", "SegmentAnswer", "SegmentMessage", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/page",
        "Take a page that a unit saw (Segment); the event `page`.",
        200, "write_key", "SegmentAnswer", "SegmentMessage", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/screen",
        "Take a screen that a unit saw (Segment); the event `page`.",
        200, "write_key", "SegmentAnswer", "SegmentMessage", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/identify",
        "Take traits of a unit, and its ids, which become one person (Segment).",
        200, "write_key", "SegmentAnswer", "SegmentMessage", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/alias",
        "Take another id of a unit, which becomes the same person (Segment).",
        200, "write_key", "SegmentAnswer", "SegmentMessage", _SEGMENT,
        failure="SegmentFailure",
    ),
    Operation(
        "post", "/v1/group",
        "Take the company of a unit (Segment); counted, and not kept.",
        200, "write_key", "SegmentAnswer", "SegmentMessage", _SEGMENT,
        failure="SegmentFailure",
    ),
    *(
        Operation(
            "post", f"/v1/{name[0]}",
            f"The same as /v1/{name}, at the address of Segment's SDK for pages.",
            200, "write_key", "SegmentAnswer",
            "SegmentBatch" if name == "batch" else "SegmentMessage", _SEGMENT,
            failure="SegmentFailure",
        )
        for name in ("batch", "track", "page", "screen", "identify", "alias", "group")
    ),
    Operation(
        "post", "/v1/webhooks/{source}",
        "Deliver events of a source, signed as its kind does; each becomes what the "
        "source's mapping says. Repeated deliveries count once.",
        200, "open", "WebhookAnswer", "WebhookBody", (400, 401, 404, 413, 429, 503),
    ),
    Operation(
        "post", "/v1/webhooks",
        "Add a source of webhooks; the answer alone has its secret.",
        201, "secret", "IssuedSource", "SourceBody",
        (400, 401, 403, 404, 409, 413, 429, 503),
    ),
    Operation(
        "get", "/v1/webhooks", "List the sources of webhooks.",
        200, "secret", "SourceList", None, (401, 403, 429, 503),
    ),
    Operation(
        "post", "/v1/webhooks/{source}/secrets",
        "Make another secret of a source; the former ones stay good for a time.",
        201, "secret", "IssuedSource", "SecretBody",
        (400, 401, 403, 404, 413, 429, 503),
    ),
    Operation(
        "delete", "/v1/webhooks/{source}",
        "Remove a source; its deliveries are refused from now on.",
        200, "secret", "SourceRecord", None, _READ,
    ),
    Operation(
        "put", "/v1/units/{unit_id}",
        "Change traits, consent and links of a unit; applied within a second.",
        202, "secret", "UnitChangeAnswer", "UnitBody",
        (400, 401, 403, 413, 429, 503),
    ),
    Operation(
        "get", "/v1/units/{unit_id}",
        "Read what is known of a unit, and its features as they are now.",
        200, "secret", "UnitRecord", None, _READ,
    ),
    Operation(
        "delete", "/v1/units/{unit_id}",
        "Erase a unit and its linked ids; Location says where to read how far it is.",
        202, "secret", "ErasureAnswer", None, (400, 401, 403, 429, 503),
    ),
    Operation(
        "get", "/v1/erasures/{id}",
        "Read how far an erasure is, and what went.",
        200, "secret", "ErasureAnswer", None, _READ,
    ),
    Operation(
        "post", "/v1/experiments", "Create an experiment.",
        201, "secret", "ExperimentRecord", "Definition",
        (400, 401, 403, 409, 413, 429, 503),
    ),
    Operation(
        "get", "/v1/experiments", "List the experiments.",
        200, "secret", "ExperimentList", None, (401, 403, 429, 503),
    ),
    Operation(
        "get", "/v1/experiments/{key}", "Read one experiment's definition.",
        200, "secret", "ExperimentRecord", None, _READ,
    ),
    Operation(
        "patch", "/v1/experiments/{key}",
        "Change an experiment by a JSON merge patch (RFC 7396); a new revision.",
        200, "secret", "ExperimentRecord", PATCH, _WRITE,
    ),
    Operation(
        "post", "/v1/programmes", "Create a programme of experiments.",
        201, "secret", "ProgrammeRecord", "ProgrammeDefinition",
        (400, 401, 403, 409, 413, 429, 503),
    ),
    Operation(
        "get", "/v1/programmes", "List the programmes.",
        200, "secret", "ProgrammeList", None, (401, 403, 429, 503),
    ),
    Operation(
        "get", "/v1/programmes/{key}", "Read one programme's definition.",
        200, "secret", "ProgrammeRecord", None, _READ,
    ),
    Operation(
        "get", "/v1/programmes/{key}/report",
        "Read what a programme earns: whole, parts and interaction.",
        200, "secret", "ProgrammeReport", None, _READ,
    ),
    Operation(
        "patch", "/v1/programmes/{key}",
        "Change a programme by a JSON merge patch (RFC 7396); a new revision.",
        200, "secret", "ProgrammeRecord", PROGRAMME_PATCH, _WRITE,
    ),
    Operation(
        "get", "/v1/experiments/{key}/revisions",
        "Read every definition that an experiment has had, and why it was changed.",
        200, "secret", "RevisionList", None, _READ,
    ),
    Operation(
        "get", "/v1/experiments/{key}/report",
        "Read groups, variants and uplift with intervals that hold at every look; "
        "of the decisions made in a range of time, where one is asked for.",
        200, "secret", "Report", None, (400, *_READ), query="RangeQuery",
    ),
    Operation(
        "get", "/v1/experiments/{key}/report.csv", "Read the report as CSV.",
        200, "secret", None, None, (400, *_READ), "text/csv", query="RangeQuery",
    ),
    Operation(
        "get", "/v1/experiments/{key}/models", "List the kept model versions.",
        200, "secret", "ModelList", None, _READ,
    ),
    Operation(
        "post", "/v1/experiments/{key}/models/{version}/restore",
        "Serve an older model again, and learn from now on top of it.",
        200, "secret", "ModelRecord", None, (401, 403, 404, 409, 429, 503),
    ),
    Operation(
        "get", "/v1/experiments/{key}/models/{version}/download",
        "Download a published model (or `latest`), with all that a decision by it "
        "follows from.",
        200, "secret", None, None, (401, 403, 404, 409, 429, 503),
        "application/octet-stream", has_tag=True,
    ),
    Operation(
        "get", "/v1/experiments/{key}/splits",
        "Read the policy split of now and those of the past, with every step.",
        200, "secret", "Splits", None, _READ,
    ),
    Operation(
        "patch", "/v1/experiments/{key}/splits",
        "Pause, resume, advance or roll back the policy split by hand.",
        200, "secret", "Splits", "SplitCommand", _WRITE,
    ),
    Operation(
        "post", "/v1/experiments/{key}/evaluations",
        "Ask what policies would have earned; a job, whose place is in Location.",
        202, "secret", "EvaluationAnswer", "EvaluationBody", _WRITE,
    ),
    Operation(
        "get", "/v1/experiments/{key}/evaluations",
        "List the evaluations of an experiment, newest first, without results.",
        200, "secret", "EvaluationList", None, _READ,
    ),
    Operation(
        "get", "/v1/experiments/{key}/evaluations/{id}",
        "Read one evaluation: its progress, and its result.",
        200, "secret", "EvaluationAnswer", None, _READ,
    ),
    Operation(
        "get", "/v1/plan",
        "Plan an experiment: how long until a lift is found, at every look?",
        200, "secret", "Plan", None, (400, 401, 403, 429, 503), query="PlanRequest",
    ),
    Operation(
        "get", "/client.js", "Load the client for pages, a JavaScript module.",
        200, "open", None, media="text/javascript", has_tag=True,
    ),
    Operation(
        "get", "/client/{release}.js",
        "Load one version of the client for pages, whose bytes never change.",
        200, "open", None, None, (404,), media="text/javascript", has_tag=True,
    ),
    Operation(
        "get", "/healthz", "Answer whether the process is up.", 200, "open", "Health"
    ),
    Operation(
        "get", "/readyz", "Answer whether decisions can be made durably.",
        200, "open", "Readiness", None, (503,),
    ),
    Operation(
        "get", "/metrics", "Read the metrics, in the text format of Prometheus.",
        200, "open", None, media="text/plain",
    ),
    Operation("get", "/openapi.json", "Read this description.", 200, "open", DOCUMENT),
    Operation(
        "get", "/docs", "Read this description as a page.",
        200, "open", None, media="text/html",
    ),
)  # fmt: skip
