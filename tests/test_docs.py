"""README and docs against the code: every example runs, every name is described, no link is dead.

How a code block is treated follows from the first word after its backticks:

- `python title=NAME` is written to NAME in the document's repository; without a title it is
  committed to a repository of its own and run, and must end with 0 and an empty stderr;
- `diff title=NAME` is a change: what was there before runs and is committed, what comes after is
  written;
- `console` is a session in the document's repository: each line after `$ ` is run, the lines below
  it are its output, where `...` stands for any lines and times, sizes and hashes may differ;
- `py` is a fragment that is only parsed, `json` and `jsonl` are parsed, all others are for people.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from meticulous import Experiment, errors
from meticulous.cli.group import COMMANDS, meticulous
from meticulous.experiment import ON_ERROR_CHOICES
from meticulous.folder import layout, liveness, plain, status
from meticulous.folder.encoding import encode_document
from meticulous.git import snapshot
from meticulous.recorder import secrets, surroundings
from meticulous.recorder.environment import KEYS
from meticulous.recorder.opening import DIRTY_CHOICES
from meticulous.recorder.options import OPTIONS
from meticulous.recorder.recording import CAPTURE_CHOICES

ROOT = Path(__file__).parent.parent
RECORDING = ROOT / "docs" / "recording.md"
FILES = ROOT / "docs" / "files.md"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md"]


class Block(NamedTuple):
    """One fenced block of code."""

    language: str
    title: str | None
    lines: list[str]
    number: int

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def read_blocks(document: Path) -> list[Block]:
    blocks: list[Block] = []
    opened = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if not line.startswith("```"):
            if opened:
                blocks[-1].lines.append(line)
        elif opened:
            opened = False
        else:
            language, _, rest = line.removeprefix("```").partition(" ")
            title = re.fullmatch(r"title=(\S+)", rest)
            assert title or not rest, f"{document.name}:{number}: {rest!r} is not understood"
            blocks.append(Block(language, title and title[1], [], number))
            opened = True
    return blocks


class Session:
    """Runs the blocks of a document, in their order, in one repository."""

    def __init__(self, directory: Path, commands: Path) -> None:
        self.directory = directory
        directory.mkdir()
        commands.mkdir()
        command = commands / "meticulous"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m meticulous "$@"\n')
        command.chmod(0o755)
        places = [str(commands), os.path.dirname(sys.executable), os.environ["PATH"]]
        self.environment = {**os.environ, "PATH": os.pathsep.join(places)}
        self.run("git init -q -b main")

    def run(self, command: str) -> tuple[str, int]:
        """Run a line of shell; return what it showed, and its exit code."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.stdout, done.returncode

    def settle(self) -> None:
        """Wait until the surroundings of all runs are described."""
        for folder in self.directory.glob("experiments/*/"):
            wait_until((folder / layout.ENVIRONMENT).exists)

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit_and_run(self, name: str) -> None:
        shown, code = self.run(
            f"git add {name} && git commit -qm 'Add {name}' && python {name} 2>&1 >shown"
        )
        assert (shown, code) == ("", 0)
        self.run("rm -f shown result.txt")

    def change(self, block: Block) -> None:
        assert block.title is not None
        before = [line[1:] for line in block.lines if not line.startswith("+")]
        after = [line[1:] for line in block.lines if not line.startswith("-")]
        self.write(block.title, "\n".join(before) + "\n")
        self.commit_and_run(block.title)
        self.write(block.title, "\n".join(after) + "\n")


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.01)


