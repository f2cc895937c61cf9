"""Commands that change or write something, killed at each of their steps: nothing is ever lost."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from written_records import write_record

PROGRAM = """\
import os, signal, sys
from meticulous.cli import main

left, place = int(sys.argv[1]), os.getcwd()
WRITING = os.O_WRONLY | os.O_RDWR

def count_down(event, values):
    global left
    is_step = event in ("os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.symlink")
    if event == "open":
        is_step = isinstance(values[0], (str, bytes)) and bool(values[2] & WRITING)
    if not is_step or not is_inside(values[0]):
        return
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1

def is_inside(path):
    # What is deleted as a tree is named from its folder.
    path = os.fsdecode(path)
    return path.startswith(place) or not os.path.isabs(path)

sys.addaudithook(count_down)
sys.exit(main(sys.argv[2:]))
"""
"""Counts what changes the file system here, and dies before the step whose number is given."""

NAMES = ["1", "2", "baseline"]


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    place = tmp_path / "project" / "experiments"
    for minutes, name in enumerate(NAMES):
        folder = write_record(
            place, name, minutes=minutes, summary={"loss": 0.5}, metadata={"tags": ["old"]}
        )
        (folder / "outputs").mkdir()
        (folder / "outputs" / "model").write_text("weights")
    return place


@pytest.fixture
def killed(experiments: Path) -> Callable[..., Iterator[None]]:
    """Return a function that yields after each death of a command, in a fresh project each time."""
    project, pristine = experiments.parent, experiments.parent.parent / "pristine"

    def run(*words: str) -> Iterator[None]:
        shutil.copytree(project, pristine, symlinks=True)
        for number in itertools.count():
            shutil.rmtree(project)
            shutil.copytree(pristine, project, symlinks=True)
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(number), *words],
                cwd=project,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode == 0:
                assert number > 0, "it was never killed"
                return
            assert done.returncode == -signal.SIGKILL, done.stderr
            yield

    return run


@pytest.fixture
def meticulous(command, experiments: Path) -> Callable[..., str]:
    """Return a function that runs a command in the project and returns what it prints."""

    def run(*words: str) -> str:
        done = command(*words, cwd=experiments.parent)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return run


def listed(meticulous: Callable[..., str]) -> list[str]:
    """Return the ids in the list; every row is whole."""
    rows = json.loads(meticulous("list", "--json"))
    for row in rows:
        assert (row["status"], row["problems"], row["summary"]) == ("SUCCESS", [], {"loss": 0.5})
    return sorted(row["id"] for row in rows)


def in_trash(meticulous: Callable[..., str]) -> list[str]:
    return sorted(entry["id"] for entry in json.loads(meticulous("restore", "--list", "--json")))


def is_whole(folder: Path) -> bool:
    return (folder / "outputs" / "model").read_text() == "weights"


@pytest.mark.parametrize("name", ["1", "baseline"])
def test_rm_leaves_it_in_one_place_or_the_other(killed, meticulous, experiments: Path, name: str):
    for _ in killed("rm", name):
        here, away = listed(meticulous), in_trash(meticulous)
        assert sorted(here + away) == NAMES
        if name in here:
            meticulous("rm", name)
        meticulous("restore", name)
        assert listed(meticulous) == NAMES
        assert is_whole(experiments / name)


def test_rm_for_ever_lists_nothing_that_is_half(killed, meticulous, experiments: Path):
    for _ in killed("rm", "--forever", "--yes", "1"):
        if "1" in listed(meticulous):
            assert is_whole(experiments / "1")
            meticulous("rm", "--forever", "--yes", "1")
        assert listed(meticulous) == NAMES[1:]
        meticulous("rm", "--empty-trash", "--yes")
        assert not [path for path in experiments.iterdir() if path.name.startswith(".deleting")]


@pytest.mark.parametrize("name", ["1", "baseline"])
def test_restore_can_be_done_again(killed, meticulous, command, experiments: Path, name: str):
    meticulous("rm", name)
    for _ in killed("restore", name):
        here, away = listed(meticulous), in_trash(meticulous)
        assert sorted(here + away) == NAMES
        if name in away:
            done = command("restore", name, cwd=experiments.parent)
            if done.returncode:  # somebody may be about to begin an experiment of that name
                assert name == "baseline"
                assert "an empty folder" in done.stderr
                (experiments / name).rmdir()
                meticulous("restore", name)
        assert listed(meticulous) == NAMES
        assert is_whole(experiments / name)


@pytest.mark.parametrize("words", [["tag", "1", "new"], ["tag", "1", "--remove", "old"]])
def test_tags_are_the_old_or_the_new_ones(killed, meticulous, experiments: Path, words: list[str]):
    for _ in killed(*words):
        assert listed(meticulous) == NAMES
        metadata = json.loads((experiments / "1" / "metadata.json").read_text())
        assert metadata["tags"] in (["old"], ["old", "new"], [])
        meticulous(*words)
        metadata = json.loads((experiments / "1" / "metadata.json").read_text())
        assert metadata["tags"] == (["old", "new"] if "new" in words else [])
        assert "git-branch" in metadata


def test_earlier_notes_stay(killed, meticulous):
    meticulous("note", "1", "the first")
    for _ in killed("note", "1", "the second"):
        texts = [note["text"] for note in json.loads(meticulous("note", "1", "--json"))]
        assert texts in (["the first"], ["the first", "the second"])
        meticulous("note", "1", "the third")
        texts = [note["text"] for note in json.loads(meticulous("note", "1", "--json"))]
        assert (texts[0], texts[-1]) == ("the first", "the third")


@pytest.mark.parametrize("name", ["runs.csv", "runs.json", "runs.pickle"])
def test_an_exported_file_is_the_old_or_the_new_one(killed, meticulous, experiments, name: str):
    path = experiments.parent / name
    path.write_text("as before")
    for _ in killed("list", "--export", name):
        assert path.read_text() == "as before"
        meticulous("list", "--export", name)
        assert path.read_bytes() != b"as before"


def test_a_note_that_was_half_written_spoils_no_other(meticulous, experiments: Path):
    meticulous("note", "1", "the first")
    with (experiments / "1" / "notes.jsonl").open("a") as file:
        file.write('{"time": "2026-11-22T')
    meticulous("note", "1", "the second")
    texts = [note["text"] for note in json.loads(meticulous("note", "1", "--json"))]
    assert texts == ["the first", "the second"]


def test_an_empty_folder_in_the_way_is_named(meticulous, command, experiments: Path):
    meticulous("rm", "baseline")
    (experiments / "baseline").mkdir()
    done = command("restore", "baseline", cwd=experiments.parent)
    assert done.returncode == 2
    assert "an empty folder" in done.stderr
    assert "rmdir" in done.stderr
    os.utime(experiments / "baseline", (0, 0))
    meticulous("restore", "baseline")
    assert is_whole(experiments / "baseline")
