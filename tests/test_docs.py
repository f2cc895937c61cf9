"""README and docs against the code: every example runs, every name is described, no link is dead.

How a code block is treated follows from the first word after its backticks:

- `python title=NAME` and `yaml title=NAME` are written to NAME in the document's repository; a
  program without a title is committed to a repository of its own and run, and must end with 0 and
  an empty stderr;
- `diff title=NAME` is a change: what was there before runs and is committed, what comes after is
  written;
- `console` is a session in the document's repository: each line after `$ ` is run, the lines below
  it are its output, where `...` stands for any lines and times, sizes and hashes may differ;
- `py` is a fragment that is only parsed, `json` and `jsonl` are parsed, all others are for people.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import collections
import configparser
import datetime
import decimal
import enum
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy
import pytest
from command_server import CommandServer
from waiting import wait_until

import meticulous
from meticulous import Experiment, Param, errors
from meticulous.cli.commands.list import USUAL_COUNT
from meticulous.cli.group import COMMANDS
from meticulous.cli.group import meticulous as group
from meticulous.experiment import ON_ERROR_CHOICES
from meticulous.folder import arrays, layout, liveness, plain, states, status
from meticulous.folder.encoding import encode_document
from meticulous.git import snapshot
from meticulous.recorder.arguments.options import OPTIONS
from meticulous.recorder.environment import collector as surroundings
from meticulous.recorder.environment import description as environment
from meticulous.recorder.environment import gpus, hardware, packages
from meticulous.recorder.environment.description import KEYS
from meticulous.recorder.opening import DIRTY_CHOICES
from meticulous.recorder.output.capture import CAPTURE_CHOICES
from meticulous.recorder.randomness.facts import TORCH_FLAGS
from meticulous.recorder.secrets import gate as secrets
from meticulous.sweep import settings
from meticulous.sweep.grammar import parse_sweep

ROOT = Path(__file__).parent.parent
RECORDING = ROOT / "docs" / "recording.md"
READING = ROOT / "docs" / "reading.md"
FILES = ROOT / "docs" / "files.md"
REPRODUCING = ROOT / "docs" / "reproducing.md"
DECLARING = ROOT / "docs" / "declaring.md"
SETS = ROOT / "docs" / "sets.md"
XMEN = ROOT / "docs" / "coming-from-xmen.md"
GUIDES = [RECORDING, READING, REPRODUCING, DECLARING, SETS]
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

    def __init__(self, directory: Path, commands: Path, server: CommandServer) -> None:
        self.directory = directory
        self.server = server
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
        if command.startswith("meticulous ") and not needs_shell(command):
            return self.run_without_shell(shlex.split(command)[1:])
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

    def run_without_shell(self, words: list[str]) -> tuple[str, int]:
        """Run `meticulous WORDS...` from an interpreter that has imported it already."""
        with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as shown:
            streams = [nothing.fileno(), shown.fileno(), shown.fileno()]
            with self.server.started(words, self.directory, self.environment, streams):
                code = self.server.wait()
            shown.seek(0)
            return shown.read().decode(), code

    def settle(self) -> None:
        """Wait until the surroundings of all runs are described."""
        for folder in self.directory.glob("experiments/[!.]*/"):
            if not (folder / layout.STATUS).read_text().startswith(status.REGISTERED):
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


def needs_shell(command: str) -> bool:
    """Say whether a line has more in it than words and quoted words."""
    return re.search(r"[^\w\s.,:=@/+-]", re.sub(r"'[^']*'|\"[^\"$`]*\"", "", command)) is not None


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
    text = text.replace(os.path.dirname(sys.executable), "/bin")  # its path may have spaces
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
def test_every_session_shows_what_it_says(document, tmp_path, command_server):
    session = Session(tmp_path / "parabola", tmp_path / "bin", command_server)
    for block in read_blocks(document):
        if block.language == "diff":
            session.change(block)
        elif block.language in ("python", "yaml") and block.title:
            session.write(block.title, block.text)
        elif block.language == "console":
            for command, expected in parts_of_session(block):
                session.settle()
                shown, _ = session.run(command)
                assert agrees(expected, shown, session.directory), (
                    f"{document.name}:{block.number}: $ {command}\n{shown}"
                )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_program_runs_by_itself(document, tmp_path, command_server):
    session = Session(tmp_path / "project", tmp_path / "bin", command_server)
    for block in read_blocks(document):
        if block.language == "python" and block.title is None:
            name = f"line_{block.number}.py"
            session.write(name, block.text)
            session.commit_and_run(name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_fragment_can_be_parsed(document):
    known = {"python", "py", "yaml", "diff", "console", "json", "jsonl", "sh", "text"}
    for block in read_blocks(document):
        assert block.language in known, f"{document.name}:{block.number}"
        if block.language == "py":
            ast.parse(block.text)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "jsonl":
            assert all(isinstance(json.loads(line), dict) for line in block.lines)


def test_what_is_one_commit_or_snapshot_has_one_hash_in_the_guide():
    text = RECORDING.read_text()
    shown = dict(re.findall(r'"(githead-sha|git-snapshot)": "([0-9a-f]{40})"', text))
    assert set(re.findall(r"\b[0-9a-f]{40}\b", text)) == set(shown.values())
    assert set(re.findall(r"\b[0-9a-f]{10}\b", text)) == {shown["githead-sha"][:10]}


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
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def test_every_section_is_in_the_table_of_contents():
    for document in (*GUIDES, FILES, XMEN):
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


def options(document: Path, anchor: str) -> set[str]:
    """Return the options in the first column of a section's table."""
    return {name.split()[0] for name in names(document, anchor)}


