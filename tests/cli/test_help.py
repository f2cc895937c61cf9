"""`meticulous --help`: what there is, by what one wants to do."""

from __future__ import annotations

import re

import click

from meticulous.cli.commands.diff import diff
from meticulous.cli.commands.list import list as list_command
from meticulous.cli.group import SECTIONS
from meticulous.cli.names import COMMANDS
from meticulous.reader.comparing.comparison import SECTIONS as COMPARED
from meticulous.reader.table import argument_columns, grouping


def test_every_command_stands_under_one_heading():
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(COMMANDS)


def test_the_help_shows_the_headings_and_all_commands_in_eighty_columns(command):
    done = command("--help", COLUMNS="80")
    assert done.returncode == 0
    headings = [line[:-1] for line in done.stdout.splitlines() if re.match(r"\w.*:$", line)]
    assert headings == ["Options", *SECTIONS]
    for name, text in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", done.stdout, re.M), name
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert {len(line) - len(line.split("  ", 2)[2].lstrip()) for line in _entries(done.stdout)} == {
        14
    }, "all descriptions begin in one column"


def test_the_words_that_the_help_offers_are_those_that_are_known():
    # It names them itself, so that it is shown without what knows them.
    assert tuple(_option(diff, "only").type.choices) == COMPARED
    assert tuple(_option(list_command, "args").type.choices) == argument_columns.CHOICES
    aggregate = _option(list_command, "aggregate")
    assert aggregate.type.known == (*grouping.STATISTICS,)
    assert "the first five" in aggregate.help
    assert aggregate.type.known[:5] == grouping.USUAL


def _option(command: click.Command, name: str) -> click.Option:
    return next(option for option in command.params if option.name == name)


def _entries(text: str) -> list[str]:
    names = "|".join(COMMANDS)
    return [line for line in text.splitlines() if re.match(rf"  ({names})  +\w", line)]
