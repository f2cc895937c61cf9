"""What the program was told, and would have been told by default, from its argparse parser."""

from __future__ import annotations

from meticulous.errors import InvalidOptionError
from meticulous.recorder.arguments.options import (
    actions_of,
    command_actions,
    command_names,
    commands,
    own_actions,
    parser_tree,
    set_defaults_of,
    settle,
    take_options,
)
from meticulous.recorder.arguments.values import Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

_CONTAINERS = (list, tuple, dict, set)


class Parsed:
    """One reading of a command line.

    Attributes:
        args: What the program was told, without our options.
        default_args: What it would have been told by default; None if that was not asked for.
        options: Parameter of `Experiment` -> value, for our options that the parser has.
        unknown: The words that the parser does not know; empty unless they are to be kept.
    """

    __slots__ = ("args", "default_args", "options", "unknown")

    def __init__(
        self,
        args: Arguments,
        default_args: dict[str, Any] | None,
        options: dict[str, Any],
        unknown: list[str],
    ) -> None:
        self.args = args
        self.default_args = default_args
        self.options = options
        self.unknown = unknown

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"Parsed({fields})"


def read_parser(
    parser: argparse.ArgumentParser,
    arg_list: Iterable[str] | None = None,
    *,
    unknown: str = "error",
    intermixed: bool = False,
    capture_defaults: bool = True,
) -> Parsed:
    """Parse the command line once and tell what is the program's from what is ours.

    Nothing of the program changes: no namespace is shared with it, containers among the values are
    copies, and of its parser only our own options are touched (see `options.settle`). `--help`,
    `--version` and mistakes end the process as they do in argparse, before anything is recorded.

    Args:
        parser: Any argparse parser, with our options on it or without.
        arg_list: The words to parse; by default those of the process, `sys.argv[1:]`.
        unknown: What to do about words that the parser does not know: "error" as `parse_args`
            does, "keep" as `parse_known_args` does.
        intermixed: Let options and positionals alternate, as `parse_intermixed_args` does.
        capture_defaults: False leaves `default_args` None and calls no type function for it.

    Raises:
        InvalidOptionError: `unknown` is neither "error" nor "keep".
        SystemExit: Argparse ended the program.
    """
    if unknown not in ("error", "keep"):
        message = f"unknown={unknown!r} is not understood; give 'error' or 'keep'"
        raise InvalidOptionError(message)
    settle(parser)
    method = f"parse_{'known_' * (unknown == 'keep')}{'intermixed_' * intermixed}args"
    words = None if arg_list is None else list(arg_list)
    with EnteredCommands(parser) as entered:
        answer = getattr(parser, method)(words)
    namespace, rest = answer if unknown == "keep" else (answer, [])
    values = entered.take(namespace)
    options = take_options(parser, values)
    default_args = None
    if capture_defaults:
        default_args = _unshared(_defaults(parser, values, entered.parsers), {})
    return Parsed(Arguments(_unshared(values, {})), default_args, options, list(rest))


def extract_meticulous_args(
    parser: argparse.ArgumentParser,
    arg_list: Iterable[str] | None = None,
    *,
    unknown: str = "error",
) -> dict[str, Any]:
    """Parse the command line and return the values of our options only.

    Args:
        parser: A parser with our options on it; without them the result is empty.
        arg_list: The words to parse; by default those of the process.
        unknown: "error" or "keep", as for `read_parser`.

    Returns:
        Parameter of `Experiment` -> value.
    """
    return read_parser(parser, arg_list, unknown=unknown, capture_defaults=False).options


def parser_defaults(
    parser: argparse.ArgumentParser,
    namespace: Any = None,
    commands_entered: Iterable[argparse.ArgumentParser] = (),
) -> dict[str, Any]:
    """Return what the program would be told by default, from the parser's definition.

    No command line is parsed, so required options do not get in the way: they have the default of
    their definition, mostly None. For a parser without required arguments the result is what
    parsing an empty command line gives. Our own options are left out.

    The type function of an argument is called once, if its default is a string, as argparse does;
    a default it rejects stays the string. Functions that open files (`argparse.FileType`, `open`)
    are not called.

    Args:
        parser: Any argparse parser.
        namespace: The outcome of a parse (a namespace or a dict). Says which subcommands were
            chosen: the defaults of those are included.
        commands_entered: The parsers of the chosen subcommands, where they are known; see
            `EnteredCommands`. The namespace does not say it for subcommands without a `dest`.
    """
    values = namespace if isinstance(namespace, dict) else dict(_attributes(namespace))
    result: dict[str, Any] = _unshared(_defaults(parser, values, list(commands_entered)), {})
    return result


