"""What the source text says of parameters and Python forgets: comments, and `__init__`.

The text is read with `ast` and `tokenize`, never by splitting lines. Where there is none (`exec`,
a notebook's class without methods, a zip file without sources), nothing is found.
"""

from __future__ import annotations

import re

from meticulous.declare.finding import (
    class_lines,
    class_node,
    function_node,
    lines_of,
    margin_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from typing import Any

_MARK = re.compile(r"#+\s*@p(?:\s+(?P<help>.*))?")
"""The comment that makes an attribute a parameter, and its help."""

_TO_TOOLS = re.compile(
    r"#+\s*(?:noqa|type:|pragma|pyright:|pylint:|mypy:|fmt:|ruff:|isort:)[^#]*", re.IGNORECASE
)
"""The parts of comments that speak to tools and not to people."""


class InitAssignment:
    """One `self.name: type = default  # @p help` in an `__init__`.

    Attributes:
        help: The help, or "".
        annotation: The text of the annotation, or None.
        default: The expression of the default, or None.
    """

    __slots__ = ("annotation", "default", "help")

    def __init__(self, help: str, annotation: ast.expr | None, default: ast.expr | None) -> None:
        import ast

        self.help = help
        self.annotation = None if annotation is None else ast.unparse(annotation)
        self.default = default


class ClassSource:
    """What the source text of one class says.

    Attributes:
        order: The names that are assigned or annotated in its body, in order.
        marked: Name -> help ("" for none) of those whose comment says `@p`.
        in_init: Name -> what its `__init__` assigns, of those whose comment says `@p`.
    """

    __slots__ = ("in_init", "marked", "order")

    def __init__(self) -> None:
        self.order: list[str] = []
        self.marked: dict[str, str] = {}
        self.in_init: dict[str, InitAssignment] = {}


def class_source(owner: type) -> ClassSource:
    """Return what the source text of a class says; where there is none, nothing."""
    found = ClassSource()
    lines = class_lines(owner)
    if not any("@p" in line for line in lines):
        return found
    node, lines = class_node(owner, lines)
    if node is None:
        return found
    import ast

    for names, statement in _assignments(node.body, _names):
        found.order += names
        help = _help_of(statement, lines)
        if help is not None:
            found.marked.update(dict.fromkeys(names, help))
    inits = [
        one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"
    ]
    if inits and inits[-1].args.args:
        _read_init(inits[-1], lines, found)
    return found


def argument_comments(function: Any) -> dict[str, str]:
    """Return what comments in a signature say of its arguments: name -> text.

    A comment belongs to the argument that ends on its line, the last one where there are several.
    Lines that hold nothing but a comment go on with it.
    """
    code = function.__code__
    lines = lines_of(code.co_filename, getattr(function, "__globals__", {}))
    node, lines = function_node(code, lines)
    if node is None:
        return {}

    arguments = node.args
    nodes = [*arguments.posonlyargs, *arguments.args]
    starts = dict(zip([one.arg for one in nodes], nodes, strict=True))
    ends: dict[str, ast.AST] = dict(starts)
    ends.update(
        (one.arg, default)
        for one, default in zip(reversed(nodes), reversed(arguments.defaults), strict=False)
    )
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        starts[one.arg] = one
        ends[one.arg] = default or one
    spans = {
        name: (starts[name].lineno, getattr(ends[name], "end_lineno", None) or 0) for name in starts
    }
    return _comments_of(spans, _signature_comments(lines, node.lineno), lines)


def _comments_of(
    spans: dict[str, tuple[int, int]], comments: dict[int, str], lines: list[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    at: tuple[str, int] | None = None
    for line, comment in sorted(comments.items()):
        ending = [name for name, (_, end) in spans.items() if end == line]
        opening = [name for name, (start, end) in spans.items() if start == line < end]
        is_alone = lines[line - 1].lstrip().startswith("#")
        if ending and not opening and not is_alone:
            # Of several on one line the last has the comment.
            found[ending[-1]] = _words(comment)
            at = (ending[-1], line)
        elif is_alone and at is not None and at[1] == line - 1:
            found[at[0]] = f"{found[at[0]]} {_words(comment)}".strip()
            at = (at[0], line)
    return {name: text for name, text in found.items() if text}


def _words(comment: str) -> str:
    """Return what a comment says to people."""
    help = mark_of(comment)
    return _TO_TOOLS.sub("", comment).lstrip("#").strip() if help is None else help


def mark_of(comment: str) -> str | None:
    """Return the help of a comment that makes an attribute a parameter; None where it does not."""
    found = _MARK.fullmatch(_TO_TOOLS.sub("", comment).strip())
    return None if found is None else (found["help"] or "").strip()


def _signature_comments(lines: list[str], first: int) -> dict[int, str]:
    """Return the comments between the `def` of a line and what follows its colon, by line."""
    import tokenize

    found: dict[int, str] = {}
    depth, is_over = 0, False
    reader = iter(lines[first - 1 :])
    try:
        for token in tokenize.generate_tokens(lambda: next(reader, "")):
            line = token.start[0] + first - 1
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
                is_over = is_over or (depth == 0 and token.string == ")")
            elif token.type == tokenize.COMMENT:
                # Behind `def f(a, b):` on one line, a comment speaks of the whole function.
                if not (is_over and line == first):
                    found[line] = token.string
            elif token.type == tokenize.NEWLINE:
                break
    except (tokenize.TokenError, SyntaxError):  # the file has changed since it was imported
        return {}
    return found


def _assignments(body: list[ast.stmt], names: Any) -> Iterator[tuple[list[Any], ast.stmt]]:
    """Yield the names that statements assign, with the statements, ifs and the like included."""
    import ast

    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            found = names(statement)
            if found:
                yield found, statement
            continue
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(statement, part, None)
            if isinstance(inner, list):
                yield from _assignments(inner, names)


def _targets(statement: Any) -> list[Any]:
    return statement.targets if hasattr(statement, "targets") else [statement.target]


def _names(statement: Any) -> list[str]:
    """Return the names that `a: int = 1`, `a = b = 1` or `a, b = 1, 2` assign."""
    import ast

    flat = [one for target in _targets(statement) for one in getattr(target, "elts", [target])]
    return [one.id for one in flat if isinstance(one, ast.Name)]


def _read_init(node: ast.FunctionDef, lines: list[str], found: ClassSource) -> None:
    import ast

    instance = node.args.args[0].arg

    def attributes(statement: Any) -> list[tuple[str, ast.expr | None]]:
        """Return the attributes that a statement assigns, with the expressions of their values."""
        value = getattr(statement, "value", None)
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        for target in _targets(statement):
            parts, values = getattr(target, "elts", None), getattr(value, "elts", None)
            if parts and values and len(parts) == len(values):
                pairs += zip(parts, values, strict=True)
            else:
                pairs.append((target, value))
        return [
            (target.attr, value)
            for target, value in pairs
            if isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == instance
        ]

    for assigned, statement in _assignments(node.body, attributes):
        help = _help_of(statement, lines)
        if help is not None:
            annotation = getattr(statement, "annotation", None)
            for name, default in assigned:
                found.in_init[name] = InitAssignment(help, annotation, default)


def _help_of(statement: Any, lines: list[str]) -> str | None:
    """Return the help of a statement that is marked with `# @p`; None where it is not."""
    first, last = statement.lineno, statement.end_lineno
    if not any("@p" in line for line in lines[first - 1 : last]):
        return None
    # What follows the last statement of a line can only be a comment.
    behind = lines[last - 1].encode()[statement.end_col_offset :].decode()
    help = mark_of(behind.strip(" \t\r\n;\f"))
    if help is None:
        return None if first == last else _mark_within(lines[first - 1 : last])
    words = [help]
    for line in lines[last:]:
        # Only what stands further in than the statement goes on with its comment.
        text = line.strip()
        if not text.startswith("#") or margin_of(line) <= statement.col_offset:
            break
        words.append(_words(text))
    return " ".join(word for word in words if word)


def _mark_within(lines: list[str]) -> str | None:
    """Return the help of the first comment within a statement of several lines that says `@p`."""
    import tokenize

    reader = iter([lines[0].lstrip(), *lines[1:]])
    try:
        for token in tokenize.generate_tokens(lambda: next(reader, "")):
            help = mark_of(token.string) if token.type == tokenize.COMMENT else None
            if help is not None:
                return help
    except (tokenize.TokenError, SyntaxError):
        pass
    return None
