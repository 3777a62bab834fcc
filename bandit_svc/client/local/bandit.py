"""Decisions in the caller's own process.

Owns the calls of a program, the background thread, and what a fork and an end of the
process do. A decision costs no request: models come and decisions go behind its back.
"""

import atexit
import logging
import os
import random
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import msgspec

from policies.base import PolicyError

from ..decision import Decision
from ..errors import BanditClientError
from ..guarding.minute_log import MinuteLog
from .downloads import Downloads
from .made import Made, Past, past, usual_folder
from .model import LocalModel
from .outbox import Outbox, Waiting
from .service import Service

_log = logging.getLogger(__name__)
_Scalar = str | int | float | bool | None
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, _Scalar | dict[str, _Scalar]]).decode
_ENTROPY = 2**40
_MOST_REASONS = 100
"""More are counted as one, so that names that callers make up cost no memory."""
_EXIT_S = 5.0


class _Experiment:
    """What one process has made of one experiment. Hold the bandit's lock."""

    def __init__(self, made: Made | None, ended: tuple[Past, ...]) -> None:
        self.made = made
        self.sequence = 0
        self.ended = ended


class LocalBandit:
    """Decides by downloaded models; one instance serves all threads of a process.

    The same id, unit and context get the same variant, pmf and propensity as from the
    service. What was decided is logged in the background; a process that is killed
    loses at most what it decided in the last `flush_interval_s`, and the next one on
    the machine tells how many these were.

    Args:
        url: where the service listens, "http://127.0.0.1:8000".
        key: a secret key; None for a service that was started with `--dev`.
        experiments: keys of those to load now; another one is loaded when it is first
            asked for.
        poll_interval_s: how often a newer model is asked for, give or take a tenth.
        flush_interval_s: how often decisions are sent to the log.
        timeout_s: of each request in the background, and of the wait for the first
            model of an experiment.
        most_waiting: decisions that are kept while the service can't be reached; those
            beyond are made and not logged, and counted.
        folder: where the numbers of decisions are kept for the next process; by
            default one for the user in the folder of temporary files.
    """

    def __init__(  # noqa: PLR0913 - all but two are optional and named
        self,
        url: str,
        key: str | None = None,
        *,
        experiments: Iterable[str] = (),
        poll_interval_s: float = 5.0,
        flush_interval_s: float = 1.0,
        timeout_s: float = 2.0,
        most_waiting: int = 100_000,
        folder: str | Path | None = None,
    ) -> None:
        if isinstance(experiments, str):
            raise TypeError("experiments is a text; give a list of keys")
        self._settings = (url, key, timeout_s)
        self._poll_interval_s = poll_interval_s
        self._flush_interval_s = flush_interval_s
        self._timeout_s = timeout_s
        self._most_waiting = most_waiting
        self._folder = Path(folder) if folder is not None else usual_folder()
        self._store = blake2b(url.encode(), digest_size=4).hexdigest()
        self._downloads = Downloads()
        for experiment in experiments:
            self._downloads.want(experiment)
        self._begin()
        _ALL.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decide(
        self,
        experiment: str,
        unit_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        exclude: Sequence[str] = (),
        fallback: str | None = None,
    ) -> Decision:
        """Choose which variant to show.

        Args:
            unit_id: user, session or device; keeps its group for good.
            context: features of the request; what the service takes.
            exclude: variants that must not be chosen this time.
            fallback: the variant to show where no choice can be made; then the call
                never raises but for arguments of a wrong type.

        Raises:
            BanditClientError: no choice can be made, and no `fallback` was given.
            TypeError: an argument has another type.
        """
        _check_types(experiment, unit_id, context, exclude)
        model = self._downloads.models.get(experiment)
        if model is None:
            model = self._first(experiment)
            if model is None:
                status, reason = self._downloads.refused(experiment)
                return self._fall_back(experiment, fallback, reason, status)
        now_ms = time.time_ns() // 1_000_000
        try:
            text = b"{}" if not context else _encode(context)
            kept = _decode(text)
            decision_id = model.new_id(now_ms, self._entropy())
            choice = model.choose(decision_id, unit_id, kept, now_ms, exclude)
        except (PolicyError, msgspec.MsgspecError, TypeError, ValueError) as error:
            return self._fall_back(experiment, fallback, str(error), None)
        self._keep(experiment, (model, decision_id, unit_id, choice, text))
        ends_at_ms = now_ms + model.published.window_ms
        return Decision(
            experiment=experiment,
            variant=choice.variant,
            decision_id=decision_id,
            payload=choice.payload,
            propensity=choice.propensity,
            group=choice.group,
            model_version=model.published.version,
            expires_at=datetime.fromtimestamp(ends_at_ms / 1000, UTC),
        )

    def flush(self) -> bool:
        """Send what was decided; return whether the log has all of it."""
        return self._outbox.flush(self._service, at_once=True)

    def refresh(self) -> None:
        """Ask now whether there are newer models."""
        self._refresh()

    def stats(self) -> dict[str, Any]:
        """Return what was made, logged, refused, dropped and fell back so far."""
        counts = self._outbox.counts
        with self._lock:
            made = sum(one.sequence for one in self._made.values())
        return {
            "made": made,
            "waiting": len(self._outbox),
            "logged": counts["logged"],
            "refused": counts["refused"],
            "dropped": counts["dropped"],
            "fallbacks": dict(self._fallbacks),
            "models": {
                key: model.published.version
                for key, model in self._downloads.models.items()
            },
        }

    def close(self) -> None:
        """Send what is left, for a few seconds at most, and end the thread."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        end_s = time.monotonic() + _EXIT_S
        self._thread.join(_EXIT_S)
        done = self.flush()
        while not done and time.monotonic() < end_s:
            time.sleep(0.1)
            done = self.flush()
        self._warnings.tell_all()
        counts = self._outbox.counts
        done = done and not counts["dropped"] and not counts["refused"]
        for one in self._made.values():
            if one.made is not None:
                one.made.close(all_logged=done)
        with self._outbox.lock, self._polling:
            self._service.close()
            self._asking.close()
        _ALL.discard(self)

    def _begin(self) -> None:
        """Begin as a client of its own; in a forked process once more."""
        self._client = os.urandom(8).hex()
        # One sends, under the lock of the outbox; the other asks, under `_polling`.
        self._service = Service(*self._settings)
        self._asking = Service(*self._settings)
        self._polling = threading.Lock()
        self._next_poll_s = 0.0
        self._warnings = MinuteLog()
        self._outbox = Outbox(self._most_waiting, self._warnings)
        self._made: dict[str, _Experiment] = {}
        self._fallbacks: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._count = int.from_bytes(os.urandom(5), "big")
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=_run,
            args=(weakref.WeakMethod(self._tick), self._closing, self._wake),
            name="bandit-local",
            daemon=True,
        )
        self._thread.start()

    def after_fork(self) -> None:
        """Leave to the parent what is the parent's: buffer, connection, numbers."""
        for one in self._made.values():
            if one.made is not None:
                one.made.let_go()
        # Another thread of the parent may have held the lock of a model.
        self._downloads = self._downloads.anew()
        self._begin()

    def _first(self, experiment: str) -> LocalModel | None:
        """Return the model of an experiment that has none yet."""
        if self._downloads.want(experiment):
            self._wake.set()
        return self._downloads.wait(experiment, self._timeout_s)

    def _entropy(self) -> bytes:
        with self._lock:
            self._count = count = (self._count + 1) % _ENTROPY
        return count.to_bytes(5, "big")

    def _keep(
        self,
        experiment: str,
        chosen: tuple[LocalModel, str, str | None, Any, bytes],
    ) -> None:
        """Count a decision, and hand it to the background."""
        with self._lock:
            one = self._made.get(experiment)
            if one is None:
                one = self._made[experiment] = self._open(chosen[0])
            one.sequence = sequence = one.sequence + 1
            if one.made is not None:
                one.made.write(sequence)
            ended, one.ended = one.ended[:1], one.ended[1:]
        made_at_s = time.monotonic()
        self._outbox.add(Waiting(*chosen, self._client, sequence, ended, made_at_s))

    def _open(self, model: LocalModel) -> _Experiment:
        name = f"{self._store}-{model.published.number}"
        try:
            ended = tuple(one for one in past(self._folder, name) if one.made)
            return _Experiment(Made(self._folder, self._client, name), ended)
        except OSError as error:
            _log.warning("decisions that a killed process loses aren't told: %s", error)
            return _Experiment(None, ())

    def _fall_back(
        self, experiment: str, fallback: str | None, reason: str, status: int | None
    ) -> Decision:
        problem = {"title": "No local decision", "detail": reason}
        error = BanditClientError(status, problem)
        with self._lock:
            known = reason in self._fallbacks or len(self._fallbacks) < _MOST_REASONS
            self._fallbacks[reason if known else "any other"] += 1
        self._warnings.note(
            reason, lambda count: f"{count} local decisions fell back: {reason}"
        )
        if fallback is None:
            raise error
        return Decision(experiment=experiment, variant=fallback, error=error)

    def _tick(self) -> float:
        """Do what is due in the background; return the seconds until the next."""
        now_s = time.monotonic()
        if now_s >= self._next_poll_s or self._wake.is_set():
            self._wake.clear()
            self._refresh()
            jitter = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
            self._next_poll_s = now_s + self._poll_interval_s * jitter
        self._outbox.flush(self._service)
        self._warnings.tell_due()
        return self._flush_interval_s

    def _refresh(self) -> None:
        with self._polling:
            for experiment in self._downloads.wanted():
                self._downloads.refresh(self._asking, experiment)