def public(owner: type, predicate: Callable[[object], bool]) -> list[str]:
    return [name for name, _ in inspect.getmembers(owner, predicate) if not name.startswith("_")]


class TestRecordingGuide:
    """docs/recording.md names everything that can be called, given and raised."""

    def test_every_parameter_of_the_constructor(self):
        table = {row[0].strip("`"): row[1] for row in rows(RECORDING, "the-constructor")}
        for name, parameter in inspect.signature(Experiment).parameters.items():
            assert name in table
            if isinstance(parameter.default, str | bool):
                assert table[name].replace('"', "'") == f"`{parameter.default!r}`"

    @pytest.mark.parametrize("name", public(Experiment, inspect.isroutine))
    def test_every_method_with_its_parameters(self, name):
        calls = re.findall(rf"`[^`]*\b{name}\(([^`]*)\)`", RECORDING.read_text())
        assert calls, f"{name} is not described"
        if name == "add_argument_group":
            return  # its parameters are those of the options, which have a table
        described = max(calls, key=len)
        for parameter in inspect.signature(getattr(Experiment, name)).parameters:
            if parameter not in ("self", "args", "kwargs"):
                assert re.search(rf"\b{parameter}\b", described), parameter

    def test_every_attribute(self):
        attributes = {name for name in vars(Experiment({}, norecord=True)) if name[0] != "_"}
        attributes |= set(public(Experiment, lambda member: isinstance(member, property)))
        assert names(RECORDING, "attributes") == attributes

    def test_every_option_of_the_parser(self):
        parser = argparse.ArgumentParser(add_help=False)
        Experiment.add_argument_group(parser)
        offered = {action.option_strings[0] for action in parser._actions}
        assert options(RECORDING, "the-recorders-options") == offered
        assert names(RECORDING, "the-recorders-options", column=1) == set(OPTIONS)

    def test_every_choice(self):
        assert names(RECORDING, "output") == {f'"{choice}"' for choice in CAPTURE_CHOICES}
        for choice in (*DIRTY_CHOICES, *CAPTURE_CHOICES, *ON_ERROR_CHOICES):
            assert f'`"{choice}"`' in headings(RECORDING)["the-constructor"]

    def test_every_error_and_what_it_is_besides(self):
        described = [
            *rows(RECORDING, "what-is-refused"),
            *rows(READING, "when-something-is-broken"),
            *rows(REPRODUCING, "what-is-refused-and-why"),
            *rows(DECLARING, "what-is-refused-in-declarations"),
            *rows(SETS, "what-is-refused-in-sets"),
        ]
        table = {row[0].strip("`"): row[1].strip("`") for row in described}
        classes = dict(inspect.getmembers(errors, inspect.isclass))
        assert set(table) == set(classes)
        for name, builtin in table.items():
            assert issubclass(classes[name], getattr(builtins, builtin)), name
        exported = [name for name in table if hasattr(meticulous, name)]
        assert [*list(table)[:4], "TimeLimitReached"] == exported

    def test_every_option_of_run(self):
        command = group.get_command(click.Context(group), "run")
        assert command is not None
        opts = {opt for parameter in command.params for opt in parameter.opts}
        expected = {opt for opt in opts if opt.startswith("--")}
        assert options(RECORDING, "options-of-meticulous-run") == expected

    @pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
    def test_every_other_command_is_in_a_guide(self, name):
        text = "".join(guide.read_text() for guide in GUIDES)
        assert re.search(rf"(`|\$ |\()meticulous {name}\b", text)

    def test_the_usual_length_of_the_list(self):
        assert f"shows the last {USUAL_COUNT}" in READING.read_text()

    def test_every_environment_variable(self):
        sources = [path.read_text() for path in (ROOT / "meticulous").rglob("*.py")]
        pattern = re.compile(r"_?METICULOUS_[A-Z]+(?:_[A-Z]+)*")
        used = {name for text in sources for name in pattern.findall(text)}
        assert names(RECORDING, "environment-variables") == used

    @pytest.mark.parametrize(
        "phrase",
        [
            f"every {liveness.HEARTBEAT_SECONDS:g} s",
            f"older than {liveness.SILENCE_SECONDS:g} s",
            f"more than {snapshot.UNTRACKED_LIMIT // 10**6} MB of untracked files",
            f"`{snapshot.SNAPSHOTS}`",
            f"at least {secrets.SHORTEST} characters",
            f"`{secrets.VARIABLE}`",
            f"within {surroundings.FRESH_SECONDS:g} s",
        ],
    )
    def test_figures_are_those_of_the_code(self, phrase):
        assert phrase in " ".join(RECORDING.read_text().split())


