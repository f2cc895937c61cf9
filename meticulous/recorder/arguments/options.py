"""Our own options on the program's argparse parser, kept apart from the program's."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from typing import Any

OPTIONS: dict[str, dict[str, Any]] = {
    "project_directory": {
        "metavar": "DIR",
        "type": str,
        "help": "search upwards from DIR for the git repository of the program"
        " (default: the working directory)",
    },
    "experiments_directory": {
        "metavar": "DIR",
        "type": str,
        "help": "keep the numbered experiment folders in DIR, which is relative to the project"
        " directory and made when missing (default: %(default)s)",
    },
    "experiment_id": {
        "metavar": "ID",
        "type": str,
        "help": "name the experiment folder ID instead of giving it the next number; a folder of"
        " that name is resumed if its arguments and commit are the same",
    },
    "description": {
        "metavar": "TEXT",
        "type": str,
        "help": "say in words what this run is about",
    },
    "norecord": {
        "action": "store_true",
        "help": "run without recording: nothing is asked of git and nothing is written",
    },
    "dirty": {
        "type": str,
        "choices": ("refuse", "snapshot"),
        "help": "with uncommitted changes, refuse to start, or keep the working tree as a snapshot"
        " that no branch shows (default: %(default)s)",
    },
    "capture": {
        "type": str,
        "choices": ("fd", "sys", "none"),
        "help": "record output at the file descriptors (child processes and C code included), at"
        " sys.stdout and sys.stderr only, or not at all (default: fd where possible, else sys)",
    },
    "tags": {
        "action": "append",
        "metavar": "TAG",
        "type": str,
        "help": "mark the run with TAG; may be given several times",
    },
}
"""Constructor parameter of `Experiment` -> how argparse is told about it.

The type is said even where it is str, because `argparse.MetavarTypeHelpFormatter` demands one.
"""

_MARK = "meticulous_option"
_AFTER_COMMAND = "_after_command"


class ExactOption(str):
    """An option string that argparse never completes, so it takes no abbreviation from the program.

    Argparse accepts each unambiguous beginning of a long option and finds the candidates with
    `startswith`: with our `--description` on the parser, `--desc` for the program's own
    `--descent` would turn ambiguous.
    """

    __slots__ = ()

    def startswith(self, prefix: str | tuple[str, ...], *bounds: Any) -> bool:
        """Answer as str does, but take the beginning of a name only if it is all of it."""
        if isinstance(prefix, str) and len(prefix) > 2 and not bounds:
            return str.__eq__(self, prefix)
        return str.startswith(self, prefix, *bounds)


offered: dict[str, str] = {}
"""Parameter of `Experiment` -> what the option is called on this program's command line.

What the latest parser was offered counts; empty where the program has none of our options.
"""


def offer_options(parser: argparse.ArgumentParser, defaults: Mapping[str, Any]) -> None:
    """Offer the recorder's options on `parser`, in a group called "meticulous".

    An option whose name, or whose place in the namespace, the program already uses is offered as
    `--meticulous-NAME`, stored as `meticulous_NAME`; so is one that would be a beginning of an
    option of the program, which may be in use as its abbreviation. Our options cannot be
    abbreviated. They are accepted after a subcommand too, where `--help` does not list them.

    Call it when the parser is complete. Later additions are looked at again before `read_parser`
    parses: new subcommands get the options, and one of our places in the namespace that the program
    took meanwhile is given to the program. An option string that we have already is refused by
    argparse itself ("conflicting option string"), or taken from us by a parser with
    `conflict_handler="resolve"`. A second call only sets the defaults anew.

    Args:
        parser: Any argparse parser, whatever its prefix characters or conflict handler.
        defaults: The default of each of `OPTIONS`. Tags given on the command line are added to
            the default ones.
    """
    defaults = {**defaults, "tags": list(defaults["tags"])}
    present = list(own_actions(parser))
    for action in present:
        action.default = defaults[parameter_of(action)]
    if not present:
        _offer(parser, defaults)
    settle(parser)


def settle(parser: argparse.ArgumentParser) -> None:
    """Bring our options on `parser` up to date with what the program added to it since.

    Only our own options change. Does nothing to a parser that has none of them.
    """
    everywhere = parser_tree(parser)
    theirs = {dest for found in everywhere for dest in _places(found)}
    for found in everywhere:
        for action in own_actions(found):
            while action.dest in theirs:
                action.dest = f"meticulous_{action.dest}"
    _offer_to_commands(parser, set())


def own_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Return those actions of `parser`, subcommands not included, that are our options."""
    return (action for action in actions_of(parser) if hasattr(action, _MARK))


def parameter_of(action: argparse.Action) -> str:
    """Return the parameter of `Experiment` that one of our own actions sets."""
    parameter: str = getattr(action, _MARK)[0]
    return parameter