class EnteredCommands:
    """Watches one parse and tells afterwards which subcommands it went into.

    The namespace alone does not tell: subcommands need not have a `dest`, and nested ones may
    share one. While the block runs, each subcommand's parser also sets a private default, which
    shows in the namespace if that parser was used; `take` removes it.

    Attributes:
        parsers: After `take`: the parsers of the subcommands that were chosen.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        inner = parser_tree(parser)[1:]
        self._marks = {f"_meticulous_entered_{n}": found for n, found in enumerate(inner)}
        self.parsers: list[argparse.ArgumentParser] = []

    def __enter__(self) -> EnteredCommands:
        # The table is replaced, not changed: another thread may be iterating over it.
        for mark, parser in self._marks.items():
            parser._defaults = {**set_defaults_of(parser), mark: True}
        return self

    def __exit__(self, *_: object) -> None:
        for mark, parser in self._marks.items():
            table = set_defaults_of(parser)
            table.pop(mark, None)
            parser._defaults = table

    def take(self, namespace: Any) -> dict[str, Any]:
        """Return the values of `namespace` as a dict of its own, without the private marks."""
        values = dict(namespace if isinstance(namespace, dict) else _attributes(namespace))
        self.parsers = [
            parser for mark, parser in self._marks.items() if values.pop(mark, None) is not None
        ]
        return values


def _attributes(namespace: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(namespace, "__dict__", {})
    return found


def _defaults(
    parser: argparse.ArgumentParser,
    values: Mapping[str, Any],
    entered: list[argparse.ArgumentParser],
) -> dict[str, Any]:
    """Return the defaults of `parser` and of the subcommands that were chosen under it."""
    import argparse

    ours = list(own_actions(parser))
    program = [
        action for action in actions_of(parser) if action not in ours and action.dest is not None
    ]
    places = {action.dest for action in program}
    silent = {action.dest for action in ours} - places
    namespace = argparse.Namespace()
    defaults = vars(namespace)
    for action in program:
        if action.dest is not argparse.SUPPRESS and action.default is not argparse.SUPPRESS:
            defaults.setdefault(action.dest, action.default)
    for dest, default in set_defaults_of(parser).items():
        if dest not in silent:
            defaults.setdefault(dest, default)
    chosen = [
        inner
        for action in command_actions(parser)
        if (inner := _chosen_command(action, values, entered)) is not None
    ]
    settled = _leave_positionals_empty(parser, program, namespace, stop_at_commands=not chosen)
    for action in program:
        # Argparse converts a default only where it still stands in the namespace itself.
        untouched = action not in settled and defaults.get(action.dest) is action.default
        if untouched and isinstance(action.default, str):
            defaults[action.dest] = _converted(parser, action, action.default)
    for inner in chosen:
        defaults.update(_defaults(inner, values, entered))
    return defaults


def _chosen_command(
    action: argparse.Action,
    values: Mapping[str, Any],
    entered: list[argparse.ArgumentParser],
) -> argparse.ArgumentParser | None:
    for inner in commands(action):
        if any(inner is parser for parser in entered):
            return inner
    name = values.get(action.dest)
    return command_names(action).get(name) if isinstance(name, str) else None


def _leave_positionals_empty(
    parser: argparse.ArgumentParser,
    actions: list[argparse.Action],
    namespace: argparse.Namespace,
    *,
    stop_at_commands: bool,
) -> list[argparse.Action]:
    """Give the positionals that may be left out the values that argparse gives them then.

    An optional subcommand that is not chosen keeps argparse from looking at the positionals after
    it.

    Returns:
        The actions that were treated.
    """
    import argparse

    empty: dict[Any, Callable[[argparse.Action], Any]] = {
        argparse.OPTIONAL: lambda action: (
            _converted(parser, action, action.default)
            if isinstance(action.default, str) and action.default != argparse.SUPPRESS
            else action.default
        ),
        argparse.ZERO_OR_MORE: lambda action: [] if action.default is None else action.default,
        argparse.REMAINDER: lambda _: [],
    }
    treated = []
    for action in actions:
        if action.option_strings:
            continue
        if action.nargs == argparse.PARSER and stop_at_commands and not action.required:
            break
        if action.nargs not in empty:
            continue
        treated.append(action)
        value = empty[action.nargs](action)
        if value is argparse.SUPPRESS:
            continue
        if type(action).__module__ == "argparse":
            action(parser, namespace, value, None)
        else:
            # The program's own action may do anything, and argparse would not call it now.
            setattr(namespace, action.dest, value)
    return treated


def _converted(parser: argparse.ArgumentParser, action: argparse.Action, default: str) -> Any:
    """Return a string default as the argument's type function makes it."""
    look_up = getattr(parser, "_registry_get", None)
    function: Any = look_up("type", action.type, action.type) if look_up else action.type
    if function is None or _opens_files(function):
        return default
    try:
        return function(default)
    except (Exception, SystemExit):
        # Argparse would only meet this default, and complain, if the argument were left out.
        return default


def _opens_files(function: Any) -> bool:
    import argparse

    function = getattr(function, "func", function)  # a functools.partial
    return function is open or isinstance(function, getattr(argparse, "FileType", ()))


def _unshared(value: Any, copies: dict[int, Any]) -> Any:
    """Return `value` with all plain containers in it copied, and what they hold kept as it is.

    Not deepcopy, since there are values it cannot copy and values that must stay the same object.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return value
    if id(value) in copies:
        return copies[id(value)]
    if kind is dict:
        fresh: dict[Any, Any] = {}
        copies[id(value)] = fresh
        fresh.update((key, _unshared(item, copies)) for key, item in value.items())
        return fresh
    if kind is list:
        items: list[Any] = []
        copies[id(value)] = items
        items.extend(_unshared(item, copies) for item in value)
        return items
    if kind is set:
        return set(value)
    return tuple([_unshared(item, copies) for item in value])