_ALL: "weakref.WeakSet[LocalBandit]" = weakref.WeakSet()


def _run(
    tick: "weakref.WeakMethod[Callable[[], float]]",
    closing: threading.Event,
    wake: threading.Event,
) -> None:
    """Work in the background for as long as somebody holds the bandit."""
    while not closing.is_set():
        due = tick()
        if due is None:
            return
        try:
            wait_s = due()
        except Exception:  # noqa: BLE001 - the next line says why
            # A fault of one round must not end the log.
            _log.exception("the background of local decisions failed")
            wait_s = 1.0
        # Nobody else may hold the bandit while this waits.
        del due
        wake.wait(wait_s)


def _close_all() -> None:
    for bandit in list(_ALL):
        bandit.close()


def _after_fork() -> None:
    for bandit in list(_ALL):
        bandit.after_fork()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork)


def _check_types(
    experiment: str, unit_id: object, context: object, exclude: object
) -> None:
    """Refuse arguments that would be something else than meant.

    Raises:
        TypeError: one has another type.
    """
    if not isinstance(experiment, str):
        raise TypeError(f"experiment is of {type(experiment).__name__}; give its key")
    if unit_id is not None and not isinstance(unit_id, str):
        raise TypeError(f"unit_id is of {type(unit_id).__name__}; give a text or None")
    if context is not None and not isinstance(context, Mapping):
        raise TypeError(f"context is of {type(context).__name__}; give a mapping")
    if not isinstance(exclude, list | tuple | set | frozenset):
        raise TypeError(f"exclude is of {type(exclude).__name__}; give a list of keys")
