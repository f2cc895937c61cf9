from __future__ import annotations

import argparse
import copy
import re

import pytest

from meticulous import Experiment
from meticulous.recorder.arguments.options import OPTIONS
from meticulous.recorder.arguments.parsing import (
    extract_meticulous_args,
    parser_defaults,
    read_parser,
)

DEFAULTS = {
    "project_directory": "",
    "experiments_directory": "experiments",
    "experiment_id": None,
    "description": "",
    "norecord": False,
    "dirty": "refuse",
    "capture": None,
    "tags": [],
}


def parser_with_options(*arguments: str, **options) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(**options)
    for argument in arguments:
        parser.add_argument(argument)
    Experiment.add_argument_group(parser)
    return parser


def test_without_words_every_option_has_the_default_of_the_constructor():
    assert extract_meticulous_args(parser_with_options(), []) == DEFAULTS


def test_every_option_reaches_its_constructor_parameter():
    words = ["--project-directory=p", "--experiments-directory=e", "--experiment-id=i"]
    words += ["--description=d", "--norecord", "--dirty=snapshot", "--capture=none"]
    words += ["--tag", "a", "--tag", "b"]
    assert extract_meticulous_args(parser_with_options(), words) == {
        "project_directory": "p",
        "experiments_directory": "e",
        "experiment_id": "i",
        "description": "d",
        "norecord": True,
        "dirty": "snapshot",
        "capture": "none",
        "tags": ["a", "b"],
    }


def test_the_defaults_given_to_add_argument_group_hold():
    parser = argparse.ArgumentParser()
    own = {
        "project_directory": "p",
        "experiments_directory": "/e",
        "experiment_id": "i",
        "description": "d",
        "norecord": True,
        "dirty": "snapshot",
        "capture": "sys",
        "tags": ("a",),
    }
    Experiment.add_argument_group(parser, **own)
    assert extract_meticulous_args(parser, []) == {**own, "tags": ["a"]}
    assert extract_meticulous_args(parser, ["--tag", "b"])["tags"] == ["a", "b"]
    assert extract_meticulous_args(parser, [])["tags"] == ["a"]


def test_a_second_call_only_sets_the_defaults_anew():
    parser = parser_with_options()
    Experiment.add_argument_group(parser, norecord=True)
    assert extract_meticulous_args(parser, []) == {**DEFAULTS, "norecord": True}


def test_the_program_may_set_our_defaults_with_set_defaults():
    parser = parser_with_options("--lr")
    parser.set_defaults(norecord=True)
    parsed = read_parser(parser, [])
    assert parsed.options["norecord"] is True
    assert parsed.args == parsed.default_args == {"lr": None}


@pytest.mark.parametrize("words", [["--dirty", "maybe"], ["--capture", "all"]])
def test_a_choice_that_does_not_exist_is_refused_with_the_ones_that_do(words, capsys):
    with pytest.raises(SystemExit):
        read_parser(parser_with_options(), words)
    assert "choose from" in capsys.readouterr().err


def test_the_help_explains_every_option():
    text = parser_with_options().format_help()
    assert "meticulous:" in text
    for parameter in OPTIONS:
        assert f"--{parameter.replace('_', '-')}" in text.replace("--tag", "--tags")
    assert all(definition["help"] for definition in OPTIONS.values())
    assert "(default: experiments)" in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    "formatter", [argparse.ArgumentDefaultsHelpFormatter, argparse.MetavarTypeHelpFormatter]
)
def test_the_help_can_be_shown_by_other_formatters(formatter):
    assert "--dirty" in parser_with_options(formatter_class=formatter).format_help()


def test_our_values_are_not_among_the_arguments():
    parsed = read_parser(parser_with_options("--lr"), ["--lr", "1", "--norecord"])
    assert parsed.args == {"lr": "1"}
    assert parsed.default_args == {"lr": None}
    assert parsed.options["norecord"] is True


def test_a_parser_without_our_options_has_none_of_them():
    parser = argparse.ArgumentParser()
    parser.add_argument("--description", default="theirs")
    parsed = read_parser(parser, [])
    assert parsed.options == {}
    assert parsed.args == {"description": "theirs"}


# Collisions


@pytest.mark.parametrize("parameter", OPTIONS)
def test_an_option_that_the_program_has_is_offered_under_our_name(parameter):
    name = {"tags": "tag"}.get(parameter, parameter)
    theirs = f"--{name.replace('_', '-')}"
    parser = parser_with_options(theirs)
    ours = f"--meticulous-{theirs[2:]}"
    words = {
        "norecord": [ours],
        "dirty": [ours, "snapshot"],
        "capture": [ours, "sys"],
    }.get(parameter, [ours, "x"])
    parsed = read_parser(parser, [theirs, "mine", *words])
    assert parsed.args == {name: "mine"}
    assert parsed.options.keys() == DEFAULTS.keys()
    assert parsed.options[parameter] != DEFAULTS[parameter]
    assert hasattr(parser.parse_args(words), f"meticulous_{name}")


