"""Which files of a repository a program reaches by its imports, told from the source alone."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

_ROOTS = ("", "src", "lib", "python")
"""Folders of a repository in which modules are looked for, besides that of the program."""

_LONGEST_PATH = 4096

_MODULE, _INSIDE, _TEXT = "module", "inside", "text"
"""What a source names: a module, a module relative to itself, or perhaps a file."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What a program uses, as far as its source tells.

    Attributes:
        files: Paths of the repository: the program, the modules it imports, and files that it,
            its command line or its arguments name.
        modules: Top-level modules from elsewhere that it imports, such as "numpy".
    """

    files: frozenset[str]
    modules: frozenset[str]


def follow_imports(
    words: Iterable[str],
    folder: str,
    files: Collection[str],
    read: Callable[[Collection[str]], Mapping[str, bytes]],
) -> Reached:
    """Follow the imports of a program through the files of a commit, without running anything.

    Imports whose names are computed are not seen; those in branches that never run are.

    Args:
        words: The words of the command and of the arguments; those that name files are reached.
        folder: The folder the command was given in, relative to the repository's root.
        files: All files of the commit, with slashes.
        read: Returns the contents of some of them; what it leaves out is passed over.
    """
    known = frozenset(files)
    place = posixpath.normpath(folder)
    place = "" if place == "." or place.startswith(("/", "..")) else place
    named = _named_modules(words)
    waiting = {path for word in named.words for path in _paths(word, place, known)}
    programs = sorted(posixpath.dirname(path) for path in waiting if path.endswith(".py"))
    roots = list(dict.fromkeys([*programs, place, *_ROOTS]))
    for module in named.modules:
        waiting |= _modules(module, roots, known) | _modules(f"{module}.__main__", roots, known)
    reached: set[str] = set()
    elsewhere: set[str] = set()
    while waiting:
        reached |= waiting
        sources = read(sorted(path for path in waiting if path.endswith(".py")))
        waiting = set()
        for path, source in sources.items():
            for use in _used_by(path, source):
                inside = _inside(use, path, place, roots, known)
                waiting |= inside
                if not inside and use.kind == _MODULE:
                    elsewhere.add(use.name.partition(".")[0])
        waiting -= reached
    return Reached(frozenset(reached), frozenset(elsewhere))


@dataclass(frozen=True, slots=True)
class _Named:
    words: list[str]
    modules: list[str]


@dataclass(frozen=True, slots=True)
class _Use:
    name: str
    kind: str = _MODULE


def _inside(
    use: _Use, path: str, place: str, roots: Iterable[str], known: frozenset[str]
) -> set[str]:
    """Return the files of the repository that a use in the source at `path` means."""
    if use.kind == _TEXT:
        return _paths(use.name, place, known) | _paths(use.name, posixpath.dirname(path), known)
    # What a module names relative to itself begins at the root, wherever the program lies.
    return _modules(use.name, [""] if use.kind == _INSIDE else roots, known)


def _named_modules(words: Iterable[str]) -> _Named:
    """Tell the words from the module in `python -m MODULE` and `meticulous MODULE:NAME`."""
    given = [word for word in words if isinstance(word, str)]
    modules = [after for word, after in pairwise(given) if word == "-m"]
    parts = [part for word in given for part in (word, word.partition("=")[2]) if part]
    places = [word.rpartition(":")[0] for word in given if ":" in word]
    modules += [place for place in places if all(map(str.isidentifier, place.split(".")))]
    return _Named([*parts, *(place for place in places if place.endswith(".py"))], modules)


def _paths(word: str, folder: str, known: frozenset[str]) -> set[str]:
    """Return the file that a word names, relative to a folder; of an absolute path its end."""
    if not word or len(word) > _LONGEST_PATH or "\n" in word:
        return set()
    if word.startswith("/"):
        parts = word.strip("/").split("/")
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        return set(next(([end] for end in ends if end in known), []))
    path = posixpath.normpath(posixpath.join(folder, word))
    return {path} & known


def _modules(name: str, roots: Iterable[str], known: frozenset[str]) -> set[str]:
    """Return the files that importing a dotted name loads: the packages above it, and itself."""
    parts = name.split(".")
    for root in roots:
        places = [posixpath.join(root, *parts[:count]) for count in range(1, len(parts) + 1)]
        found = {path for p in places for path in (f"{p}/__init__.py", f"{p}.py")} & known
        if found:
            return found
    return set()


def _used_by(path: str, source: bytes) -> Iterator[_Use]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_Use(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_import(node, path)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield _Use(node.value, _TEXT)
        elif isinstance(node, ast.Call):
            yield from _dynamic_import(node)


def _from_import(node: ast.ImportFrom, path: str) -> Iterator[_Use]:
    module, kind = node.module or "", _MODULE
    if node.level:
        folder, kind = posixpath.dirname(path), _INSIDE
        for _ in range(node.level - 1):
            folder = posixpath.dirname(folder)
        module = ".".join(filter(None, [folder.replace("/", "."), module]))
    if module:
        yield _Use(module, kind)
    for alias in node.names:
        # A module of a package, or a name in a module: only the files can tell.
        if alias.name != "*":
            yield _Use(f"{module}.{alias.name}" if module else alias.name, kind)


def _dynamic_import(node: ast.Call) -> Iterator[_Use]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in ("import_module", "__import__") and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield _Use(first.value)
