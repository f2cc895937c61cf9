"""A filter's syntax tree as an expression that pandas may carry out, and nothing but that."""

from __future__ import annotations

import ast
import contextlib
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from meticulous.errors import InvalidQueryError
from meticulous.reader.choosing.kinds import ANY, NUMBER, ORDER, TEXT, as_float, as_number
from meticulous.reader.choosing.moments import parse_moment, parse_span
from meticulous.reader.choosing.operands import Operand
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID
from meticulous.reader.wording import visible

_TIMES = ("start", "end")
_LISTS = ("tags", "problems")

_TEXT_METHODS = frozenset(
    ("contains", "startswith", "endswith", "match", "fullmatch", "lower", "upper", "strip", "len")
)
_METHODS = frozenset(("isna", "isnull", "notna", "notnull", "isin", "between", "abs", "round"))
_ABSENCE = frozenset(("isna", "isnull", "notna", "notnull"))
_ANSWERS = _ABSENCE | {
    *("isin", "between", "contains", "startswith", "endswith", "match", "fullmatch")
}
_FUNCTIONS = frozenset(("abs", "sqrt", "exp", "log", "log10", "log1p", "expm1", "floor", "ceil"))

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)

_LARGEST_POWER = 64


def rewrite(
    text: str, tree: ast.expr, columns: Mapping[str, str], now: datetime
) -> tuple[str, dict[str, Operand]]:
    """Return a filter as an expression for pandas, and what the names in it stand for.

    Only comparisons, logic, arithmetic and a few functions and methods get through, so no filter
    reaches files, other objects or endless computations.

    Args:
        text: The filter as it was written, for messages.
        tree: Its syntax tree.
        columns: Which column each name in the tree stands for.
        now: The present, with its offset from UTC.

    Raises:
        InvalidQueryError: Something in it is not allowed here, or it is no condition.
    """
    rewriter = _Rewriter(text, columns, now)
    try:
        done = rewriter.condition(tree)
        return ast.unparse(done), rewriter.operands
    except RecursionError:
        raise rewriter.refusal("it is nested too deeply; write several filters instead") from None


