"""The SQL statements that are written in the modules of a room.

Owns how they are found: texts, also joined and filled in with names of their module.
What a function puts together from its arguments is not found.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import bandit_svc

ROOT = Path(bandit_svc.__file__).parent
_BEGIN = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s")
_PART = re.compile(r"\s*UPDATE SET\s|.*(\sDO|[{}].*)\s*$", re.DOTALL)
"""A part of a statement, which is put together elsewhere."""
_MIGRATES = re.compile(r"(create|make_new)_")


def statements(path: Path) -> Iterator[str]:
    """Yield the whole statements of a module, but for those of its migrations."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    names = vars(importlib.import_module(".".join(parts)))
    for text in _texts(ast.parse(path.read_text()), names):
        if _BEGIN.match(text) and not _PART.match(text):
            yield text


def _texts(node: ast.AST, names: dict[str, object]) -> Iterator[str]:
    """Yield the largest texts that are known without running a function."""
    if isinstance(node, ast.FunctionDef) and _is_migration(node):
        return
    if isinstance(node, ast.expr) and _is_text(node):
        try:
            code = compile(ast.Expression(node), "<statement>", "eval")
            text = eval(code, dict(names))  # noqa: S307 - our own module's text
        except (NameError, AttributeError, IndexError, TypeError):
            return
        if isinstance(text, str):
            yield text
        return
    for below in ast.iter_child_nodes(node):
        yield from _texts(below, names)


def _is_text(node: ast.expr) -> bool:
    """Return True for a text, a filled one, a joined one and a `format` of one."""
    if isinstance(node, ast.Call):
        called = node.func
        return isinstance(called, ast.Attribute) and called.attr == "format"
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.BinOp | ast.JoinedStr)


def _is_migration(function: ast.FunctionDef) -> bool:
    takes = {argument.arg for argument in function.args.args}
    return "db" in takes or _MIGRATES.match(function.name) is not None
