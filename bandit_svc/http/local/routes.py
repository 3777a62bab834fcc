"""Routes of model downloads and of the log of local decisions.

Owns their HTTP shape; the rules are in services.serving.local.
"""

from collections.abc import Mapping

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.domain.events.decision_id import local_tag
from bandit_svc.errors import BanditError, NotFound, Unavailable
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.auth import check_experiment
from bandit_svc.http.experiments import MAX_VERSION
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.local.bodies import (
    LocalLogAnswer,
    LoggedAnswer,
    parse_local_decision,
    parse_local_log,
)
from bandit_svc.http.people.unit_names import kept_name
from bandit_svc.http.problems import Problem, problem_of, retry_headers
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.serving.brought.gathered_log import GatheredLog
from bandit_svc.services.serving.local.download_model import (
    LATEST,
    DownloadPorts,
    download_model,
)
from bandit_svc.services.serving.local.known_decisions import KnownDecisions
from bandit_svc.services.serving.local.log_decision import (
    LocalDecision,
    LocalPorts,
    Logged,
    log_decision,
)
from bandit_svc.services.serving.local.revision_rules import KnownRules
from policies.draws.published import MEDIA_TYPE

ASKED_AGAIN = 10
"""So many records of a batch are held against the model that serves."""
_WITHOUT_KEY = "dev"
"""Stands for the id of a key in `--dev`."""


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("local", __name__)
    worker = request_context.worker
    downloads = DownloadPorts(
        worker.catalog,
        worker.storage.model_versions,
        worker.ids,
        worker.storage.pseudonym_key(),
    )
    logging = _ports(request_context)

    @routes.get("/v1/experiments/<key>/models/<version>/download")
    def download(key: str, version: str) -> Response:
        found = download_model(
            downloads,
            key,
            _version(version),
            _key_id(caller_of_request()),
            _known_tag(),
        )
        if found.content is None:
            response = Response(status=304)
        else:
            response = Response(found.content, content_type=MEDIA_TYPE)
        # It holds a key.
        response.headers["Cache-Control"] = "private, no-cache"
        response.set_etag(found.tag)
        return response

    @routes.post("/v1/decisions/log")
    def log_batch() -> Response:
        items = parse_local_log(parsing.read_batch(request))
        answers = _log_all(request_context, logging, items, caller_of_request())
        reply = json_reply(LocalLogAnswer(answers), 202, retry_headers(answers))
        return reply.to_flask()

    app.register_blueprint(routes)


def _ports(request_context: RequestContext) -> LocalPorts:
    worker = request_context.worker

    def live_tags(now_ms: int) -> Mapping[bytes, str]:
        ids = worker.catalog.live_secret_keys(now_ms)
        if worker.settings.dev:
            ids = [*ids, _WITHOUT_KEY]
        return {local_tag(key_id): key_id for key_id in ids}

    return LocalPorts(
        worker.serving,
        worker.serving.encoder,
        KnownRules(worker.storage.experiments),
        KnownDecisions(worker.storage.facts),
        live_tags,
    )


def _key_id(caller: Caller) -> str:
    return _WITHOUT_KEY if caller.key is None else caller.key.id


def _version(text: str) -> int | None:
    """Return the version that the path names; None for the newest.

    Raises:
        NotFound: it is neither `latest` nor a number from 1 on.
    """
    if text == LATEST:
        return None
    if text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_VERSION:
        return int(text)
    raise NotFound(
        f"{text[:40]!r} is no model version; send a number from 1 on, or {LATEST!r}"
    )


def _known_tag() -> str | None:
    tags = request.if_none_match
    return next(iter(tags.as_set(include_weak=True)), None) if tags else None


def _log_all(
    request_context: RequestContext,
    ports: LocalPorts,
    items: list[msgspec.Raw],
    caller: Caller,
) -> list[LoggedAnswer | Problem]:
    """Check every record, write those that are new at once, and answer in order."""
    now_ms = request_context.now_ms()
    every = max(len(items) // ASKED_AGAIN, 1)
    first = request_context.entropy(1)[0] % every
    answers: list[LoggedAnswer | Problem] = []
    fresh: list[tuple[int, Logged]] = []
    with ports.known.lock:
        log = GatheredLog(ports.serving.log)
        for index, item in enumerate(items):
            try:
                record = parse_local_decision(item)
                check_experiment(caller.key, record.experiment, "/experiment")
                logged = log_decision(
                    ports,
                    log,
                    _with_kept_name(request_context, caller, record),
                    now_ms,
                    ask_model=index % every == first,
                )
            except BanditError as error:
                # One bad record of a batch does not fail the others.
                answers.append(problem_of(error, f"/decisions/{index}"))
                continue
            answers.append(LoggedAnswer(logged.decision.id, logged.status))
            if logged.status == "accepted":
                fresh.append((index, logged))
        refused = _flushed(log)
        ports.known.keep(written=refused is None)
    for index, logged in fresh:
        if refused is None:
            request_context.decision_counter.count(logged.decision)
        else:
            answers[index] = problem_of(refused, f"/decisions/{index}")
    return answers


def _with_kept_name(
    request_context: RequestContext, caller: Caller, record: LocalDecision
) -> LocalDecision:
    """Return a record with the name under which its unit is kept."""
    if record.unit_id is None:
        return record
    name = kept_name(request_context, caller, record.unit_id)
    return msgspec.structs.replace(record, unit_id=name)


def _flushed(log: GatheredLog) -> Unavailable | None:
    """Write what was gathered; return why it could not be written."""
    try:
        log.flush()
    except Unavailable as error:
        return error
    return None
