"""Find the statement of a class or function in the source text, without parsing all of it."""

from __future__ import annotations

import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from typing import Any


def class_lines(owner: type) -> list[str]:
    """Return the lines of the file, or the cell of a notebook, that a class is written in."""
    module = sys.modules.get(owner.__module__)
    names = vars(module) if module is not None else {}
    # Methods know the cell of a notebook in which they were written; the module knows only itself.
    files = [code.co_filename for code in _codes(owner)]
    file = names.get("__file__")
    if isinstance(file, str):
        files.append(file)
    for one in dict.fromkeys(files):
        lines = lines_of(one, names)
        if any("class" in line and owner.__name__ in line for line in lines):
            return lines
    return []


def _codes(owner: type) -> list[Any]:
    values = [getattr(value, "__func__", value) for value in vars(owner).values()]
    values = [getattr(value, "fget", value) for value in values]
    return [
        value.__code__
        for value in values
        if hasattr(value, "__code__") and value.__module__ == owner.__module__
    ]


def lines_of(file: str, names: dict[str, Any]) -> list[str]:
    """Return the lines of a source file, or of a cell of a notebook; none where there is none."""
    if file.endswith(".py"):
        try:
            with open(file, encoding="utf-8-sig", newline=None) as source:
                text = source.read()
        except (OSError, UnicodeDecodeError):
            pass  # in a zip file, or in another encoding
        else:
            # Not by splitlines, to which a form feed ends a line.
            return [f"{line}\n" for line in text.split("\n")]
    import linecache

    try:
        linecache.checkcache(file)
        return linecache.getlines(file, names)
    except Exception:  # a loader may raise anything; without source there is only less help
        return []


def class_node(owner: type, lines: list[str]) -> tuple[ast.ClassDef | None, list[str]]:
    """Return the statement that made a class, and the lines that its line numbers mean."""
    header = re.compile(rf"\s*class\s+{re.escape(owner.__name__)}\b")
    starts = [number for number, line in enumerate(lines, 1) if header.match(line)]
    first_lines = [code.co_firstlineno for code in _codes(owner)]
    first = vars(owner).get("__firstlineno__")
    if isinstance(first, int):
        first_lines.append(first)
    if len(starts) == 1:
        return _statement_at(lines, starts[0], owner.__name__)
    for start in reversed(starts):
        node, own = _statement_at(lines, start, owner.__name__) if first_lines else (None, [])
        end = start + len(own)
        if node is not None and all(start <= line <= end for line in first_lines):
            return node, own
    import ast

    # Several classes of that name and none with the code: the whole file tells them apart.
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):  # cells with magics; a file that was changed meanwhile
        return None, []
    found = list(_classes_named(tree, owner.__qualname__.split(".")))
    return (found[-1], lines) if found else (None, [])


def _statement_at(lines: list[str], first: int, name: str) -> tuple[Any, list[str]]:
    """Return the class or function that begins at a line, and the lines that its numbers mean.

    Only its own lines are parsed, for those of a whole file can take a tenth of a second. They end
    before a line that stands no further in; where that is within brackets or a text, what is before
    cannot be parsed, and the next such line is tried.
    """
    import ast

    margin = margin_of(lines[first - 1])
    around = ["if True:\n"] if margin else []
    tries = 0
    for end in range(first, len(lines) + 1):
        follows = lines[end] if end < len(lines) else "end"
        if not follows.strip() or follows.lstrip()[0] == "#" or margin_of(follows) > margin:
            continue
        own = [*around, *lines[first - 1 : end]]
        try:
            statement: Any = ast.parse("".join(own)).body[0]
        except (SyntaxError, ValueError):
            tries += 1
            if tries == _MOST_TRIES:
                break
            continue
        statement = statement.body[0] if around else statement
        return (statement, own) if getattr(statement, "name", None) == name else (None, [])
    return None, []


_MOST_TRIES = 100


def margin_of(line: str) -> int:
    """Return how far in a line stands."""
    return len(line) - len(line.lstrip())


def _classes_named(node: Any, path: list[str]) -> Iterator[ast.ClassDef]:
    """Yield the classes of a qualified name, `Outer.Inner` or `make.<locals>.Train`."""
    import ast

    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.ClassDef) and inner.name == path[0]:
            if len(path) == 1:
                yield inner
            else:
                yield from _classes_named(inner, path[1:])
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if path[:2] == [inner.name, "<locals>"]:
                yield from _classes_named(inner, path[2:])
        elif isinstance(inner, ast.stmt) and not isinstance(inner, ast.ClassDef):
            yield from _classes_named(inner, path)


def function_node(code: Any, lines: list[str]) -> tuple[Any, list[str]]:
    """Return the statement that made a function, and the lines that its line numbers mean."""
    first = code.co_firstlineno
    if first > len(lines) or not any("#" in line for line in lines[first - 1 :]):
        return None, []
    node, own = _statement_at(lines, first, code.co_name)
    return (node, own) if hasattr(node, "args") else (None, [])