def parts_of_session(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the lines that it is said to show."""
    command, shown = "", []
    for line in [*block.lines, "$ "]:
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        else:
            shown.append(line)


VOLATILE = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d)?", "DATE"),
    (r"\b\d{10}\.\d+", "EPOCH"),
    (r"\b[0-9a-f]{40}\b|\b[0-9a-f]{10}\b", "SHA"),
    (r"\b\d+(\.\d+)? (ms|s)\b", "TIME"),
    (r"\b\d+(\.\d+)? k?B\b", "SIZE"),
    (r"host \S+, user \S+, pid \d+", "PROCESS"),
    (r"\S*/python[\d.]*\b", "python"),
    (r" +", " "),
)


def steady(text: str, directory: Path) -> str:
    """Return a text without what differs from run to run and from machine to machine."""
    text = text.replace(str(directory), f"/home/you/{directory.name}")
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def agrees(expected: list[str], shown: str, directory: Path) -> bool:
    lines = steady("\n".join(expected), directory).splitlines()
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + r"\n" for line in lines
    )
    return re.fullmatch(pattern, steady(shown, directory) + "\n" if shown else "") is not None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_session_shows_what_it_says(document, tmp_path):
    session = Session(tmp_path / "parabola", tmp_path / "bin")
    for block in read_blocks(document):
        if block.language == "diff":
            session.change(block)
        elif block.language == "python" and block.title:
            session.write(block.title, block.text)
        elif block.language == "console":
            for command, expected in parts_of_session(block):
                session.settle()
                shown, _ = session.run(command)
                assert agrees(expected, shown, session.directory), (
                    f"{document.name}:{block.number}: $ {command}\n{shown}"
                )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_program_runs_by_itself(document, tmp_path):
    session = Session(tmp_path / "project", tmp_path / "bin")
    for block in read_blocks(document):
        if block.language == "python" and block.title is None:
            name = f"line_{block.number}.py"
            session.write(name, block.text)
            session.commit_and_run(name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_fragment_can_be_parsed(document):
    known = {"python", "py", "diff", "console", "json", "jsonl", "sh", "text"}
    for block in read_blocks(document):
        assert block.language in known, f"{document.name}:{block.number}"
        if block.language == "py":
            ast.parse(block.text)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "jsonl":
            assert all(isinstance(json.loads(line), dict) for line in block.lines)


def headings(document: Path) -> dict[str, str]:
    """Return the sections of a document by the anchor of their heading."""
    found: dict[str, str] = {}
    anchor = ""
    is_code = False
    for line in document.read_text().splitlines():
        is_code ^= line.startswith("```")
        if line.startswith("#") and not is_code:
            words = line.lstrip("#").strip().lower().replace(" ", "-")
            anchor = re.sub(r"[^\w-]", "", words)
            assert anchor not in found, f"{document.name} has the heading {line!r} twice"
        found[anchor] = found.get(anchor, "") + line + "\n"
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        assert "://" not in link, f"{link}: the documentation speaks of this package alone"
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def test_every_section_is_in_the_table_of_contents():
    for document in (RECORDING, FILES):
        text = document.read_text()
        wanted = [line for line in text.splitlines() if line.startswith("## ")]
        listed = re.findall(r"^- \[([^\]]+)\]\(#", text, re.MULTILINE)
        assert listed == [line.removeprefix("## ") for line in wanted]


def rows(document: Path, anchor: str) -> list[list[str]]:
    """Return the cells of the tables in a section, without the headings of the columns."""
    lines = [line for line in headings(document)[anchor].splitlines() if line.startswith("|")]
    table = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]
    bars = [number for number, cells in enumerate(table) if set("".join(cells)) <= set(" -")]
    kept = [cells for n, cells in enumerate(table) if n not in bars and n + 1 not in bars]
    return [[cell.strip().replace(r"\|", "|") for cell in cells] for cells in kept]


def names(document: Path, anchor: str, column: int = 0) -> set[str]:
    """Return what stands in backticks in one column of a section's tables."""
    return {
        name for row in rows(document, anchor) for name in re.findall(r"`([^`]+)`", row[column])
    }


def first_words(found: set[str]) -> set[str]:
    return {name.split()[0] for name in found}


class TestRecordingGuide:
    """docs/recording.md names everything that can be called, given and raised."""

    def test_every_parameter_of_the_constructor(self):
        wanted = set(inspect.signature(Experiment).parameters)
        assert {row[0].strip("`") for row in rows(RECORDING, "the-constructor")} > wanted
        default = {row[0].strip("`"): row[1].strip("`") for row in rows(RECORDING, "the-constructor")}
        assert default["project_directory"] == '""'
        assert default["experiments_directory"] == '"experiments"'

    def test_every_parameter_of_the_methods(self):
        text = RECORDING.read_text()
        for name, method in inspect.getmembers(Experiment, inspect.isroutine):
            if name.startswith("_") or name == "add_argument_group":
                continue
            said = re.search(rf"`[^`]*\b{name}\(([^`]*)\)`", text)
            assert said, f"{name} is not described"
            for parameter in inspect.signature(method).parameters:
                if parameter not in ("self", "args", "kwargs"):
                    assert re.search(rf"\b{parameter}\b", said[1]) or name == "open", said[0]

    def test_every_attribute(self):
        attributes = {name for name in vars(Experiment({}, norecord=True)) if name[0] != "_"}
        properties = inspect.getmembers(Experiment, lambda member: isinstance(member, property))
        attributes |= {name for name, _ in properties}
        documented = names(RECORDING, "the-constructor")
        parameters = set(inspect.signature(Experiment).parameters)
        assert documented == attributes | parameters

    def test_every_option_of_the_parser(self):
        parser = __import__("argparse").ArgumentParser(add_help=False)
        Experiment.add_argument_group(parser)
        offered = {action.option_strings[0] for action in parser._actions}
        assert first_words(names(RECORDING, "the-recorders-options")) == offered
        assert names(RECORDING, "the-recorders-options", column=1) == set(OPTIONS)

    def test_every_choice(self):
        text = RECORDING.read_text()
        for choice in (*DIRTY_CHOICES, *CAPTURE_CHOICES, *ON_ERROR_CHOICES):
            assert f'"{choice}"' in text
        assert names(RECORDING, "output") == {f'"{choice}"' for choice in CAPTURE_CHOICES}

    def test_every_error_and_what_it_is_besides(self):
        table = {row[0].strip("`"): row[1].strip("`") for row in rows(RECORDING, "what-is-refused")}
        classes = dict(inspect.getmembers(errors, inspect.isclass))
        assert set(table) == set(classes)
        for name, builtin in table.items():
            assert issubclass(classes[name], getattr(__import__("builtins"), builtin)), name
        public = {name for name in table if hasattr(__import__("meticulous"), name)}
        assert public == set(list(table)[:4])

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_option_of_a_command(self, command):
        section = {"run": "any-program-meticulous-run"}.get(command, "looking-at-records")
        assert f"`meticulous {command} " in headings(RECORDING)[section]
        loaded = meticulous.get_command(click.Context(meticulous), command)
        assert loaded is not None
        options = {option for parameter in loaded.params for option in parameter.opts}
        options = {option for option in options if option.startswith("--")}
        table = rows(RECORDING, section)
        if command == "run":
            described = {row[0] for row in table if row[0].startswith("`--")}
            described = {word for word in described if "--key" not in word}
        else:
            described = {row[0] for row in table} & command_rows(command)
        assert {cell.strip("`").split()[0] for cell in described} == options

    def test_every_environment_variable(self):
        sources = "".join(path.read_text() for path in (ROOT / "meticulous").rglob("*.py"))
        used = set(re.findall(r"METICULOUS_[A-Z]+", sources))
        assert names(RECORDING, "environment-variables") == used

    @pytest.mark.parametrize(
        "phrase",
        [
            f"every {liveness.HEARTBEAT_SECONDS:g} s",
            f"older than {liveness.SILENCE_SECONDS:g} s",
            f"more than {snapshot.UNTRACKED_LIMIT // 10**6} MB of untracked files",
            f"`{snapshot.SNAPSHOTS}`",
            f"at least {secrets.SHORTEST}\ncharacters",
            f"`{secrets.VARIABLE}`",
            f"within {surroundings.FRESH_SECONDS:g} s",
        ],
    )
    def test_figures_are_those_of_the_code(self, phrase):
        assert phrase in RECORDING.read_text()
