"""The command line of a declaration: an option for each parameter, and what else can be asked."""

from __future__ import annotations

import argparse
import os
import re
import sys

from meticulous.declare.help import groups
from meticulous.declare.kinds.alternatives import Either, Member, OneOf
from meticulous.declare.kinds.scalars import Nothing, Truth
from meticulous.declare.parameters import Parameter, default_text, overlaid
from meticulous.errors import InvalidYamlError, ParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from meticulous.declare.declaration import Declaration

_OWN = {
    "update": {
        "nargs": "+",
        "action": "extend",
        "metavar": "YAML",
        "help": "set parameters from YAML text such as '{lr: 0.2}', or from a YAML or JSON file;"
        " later ones count more, and options count most",
    },
    "register": {
        "action": "store_true",
        "help": "do not run; leave a registered experiment, which meticulous launch runs later",
    },
    "debug": {
        "action": "store_true",
        "help": "call the debug() of the experiment first, which may make it small",
    },
    "restart": {
        "metavar": "ID",
        "help": "run the registered or ended experiment ID again, with its parameters",
    },
}
"""What can be asked besides the values of parameters -> how argparse is told about it."""


class Request:
    """What a command line asks for.

    Attributes:
        values: Name -> value of the parameters that are given; not yet checked as a whole.
        register: Whether to register only.
        debug: Whether to call `debug()` first.
        restart: The experiment to run again, or None.
    """

    __slots__ = ("debug", "register", "restart", "values")

    def __init__(
        self, values: dict[str, Any], *, register: bool, debug: bool, restart: str | None
    ) -> None:
        self.values = values
        self.register = register
        self.debug = debug
        self.restart = restart

    def __repr__(self) -> str:
        return f"Request({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


def parser_of(declaration: Declaration, prog: str | None = None) -> argparse.ArgumentParser:
    """Return a parser with an option for each parameter: `--batch-size`, `--model.width`.

    Underscores may be typed for dashes. A parameter that is true or false has `--name` and
    `--no-name`. Lists are `64,32` or `[64, 32]`. Options that are not given leave nothing in the
    namespace, so that defaults stay with the declaration. A name of ours that a parameter has is
    offered as `--meticulous-NAME`. Options cannot be abbreviated: an abbreviation of today may be
    two options tomorrow.

    Args:
        declaration: What is declared.
        prog: What the program is called; by default as argparse finds it.
    """
    parser = _Parser(
        prog=prog,
        usage="%(prog)s [--PARAMETER VALUE ...] [options]",
        description=_escaped(declaration.prose) or None,
        formatter_class=_Formatter,
        allow_abbrev=False,
        add_help=False,
    )
    names = {name: _strings(name) for name, _ in declaration.flattened()}
    taken = {string for strings in names.values() for string in strings}
    found = groups(declaration.parameters.values())
    sections = {
        owner: parser.add_argument_group(
            "parameters" if len(found) == 1 else f"parameters of {owner}"
        )
        for owner in found
    }
    for name, parameter in declaration.flattened():
        owner = declaration.parameters[name.partition(".")[0]].owner
        _offer(sections[owner], name, parameter, names[name], taken)
    _offer_own(parser, taken)
    return parser


def request_of(declaration: Declaration, namespace: argparse.Namespace) -> Request:
    """Return what a command line asks for, which `parser_of(declaration)` has parsed.

    Options count more than `-u`, wherever they stand; of several `-u`, the last counts. A mapping
    that is given in part is completed by what counts less, and by the defaults.

    Raises:
        InvalidYamlError: A text of `-u` cannot be read.
        UnknownParameterError: It names a parameter that is not declared.
    """
    given = vars(namespace)
    values: dict[str, Any] = {}
    for word in given.get("_update") or ():
        update = read_update(word)
        for name in update:
            declaration.parameter(name)
        values = overlaid(values, update)
    for name, _ in declaration.flattened():
        if name in given:
            values[name] = given[name]
    return Request(
        declaration.completed(values),
        register=bool(given.get("_register")),
        debug=bool(given.get("_debug")),
        restart=given.get("_restart"),
    )


def read_update(word: str) -> dict[str, Any]:
    """Return the names and values of one word behind `-u`: a file, or YAML text.

    Where there is a file of that name, it is the file. In a file, names that begin with an
    underscore are no parameters and are left out.

    Raises:
        InvalidYamlError: It cannot be read; says whether it was taken for a file or for text.
    """
    from meticulous.declare import yaml

    path = os.path.expanduser(word)
    if len(word) < 4096 and "\n" not in word and os.path.isfile(path):
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidYamlError(f"The file {word} cannot be read: {error}.") from None
        values = yaml.load_mapping(text, f"the file {word}")
        return {name: value for name, value in values.items() if not name.startswith("_")}
    if not word.lstrip().startswith("{") and ":" not in word:
        raise InvalidYamlError(
            f"-u {word!r}: there is no such file, and as text it gives no names and values, such "
            "as {lr: 0.1}."
        )
    return yaml.load_mapping(word, "the text of -u")


