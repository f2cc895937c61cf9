"""What the command line takes for a terminal, and how text is broken and coloured on it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text
from written_records import write_record

from meticulous.cli.grid import STATUS_STYLES, as_table, room
from meticulous.cli.plain_table import Column
from meticulous.cli.screen import Screen, find_screen, wrapped
from meticulous.cli.widths import broken, cell_width
from meticulous.folder import status

words = st.text(st.sampled_from("ab -漢é🙂\u0301\u200b"), max_size=40)


class Terminal(io.StringIO):
    """A terminal as far as a program can tell."""

    encoding = "utf-8"

    def __init__(self, answer: bool = True) -> None:
        super().__init__()
        self.answer = answer

    def isatty(self) -> bool:
        return self.answer


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"FORCE_COLOR": "1"},
        {"FORCE_COLOR": "0"},
        {"NO_COLOR": "1"},
        {"NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"TERM": "dumb"},
        {"TERM": "unknown", "FORCE_COLOR": "1"},
        {"TERM": "", "COLORTERM": "truecolor"},
        {"COLUMNS": "33"},
        {"COLUMNS": "x"},
    ],
    ids=str,
)
def test_a_terminal_is_what_it_is_for_rich(monkeypatch, is_terminal: bool, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal(is_terminal))
    console, screen = Console(file=sys.stdout), find_screen()
    assert (screen is not None) == console.is_terminal
    if screen is not None:
        has_styles = console.color_system is not None
        assert screen.has_styles == has_styles
        assert screen.has_colours == (has_styles and not console.no_color)
        if not console.is_dumb_terminal:  # there rich asks nobody how wide it is
            assert screen.width == console.width


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FORCE_COLOR": ""}, {True: False, False: False}),
        ({"TTY_COMPATIBLE": "1"}, {True: True, False: True}),
        ({"TTY_COMPATIBLE": "0", "FORCE_COLOR": "1"}, {True: False, False: False}),
        ({"NO_COLOR": ""}, {True: True, False: False}),
    ],
    ids=str,
)
def test_variables_that_rich_reads_otherwise_since_its_version_14(
    monkeypatch, is_terminal: bool, variables: dict[str, str], expected: dict[bool, bool]
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal(is_terminal))
    screen = find_screen()
    assert (screen is not None) == expected[is_terminal]
    if screen is not None:
        assert screen.has_colours


@pytest.mark.parametrize("columns", ["0", "-3", "9" * 5000, "1.5"])
def test_a_width_that_is_none_is_passed_over(on_terminal, tmp_path: Path, columns: str):
    write_record(tmp_path / "experiments", "1", metadata={"description": "word " * 50})
    rows = on_terminal("list", columns=100, COLUMNS=columns).splitlines()
    assert rows[1] == "─" * 100


@pytest.mark.parametrize("style", ["", "bold", "dim", *STATUS_STYLES.values()])
@pytest.mark.parametrize("no_colour", [False, True])
def test_styles_have_the_codes_of_rich(monkeypatch, style: str, no_colour: bool):
    theirs, ours = Terminal(), Terminal()
    console = Console(
        file=theirs, no_color=no_colour, color_system="standard", force_terminal=True, width=80
    )
    console.print(Text("text", style))
    monkeypatch.setattr(sys, "stdout", ours)
    Screen(80, has_colours=not no_colour).print([[("text", style)]])
    assert ours.getvalue() == theirs.getvalue()


def test_every_status_has_its_style():
    assert {*status.WORDS, status.LOST} == {*STATUS_STYLES}


def test_an_output_without_unicode_gets_plain_rules(monkeypatch):
    output = Terminal()
    output.encoding = "latin-1"
    monkeypatch.setattr(sys, "stdout", output)
    Screen(80).print([[("──", "")]])
    assert output.getvalue() == "--\n"


@given(words, st.integers(1, 30))
def test_broken_text_loses_nothing_but_space(text: str, width: int):
    parts = [text[part] for part in broken(text, width)]
    assert "".join("".join(parts).split()) == "".join(text.split())
    widest = max(map(cell_width, text), default=0)
    assert all(cell_width(part) <= max(width, widest) for part in parts)


def test_text_is_broken_between_words():
    text = "one two  three"
    assert [text[part] for part in broken(text, 8)] == ["one two", "three"]
    text = "a longwordwithoutend b"
    assert [text[part] for part in broken(text, 8)] == ["a", "longword", "withoute", "nd b"]


def test_styles_go_on_in_the_next_line():
    spans = [("red and", "red"), ("\n", ""), ("blue ", ""), ("words", "bold")]
    assert wrapped(spans, 7) == [
        [("red and", "red")],
        [("blue", "")],
        [("words", "bold")],
    ]


@given(st.lists(st.tuples(words, words, st.booleans()), min_size=1, max_size=4), st.data())
def test_a_table_has_no_line_that_is_too_long(written, data):
    columns = [
        Column(title, [cell, "x"], flexible=is_flexible, right=not is_flexible)
        for title, cell, is_flexible in written
    ]
    width = data.draw(st.integers(room(columns), room(columns) + 40))
    lines = ["".join(text for text, _ in line) for line in as_table(columns, width)]
    assert all(cell_width(line.rstrip()) <= width for line in lines)


def test_a_usual_list_on_a_terminal_loads_nothing_of_rich(tmp_path: Path):
    write_record(tmp_path / "experiments", "1", args={"lr": 0.1})
    program = (
        "import sys; from meticulous.cli import main; code = main(['list'])\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'rich']); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b[32mSUCCESS" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
