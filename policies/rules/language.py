"""The conditions of a rule table: a small language over context keys.

Owns its grammar and its errors with their column. No code is evaluated: a condition is
compiled to closures (conditions.py). Knows nothing of variants.

    condition  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = "not" negation | "(" condition ")" | comparison
    comparison = name ("=" | "!=" | "<" | "<=" | ">" | ">=") value
               | name "in" "[" value { "," value } "]"
    name       = key { "." key }; a key of other characters is put in backticks
    value      = "text" | 'text' | number | true | false | null
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from policies.base import Scalar
from policies.rules.conditions import (
    ORDERS,
    Condition,
    all_of,
    any_of,
    compared,
    negated,
    one_of,
)

MAX_LENGTH = 1_000
# A condition, a variant and the two words.
MAX_LINE_LENGTH = MAX_LENGTH + 300
# The parser is recursive: without a limit a condition could exhaust the stack.
MAX_DEPTH = 20

_KEY = r"(?:[A-Za-z_][A-Za-z0-9_-]*|`[^`]+`)"
# A number must not run into a letter or a dot, so that `1.2.3` and `18h` are refused.
_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d{{1,3}})?(?![\w.]))
      | (?P<name>{_KEY}(?:\.{_KEY})*)
      | (?P<text>"(?:[^"\\]|\\["\\])*"|'(?:[^'\\]|\\['\\])*')
      | (?P<sign><=|>=|!=|==?|<|>|[()\[\],])
    )""",
    re.VERBOSE,
)
_PART = re.compile(_KEY)
_ESCAPED = re.compile(r"\\(.)")
_WORDS = frozenset({"and", "or", "not", "in", "when", "then"})
_CONSTANTS: Mapping[str, Scalar] = {"true": True, "false": False, "null": None}
_COMPARISONS = frozenset({"=", "==", "!=", *ORDERS})


class RuleError(Exception):
    """A condition that can't be read; `column` counts from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message

    def __str__(self) -> str:
        """Return the message with its column."""
        return f"at column {self.column}: {self.message}"


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def parse_condition(text: str) -> Condition:
    """Compile a condition.

    Raises:
        RuleError: the text is empty, too long, nested too deeply or malformed.
    """
    _check_length(text)
    parser = _Parser(text)
    condition = parser.condition(0)
    parser.expect_end()
    return condition


def split_rule(line: str) -> tuple[str, str]:
    """Split `when CONDITION then VARIANT` into its two parts.

    Raises:
        RuleError: a word is missing, or the condition before `then` is malformed.
    """
    _check_length(line, MAX_LINE_LENGTH)
    parser = _Parser(line)
    parser.expect_word("when")
    begins = parser.token.column - 1
    parser.condition(0)
    ends = parser.token.column - 1
    parser.expect_word("then")
    rest = line[ends:].strip().removeprefix("then").strip()
    if len(rest) > 1 and rest[0] == rest[-1] and rest[0] in "\"'":
        rest = rest[1:-1]
    if not rest:
        raise RuleError(len(line) + 1, "expected a variant after 'then', found the end")
    condition = line[begins:ends].strip()
    _check_length(condition)
    return condition, rest


class _Parser:
    """Reads tokens from left to right; `token` is the next one.

    Recursive descent with one token of look-ahead; depth is bounded by MAX_DEPTH.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.token = self._read()

    def condition(self, depth: int) -> Condition:
        """Parse conditions joined by `or`."""
        found = [self._conjunction(depth)]
        while self._is("name", "or"):
            self._next()
            found.append(self._conjunction(depth))
        return found[0] if len(found) == 1 else any_of(found)

    def expect_word(self, word: str) -> None:
        """Consume one of the language's own words."""
        if not self._is("name", word):
            raise self._expected(f"'{word}'")
        # A variant's key follows `then`; it need not be a token of this language.
        if word != "then":
            self._next()

    def expect_end(self) -> None:
        """Refuse any further token."""
        if self.token.kind != "end":
            raise self._expected("'and', 'or' or the end")

    def _conjunction(self, depth: int) -> Condition:
        found = [self._negation(depth)]
        while self._is("name", "and"):
            self._next()
            found.append(self._negation(depth))
        return found[0] if len(found) == 1 else all_of(found)

    def _negation(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise RuleError(
                self.token.column,
                f"it is nested too deeply; at most {MAX_DEPTH} levels are allowed",
            )
        if self._is("name", "not"):
            self._next()
            return negated(self._negation(depth + 1))
        if self._is("sign", "("):
            self._next()
            inside = self.condition(depth + 1)
            self._expect_sign(")", "'and', 'or' or ')'")
            return inside
        return self._comparison()

    def _comparison(self) -> Condition:
        token = self.token
        if token.kind != "name" or token.text in _WORDS or token.text in _CONSTANTS:
            raise self._expected("a context key, 'not' or '('")
        path = tuple(part.strip("`") for part in _PART.findall(token.text))
        self._next()
        sign = self.token.text
        if self._is("name", "in"):
            self._next()
            return one_of(path, self._list())
        if self.token.kind != "sign" or sign not in _COMPARISONS:
            raise self._expected("=, !=, <, <=, >, >= or in")
        self._next()
        return compared(path, sign, self._value())

    def _list(self) -> list[Scalar]:
        self._expect_sign("[", "'['")
        found = [self._value()]
        while self._is("sign", ","):
            self._next()
            found.append(self._value())
        self._expect_sign("]", "',' or ']'")
        return found

    def _value(self) -> Scalar:
        kind, text, _ = self.token
        value: Scalar
        match kind:
            case "number":
                value = _number(text)
            case "text":
                value = _ESCAPED.sub(r"\1", text[1:-1])
            case "name" if text in _CONSTANTS:
                value = _CONSTANTS[text]
            case _:
                raise self._expected('a value: "text", a number, true, false or null')
        self._next()
        return value

    def _expect_sign(self, sign: str, expected: str) -> None:
        if not self._is("sign", sign):
            raise self._expected(expected)
        self._next()

    def _is(self, kind: str, text: str) -> bool:
        return self.token.kind == kind and self.token.text == text

    def _next(self) -> None:
        self.token = self._read()

    def _read(self) -> _Token:
        found = _TOKEN.match(self._text, self._end)
        if found is None:
            rest = self._text[self._end :]
            column = len(self._text) - len(rest.lstrip()) + 1
            if not rest.strip():
                return _Token("end", "", column)
            return _Token("other", rest.lstrip()[0], column)
        self._end = found.end()
        kind = str(found.lastgroup)
        return _Token(kind, found[kind], found.start(kind) + 1)

    def _expected(self, what: str) -> RuleError:
        token = self.token
        met = "the end" if token.kind == "end" else repr(token.text)
        if token.kind == "other" and token.text in "\"'`":
            met = f"a {token.text} that is never closed, or a wrong escape in it"
        return RuleError(token.column, f"expected {what}, found {met}")


def _check_length(text: str, limit: int = MAX_LENGTH) -> None:
    if len(text) > limit:
        raise RuleError(
            limit + 1, f"it has {len(text)} characters; at most {limit} are allowed"
        )


def _number(text: str) -> float:
    # Whole numbers of a context are exact, so those they are compared with are too.
    return float(text) if set(text) & set(".eE") else int(text)
