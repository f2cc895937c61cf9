"""What the source of a file can declare at all, seen before it is run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

_PLAIN = re.compile(
    rb"""^\s*(?:class\s+\w+\s*\([^)]*|(?:async\s+)?def\s+\w+\s*\(\s*\w+\s*:\s*[\w.'"]*)\bExperiment\b""",
    re.MULTILINE,
)
"""What nearly every file with a declaration holds; of such a file nothing has to be parsed."""

_MAKERS = frozenset(
    ("FunctionType", "eval", "exec", "from_function", "make_dataclass", "new_class")
)
"""Calls that may make a class or a function of which no statement tells."""

_OF_TYPE = 3
"""Arguments with which `type` makes a class."""


def can_declare(path: str) -> bool:
    """Say whether running a file may declare an experiment; False only where that is certain.

    A declaration needs a class with a base class, or a function with a decorator or an annotated
    first argument, that neither the interpreter nor an installed package brings; or code that makes
    classes by calls.

    Args:
        path: The absolute path of the file.
    """
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError:
        return True  # importing it says why
    if _PLAIN.search(source):
        return True
    import ast

    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # importing it says what is wrong
    facts = _Facts(os.path.dirname(path))
    nodes = list(ast.walk(tree))
    for node in nodes:
        facts.learn(node)
    return any(_may_declare(node, facts) for node in nodes)


@dataclass
class _Facts:
    """What the names of a source stand for.

    Attributes:
        folder: The folder of the file, whose modules are the user's own.
        imported: Name -> the module that it, or what it names, is imported from.
        bound: Names that anything else may have bound.
        classes: Names of the classes that are defined here: each is judged by its own bases.
        is_open: Whether there may be names that the source does not tell.
    """

    folder: str
    imported: dict[str, str] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    is_open: bool = False

    def learn(self, node: ast.AST) -> None:
        """Add what one node of the source says."""
        import ast

        match node:
            case ast.Import(names):
                for name in names:
                    self.imported[name.asname or name.name.partition(".")[0]] = name.name
            case ast.ImportFrom(module, names, level):
                for name in names:
                    self.is_open |= name.name == "*"
                    self.imported[name.asname or name.name] = "." * level + (module or "")
            case ast.Name(name, ast.Store()):
                self.bound.add(name)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                self.bound.add(name)
            case ast.ClassDef(name):
                self.classes.add(name)

    def may_be_ours(self, name: str) -> bool:
        """Say whether a name may stand for an experiment, or for what makes one."""
        import builtins

        if name in self.bound:
            return True
        if name in self.imported:
            return self._is_own_module(self.imported[name])
        if name in self.classes:
            return False
        return self.is_open or not hasattr(builtins, name)

    def _is_own_module(self, module: str) -> bool:
        top = module.partition(".")[0]
        if top in ("", "meticulous"):
            return True
        if any(os.path.exists(os.path.join(self.folder, name)) for name in (top, f"{top}.py")):
            return True
        return top not in sys.stdlib_module_names and not _is_installed(top)


def _is_installed(module: str) -> bool:
    from importlib.machinery import PathFinder

    try:
        spec = PathFinder.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    parts = [part for place in places if place for part in place.split(os.sep)]
    return "site-packages" in parts or "dist-packages" in parts


def _may_declare(node: ast.AST, facts: _Facts) -> bool:
    import ast

    match node:
        case ast.ClassDef(bases=bases, keywords=keywords, decorator_list=decorators):
            parts = [*bases, *(keyword.value for keyword in keywords), *decorators]
            return any(map(facts.may_be_ours, _names(parts)))
        case (
            ast.FunctionDef(args=args, decorator_list=decorators)
            | ast.AsyncFunctionDef(args=args, decorator_list=decorators)
        ):
            first = [*args.posonlyargs, *args.args][:1]
            annotations = [one.annotation for one in first if one.annotation is not None]
            return any(map(facts.may_be_ours, _names([*decorators, *annotations])))
        case ast.Call(ast.Name(name) | ast.Attribute(attr=name), args, keywords):
            return name in _MAKERS or (name == "type" and len(args) == _OF_TYPE)
    return False


def _names(parts: list[ast.expr]) -> Iterator[str]:
    """Yield the names that expressions mention, those in quoted annotations included."""
    import ast

    for part in parts:
        for node in ast.walk(part):
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    yield from _names([ast.parse(node.value, mode="eval").body])
                except (SyntaxError, ValueError):
                    continue
