"""A rule table: the first rule whose condition holds decides.

Owns the kind `rules`: its spec, in two forms, and its policy, which does not learn.
The language of the conditions is language.py's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from policies.base import Action, Context, PolicyError, RewardRange, check_actions
from policies.context_free.fixed import (
    ReferenceState,
    Weights,
    checked_weights,
    eligible_shares,
)
from policies.kind import PolicyKind
from policies.rules.conditions import Condition
from policies.rules.language import MAX_LENGTH, RuleError, parse_condition, split_rule
from policies.settings import Structured

MAX_RULES = 200
MAX_KEY_LENGTH = 256
UNIFORM = "uniform"
_FORM = (
    'write {"when": "device = \\"mobile\\"", "then": "sandals"}, or '
    "\"when device = 'mobile' then sandals\""
)


class _Rule(NamedTuple):
    condition: Condition
    weights: Weights


class RulesPolicy(ReferenceState):
    """Chooses by the first rule whose condition holds.

    A rule without an eligible variant is skipped. Where no rule is left, `otherwise`
    decides; where none of its variants is eligible, the choice is uniform, so that a
    decision can always be made.
    """

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        super().__init__(spec, reward_range)
        # Compiled once: a decision calls closures and parses no text.
        self._rules = [
            _Rule(parse_condition(rule["when"]), _weights(rule["then"]))
            for rule in spec["rules"]
        ]
        otherwise = spec["otherwise"]
        self._otherwise = {} if otherwise == UNIFORM else _weights(otherwise)

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the shares of the first rule that holds with an eligible variant."""
        check_actions(len(actions))
        keys = [action.key for action in actions]
        for rule in self._rules:
            if rule.condition(context):
                shares = eligible_shares(rule.weights, keys)
                # None: no variant of this rule is eligible, so a later one decides.
                if shares is not None:
                    return shares
        shares = eligible_shares(self._otherwise, keys)
        return shares or [1.0 / len(actions)] * len(actions)


def _checked_rules(value: object) -> list[dict[str, Any]]:
    if not (isinstance(value, list | tuple) and value):
        raise PolicyError(f"policy rules needs a list of rules; {_FORM}", "rules")
    if len(value) > MAX_RULES:
        raise PolicyError(
            f"there are {len(value)} rules; at most {MAX_RULES} are allowed", "rules"
        )
    return [_rule(rule, f"rules.{at}") for at, rule in enumerate(value)]


def named_variants(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each variant that a normalised table names, after the field that does."""
    for at, rule in enumerate(spec["rules"]):
        yield from _named(rule["then"], f"rules.{at}.then")
    if spec["otherwise"] != UNIFORM:
        yield from _named(spec["otherwise"], "otherwise")


def _rule(rule: object, field: str) -> dict[str, Any]:
    # A line is split here, so that both forms have the same normalised spec.
    if isinstance(rule, str):
        try:
            when, then = split_rule(rule)
        except RuleError as error:
            raise PolicyError(f"the rule can't be read {error}", field) from error
        return {"when": when, "then": _choice(then, f"{field}.then")}
    if not isinstance(rule, Mapping):
        raise PolicyError(f"a rule is {type(rule).__name__}; {_FORM}", field)
    for name in rule:
        if name not in {"when", "then"}:
            raise PolicyError(
                f"{name!r} is no part of a rule; {_FORM}", f"{field}.{name}"
            )
    return {
        "when": _condition(rule.get("when"), f"{field}.when"),
        "then": _choice(rule.get("then"), f"{field}.then"),
    }


def _condition(text: object, field: str) -> str:
    if not isinstance(text, str):
        raise PolicyError(
            "a rule needs a condition as text of at most "
            f"{MAX_LENGTH} characters; {_FORM}",
            field,
        )
    try:
        parse_condition(text)
    except RuleError as error:
        raise PolicyError(f"the condition can't be read {error}", field) from error
    return text


def _choice(choice: object, field: str) -> str | dict[str, float]:
    if isinstance(choice, str) and 0 < len(choice) <= MAX_KEY_LENGTH:
        return choice
    if isinstance(choice, Mapping) and choice:
        return checked_weights(choice, field)
    name = field.rsplit(".", 1)[-1]
    raise PolicyError(
        f"{name} is missing or no choice; give a variant's key, or weights like "
        '{"summer-dress": 3, "sandals": 1}',
        field,
    )


def _weights(choice: str | Mapping[str, float]) -> Weights:
    return {choice: 1.0} if isinstance(choice, str) else choice


def _named(choice: str | Mapping[str, float], field: str) -> Iterator[tuple[str, str]]:
    if isinstance(choice, str):
        yield field, choice
    else:
        yield from ((f"{field}.{key}", key) for key in choice)


KIND = PolicyKind(
    name="rules",
    summary="chooses by a table of rules over the context; learns nothing",
    build=RulesPolicy,
    settings=(
        Structured(
            "rules",
            None,
            "the table; the first rule whose condition holds decides",
            f"1 to {MAX_RULES} rules, each an object of `when`, a condition, and "
            "`then`, a variant's key or an object of weights, or one line `when … "
            "then …`",
            _checked_rules,
        ),
        Structured(
            "otherwise",
            UNIFORM,
            "the choice where no rule can be followed",
            f"{UNIFORM}, a variant's key or an object of weights",
            lambda value: _choice(value, "otherwise"),
        ),
    ),
    examples=(
        {"kind": "rules", "rules": [{"when": "hour > 9", "then": "boots"}]},
        {
            "kind": "rules",
            "rules": [{"when": "device in ['mobile']", "then": "sandals"}],
            "otherwise": {"boots": 3, "sandals": 1},
        },
        {
            "kind": "rules",
            "rules": [{"when": "hour > 9", "then": "boots"}],
            "max_shares": {"floor": 0.02, "shares": {"boots": 0.4}},
        },
    ),
    named_variants=named_variants,
)