class TestDeclaringAndSetsGuides:
    """docs/declaring.md and docs/sets.md say what parser, states and folders have."""

    def test_every_option_of_a_declared_program(self):
        parser = Experiment.from_function(lambda experiment: None).parser()
        offered = {option for action in parser._actions for option in action.option_strings}
        described = options(DECLARING, "the-command-line") - {
            "--lr",
            "--batch-size",
            "--batch_size",
        }
        assert described <= offered
        assert {"-u", "--update", "--register", "--restart", "--debug", "--purpose"} <= described

    def test_every_bound_of_a_parameter(self):
        text = headings(DECLARING)["ways-to-declare-a-parameter"]
        for name in inspect.signature(Param).parameters:
            assert name == "help" or f"`{name}`" in text

    def test_every_status_and_what_may_follow_it(self):
        table = {
            word: row[2]
            for row in rows(DECLARING, "what-may-follow-what")
            for word in row[0].split(", ")
        }
        assert set(table) == set(states.MOVES)
        for word in (states.DEFAULT, status.REGISTERED, status.REQUEUED):
            followers = set(states.MOVES[word]) - {word}
            assert followers - {status.REGISTERED} <= set(table[word].split(", "))

    @pytest.mark.parametrize("row", rows(SETS, "the-sweep") + rows(SETS, "the-short-form"))
    def test_every_text_of_a_sweep_can_be_read(self, row):
        assert 1 <= parse_sweep(row[0].strip("`")).count <= 5

    @pytest.mark.parametrize(
        ("command", "anchor"), [("register", "a-set-of-experiments"), ("launch", "launching")]
    )
    def test_every_option_is_one_of_the_command(self, command, anchor):
        found = group.get_command(click.Context(group), command)
        assert found is not None
        offered = {option for parameter in found.params for option in parameter.opts}
        described = {name for name in options(SETS, anchor) if name.startswith("--")}
        assert described <= offered

    def test_every_setting(self):
        assert names(SETS, "targets-and-settings") == set(settings.KEYS)

    def test_every_key_of_a_registered_experiment(self, records, make_repository):
        repository = make_repository("registered")
        repository.commit({"say.sh": "echo said\n"})
        done = repository.python("-m", "meticulous", "register", "sh", "n=1", "--", "say.sh")
        assert done.returncode == 0, done.stderr
        folder = repository.directory / "experiments" / "1"
        metadata = json.loads((folder / layout.METADATA).read_text())
        described = names(SETS, "what-a-registered-folder-holds")
        assert described == set(metadata) - keys(records.metadata)