class _Parser(argparse.ArgumentParser):
    """Names the nearest option where one is not known, and takes -1e-3 and -1,2 for values."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Argparse itself knows -1 and -0.5 only.
        self._negative_number_matcher = re.compile(r"-\.?[0-9]")

    def error(self, message: str) -> NoReturn:
        words = message.removeprefix("unrecognized arguments: ")
        if words != message:
            message += self._nearest(words.split())
        super().error(message)

    def _nearest(self, words: Sequence[str]) -> str:
        import difflib

        known = [string for string in self._option_string_actions if string.startswith("--")]
        names = [string[2:] for string in known if _is_shown(string, known)]
        for word in words:
            if word.startswith("-"):
                name = word.lstrip("-").partition("=")[0].replace("_", "-")
                near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
                return f" (the nearest: {', '.join(f'--{one}' for one in near)})" if near else ""
        return ""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows each option in one spelling."""

    def __init__(self, prog: str, **settings: Any) -> None:
        # Argparse would ask shutil, whose import alone takes a sixth of what --help may.
        super().__init__(prog, **{"width": _columns() - 2, **settings})

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = [
            string for string in action.option_strings if _is_shown(string, action.option_strings)
        ]
        if action.nargs == 0:
            return ", ".join(shown)
        value = self._format_args(action, str(action.metavar or action.dest))
        return f"{', '.join(shown)} {value}"


def _columns() -> int:
    """Return the width of the terminal, as `shutil.get_terminal_size` does."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def _is_shown(string: str, among: Sequence[str]) -> bool:
    """Say whether a spelling is the one with dashes, where there are two."""
    dashed = string.replace("_", "-")
    return dashed == string or dashed not in among


def _strings(name: str) -> list[str]:
    # What is typed most is what the shell completes: dashes.
    return list(dict.fromkeys([f"--{name.replace('_', '-')}", f"--{name}"]))


def _offer(
    group: Any, name: str, parameter: Parameter, strings: list[str], taken: set[str]
) -> None:
    negated = {f"--no-{string[2:]}" for string in strings}
    action: Any = "store"
    settings: dict[str, Any] = {"type": _reader(parameter), "metavar": _metavar(parameter)}
    if isinstance(parameter.kind, Truth) and not negated & taken:
        action, settings = argparse.BooleanOptionalAction, {}
    group.add_argument(
        *strings,
        dest=name,
        default=argparse.SUPPRESS,
        help=_help(parameter),
        action=action,
        **settings,
    )


def _offer_own(parser: argparse.ArgumentParser, taken: set[str]) -> None:
    group = parser.add_argument_group("options")
    helps = [string for string in ("-h", "--help") if string not in taken]
    group.add_argument(*helps, action="help", help="show this and exit")
    for name, settings in _OWN.items():
        long = f"--{name}" if f"--{name}" not in taken else f"--meticulous-{name}"
        strings = ["-u", long] if name == "update" else [long]
        own: Mapping[str, Any] = settings
        group.add_argument(*strings, dest=f"_{name}", **own)


def _reader(parameter: Parameter) -> Any:
    def read(text: str) -> Any:
        try:
            return parameter.parse(text)
        except ParameterError as error:
            problem = str(error).removeprefix(parameter.name).strip().rstrip(".")
            raise argparse.ArgumentTypeError(problem) from None

    return read


def _metavar(parameter: Parameter) -> str:
    choices = _choices(parameter)
    return f"{{{','.join(choices)}}}" if choices else parameter.kind.text


def _choices(parameter: Parameter) -> list[str]:
    if parameter.constraints is not None and parameter.constraints.choices is not None:
        return list(map(str, parameter.constraints.choices))
    kinds = parameter.kind.members if isinstance(parameter.kind, Either) else (parameter.kind,)
    found: list[str] = []
    for kind in kinds:
        if isinstance(kind, OneOf):
            found += map(kind.render, kind.values)
        elif isinstance(kind, Member):
            found += kind.enumeration.__members__
        elif isinstance(kind, Nothing):
            found.append("null")
        else:
            return []
    return found


def _escaped(prose: str) -> str:
    # Argparse takes percent signs of a description for places only where this one is.
    return prose.replace("%", "%%") if "%(prog)" in prose else prose


def _help(parameter: Parameter) -> str:
    default = "required" if parameter.required else f"default: {default_text(parameter.default)}"
    return f"{parameter.help} ({default})".strip().replace("%", "%%")
