"""What the source of a file can declare at all, seen before it is run."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping

_PLAIN = re.compile(
    rb"""^\s*(?:class\s+\w+\s*\([^)]*|(?:async\s+)?def\s+\w+\s*\(\s*\w+\s*:\s*[\w.'"]*)\bExperiment\b""",
    re.MULTILINE,
)
"""What nearly every file with a declaration holds; of such a file nothing has to be parsed."""

_MAKERS = frozenset(
    ("FunctionType", "eval", "exec", "from_function", "make_dataclass", "new_class")
)
"""Calls that may make a class or a function of which no statement tells."""

_MAKER = "a call that makes classes"
"""Stands for the name of such a call; no name of a source is like it."""

_OWN, _NOBODYS = ".", ""
"""Where a name comes from: the user's own code, or this package; the interpreter, or a class that
is judged by its own base classes."""

_NEEDED = re.compile(r"\s*([\w.-]*).*", re.DOTALL)
"""The name at the beginning of what a distribution needs."""

_OF_TYPE = 3
"""Arguments with which `type` makes a class."""


def can_declare(path: str) -> bool:
    """Say whether running a file may declare an experiment; False only where that is certain.

    A declaration needs a class with a base class, or a function with a decorator or an annotated
    first argument, that neither the interpreter nor an installed package brings; or code that makes
    classes by calls. Packages that need this one may bring base classes, too.

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
    facts = _Facts(os.path.dirname(os.path.realpath(path)))
    nodes = list(ast.walk(tree))
    for node in nodes:
        facts.learn(node)
    homes = {facts.home_of(name) for node in nodes for name in _needed(node)}
    # What is installed is asked last: that can take half a second.
    return _OWN in homes or not all(map(_is_of_others, homes - {_NOBODYS}))


@dataclass
class _Facts:
    """What the names of a source stand for.

    Attributes:
        folder: The folder of the file, whose modules are the user's own, as are those that the
            import path has before the interpreter's.
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
                    self._import(name.asname or name.name.partition(".")[0], name.name)
            case ast.ImportFrom(module, names, level):
                for name in names:
                    self.is_open |= name.name == "*"
                    self._import(name.asname or name.name, "." * level + (module or ""))
            case ast.Name(name, ast.Store()):
                self.bound.add(name)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                self.bound.add(name)
            case ast.ClassDef(name):
                self.classes.add(name)

    def _import(self, name: str, module: str) -> None:
        if self.imported.setdefault(name, module) != module:
            self.bound.add(name)  # as with `try` and `except ImportError`: it may be either

    def home_of(self, name: str) -> str:
        """Return where a name comes from: `_OWN`, `_NOBODYS`, or the package it is imported from.

        `_OWN` may be an experiment, or make one, and `_NOBODYS` cannot.
        """
        import builtins

        if name in self.bound:
            return _OWN
        if name in self.imported:
            return self._home_of_module(self.imported[name].partition(".")[0])
        is_known = name in self.classes or (hasattr(builtins, name) and not self.is_open)
        return _NOBODYS if is_known else _OWN

    def _home_of_module(self, top: str) -> str:
        theirs = os.path.dirname(os.__file__)
        own = (self.folder, *itertools.takewhile(lambda place: place != theirs, sys.path))
        is_here = any(
            os.path.exists(os.path.join(place, name))
            for place in own
            for name in (top, f"{top}.py")
        )
        if top in ("", "meticulous") or is_here:
            return _OWN
        return _NOBODYS if top in sys.stdlib_module_names else top


def _is_of_others(module: str) -> bool:
    """Say whether a module comes from a distribution that does not build on this package.

    It may do so by way of others: they pass base classes on.
    """
    from importlib import metadata

    waiting = list(filter(None, _distributions().get(module, ())))
    seen: set[str] = set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name.startswith("meticulous"):
            return False
        if name not in seen:
            seen.add(name)
            with contextlib.suppress(metadata.PackageNotFoundError):  # it brings nothing
                waiting += (_NEEDED.sub(r"\1", one) for one in metadata.requires(name) or ())
    return bool(seen)


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Return which distributions bring a module, for all that are installed."""
    from importlib import metadata

    return metadata.packages_distributions()


def _needed(node: ast.AST) -> Iterator[str]:
    """Yield the names of which one has to be an experiment, or make one, for a node to declare one.

    A call that makes classes needs none, and yields its own name.
    """
    import ast

    match node:
        case ast.ClassDef(bases=bases, keywords=keywords, decorator_list=decorators):
            yield from _names([*bases, *(keyword.value for keyword in keywords), *decorators])
        case (
            ast.FunctionDef(args=args, decorator_list=decorators)
            | ast.AsyncFunctionDef(args=args, decorator_list=decorators)
        ):
            first = [*args.posonlyargs, *args.args][:1]
            annotations = [one.annotation for one in first if one.annotation is not None]
            yield from _names([*decorators, *annotations])
        case ast.Call(ast.Name(name) | ast.Attribute(attr=name), args):
            if name in _MAKERS or (name == "type" and len(args) == _OF_TYPE):
                yield _MAKER


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
