from __future__ import annotations

import argparse
import copy
import enum
import functools
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous import Experiment
from meticulous.errors import InvalidOptionError
from meticulous.recorder.arguments.parsing import EnteredCommands, parser_defaults, read_parser
from meticulous.recorder.arguments.values import Arguments


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def parser_of(*arguments: tuple) -> argparse.ArgumentParser:
    """A parser with one argument for each tuple of names and, last, settings."""
    parser = argparse.ArgumentParser()
    for *names, settings in arguments:
        parser.add_argument(*names, **settings)
    return parser


# Each kind of argument: its names and settings, words, the value, the default.
KINDS = {
    "plain": (["--x"], {}, ["--x", "1"], "1", None),
    "typed": (["--x"], {"type": int, "default": 2}, ["--x", "1"], 1, 2),
    "string default, typed": (["--x"], {"type": int, "default": "2"}, ["--x", "1"], 1, 2),
    "required": (["--x"], {"required": True, "type": int}, ["--x", "1"], 1, None),
    "positional": (["x"], {"type": int}, ["1"], 1, None),
    "positional ?": (["x"], {"nargs": "?", "type": int, "default": "7"}, ["1"], 1, 7),
    "positional *": (["x"], {"nargs": "*", "type": int}, ["1", "2"], [1, 2], []),
    "positional * default": (["x"], {"nargs": "*", "default": [7]}, ["1"], ["1"], [7]),
    "positional * string": (["x"], {"nargs": "*", "default": "7", "type": int}, ["1"], [1], "7"),
    "positional +": (["x"], {"nargs": "+"}, ["1", "2"], ["1", "2"], None),
    "positional 2": (["x"], {"nargs": 2}, ["1", "2"], ["1", "2"], None),
    "remainder": (["x"], {"nargs": "..."}, ["1", "--y"], ["1", "--y"], []),
    "nargs ?": (["--x"], {"nargs": "?", "const": "c", "default": "d"}, ["--x"], "c", "d"),
    "nargs *": (["--x"], {"nargs": "*"}, ["--x"], [], None),
    "nargs +": (["--x"], {"nargs": "+", "type": int}, ["--x", "1", "2"], [1, 2], None),
    "nargs 2": (["--x"], {"nargs": 2, "default": (3, 4)}, ["--x", "1", "2"], ["1", "2"], (3, 4)),
    "nargs + string": (["--x"], {"nargs": "+", "type": int, "default": "5"}, ["--x", "1"], [1], 5),
    "choices": (["--x"], {"choices": "abc", "default": "a"}, ["--x", "b"], "b", "a"),
    "path": (
        ["--x"],
        {"type": pathlib.Path, "default": "d"},
        ["--x", "e"],
        pathlib.Path("e"),
        pathlib.Path("d"),
    ),
    "enum": (["--x"], {"type": Colour, "default": "red"}, ["--x", "blue"], Colour.BLUE, Colour.RED),
    "function": (["--x"], {"type": lambda w: w[::-1], "default": "ab"}, ["--x", "cd"], "dc", "ba"),
    "store_true": (["--x"], {"action": "store_true"}, ["--x"], True, False),
    "store_false": (["--x"], {"action": "store_false"}, ["--x"], False, True),
    "store_const": (["--x"], {"action": "store_const", "const": 5}, ["--x"], 5, None),
    "boolean": (
        ["--x"],
        {"action": argparse.BooleanOptionalAction, "default": True},
        ["--no-x"],
        False,
        True,
    ),
    "append": (
        ["--x"],
        {"action": "append", "default": ["a"]},
        ["--x", "b"],
        ["a", "b"],
        ["a"],
    ),
    "append_const": (["--x"], {"action": "append_const", "const": 1}, ["--x", "--x"], [1, 1], None),
    "extend": (["--x"], {"action": "extend", "nargs": "+"}, ["--x", "a", "b"], ["a", "b"], None),
    "positional extend": (["x"], {"action": "extend", "nargs": "*"}, ["a"], ["a"], []),
    "count": (["-x"], {"action": "count", "default": 0}, ["-xxx"], 3, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_argument_has_its_value_and_its_default(kind):
    names, settings, words, value, default = KINDS[kind]
    parser = parser_of((*names, settings))
    parsed = read_parser(parser, words)
    assert parsed.args == {"x": value} == vars(parser.parse_args(words))
    assert parsed.default_args == parser_defaults(parser) == {"x": default}
    if (
        not settings.get("required")
        and settings.get("nargs") not in ("+", 2)
        and kind != ("positional")
    ):
        assert vars(parser.parse_args([])) == {"x": default}


def test_the_arguments_are_a_dict_with_attributes():
    args = read_parser(parser_of(("--lr", {"type": float})), ["--lr", "1"]).args
    assert type(args) is Arguments
    assert args.lr == args["lr"] == 1.0


def test_without_words_those_of_the_process_are_parsed(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["prog", "--x", "1"])
    assert read_parser(parser_of(("--x", {}))).args == {"x": "1"}


def test_an_iterator_of_words_is_parsed_like_a_list():
    assert read_parser(parser_of(("--x", {})), iter(["--x", "1"])).args == {"x": "1"}


def test_the_repr_shows_all_that_was_read():
    parsed = read_parser(parser_of(("--x", {})), [])
    assert repr(parsed) == (
        "Parsed(args=Arguments(x=None), default_args={'x': None}, options={}, unknown=[])"
    )


def test_defaults_that_are_not_wanted_are_not_computed():
    calls = []
    parser = parser_of(("--x", {"type": calls.append, "default": "d"}))
    parsed = read_parser(parser, ["--x", "1"], capture_defaults=False)
    assert parsed.default_args is None
    assert calls == ["1"]


# Ends, mistakes, and words that the parser does not know


def test_a_mistake_ends_the_program_as_argparse_does(capsys):
    with pytest.raises(SystemExit) as end:
        read_parser(parser_of(("--x", {"type": int})), ["--x", "a"])
    assert end.value.code == 2
    assert "invalid int value: 'a'" in capsys.readouterr().err


def test_help_and_version_end_the_program_as_argparse_does(capsys):
    parser = parser_of(("--version", {"action": "version", "version": "7"}))
    for words in (["--help"], ["--version"]):
        with pytest.raises(SystemExit) as end:
            read_parser(parser, words)
        assert end.value.code == 0
    assert capsys.readouterr().out.endswith("7\n")
    assert parser_defaults(parser) == {}


def test_a_parser_that_raises_goes_on_raising():
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--x", type=int)
    with pytest.raises(argparse.ArgumentError):
        read_parser(parser, ["--x", "a"])


def test_unknown_words_are_refused_unless_they_are_to_be_kept(capsys):
    parser = parser_of(("--x", {}))
    Experiment.add_argument_group(parser)
    words = ["--x", "1", "--y", "2", "--norecord"]
    parsed = read_parser(parser, words, unknown="keep")
    assert parsed.args == {"x": "1"}
    assert parsed.unknown == ["--y", "2"] == parser.parse_known_args(words)[1]
    assert parsed.options["norecord"] is True
    with pytest.raises(SystemExit):
        read_parser(parser, words)
    assert "unrecognized arguments: --y 2" in capsys.readouterr().err


def test_another_way_with_unknown_words_is_refused():
    with pytest.raises(InvalidOptionError, match="'error' or 'keep'"):
        read_parser(parser_of(), [], unknown="ignore")


def test_options_and_positionals_may_alternate():
    parser = parser_of(("--x", {}), ("names", {"nargs": "*"}))
    words = ["a", "--x", "1", "b"]
    assert read_parser(parser, words, intermixed=True).args == {"x": "1", "names": ["a", "b"]}
    kept = read_parser(parser, [*words, "--z"], intermixed=True, unknown="keep")
    assert kept.unknown == ["--z"]


def test_importing_it_loads_no_argparse():
    code = (
        "import sys; from meticulous.recorder.arguments import parsing, words;"
        "assert not {'argparse', 're', 'typing', 'inspect'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


# What the definition says


def test_required_arguments_do_not_get_in_the_way_of_the_defaults():
    parser = parser_of(("--lr", {"required": True}), ("file", {}), ("--n", {"default": 3}))
    parsed = read_parser(parser, ["--lr", "1", "f"])
    assert parsed.default_args == {"lr": None, "file": None, "n": 3}


def test_positionals_after_a_required_one_have_their_defaults():
    parser = parser_of(("source", {}), ("rest", {"nargs": "*"}), ("last", {"nargs": "?"}))
    assert read_parser(parser, ["a"]).default_args == {"source": None, "rest": [], "last": None}


def test_mutually_exclusive_arguments_all_have_their_defaults():
    parser = argparse.ArgumentParser()
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--fast", action="store_true")
    group.add_argument("--epochs", type=int, default=5)
    parsed = read_parser(parser, ["--fast"])
    assert parsed.args == {"fast": True, "epochs": 5}
    assert parsed.default_args == {"fast": False, "epochs": 5}


def test_set_defaults_adds_and_overrides():
    parser = parser_of(("--x", {"type": int, "default": 1}))
    parser.set_defaults(x="2", y="3")
    assert parser_defaults(parser) == {"x": 2, "y": "3"} == vars(parser.parse_args([]))


def test_suppressed_defaults_are_left_out():
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    parser.add_argument("--x")
    parser.add_argument("--y", default=1)
    parser.add_argument("rest", nargs="*")
    parsed = read_parser(parser, ["--x", "1"])
    assert parsed.args == vars(parser.parse_args(["--x", "1"]))
    assert parsed.default_args == vars(parser.parse_args([]))
    assert "x" not in parsed.default_args


def test_words_may_come_from_files(tmp_path):
    (tmp_path / "words").write_text("--x\n1\n--norecord\n")
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@")
    parser.add_argument("--x", default="@literal")
    Experiment.add_argument_group(parser)
    parsed = read_parser(parser, [f"@{tmp_path / 'words'}"])
    assert parsed.args == {"x": "1"}
    assert parsed.default_args == {"x": "@literal"}
    assert parsed.options["norecord"] is True


def test_two_arguments_may_share_a_place():
    parser = parser_of(
        ("--fast", {"dest": "speed", "action": "store_const", "const": 2, "default": "1"}),
        ("--speed", {"type": int, "default": "3"}),
    )
    assert parser_defaults(parser) == vars(parser.parse_args([])) == {"speed": "1"}


def test_a_registered_type_converts_the_default():
    parser = argparse.ArgumentParser()
    parser.register("type", "hexadecimal", functools.partial(int, base=16))
    parser.add_argument("--x", type="hexadecimal", default="ff")
    assert parser_defaults(parser) == {"x": 255} == vars(parser.parse_args([]))


@pytest.mark.parametrize("failure", [ValueError, KeyError, argparse.ArgumentTypeError, SystemExit])
def test_a_default_that_its_type_rejects_stays_the_string(failure):
    def convert(word: str) -> str:
        if word == "bad":
            raise failure(word)
        return word

    parser = parser_of(("--x", {"type": convert, "default": "bad"}))
    parsed = read_parser(parser, ["--x", "good"])
    assert (parsed.args, parsed.default_args) == ({"x": "good"}, {"x": "bad"})


def test_a_type_function_is_called_once_for_a_string_default_and_never_for_another():
    calls = []
    parser = parser_of(
        ("--text", {"type": lambda word: calls.append(word) or word, "default": "d"}),
        ("--other", {"type": lambda word: calls.append(word) or word, "default": 1}),
        ("file", {"type": lambda word: calls.append(word) or word, "default": "f", "nargs": "?"}),
    )
    parser_defaults(parser)
    assert calls == ["f", "d"]
    calls.clear()
    parser.parse_args([])
    assert calls == ["f", "d"]


@pytest.mark.parametrize(
    "opener", [argparse.FileType("w"), open, functools.partial(open, mode="w")]
)
def test_a_default_file_is_not_opened(opener, tmp_path):
    path = str(tmp_path / "made")
    parser = parser_of(("--out", {"type": opener, "default": path}))
    assert parser_defaults(parser) == {"out": path}
    assert not (tmp_path / "made").exists()


def test_the_programs_own_actions_are_not_called_for_defaults():
    class Loud(argparse.Action):
        def __call__(self, *_):
            raise AssertionError

    parser = parser_of(("--x", {"action": Loud}), ("y", {"action": Loud, "nargs": "*"}))
    assert parser_defaults(parser) == {"x": None, "y": []}


def test_a_default_may_be_any_object():
    class Odd:
        def __eq__(self, other):
            raise TypeError

        def __deepcopy__(self, memo):
            raise TypeError

        __hash__ = None

    odd = Odd()
    parsed = read_parser(parser_of(("--x", {"default": odd}), ("--y", {"default": [odd]})), [])
    assert parsed.args.x is parsed.default_args["x"] is odd
    assert parsed.args.y[0] is odd


# Subcommands


def nested(dest: str) -> argparse.ArgumentParser:
    parser = parser_of(("--seed", {"type": int, "default": "1"}))
    parser.set_defaults(action="none")
    commands = parser.add_subparsers(dest=dest)
    show = commands.add_parser("show")
    show.add_argument("--lines", type=int, default=10)
    train = commands.add_parser("train", aliases=["fit"])
    train.add_argument("--lr", type=float, default="0.1")
    train.set_defaults(action="train")
    models = train.add_subparsers(dest=dest)
    tree = models.add_parser("tree")
    tree.add_argument("--depth", type=int, required=True)
    tree.add_argument("--seed", type=int, default=5)
    models.add_parser("net").add_argument("--layers", action="append", default=["8"])
    return parser


@pytest.mark.parametrize("dest", [argparse.SUPPRESS, "command"])
@pytest.mark.parametrize("alias", ["train", "fit"])
def test_the_defaults_of_the_chosen_subcommands_are_included(dest, alias):
    words = ["--seed", "9", alias, "tree", "--depth", "2"]
    parser = nested(dest)
    parsed = read_parser(parser, words)
    assert parsed.args == vars(parser.parse_args(words))
    expected = {"seed": 5, "action": "train", "lr": 0.1, "depth": None}
    assert parsed.default_args == (
        expected if dest == argparse.SUPPRESS else {**expected, dest: None}
    )


@pytest.mark.parametrize("dest", [argparse.SUPPRESS, "command"])
def test_other_subcommands_do_not_show(dest):
    parser = nested(dest)
    parsed = read_parser(parser, ["train", "net", "--layers", "4"])
    expected = {"seed": 1, "action": "train", "lr": 0.1, "layers": ["8"]}
    assert parsed.default_args == (
        expected if dest == argparse.SUPPRESS else {**expected, dest: None}
    )
    assert parsed.args.layers == ["8", "4"]


def test_without_a_subcommand_only_the_defaults_of_the_parser_remain():
    parser = nested("command")
    assert parser_defaults(parser) == read_parser(parser, []).default_args
    assert parser_defaults(parser) == vars(parser.parse_args([]))


def test_positionals_after_a_subcommand_that_was_left_out_are_not_reached():
    parser = argparse.ArgumentParser()
    parser.add_subparsers(dest="command").add_parser("train")
    parser.add_argument("rest", nargs="*", default=None)
    assert parser_defaults(parser) == vars(parser.parse_args([]))
    assert read_parser(parser, ["train"]).default_args["rest"] == []


def test_a_namespace_tells_the_chosen_subcommand_by_its_dest():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("train").add_argument("--lr", default=1)
    commands.add_parser("show").add_argument("--lines", default=2)
    for namespace in (parser.parse_args(["show"]), {"command": "show"}, Arguments(command="show")):
        assert parser_defaults(parser, namespace) == {"command": None, "lines": 2}


def test_a_watched_parse_tells_the_commands_and_leaves_no_trace():
    parser = nested(argparse.SUPPRESS)
    with EnteredCommands(parser) as entered:
        namespace = parser.parse_args(["train", "net"])
    values = entered.take(namespace)
    assert [found.prog.split()[1:] for found in entered.parsers] == [["train"], ["train", "net"]]
    assert values == vars(parser.parse_args(["train", "net"]))
    assert parser_defaults(parser, values, entered.parsers)["layers"] == ["8"]


def test_a_parse_that_fails_leaves_no_trace(capsys):
    parser = nested(argparse.SUPPRESS)
    with pytest.raises(SystemExit):
        read_parser(parser, ["train", "--lr", "x"])
    assert vars(parser.parse_args(["show"])) == {"seed": 1, "action": "none", "lines": 10}


# What belongs to the program


def test_the_programs_parser_gives_the_same_namespace_before_and_after():
    parser = nested("command")
    words = ["train", "net", "--layers", "4"]
    before = copy.deepcopy(vars(parser.parse_args(words)))
    parsed = read_parser(parser, words)
    parsed.args.layers.append("mine")
    parsed.args.seed = "mine"
    parsed.default_args["layers"].append("mine")
    assert vars(parser.parse_args(words)) == before


def test_default_containers_are_shared_with_nobody():
    inner = {"a": [1], "b": ({2}, [3])}
    parser = parser_of(("--x", {"default": [inner]}), ("--y", {"action": "append", "default": []}))
    parsed = read_parser(parser, ["--y", "1"])
    parsed.args.x[0]["a"].append(9)
    parsed.args.x[0]["b"][0].add(9)
    parsed.args.x[0]["b"][1].append(9)
    parsed.default_args["y"].append(9)
    assert inner == {"a": [1], "b": ({2}, [3])}
    assert parsed.default_args["x"] == [inner]
    assert parser.get_default("y") == []


def test_a_default_that_contains_itself_is_copied():
    cycle: list = [1]
    cycle.append(cycle)
    args = read_parser(parser_of(("--x", {"default": cycle})), []).args
    assert args.x is not cycle
    assert args.x[1] is args.x


def test_two_readings_are_equal_and_independent():
    parser = nested("command")
    Experiment.add_argument_group(parser, tags=["t"])
    words = ["train", "net", "--layers", "4", "--tag", "u"]
    first, second = read_parser(parser, words), read_parser(parser, words)
    assert first.args == second.args
    assert first.default_args == second.default_args
    assert first.options == second.options
    first.args.layers.clear()
    first.options["tags"].clear()
    first.default_args.clear()
    assert repr(read_parser(parser, words)) == repr(second)


def test_parents_bring_their_arguments_and_defaults():
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--lr", type=float, default="0.1")
    parent.set_defaults(kind="parent")
    child = argparse.ArgumentParser(parents=[parent])
    assert read_parser(child, ["--lr", "1"]).args == {"lr": 1.0, "kind": "parent"}
    assert parser_defaults(child) == {"lr": 0.1, "kind": "parent"}


def test_a_subclass_that_completes_the_namespace_is_asked_once():
    class Completing(argparse.ArgumentParser):
        asked = 0

        def parse_args(self, args=None, namespace=None):
            self.asked += 1
            parsed = super().parse_args(args, namespace)
            parsed.total = parsed.x * 2
            return parsed

    parser = Completing()
    parser.add_argument("--x", type=int, default=1)
    parsed = read_parser(parser, ["--x", "3"])
    assert parsed.args == {"x": 3, "total": 6}
    assert parsed.default_args == {"x": 1}
    assert parser.asked == 1


# Any parser

NAMES = st.sampled_from(["alpha", "beta", "gamma", "description", "tag", "items", "no_record"])
INTEGERS = st.integers(-50, 50)
FLOATS = st.floats(-1e6, 1e6)
TEXTS = st.text("abcxyz .", min_size=1, max_size=5).filter(lambda text: text.strip() == text)
TYPES = {int: INTEGERS, float: FLOATS, str: TEXTS}


@st.composite
def arguments(draw):
    """The settings of one argument, and words that give it."""
    kind = draw(
        st.sampled_from(["store", "flag", "boolean", "append", "count", "list", "position"])
    )
    type_ = draw(st.sampled_from(list(TYPES)))
    values = TYPES[type_]
    default = draw(st.none() | values | values.map(str))
    if kind == "flag":
        return kind, {"action": draw(st.sampled_from(["store_true", "store_false"]))}, [None]
    if kind == "boolean":
        default = draw(st.none() | st.booleans())
        return kind, {"action": argparse.BooleanOptionalAction, "default": default}, [None]
    if kind == "count":
        return kind, {"action": "count", "default": draw(st.none() | INTEGERS)}, [None, None]
    if kind == "append":
        default = draw(st.none() | st.lists(values))
        words = draw(st.lists(values.map(str), max_size=3))
        return kind, {"action": "append", "type": type_, "default": default}, words
    if kind == "list":
        nargs = draw(st.sampled_from(["?", "*", "+", 1]))
        return kind, {"nargs": nargs, "type": type_, "default": default}, [draw(values.map(str))]
    if kind == "position":
        nargs = draw(st.sampled_from(["?", "*"]))
        return kind, {"nargs": nargs, "type": type_, "default": default}, []
    return kind, {"type": type_, "default": default}, [draw(values.map(str))]


@st.composite
def parsers(draw):
    """A parser without required arguments, and a command line for it."""
    parser = argparse.ArgumentParser(allow_abbrev=draw(st.booleans()))
    line, numbers = [], {"other": 1}
    for name in draw(st.lists(NAMES, unique=True)):
        kind, settings, words = draw(arguments())
        if kind == "position":
            parser.add_argument(name, **settings)
            continue
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, **settings)
        if kind != "append":
            numbers |= {name: draw(INTEGERS)} if draw(st.booleans()) else {}
        if draw(st.booleans()):
            line += [option if word is None else f"{option}={word}" for word in words]
    parser.set_defaults(**numbers)
    return parser, line


@given(parsers())
def test_the_defaults_of_any_parser_are_those_of_an_empty_command_line(case):
    parser, _ = case
    assert parser_defaults(parser) == vars(parser.parse_args([]))


@given(parsers())
def test_the_arguments_of_any_parser_are_those_of_argparse(case):
    parser, words = case
    expected = vars(parser.parse_args(words))
    defaults = vars(parser.parse_args([]))
    assert read_parser(parser, words).args == expected
    Experiment.add_argument_group(parser, norecord=True)
    parsed = read_parser(parser, words)
    assert parsed.args == expected
    assert parsed.default_args == defaults
    assert len(parsed.options) == 8
    assert parsed.options["norecord"] is True