WORDS_OF_XMEN = """
Experiment Root functional_experiment autodoc ExperimentManager GlobalExperimentManager
IncompatibleYmlException get_param_helps param_keys copy_params register same_names update detach
debug is_debug note message messages from_yml to_defaults to_root as_yaml stdout_to_txt update_meta
update_version -u -x -r --restart --debug --txt --purpose init defaults.yml script.sh params.yml
experiment.yml run.sh link -H sbatch reset unlink relink clean rm move load_params load_defaults
save_params check_initialised replant headless list --pattern --csv --max_rows --max_width -N -i
visualise_params find_to_dataframe config --enable_prompt --sync --register_user --change_password
server_host requeue header prompt save_conda redirect_stdout python Monitor TorchMonitor Spec Hook
Logger Timer StopWatch XmenMessenger Probe EarlyStop EarlyStopper Checkpointer TensorBoardLogger
Trainer finished error stopped timeout deleted
"""


def test_every_word_of_xmen_has_a_row():
    rows_of_xmen = [line for line in XMEN.read_text().splitlines() if line.startswith("| ")]
    first_cells = "\n".join(line.split(" | ")[0] for line in rows_of_xmen)
    mapped = set(re.findall(r"[\w.-]+", first_cells))
    assert [word for word in WORDS_OF_XMEN.split() if word not in mapped] == []


WRITES_EVERYTHING = """\
import argparse, math
import helper
from meticulous import Experiment
parser = argparse.ArgumentParser()
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser)
experiment.log(step=3, loss=math.nan)
experiment.note("a remark")
with experiment.open("summary.json", "w") as file:
    file.write("no JSON")
experiment.summary(loss=1)
"""

ENDS_AS_TOLD = """\
import os, sys
from meticulous import Experiment
Experiment({}, experiment_id="resumed").seed_everything(7)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
sys.exit(int(sys.argv[1]))
"""

LOOKS_AT_ITS_FOLDER = """\
import os
from meticulous import Experiment
print(*os.listdir(Experiment({}).directory))
"""


TEMPORARY = r"\..+\.\d+\.\d+\.tmp"
"""What the documentation calls `.NAME.PID.N.tmp`."""


