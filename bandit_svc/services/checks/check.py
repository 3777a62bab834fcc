"""A check: one question about soundness, and its answer.

Owns both types, the four statuses and the JSON of an answer. Each check defines its
kind (name, title, advice) once, beside the function that answers it; the order in a
report is that of services.report.checks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from bandit_svc.domain.numbers import count
from bandit_svc.domain.plain_values import Payload

Status = Literal["ok", "warn", "fail", "early"]
"""`early`: the question can't be tested yet. It is no fault, and no approval."""


class Check(msgspec.Struct, frozen=True):
    """The answer to one question.

    Attributes:
        name: what callers know it by.
        title: what the check makes sure of, for people.
        advice: what to do when the status is `warn` or `fail`.
        detail: what was found, a sentence.
        policy: the target policy that it is about; empty if it is about none.
        numbers: what the detail is based on, by name.
        keys: a number for each context key; None for a check that compares no keys.
    """

    name: str
    status: Status
    detail: str
    title: str
    advice: str = ""
    policy: str = ""
    numbers: Mapping[str, float] = {}
    keys: Mapping[str, float] | None = None


class CheckKind(msgspec.Struct, frozen=True):
    """The question itself; its attributes are those of `Check`."""

    name: str
    title: str
    advice: str = ""

    def answer(self, status: Status, detail: str, **numbers: float) -> Check:
        """Return the check with this status."""
        return Check(
            self.name, status, detail, self.title, self.advice, numbers=numbers
        )

    def ok(self, detail: str, **numbers: float) -> Check:
        """Return the check without a finding."""
        return self.answer("ok", detail, **numbers)

    def warn(self, detail: str, **numbers: float) -> Check:
        """Return the check with something to look at."""
        return self.answer("warn", detail, **numbers)

    def fail(self, detail: str, **numbers: float) -> Check:
        """Return the check with a fault that makes numbers wrong."""
        return self.answer("fail", detail, **numbers)

    def early(self, reason: str, **numbers: float) -> Check:
        """Return the check as one that can't be tested yet, and why."""
        return self.answer("early", reason, **numbers)


def check_json(check: Check) -> Payload:
    """Return a check as the contract has it; its numbers stand beside its name."""
    about = {"policy": check.policy} if check.policy else {}
    return {
        "check": check.name,
        "status": check.status,
        "detail": check.detail,
        **about,
        **check.numbers,
        **({} if check.keys is None else {"keys": check.keys}),
    }


class Checked(Protocol):
    """A struct of which checks are a part."""

    @property
    def health(self) -> Sequence[Check]:
        """Every check, in order."""


def checked_json(content: Checked) -> Payload:
    """Return a struct with checks as the contract has it."""
    values: dict[str, Any] = msgspec.to_builtins(content)
    return values | {"health": [check_json(check) for check in content.health]}


def with_status(checks: Sequence[Check], status: Status) -> list[Check]:
    """Return the checks of one status, in order."""
    return [check for check in checks if check.status == status]


def tally(checks: Sequence[Check]) -> str:
    """Return how many checks have which status: `5 ok, 8 too early`."""
    counts = {status: len(with_status(checks, status)) for status in WORDS}
    return tally_of(counts)


def tally_of(counts: Mapping[Status, int]) -> str:
    """Return counts by status as words; statuses without a check are left out."""
    return ", ".join(
        f"{count(counts[status])} {word}"
        for status, word in WORDS.items()
        if counts.get(status)
    )


WORDS: Mapping[Status, str] = {
    "fail": "failed",
    "warn": "to look at",
    "ok": "ok",
    "early": "too early",
}
"""The statuses in people's words, the worst one first."""
