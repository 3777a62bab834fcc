"""The reference page of what Python programs may import.

Owns the choice of modules, and how a class or function is shown: its signature as it
is written in the source, and its docstring. Names that begin with an underscore, and
functions of the client's modules, are not public.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = "bandit_svc/client"
POLICIES = ("policies/base.py", "policies/spec.py", "policies/pmf.py")
_HEAD = """\
`bandit_svc.client` is what callers of the service import; it needs the standard library
alone. `policies` is what a new kind of policy is made of, and what a program uses that
chooses without the service."""

Function = ast.FunctionDef


def python_page() -> str:
    """Return the page of the client's and the policies' public names."""
    exported = _exported(ROOT / CLIENT / "__init__.py")
    parts = ["# Python", _HEAD, "## bandit_svc.client"]
    for path in sorted((ROOT / CLIENT).rglob("*.py")):
        parts += [
            text
            for node in _public(path)
            if node.name in exported
            for text in _section(node)
        ]
    for name in POLICIES:
        parts.append(f"## {name.removesuffix('.py').replace('/', '.')}")
        parts += [text for node in _public(ROOT / name) for text in _section(node)]
    return "\n\n".join(parts)


def _exported(package: Path) -> set[str]:
    """Return the names that a package's `__init__` imports for its users."""
    tree = ast.parse(package.read_text())
    # One that needs more than the standard library is imported for type checkers alone.
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def _public(path: Path) -> Iterator[ast.ClassDef | Function]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node


def _section(node: ast.ClassDef | Function) -> Iterator[str]:
    yield f"### {node.name}"
    if isinstance(node, Function):
        yield _code(_signature(node))
        yield _words(node)
        return
    inits = [
        one for one in node.body if isinstance(one, Function) and one.name == "__init__"
    ]
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
    if inits:
        signature = _signature(inits[0]).removeprefix("__init__")
        yield _code(node.name + signature.removesuffix(" -> None"))
    elif fields:
        yield _code("\n".join(ast.unparse(field) for field in fields))
    yield _words(node)
    for method in node.body:
        if isinstance(method, Function) and not method.name.startswith("_"):
            yield f"#### {node.name}.{method.name}"
            yield _code(_signature(method))
            yield _words(method)


def _signature(function: Function) -> str:
    arguments = ast.unparse(function.args).removeprefix("self, ").removeprefix("self")
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{function.name}({arguments}){returns}"


def _code(text: str) -> str:
    # Not marked as Python: examples that are so marked are run by the tests.
    return f"```text\n{text}\n```"


def _words(node: ast.ClassDef | Function) -> str:
    return _as_markdown(inspect.cleandoc(ast.get_docstring(node) or ""))


def _as_markdown(docstring: str) -> str:
    """Turn the sections of a docstring and their entries into lists."""
    written: list[str] = []
    for line in docstring.splitlines():
        if line in {"Args:", "Raises:", "Returns:", "Attributes:"}:
            written += [f"{line.removesuffix(':')}:", ""]
        elif line.startswith("    ") and line[4] != " ":
            written.append(f"- {line.strip()}")
        else:
            written.append(f"  {line.strip()}" if line.startswith("     ") else line)
    return "\n".join(written)
