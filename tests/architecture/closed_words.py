"""The rule for closed sets of words: no value may fall through in silence.

Owns how such sets (`Literal[...]`) and the branches over them are found in a syntax
tree. A branch over two words of one set is a `match` that ends in `assert_never`, or
a mapping; then a new word fails the type check or the look-up, not the arithmetic.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.harness.source_file import SourceFile

MANY = 2


def closed_words_that_fall_through(sources: Mapping[str, SourceFile]) -> list[str]:
    """Find branches over the words of a Literal that have a silent default."""
    sets = [words for file in sources.values() for words in _literals(file.tree)]
    return [
        f"{path} line {line} tells {', '.join(sorted(words))} apart by if; use match "
        "with assert_never, or a mapping"
        for path, file in sources.items()
        if path.startswith(("bandit_svc/", "policies/"))
        for line, words in (*_if_chains(file.tree), *_open_matches(file.tree))
        if any(words <= known for known in sets)
    ]


def _literals(tree: ast.Module) -> Iterator[set[str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _last_name(node.value) == "Literal":
            yield set(_words(node.slice))


def _if_chains(tree: ast.Module) -> Iterator[tuple[int, set[str]]]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        compared: defaultdict[str, set[str]] = defaultdict(set)
        for node in ast.walk(function):
            if isinstance(node, ast.If | ast.IfExp) and isinstance(
                node.test, ast.Compare
            ):
                words = set(_words(node.test.comparators[0]))
                if isinstance(node.test.ops[0], ast.Eq | ast.NotEq) and words:
                    compared[ast.unparse(node.test.left)] |= words
        for words in compared.values():
            if len(words) >= MANY:
                yield function.lineno, words


def _open_matches(tree: ast.Module) -> Iterator[tuple[int, set[str]]]:
    """Find each `match` over words without a last `case _`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Match):
            continue
        patterns = [
            one
            for case in node.cases
            for one in ast.walk(case.pattern)
            if isinstance(one, ast.MatchValue)
        ]
        words = {word for one in patterns for word in _words(one.value)}
        last = node.cases[-1].pattern
        caught = isinstance(last, ast.MatchAs) and last.pattern is None
        if len(words) >= MANY and not caught:
            yield node.lineno, words


def _words(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Tuple):
        for one in node.elts:
            yield from _words(one)


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]
