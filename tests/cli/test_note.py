from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1")
    write_record(directory, "2", minutes=1)
    return directory


def test_several_words_are_one_note(command, experiments: Path):
    done = command("note", "1", "diverged", "after", "the warm-up")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Noted on 1.\n")
    (note,) = json.loads(command("note", "1", "--json").stdout)
    assert note["text"] == "diverged after the warm-up"
    assert note["author"]
    assert set(note) == {"time", "utc-offset", "author", "text"}


def test_notes_are_listed_in_their_order(command, experiments: Path):
    command("note", "-1", "first")
    command("note", "-1", "second")
    lines = command("note", "2").stdout.splitlines()
    assert [line.strip() for line in lines[1::2]] == ["first", "second"]
    assert command("note", "1").stdout == ""
    assert "no notes yet" in command("note", "1").stderr


def test_the_text_can_come_from_standard_input(tmp_path: Path, experiments: Path):
    subprocess.run(
        [sys.executable, "-m", "meticulous", "note", "1", "-"],
        cwd=tmp_path,
        input="two\nlines ünï\n",
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    note = json.loads((experiments / "1" / "notes.jsonl").read_bytes())
    assert note["text"] == "two\nlines ünï"


def test_a_text_in_another_encoding_is_kept_with_escapes(tmp_path: Path, experiments: Path):
    subprocess.run(
        [sys.executable, "-m", "meticulous", "note", "1", "-"],
        cwd=tmp_path,
        input=b"caf\xe9\n",
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    note = json.loads((experiments / "1" / "notes.jsonl").read_bytes())
    assert note["text"] == "caf\\xe9"


def test_without_standard_input_there_is_no_text(tmp_path: Path, experiments: Path):
    done = subprocess.run(
        ["sh", "-c", '"$0" -m meticulous note 1 - <&-', sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "The note is empty" in done.stderr


def test_what_begins_with_a_dash_stands_behind_two(command, experiments: Path):
    assert command("note", "1", "--", "-5", "is better").returncode == 0
    assert "-5 is better" in command("note", "1").stdout


@pytest.mark.parametrize("words", [["--jsno"], ["better", "-5"], ["see", "-x", "there"]])
def test_a_mistyped_option_is_no_note(command, experiments: Path, words: list[str]):
    done = command("note", "1", *words)
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert ("Did you mean '--json'?" in done.stderr) is (words == ["--jsno"])
    assert "behind --" in done.stderr
    assert not (experiments / "1" / "notes.jsonl").exists()


def test_a_lonely_dash_is_a_word(command, experiments: Path):
    assert command("note", "1", "from", "3", "-", "5").returncode == 0
    assert "from 3 - 5" in command("note", "1").stdout


def test_a_secret_is_not_written(command, experiments: Path):
    token = "ghp_" + "a1B2" * 9
    command("note", "1", f"token {token} was wrong")
    text = (experiments / "1" / "notes.jsonl").read_text()
    assert token not in text
    assert "was wrong" in text


@pytest.mark.parametrize("words", [("",), (" ",), ("-",)])
def test_an_empty_note_is_a_mistake(command, experiments: Path, words):
    done = command("note", "1", *words)
    assert done.returncode == 2
    assert "The note is empty" in done.stderr
    assert not (experiments / "1" / "notes.jsonl").exists()


def test_show_shows_it(command, experiments: Path):
    command("note", "1", "look again")
    assert "look again" in command("show", "1").stdout


def test_broken_lines_are_passed_over_with_a_warning(command, experiments: Path):
    (experiments / "1" / "notes.jsonl").write_bytes(b'{"text": 3}\n[]\n')
    done = command("note", "1")
    assert done.returncode == 0
    assert "unknown time  unknown\n  3\n" in done.stdout
    assert "warning: notes.jsonl has lines that are not objects" in done.stderr


def test_an_unknown_experiment_is_a_mistake(command, experiments: Path):
    done = command("note", "9", "text")
    assert done.returncode == 2
    assert "There is no experiment '9'" in done.stderr


def test_on_a_full_disk_it_is_said_and_nothing_torn(tmp_path: Path, experiments: Path):
    (experiments / "1" / "notes.jsonl").write_text('{"text": "old"}\n')
    done = subprocess.run(
        [sys.executable, "-m", "meticulous", "note", "1", "x" * 100],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "The note cannot be written" in done.stderr
    lines = (experiments / "1" / "notes.jsonl").read_text().splitlines()
    assert lines[0] == '{"text": "old"}'
