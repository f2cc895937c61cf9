"""`meticulous import`, and what the other commands do with experiments of xmen."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import xmen_folders as xmen
from untouched import fingerprint

UNLINKED = "it was unlinked; `list --all` shows it"


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    return xmen.second_set(tmp_path / "hello")


def rows(text: str) -> list[list[str]]:
    """Return the cells of an aligned table."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def test_a_dry_run_shows_what_would_be_made_and_makes_nothing(command, hello, tmp_path):
    before = fingerprint(tmp_path)
    done = command("import", "xmen", "hello", "--dry-run")
    assert fingerprint(tmp_path) == before
    assert (done.returncode, rows(done.stdout)[:3]) == (
        0,
        [
            ["id", "what", "status", "files", "size", "name", "remark"],
            ["-", "new", "SUCCESS", "-", "-", "a=Old__b=World", UNLINKED],
            ["-", "new", "UNKNOWN", "-", "-", "a=Bye__b=Planet"],
        ],
    )
    assert rows(done.stdout)[3] == ["-", "new", "SUCCESS", "4", "291 B", "a=Hello__b=World"]
    assert done.stderr.startswith("5 experiments would be imported into ")


def test_what_was_imported_is_an_experiment_like_any_other(command, hello, tmp_path):
    before = fingerprint(hello)
    done = command("import", "xmen", "hello")
    assert (done.returncode, done.stderr) == (
        0,
        f"5 experiments imported into {tmp_path}/experiments.\n",
    )
    assert fingerprint(hello) == before
    listed = json.loads(command("list", "--json").stdout)
    assert [row["id"] for row in listed] == ["2", "3", "4", "5"]  # and 1, which was unlinked
    shown = command("show", "3").stdout
    for text in (f"from {hello}/a=Hello__b=World (xmen)", "odd spike", "did not look for uncommit"):
        assert text in shown
    assert "Planet -> World" in command("diff", "4", "3").stdout
    assert command("logs", "3").stdout == "Hello World\n"
    assert command("note", "3", "mine").returncode == 0
    assert command("tag", "3", "good").returncode == 0
    assert [
        note["text"] for note in json.loads(command("show", "3", "--json").stdout)["notes"]
    ] == [
        "odd spike",
        "second: look",
        "mine",
    ]
    verified = command("verify", "3").stdout
    assert "yes      record" in verified
    assert "did not note what the program read" in verified
    again = command("import", "xmen", "hello")
    assert "0 experiments imported (5 were there already)" in again.stderr
    assert again.returncode == 0


def test_it_is_not_run_again_but_says_what_ran(command, hello):
    command("import", "xmen", "hello")
    done = command("reproduce", "3")
    assert done.returncode == 1
    assert "CANNOT" in done.stdout
    said = " ".join(done.stdout.split())
    assert (
        "recorded no command line. It ran parabola.hello:HelloWorld at commit 7b6e0734d9." in said
    )
    launched = command("launch", "5")
    assert "xmen, which does not say how to run it here" in launched.stderr
    assert command("launch").returncode == 1
    assert command("reset", "3").returncode == 2


def test_a_broken_one_has_a_line_that_says_why(command, hello):
    (hello / "a=Hello__b=World" / "params.yml").write_text("_root: x\n_status: [\n")
    done = command("import", "xmen", "hello")
    assert done.returncode == 1
    assert rows(done.stdout)[-1][:4] == ["-", "failed", "-", "-"]
    assert "params.yml is not valid YAML in line 3" in done.stdout
    assert "4 experiments imported (1 cannot be read)" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("xmen",), "Missing argument"),
        (("sacred", "hello"), "is not 'xmen'"),
        (("xmen", "nowhere"), "is no folder"),
        (("xmen", "empty"), "no experiment of xmen"),
        (("xmen", "hello", "--directory", "hello/new"), "nothing is to be changed"),
    ],
)
def test_mistakes_are_one_message(command, hello, tmp_path, words, said):
    (tmp_path / "empty").mkdir()
    done = command("import", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_code_is_checked_as_far_as_xmen_recorded_it(repository, tmp_path, command):
    repository.commit({"hello.py": "print(1)"})
    head = repository.git("rev-parse", "HEAD").strip()
    path = xmen.second(tmp_path / "old") / "params.yml"
    path.write_text(path.read_text().replace(xmen.COMMIT, head))
    assert command("import", "xmen", str(path.parent), cwd=repository.directory).returncode == 0
    verified = command("verify", "1", cwd=repository.directory).stdout
    assert f"yes      commit    the commit {head[:10]} is in" in verified
    assert "unknown  tree      xmen, which recorded it, did not look for uncommitted" in verified
    assert repository.git("status", "--porcelain") == ""


class TestWithoutImporting:
    def test_they_are_listed_as_they_are(self, command, hello, tmp_path):
        before = fingerprint(tmp_path)
        done = command("list", "hello", "--columns", "status,b,length", "--sort", "id")
        assert rows(done.stdout) == [
            ["id", "status", "b", "length"],
            ["a=Bye__b=Planet", "UNKNOWN", "Planet", "-"],
            ["a=Bye__b=World", "REGISTERED", "World", "-"],
            ["a=Hello__b=Planet", "ERROR", "Planet", "-"],
            ["a=Hello__b=World", "SUCCESS", "World", "10"],
        ]
        assert len(command("list", "hello", "--all").stdout.splitlines()) == 6
        for place in (hello, hello / "a=Hello__b=World"):
            assert command("list", cwd=place).stdout == command("list", "hello").stdout
        chosen = command("list", "hello", "--where", "loss < 1", "--columns", "loss")
        assert rows(chosen.stdout)[1:] == [["a=Hello__b=World", "0.25"]]
        assert "summary.loss" in command("columns", "--directory", "hello").stdout
        assert command("list", "hello", "--id", "a=Hello__b=World").returncode == 0
        assert fingerprint(tmp_path) == before

    def test_each_is_shown_by_its_name_or_folder(self, command, hello):
        for words in (
            ("hello/a=Hello__b=World",),
            ("a=Hello__b=World", "--directory", "hello"),
        ):
            shown = command("show", *words).stdout
            assert shown.startswith("experiment a=Hello__b=World  SUCCESS")
            assert "by xmen; `meticulous import xmen DIR`" in shown
            assert xmen.SECRET not in shown
        refused = command("list", "hello/a=Hello__b=World")
        assert "is one experiment" in refused.stderr

    def test_commands_that_would_change_something_refuse(self, command, hello, tmp_path):
        before = fingerprint(tmp_path)
        name = "hello/a=Hello__b=World"
        for words in (["note", name, "x"], ["rm", name], ["tag", name, "x"], ["reset", name]):
            done = command(*words)
            assert done.returncode == 2
            assert f"`meticulous import xmen {tmp_path}/{name}` makes" in done.stderr
        assert command("unlink", "a=Hello__b=World", "--directory", "hello").returncode == 2
        command("clean", "--directory", "hello", "--yes")
        assert fingerprint(tmp_path) == before

    def test_a_tree_of_sets(self, command, tmp_path):
        xmen.second_set(tmp_path / "sets" / "second")
        xmen.first_set(tmp_path / "sets" / "first")
        names = [row[0] for row in rows(command("list", "sets", "--columns", "status").stdout)]
        assert "second/a=Hello__b=World" in names
        assert "first/a:10__b:3" in names
        shown = command("show", "first/a:10__b:3", "--directory", "sets").stdout
        assert "SUCCESS" in shown