class _Rewriter:
    def __init__(self, text: str, columns: Mapping[str, str], now: datetime) -> None:
        self.text = text
        self.columns = columns
        self.now = now
        self.operands: dict[str, Operand] = {}
        self.kind = ANY
        self.rivals: tuple[str, ...] = ()

    def refusal(self, why: str) -> InvalidQueryError:
        return InvalidQueryError(f"The filter {self.text[:200]!r} cannot be used: {why}.")

    def written(self, node: ast.AST) -> str:
        """Return a part of the filter for a message, with the columns' own names."""
        text = ast.unparse(node)
        for name, column in reversed([*self.columns.items()]):
            text = text.replace(name, column)
        return f"`{visible(text if len(text) < 60 else text[:57] + '...')}`"

    def condition(self, node: ast.expr, negated: bool = False) -> ast.expr:
        """Return what is true or false of an experiment.

        A `not` is carried down to the comparisons, for a value that is not there meets neither a
        comparison nor its opposite.
        """
        if isinstance(node, ast.BoolOp):
            is_and = isinstance(node.op, ast.And) is not negated
            parts = [self.condition(value, negated) for value in node.values]
            return ast.BoolOp(ast.And() if is_and else ast.Or(), parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.condition(node.operand, not negated)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            parts = [
                self._compare(left, op, right, negated)
                for left, op, right in zip(sides, node.ops, sides[1:], strict=False)
            ]
            joint = ast.Or() if negated else ast.And()
            return parts[0] if len(parts) == 1 else ast.BoolOp(joint, parts)
        if isinstance(node, ast.Call) and _method_of(node) in _ANSWERS:
            is_answer = _method_of(node) in _ABSENCE
            return self._guarded(lambda: self._call(node), negated, is_answer=is_answer)
        if isinstance(node, ast.Name):
            # Of a flag, not of a number: pandas would take a number for a position.
            return self._guarded(lambda: _is_true(self._column(node)), negated)
        raise self.refusal(f"{self.written(node)} is neither true nor false of an experiment")

    def _guarded(
        self, make: Callable[[], ast.expr], negated: bool, *, is_answer: bool = False
    ) -> ast.expr:
        """Return what `make` makes, or its opposite, false where one of its values is missing.

        Args:
            make: Makes a comparison.
            negated: Whether its opposite is wanted.
            is_answer: Whether it has an answer for missing values, too.
        """
        before = len(self.operands)
        made = make()
        used = [*self.operands.values()][before:]
        if negated:
            made = ast.UnaryOp(ast.Not(), made)
        if is_answer:
            return made
        present = [_is_true(self._new(replace(operand, is_presence=True))) for operand in used]
        return ast.BoolOp(ast.And(), [made, *present])

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr, negated: bool) -> ast.expr:
        if isinstance(op, ast.Is | ast.IsNot):
            op = ast.Eq() if isinstance(op, ast.Is) else ast.NotEq()
        if not isinstance(op, _COMPARISONS):
            raise self.refusal("it compares in a way that is not known here")
        if not any(isinstance(part, ast.Name) for side in (left, right) for part in ast.walk(side)):
            raise self.refusal(f"{self.written(left)} is compared with no column")
        if isinstance(op, ast.In | ast.NotIn):
            negated ^= isinstance(op, ast.NotIn)
            return self._guarded(lambda: self._membership(left, right), negated)
        for column, other in ((left, right), (right, left)):
            if isinstance(other, ast.Constant) and other.value is None:
                if not isinstance(op, ast.Eq | ast.NotEq):
                    raise self.refusal("None and nan can be compared with == and != only")
                absent = _method(self._value(column), "isna")
                is_wanted = isinstance(op, ast.Eq) is not negated
                return absent if is_wanted else ast.UnaryOp(ast.Not(), absent)
        return self._guarded(lambda: self._comparison(left, op, right), negated)

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
        convert = self._meaning(left, right)
        self._refuse_lists(left, right)
        with self._comparing(*self._order(left, right, convert)):
            if isinstance(op, ast.Eq | ast.NotEq):
                self.kind = ANY  # values of different kinds are different
            sides = [self._value(side, convert) for side in (left, right)]
        return ast.Compare(sides[0], [op], [sides[1]])

    def _refuse_lists(self, *sides: ast.expr) -> None:
        """Refuse to compare a list, such as the tags, with a word: no list is equal to one."""
        for one, other in (sides, sides[::-1]):
            column = self.columns.get(one.id) if isinstance(one, ast.Name) else None
            if column in _LISTS and isinstance(other, ast.Constant):
                raise self.refusal(f"{column} is a list; write `{other.value!r} in {column}`")

    def _order(
        self, left: ast.expr, right: ast.expr, convert: _Meaning | None
    ) -> tuple[str, tuple[str, ...]]:
        """Return the kind of values that an order between two sides is about."""
        sides = (left, right)
        names = [side for side in sides if isinstance(side, ast.Name)]
        if len(names) == 2:
            return ORDER, tuple(self.columns[self._known(name)] for name in names)
        constants = [side.value for side in sides if isinstance(side, ast.Constant)]
        if not constants or type(constants[0]) in (int, float):
            is_text = any(isinstance(side, ast.Call) and _is_of_text(side) for side in sides)
            return (TEXT if is_text and not constants else NUMBER), ()
        return (TEXT if isinstance(constants[0], str) and convert is None else ANY), ()

    @contextlib.contextmanager
    def _comparing(self, kind: str, rivals: tuple[str, ...] = ()) -> Iterator[None]:
        before = self.kind, self.rivals
        self.kind, self.rivals = kind, rivals
        try:
            yield
        finally:
            self.kind, self.rivals = before

    def _membership(self, left: ast.expr, right: ast.expr) -> ast.expr:
        if isinstance(right, ast.List | ast.Tuple | ast.Set):
            convert = self._meaning(left, right)
            items: list[ast.expr] = [self._constant(item, convert) for item in right.elts]
            return _method(self._value(left, convert), "isin", ast.List(items, ast.Load()))
        if isinstance(left, ast.Constant) and isinstance(right, ast.Name):
            return _is_true(
                self._new(Operand(self.columns[self._known(right)], _holds(left.value)))
            )
        raise self.refusal("`in` stands before a list of values, or behind a word in quotes")

    def _value(self, node: ast.expr, convert: _Meaning | None = None) -> ast.expr:
        """Return what has a value for each experiment, or the same for all."""
        if isinstance(node, ast.Name):
            return self._column(node, convert)
        if isinstance(node, ast.Constant):
            return self._constant(node, convert)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            if isinstance(node.operand, ast.Constant):
                return self._constant(node, convert)
            with self._comparing(NUMBER):
                return ast.UnaryOp(node.op, self._value(node.operand))
        if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            return self._arithmetic(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self.refusal(f"{self.written(node)} is no value that can be compared")

    def _arithmetic(self, node: ast.BinOp) -> ast.expr:
        with self._comparing(NUMBER):
            sides = [self._number(side) for side in (node.left, node.right)]
        if isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            value = power.value if isinstance(power, ast.Constant) else None
            if not isinstance(value, int | float) or abs(value) > _LARGEST_POWER:
                raise self.refusal(f"a power may be a number up to {_LARGEST_POWER} only")
        return ast.BinOp(sides[0], node.op, sides[1])

    def _number(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Name) and self.columns.get(node.id) in _TIMES:
            return self._column(node, _Meaning(_seconds, float))
        value = self._value(node)
        if isinstance(value, ast.Constant):
            if type(value.value) not in (int, float):
                raise self.refusal(f"{self.written(node)} cannot be calculated with")
            # Whole numbers have no bounds in Python, and no end when they are raised to powers.
            return ast.Constant(as_float(value.value))
        return value

    def _call(self, node: ast.Call) -> ast.expr:
        function = node.func
        arguments = [self._argument(argument) for argument in node.args]
        keywords = [
            ast.keyword(word.arg, self._constant(word.value))
            for word in node.keywords
            if word.arg is not None
        ]
        if isinstance(function, ast.Name) and function.id in _FUNCTIONS:
            if len(node.args) != 1 or keywords:
                raise self.refusal(f"{function.id} takes one column")
            with self._comparing(NUMBER):
                return ast.Call(function, [self._number(node.args[0])], [])
        if isinstance(function, ast.Attribute):
            of, is_text = function.value, False
            if isinstance(of, ast.Attribute) and of.attr == "str":
                of, is_text = of.value, True
            if function.attr in (_TEXT_METHODS if is_text else _METHODS):
                with self._comparing(TEXT if is_text else self._kind_for(node, function.attr)):
                    target = self._value(of)
                if is_text:
                    target = ast.Attribute(target, "str", ast.Load())
                return ast.Call(
                    ast.Attribute(target, function.attr, ast.Load()), arguments, keywords
                )
        raise self.refusal(
            f"{self.written(function)} cannot be called here; the functions are "
            f"{', '.join(sorted(_FUNCTIONS))}, the methods {', '.join(sorted(_METHODS))} and, "
            f"behind .str, {', '.join(sorted(_TEXT_METHODS))}"
        )

    def _kind_for(self, node: ast.Call, method: str) -> str:
        if method in ("abs", "round"):
            return NUMBER
        if method == "between" and node.args and isinstance(node.args[0], ast.Constant):
            return TEXT if isinstance(node.args[0].value, str) else NUMBER
        return ANY

    def _argument(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.List | ast.Tuple):
            return ast.List([self._constant(item) for item in node.elts], ast.Load())
        return self._value(node)

    def _column(self, node: ast.Name, convert: _Meaning | None = None) -> ast.Name:
        column = self.columns[self._known(node)]
        if convert is None and column in _TIMES:
            convert = _Meaning(_seconds, float)
        of_column = convert.of_column if convert else None
        return self._new(Operand(column, of_column, self.kind, self.rivals))

    def _known(self, node: ast.Name) -> str:
        if node.id not in self.columns:
            raise self.refusal(f"{node.id!r} is no column")
        return node.id

    def _new(self, operand: Operand) -> ast.Name:
        name = f"value_{len(self.operands)}"
        self.operands[name] = operand
        return ast.Name(name, ast.Load())

    def _constant(self, node: ast.expr, convert: _Meaning | None = None) -> ast.Constant:
        sign: Callable[[Any], Any] = operator.pos
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            sign = operator.neg if isinstance(node.op, ast.USub) else operator.pos
            node = node.operand
            if not (isinstance(node, ast.Constant) and type(node.value) in (int, float)):
                raise self.refusal(f"{self.written(node)} has no sign")
        if not isinstance(node, ast.Constant) or not isinstance(
            node.value, str | bool | int | float | None
        ):
            raise self.refusal(f"{self.written(node)} is no number, text, true, false or none")
        value = sign(node.value) if type(node.value) in (int, float) else node.value
        return ast.Constant(convert.of_constant(value) if convert else value)

    def _meaning(self, *sides: ast.expr) -> _Meaning | None:
        """Return how the values in a comparison are to be understood, where pandas would not."""
        parts = [part for side in sides for part in ast.walk(side)]
        constants = [part.value for part in parts if isinstance(part, ast.Constant)]
        columns = {self.columns.get(part.id) for part in parts if isinstance(part, ast.Name)}
        if columns & set(_TIMES):
            return _Meaning(_seconds, lambda value: _epoch(value, self.now))
        if "duration" in columns:
            return _Meaning(None, _length)
        if "status" in columns:
            return _Meaning(None, lambda value: value.upper() if isinstance(value, str) else value)
        if ID in columns and any(type(value) in (int, float) for value in constants):
            return _Meaning(_as_number, lambda value: value)
        return None


@dataclass(frozen=True, slots=True)
class _Meaning:
    of_column: Callable[[Any], Any] | None
    of_constant: Callable[[Any], Any]


def _seconds(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else MISSING


def _epoch(value: Any, now: datetime) -> Any:
    if not isinstance(value, str):
        return value
    moment = parse_moment(value, now)
    return (moment - datetime.fromtimestamp(0, moment.tzinfo)).total_seconds()


def _length(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    span = parse_span(value)
    if span is None:
        raise InvalidQueryError(f"{value!r} is no duration. Write seconds, or such as '90m', '2h'.")
    return span.total_seconds()


def _as_number(value: Any) -> Any:
    return as_number(value, is_id=True)


def _holds(item: Any) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if isinstance(value, list | dict):
            return item in value
        return isinstance(value, str) and isinstance(item, str) and item in value

    return holds


def _is_true(node: ast.expr) -> ast.Compare:
    return ast.Compare(node, [ast.Eq()], [ast.Constant(True)])


def _is_of_text(node: ast.Call) -> bool:
    function = node.func
    of = function.value if isinstance(function, ast.Attribute) else None
    return _method_of(node) != "len" and isinstance(of, ast.Attribute) and of.attr == "str"


def _method_of(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _method(of: ast.expr, name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(of, name, ast.Load()), list(arguments), [])