class Records:
    """What real runs of every kind leave behind, read into memory."""

    def __init__(self, repository) -> None:
        repository.commit(
            {
                "everything.py": WRITES_EVERYTHING,
                "ends.py": ENDS_AS_TOLD,
                "looks.py": LOOKS_AT_ITS_FOLDER,
                ".gitignore": "helper.py\n",
            }
        )
        repository.write("helper.py")
        assert repository.python("everything.py").returncode == 0
        for end in ("killed", "3", "0"):
            repository.python("ends.py", end)
        looked = repository.python("-m", "meticulous", "run", "--", sys.executable, "looks.py")
        directory = repository.directory / "experiments"
        self.folders = [path for path in directory.iterdir() if path.is_dir()]
        assert sorted(path.name for path in self.folders) == ["1", "2", "resumed"]
        for folder in self.folders:
            wait_until((folder / layout.ENVIRONMENT).exists)
        self.beside = {path.name for path in directory.iterdir()} - {"1", "2", "resumed"}
        self.names = {path.name for folder in self.folders for path in folder.iterdir()}
        self.names |= set(looked.stdout.split())
        # Whether one is just being written is chance.
        self.names = {name for name in self.names if not re.fullmatch(TEMPORARY, name)}
        self.metadata = self.documents(layout.METADATA)
        self.first_metadata = json.loads((self.folder("1") / layout.METADATA).read_text())
        self.environments = self.documents(layout.ENVIRONMENT)
        self.attempts = [attempt for metadata in self.metadata for attempt in metadata["attempts"]]
        self.notes = self.lines(layout.NOTES)
        self.metrics = self.lines(layout.METRICS)

    def documents(self, name: str) -> list[dict[str, Any]]:
        return [json.loads((folder / name).read_text()) for folder in self.folders]

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder("1") / name).read_text().splitlines()]

    def folder(self, name: str) -> Path:
        return next(folder for folder in self.folders if folder.name == name)


_recorded: list[Records] = []


@pytest.fixture
def records(repository) -> Records:
    """Real records, made once in this process, by whichever test comes first."""
    if not _recorded:
        _recorded.append(Records(repository))
    return _recorded[0]


def keys(documents: list[dict[str, Any]]) -> set[str]:
    return {key for document in documents for key in document}


def nested(value: Any) -> set[str]:
    """Return the names inside a part of environment.json, without those that are data."""
    if isinstance(value, list):
        return {name for item in value for name in nested(item)}
    if not isinstance(value, dict):
        return set()
    data = ("flags", "x-options", "variables")
    inner = {name for key, item in value.items() if key not in data for name in nested(item)}
    return set(value) | inner


VALUES = {
    "Color": enum.Enum("Color", {"RED": "red"}),
    "Path": Path,
    "Point": collections.namedtuple("Point", "x y"),
    "Unknown": type("Unknown", (), {"__module__": "model"}),
    "argparse": argparse,
    "datetime": datetime,
    "decimal": decimal,
    "numpy": numpy,
}
"""What the expressions in the table of values may use."""


class TestArchitecture:
    """docs/architecture.md shows the house as it stands."""

    TEXT = (ROOT / "docs" / "architecture.md").read_text()
    PACKAGE = ROOT / "meticulous"

    def test_the_floors_are_those_that_are_enforced(self):
        settings = configparser.ConfigParser()
        settings.read(ROOT / "setup.cfg")
        floors = settings["importlinter:contract:floors"]["layers"].strip().splitlines()
        (shown,) = re.findall(r"```text\n(.*?)\n```", self.TEXT, re.DOTALL)
        assert shown.splitlines() == floors

    def test_every_package_has_its_row(self):
        packages = {
            f"{path.parent.relative_to(self.PACKAGE)}/"
            for path in self.PACKAGE.rglob("__init__.py")
            if path.parent != self.PACKAGE
        }
        assert set(re.findall(r"^\| `(\S+/)` \|", self.TEXT, re.MULTILINE)) == packages

    def test_every_module_it_names_is_there(self):
        named = re.findall(r"`([\w/]+\.py)`", self.TEXT)
        assert len(named) > 10
        assert [name for name in named if not (self.PACKAGE / name).is_file()] == []