def take_options(parser: argparse.ArgumentParser, values: dict[str, Any]) -> dict[str, Any]:
    """Move the values of our options out of `values`, a parsed namespace as a dict.

    Returns:
        Parameter of `Experiment` -> value, for the options that the parser has.
    """
    options: dict[str, Any] = {}
    for found in parser_tree(parser):
        for action in own_actions(found):
            if action.dest not in values:
                continue
            value, parameter = values.pop(action.dest), parameter_of(action)
            options[parameter] = (
                [*options.get(parameter, ()), *(value or ())] if parameter == "tags" else value
            )
    return options


def without_defaults(parser: argparse.ArgumentParser, options: dict[str, Any]) -> dict[str, Any]:
    """Return those of `options`, as `take_options` gave them, that are not the parser's default."""
    defaults = {parameter_of(action): action.default for action in own_actions(parser)}
    defaults["tags"] = list(defaults.get("tags") or ())
    return {name: value for name, value in options.items() if value != defaults.get(name)}


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return all actions of `parser`, positionals and subcommands included."""
    return list(getattr(parser, "_actions", ()))


def set_defaults_of(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return what `parser.set_defaults` was told."""
    return dict(getattr(parser, "_defaults", ()))


def command_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the actions of `parser` that hold subcommands (argparse allows one)."""
    import argparse

    return [
        action
        for action in actions_of(parser)
        if action.nargs == argparse.PARSER and isinstance(action.choices, dict)
    ]


def commands(action: argparse.Action) -> list[argparse.ArgumentParser]:
    """Return the parsers of the subcommands under `action`, each once however many its aliases."""
    return list({id(found): found for found in command_names(action).values()}.values())


def command_names(action: argparse.Action) -> dict[str, argparse.ArgumentParser]:
    """Return the names and aliases of the subcommands under `action`, with their parsers."""
    return dict(action.choices or {})


def parser_tree(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return `parser` and the parsers of all its subcommands, each once, outer before inner."""
    found = {id(parser): parser}
    waiting = [parser]
    while waiting:
        for action in command_actions(waiting.pop(0)):
            for inner in commands(action):
                if id(inner) not in found:
                    found[id(inner)] = inner
                    waiting.append(inner)
    return list(found.values())


def _places(parser: argparse.ArgumentParser) -> set[str]:
    """Return the names in the namespace that the program uses on this one parser."""
    places = {action.dest for action in actions_of(parser) if not hasattr(action, _MARK)}
    # Once our options are there, set_defaults with one of their names speaks to them.
    if not any(own_actions(parser)):
        places.update(set_defaults_of(parser))
    return places


def _strings(parser: argparse.ArgumentParser) -> set[str]:
    return {
        string
        for action in actions_of(parser)
        if not hasattr(action, _MARK)
        for string in action.option_strings
    }


def _option_string(parser: argparse.ArgumentParser, name: str) -> str:
    prefix = "-" if "-" in parser.prefix_chars else parser.prefix_chars[0]
    return 2 * prefix + name.replace("_", "-")


def _is_taken(option: str, strings: set[str]) -> bool:
    return any(string.startswith(option) for string in strings)


def _offer(parser: argparse.ArgumentParser, defaults: dict[str, Any]) -> None:
    everywhere = parser_tree(parser)
    strings = {string for found in everywhere for string in _strings(found)}
    places = {dest for found in everywhere for dest in _places(found)}
    group = parser.add_argument_group("meticulous", "how this run is recorded")
    for parameter, definition in OPTIONS.items():
        name, dest = parameter, parameter
        if parameter == "tags":
            name, dest = "tag", "meticulous_tags"
        while _is_taken(_option_string(parser, name), strings) or dest in places:
            name = dest = f"meticulous_{name}"
        option = ExactOption(_option_string(parser, name))
        action = group.add_argument(option, dest=dest, default=defaults[parameter], **definition)
        setattr(action, _MARK, (parameter, name))
        offered[parameter] = str(option)


def _offer_to_commands(parser: argparse.ArgumentParser, seen: set[int]) -> None:
    """Offer what `parser` has of our options on its subcommands, and theirs, that have none."""
    seen.add(id(parser))
    offered = list(own_actions(parser))
    for commands_action in command_actions(parser):
        if type(commands_action).__call__.__module__ != "argparse":
            # Libraries that extend argparse nest the values of a subcommand: ours would be lost.
            continue
        for inner in commands(commands_action):
            if id(inner) in seen:
                continue
            if not any(own_actions(inner)):
                for action in offered:
                    _offer_again(inner, action)
            _offer_to_commands(inner, seen)


def _offer_again(parser: argparse.ArgumentParser, outer: argparse.Action) -> None:
    """Offer the option `outer` of an outer parser on the parser of one of its subcommands."""
    import argparse

    parameter, name = getattr(outer, _MARK)
    strings = _strings(parser)
    while _is_taken(_option_string(parser, name), strings):
        name = f"meticulous_{name}"
    dest = outer.dest
    if parameter == "tags":
        # Argparse lets the inner value replace the outer one; tags from both places count.
        dest += _AFTER_COMMAND
    # Without a default, since that would replace what was given before the subcommand.
    definition = {**OPTIONS[parameter], "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    action = parser.add_argument(ExactOption(_option_string(parser, name)), dest=dest, **definition)
    setattr(action, _MARK, (parameter, name))
