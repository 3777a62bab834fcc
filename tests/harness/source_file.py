"""A Python source file as the tests of the house read it.

Owns what is derived from a file's syntax tree: its imports, its public functions, the
attributes that it reads.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Self

OPEN_OBJECTS = frozenset({"dict[str, Any]", "Mapping[str, Any]"})


class SourceFile:
    """One file: `path` is relative to the root, with slashes."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @classmethod
    def read(cls, path: Path, root: Path) -> Self:
        """Return the file at `path`."""
        return cls(path.relative_to(root).as_posix(), path.read_text())

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        """The dotted name; a package's is that of its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def folder(self) -> str:
        """The path of the folder."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The module's own name, without folder and suffix."""
        return self.path.rpartition("/")[2].removesuffix(".py")

    @cached_property
    def imports(self) -> frozenset[str]:
        """Everything imported, wherever in the file: modules and names in them."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
        return frozenset(names)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Every dotted name that is read, such as `time.monotonic`."""
        return frozenset(_dotted_names(self.tree))

    @cached_property
    def untyped_parameters(self) -> tuple[str, ...]:
        """The parameters annotated `Any`, as `function(parameter)`."""
        return tuple(
            f"{node.name}({parameter.arg})"
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for parameter in _parameters(node.args)
            if _is_any(parameter.annotation)
        )

    @cached_property
    def aliases_of_any(self) -> tuple[str, ...]:
        """The names that are only another word for `Any`."""
        return tuple(
            ast.unparse(target)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Assign) and _is_any(node.value)
            for target in node.targets
        )

    @cached_property
    def functions(self) -> frozenset[str]:
        """The public functions of the module's top level."""
        return frozenset(
            node.name
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        )

    @cached_property
    def open_signatures(self) -> tuple[str, ...]:
        """Functions that take or return a JSON object without a name for it."""
        return tuple(
            node.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef)
            and any(map(_is_open_object, _annotation_parts(node)))
        )

    @cached_property
    def open_aliases(self) -> tuple[str, ...]:
        """Names that the module gives to a JSON object of any fields."""
        return tuple(
            target.id
            for node in self.tree.body
            if isinstance(node, ast.Assign) and _is_open_object(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        )

    @cached_property
    def first_words(self) -> tuple[tuple[str, str], ...]:
        """Each documented function, and the first word of its docstring."""
        return tuple(
            (node.name, text.split()[0].rstrip(".,:;"))
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (text := ast.get_docstring(node))
        )

    @property
    def is_verb(self) -> bool:
        """True if the module defines a public function of its own name."""
        return self.name in self.functions


def read_sources(root: Path, rooms: Iterable[str]) -> dict[str, SourceFile]:
    """Return every Python file below the rooms, by its path from the root."""
    files = (
        SourceFile.read(path, root)
        for room in rooms
        for path in sorted((root / room).rglob("*.py"))
    )
    return {file.path: file for file in files}


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return plain + [a for a in (arguments.vararg, arguments.kwarg) if a is not None]


def _is_any(node: ast.expr | None) -> bool:
    return node is not None and ast.unparse(node) in {"Any", "typing.Any"}


def _annotation_parts(function: ast.FunctionDef) -> Iterator[ast.AST]:
    taken = function.args
    annotations = [a.annotation for a in (*taken.posonlyargs, *taken.args)]
    annotations += [a.annotation for a in taken.kwonlyargs]
    for annotation in (*annotations, function.returns):
        if annotation is not None:
            yield from ast.walk(annotation)


def _is_open_object(node: ast.AST) -> bool:
    """Return whether an annotation's node is `dict[str, Any]`, its like, or `Json`."""
    if isinstance(node, ast.Name):
        return node.id == "Json"
    return isinstance(node, ast.Subscript) and ast.unparse(node) in OPEN_OBJECTS


def _dotted_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.expr | None = node if isinstance(node, ast.Attribute) else None
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name):
            yield ".".join([inner.id, *reversed(parts)])