class TestFilesGuide:
    """docs/files.md describes what is in real records, and nothing else."""

    def test_every_file(self, records):
        constants = {
            value
            for name, value in vars(layout).items()
            if name.isupper() and isinstance(value, str) and not name.endswith("_VARIABLE")
        } - {layout.USUAL_DIRECTORY, layout.UNLINKED}
        patterns = {".NAME.PID.N.tmp", ".request.PID"}
        documented = names(FILES, "an-experiment-folder")
        beside = {layout.NUMBERS, layout.TRASH, layout.REGISTERING}
        assert documented - patterns == (constants - beside) | records.names
        assert documented >= patterns

    def test_every_file_beside_the_folders(self, records):
        assert (
            names(FILES, "the-experiments-directory") - {layout.TRASH, layout.REGISTERING}
            >= records.beside
            == {
                layout.IGNORE,
                layout.NUMBERS,
            }
        )

    def test_every_key_of_the_metadata(self, records):
        assert names(FILES, "metadatajson") == keys(records.metadata)

    def test_every_key_of_an_attempt(self, records):
        assert names(FILES, "attempts") == keys(records.attempts)

    def test_every_key_of_the_randomness(self, records):
        randomness = [metadata["randomness"] for metadata in records.metadata]
        assert names(FILES, "randomness") == keys(randomness)
        always = {key for facts in randomness for key in facts["determinism"]}
        described = names(FILES, "determinism")
        assert described == always | {name for name, _ in TORCH_FLAGS}

    def test_the_example_of_metadata_is_like_a_real_one(self, records):
        (example,) = (block for block in read_blocks(FILES) if block.language == "json")
        shown = json.loads(example.text)
        real = records.first_metadata
        assert list(shown) == [key for key in real if key != "warnings"]
        assert list(shown["attempts"][0]) == list(real["attempts"][0])
        assert encode_document(shown).decode() == example.text

    def test_every_key_of_notes_and_metrics(self, records):
        assert names(FILES, "notesjsonl") == keys(records.notes)
        assert names(FILES, "metricsjsonl") == keys(records.metrics) - {"loss"}

    def test_every_word_of_status(self):
        assert names(FILES, "status") == {*status.WORDS, status.LOST}
        glossary = next(row[1] for row in rows(RECORDING, "glossary") if row[0] == "status")
        assert set(re.findall(r"[A-Z]{4,}", glossary)) == {*status.WORDS, status.LOST}

    def test_every_key_of_the_environment(self, records):
        table = {row[0].strip("`"): row[1] for row in rows(FILES, "environmentjson")}
        assert list(table) == list(KEYS)
        for collected in records.environments:
            assert list(collected) == list(KEYS)
            for key in set(KEYS) - {"variables"}:
                described = set(re.findall(r"`([^`]+)`", table[key]))
                assert nested(collected[key]) <= described, key

    def test_every_key_said_to_be_in_the_environment_is_in_the_code(self):
        modules = [environment, gpus, hardware, packages]
        written = "".join(inspect.getsource(module) for module in modules)
        for name in names(FILES, "environmentjson", column=1) - {"sys.flags"}:
            assert f'"{name}"' in written, name

    @pytest.mark.parametrize(
        ("value", "written"), [row[:2] for row in rows(FILES, "how-values-are-written")]
    )
    def test_values_are_written_as_the_table_says(self, value, written):
        expression, shown = value.split("`")[1], written.strip("`")
        assert json.loads(encode_document(eval(expression, VALUES))) == json.loads(shown)

    @pytest.mark.parametrize(
        "phrase",
        [
            f"This is format {layout.FORMAT},",
            f"up to {arrays.MAX_ELEMENTS} elements",
            f"up to {arrays.MAX_HASHED // 2**20} MiB",
            f"at most {plain.MAX_REPR} characters",
            f"more than {plain.MAX_DEPTH} levels",
            f"every {liveness.HEARTBEAT_SECONDS:g} s",
            f"within {surroundings.FRESH_SECONDS:g} s",
        ],
    )
    def test_figures_are_those_of_the_code(self, phrase):
        assert phrase in " ".join(FILES.read_text().split())