def test_a_place_in_the_namespace_that_the_program_uses_stays_its_own():
    parser = argparse.ArgumentParser()
    parser.add_argument("-d", dest="description", default="theirs")
    Experiment.add_argument_group(parser)
    parsed = read_parser(parser, ["-d", "x", "--meticulous-description", "y"])
    assert parsed.args == {"description": "x"}
    assert parsed.options["description"] == "y"


def test_a_positional_of_the_same_name_stays_the_programs():
    parsed = read_parser(parser_with_options("description"), ["x"])
    assert parsed.args == {"description": "x"}
    assert parsed.options["description"] == ""


def test_a_name_that_the_program_gave_to_set_defaults_before_stays_its_own():
    parser = argparse.ArgumentParser()
    parser.set_defaults(description="theirs")
    Experiment.add_argument_group(parser, description="ours")
    parsed = read_parser(parser, [])
    assert parsed.args == parsed.default_args == {"description": "theirs"}
    assert parsed.options["description"] == "ours"


def test_even_our_own_prefix_may_be_taken():
    parser = parser_with_options("--dirty", "--meticulous-dirty")
    parsed = read_parser(parser, ["--meticulous-meticulous-dirty", "snapshot"])
    assert parsed.options["dirty"] == "snapshot"
    assert parsed.args == {"dirty": None, "meticulous_dirty": None}


def test_a_place_that_the_program_takes_after_us_is_given_to_the_program():
    parser = parser_with_options()
    parser.add_argument("-d", dest="description", default="theirs")
    parsed = read_parser(parser, ["--description", "ours"])
    assert parsed.args == parsed.default_args == {"description": "theirs"}
    assert parsed.options["description"] == "ours"


def test_an_option_added_after_us_under_our_name_is_refused_by_argparse():
    parser = parser_with_options()
    with pytest.raises(argparse.ArgumentError, match="conflicting option string"):
        parser.add_argument("--description")


def test_a_resolving_parser_gives_the_name_to_whoever_comes_last():
    parser = parser_with_options(conflict_handler="resolve")
    parser.add_argument("--description")
    parsed = read_parser(parser, ["--description", "theirs"])
    assert parsed.args == {"description": "theirs"}
    assert "description" not in parsed.options


def test_a_resolving_parser_keeps_the_programs_options_when_ours_come():
    parser = parser_with_options("--description", "--tag", conflict_handler="resolve")
    parsed = read_parser(parser, ["--description", "a", "--tag", "b"])
    assert parsed.args == {"description": "a", "tag": "b"}
    assert parsed.options["tags"] == []


# Abbreviations


def test_the_programs_abbreviations_stay_unambiguous():
    parser = parser_with_options("--descent", "--directory", "--nodes", "--experts")
    words = ["--desc", "1", "--dir", "2", "--no", "3", "--ex", "4"]
    assert read_parser(parser, words).args == {
        "descent": "1",
        "directory": "2",
        "nodes": "3",
        "experts": "4",
    }
    assert vars(parser.parse_args(words))["nodes"] == "3"


def test_our_name_is_not_offered_where_it_is_an_abbreviation_of_the_programs():
    parsed = read_parser(parser_with_options("--tags", "--dirty-rate"), ["--tag", "1", "--dirty=2"])
    assert parsed.args == {"tags": "1", "dirty_rate": "2"}


def test_our_own_options_are_not_abbreviated():
    parser = parser_with_options()
    assert read_parser(parser, ["--norec"], unknown="keep").unknown == ["--norec"]
    assert extract_meticulous_args(parser, ["--description=x"])["description"] == "x"


# Other kinds of parsers


def test_a_parser_with_other_prefix_characters_gets_ours_with_the_first_of_them():
    parser = argparse.ArgumentParser(prefix_chars="+/")
    parser.add_argument("+lr", "/lr")
    Experiment.add_argument_group(parser)
    parsed = read_parser(parser, ["+lr", "1", "++description", "d", "++norecord"])
    assert parsed.args == {"lr": "1"}
    assert (parsed.options["description"], parsed.options["norecord"]) == ("d", True)


def test_a_parser_that_also_takes_dashes_gets_ours_with_dashes():
    parser = parser_with_options(prefix_chars="+-")
    assert extract_meticulous_args(parser, ["--description", "d"])["description"] == "d"


@pytest.mark.parametrize(
    "options",
    [{"add_help": False}, {"allow_abbrev": False}, {"argument_default": argparse.SUPPRESS}],
)
def test_a_parser_with_unusual_settings_gets_ours(options):
    assert extract_meticulous_args(parser_with_options(**options), []) == DEFAULTS


def test_our_options_come_with_a_parent_parser():
    parent = parser_with_options("--lr", add_help=False)
    child = argparse.ArgumentParser(parents=[parent])
    child.add_argument("--epochs")
    parsed = read_parser(child, ["--lr", "1", "--description", "d"])
    assert parsed.args == {"lr": "1", "epochs": None}
    assert parsed.default_args == {"lr": None, "epochs": None}
    assert parsed.options["description"] == "d"


def test_a_copied_parser_still_knows_our_options():
    parser = copy.deepcopy(parser_with_options("--descent"))
    parsed = read_parser(parser, ["--desc", "1", "--norecord"])
    assert parsed.args["descent"] == "1"
    assert parsed.options["norecord"] is True


# Subcommands


def with_commands(*, before: bool = True, dest: str | None = "command"):
    parser = argparse.ArgumentParser()
    if before:
        Experiment.add_argument_group(parser)
    commands = parser.add_subparsers(dest=dest)
    train = commands.add_parser("train", aliases=["fit"])
    train.add_argument("--lr", type=float, default=0.1)
    inner = train.add_subparsers(dest="model")
    tree = inner.add_parser("tree")
    tree.add_argument("--depth", type=int, default=3)
    if not before:
        Experiment.add_argument_group(parser)
    return parser, train, tree


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("place", [0, 1, 3, 4])
def test_our_options_work_before_and_after_every_subcommand(before, place):
    parser, _, _ = with_commands(before=before)
    words = ["train", "--lr", "1", "tree"]
    words[place:place] = ["--norecord", "--description", "d"]
    parsed = read_parser(parser, words)
    assert parsed.args == {"command": "train", "lr": 1.0, "model": "tree", "depth": 3}
    assert parsed.default_args == {"command": None, "lr": 0.1, "model": None, "depth": 3}
    assert parsed.options == {**DEFAULTS, "norecord": True, "description": "d"}


def test_tags_from_before_and_after_the_subcommands_all_count():
    parser, _, _ = with_commands(before=False)
    words = ["--tag", "a", "--tag", "b", "train", "--tag", "c", "tree", "--tag", "d", "--tag", "e"]
    parsed = read_parser(parser, words)
    assert parsed.options["tags"] == ["a", "b", "c", "d", "e"]
    assert not [name for name in parsed.args if "tag" in name]


def test_the_value_after_the_subcommand_wins():
    parser, _, _ = with_commands()
    words = ["--description", "a", "train", "--description", "b"]
    assert extract_meticulous_args(parser, words)["description"] == "b"


def test_the_help_of_a_subcommand_stays_as_it_was():
    bare = argparse.ArgumentParser(prog="x").add_subparsers().add_parser("train").format_help()
    parser = argparse.ArgumentParser(prog="x")
    train = parser.add_subparsers().add_parser("train")
    Experiment.add_argument_group(parser)
    assert train.format_help() == bare


def test_a_subcommand_that_has_our_name_keeps_it():
    parser = argparse.ArgumentParser()
    parser.add_subparsers().add_parser("train").add_argument("--description")
    Experiment.add_argument_group(parser)
    parsed = read_parser(
        parser, ["--meticulous-description", "a", "train", "--description", "b", "--norecord"]
    )
    assert parsed.args == {"description": "b"}
    assert (parsed.options["description"], parsed.options["norecord"]) == ("a", True)


def test_a_subcommand_added_after_us_that_has_our_name_keeps_it():
    parser = parser_with_options()
    train = parser.add_subparsers().add_parser("train")
    train.add_argument("--description")
    train.add_argument("--tags")
    train.set_defaults(capture="theirs")
    words = ["--description=a", "train", "--description=b", "--meticulous-description=c", "--tag=d"]
    parsed = read_parser(parser, [*words, "--meticulous-tag", "e"])
    assert parsed.args == {"description": "b", "tags": "d", "capture": "theirs"}
    assert parsed.options["description"] == "c"
    assert parsed.options["tags"] == ["e"]
    assert parsed.options["capture"] is None


def test_our_options_may_live_on_a_subcommand_only():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    train, show = commands.add_parser("train"), commands.add_parser("show")
    show.add_argument("--lines")
    Experiment.add_argument_group(train, description="default")
    assert extract_meticulous_args(parser, ["train"]) == {**DEFAULTS, "description": "default"}
    assert extract_meticulous_args(parser, ["show"]) == {}
    assert parser_defaults(parser, commands_entered=[train]) == {}


def test_the_programs_own_parse_accepts_the_same_words():
    parser, _, _ = with_commands()
    words = ["train", "--norecord", "--lr", "1"]
    read_parser(parser, words)
    assert parser.parse_args(words).lr == 1.0
