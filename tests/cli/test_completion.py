"""What a shell asks for while a person types, asked by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from written_records import write_record

from meticulous.cli.completion import SHELLS
from meticulous.cli.group import COMMANDS
from meticulous.folder.trash import remove


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    metrics = '{"step": 0, "time": 1.0, "loss": 1.0, "val": {"acc": 0.5}}\n'
    write_record(directory, "1", metadata={"tags": ["baseline"]}, **{"metrics.jsonl": metrics})
    write_record(directory, "2", metadata={"description": "a larger\nstep"})
    write_record(directory, "12", STATUS="ERROR\n", args={"lr": 0.5, "wide": True})
    for name in ("a b", "ünï", "it's"):
        write_record(directory, name)
    return directory


@pytest.fixture
def bash(tmp_path: Path, command) -> Callable[..., list[str]]:
    """Return a function that types a line in a bash that has the script, then the tab key."""
    program = shutil.which("bash")
    if program is None:
        pytest.skip("there is no bash")
    commands = tmp_path / "bin"
    commands.mkdir()
    started = commands / "meticulous"
    started.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m meticulous "$@"\n')
    started.chmod(0o755)
    script = command("completion", "bash").stdout

    def complete(*words: str, cwd: Path = tmp_path) -> list[str]:
        typed = " ".join(f"'{word}'" for word in ("meticulous", *words))
        lines = (
            script,
            f"COMP_WORDS=({typed}) COMP_CWORD={len(words)}",
            "_meticulous_completion meticulous",
            'printf "%s\\n" "${COMPREPLY[@]}"',
        )
        done = subprocess.run(
            [program, "--noprofile", "--norc", "-c", "\n".join(lines)],
            cwd=cwd,
            env={**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.stderr, done.returncode) == ("", 0)
        return [line for line in done.stdout.split("\n") if line]

    return complete


@pytest.fixture
def ask(tmp_path: Path, command) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that asks as the script of a shell does."""

    def run(shell: str, *words: str, cwd: Path = tmp_path):
        return command(
            cwd=cwd,
            _METICULOUS_COMPLETE=f"{shell}_complete",
            COMP_WORDS=" ".join(("meticulous", *words)),
            COMP_CWORD=words[-1] if shell == "fish" else str(len(words)),
        )

    return run


def test_commands_are_completed(bash, experiments):
    assert set(bash("")) == set(COMMANDS)
    assert bash("sho") == ["show"]


def test_options_are_completed(bash, experiments):
    assert bash("path", "--js") == ["--json"]


def test_ids_are_completed_the_last_numbers_first(bash, experiments):
    ids = bash("show", "")
    assert ids[-3:] == ["12", "2", "1"]
    assert set(ids[:-3]) == {"a\\ b", "ünï", "it\\'s"}
    assert bash("show", "1") == ["12", "1"]
    assert bash("tag", "2,1") == ["2,12", "2,1"]


def test_ids_of_another_directory_are_completed(bash, experiments, tmp_path):
    write_record(tmp_path / "other", "77")
    assert bash("show", "--directory", str(tmp_path / "other"), "") == ["77"]


def test_columns_metrics_and_tags_are_completed(bash, experiments):
    assert bash("columns", "args.") == ["args.lr", "args.epochs", "args.wide"]
    assert bash("list", "--columns", "status,args.w") == ["status,args.wide"]
    assert bash("plot", "") == ["loss", "val.acc"]
    assert bash("plot", "loss", "12") == ["12"]
    assert bash("plot", "loss", "--group-by", "args.w") == ["args.wide"]
    assert bash("tag", "1", "") == ["baseline"]


def test_short_names_and_descending_orders_are_completed(bash, experiments):
    write_record(experiments, "13", summary={"val": {"acc": 0.5}, "loss": 1})
    assert bash("list", "--columns", "val") == ["val.acc"]
    assert bash("list", "--sort", "-lo") == ["-loss"]
    assert bash("list", "--sort", "id,-lo") == ["id,-loss"]
    assert bash("list", "--group-by", "epo") == ["epochs"]
    assert "--sort" in bash("list", "--so")


def test_statuses_and_tags_are_completed(bash, experiments):
    assert bash("list", "--status", "E") == ["ERROR"]
    assert bash("list", "--status", "LOST,su") == ["LOST,SUCCESS"]
    assert bash("list", "--tag", "") == ["baseline"]


def test_what_is_in_the_trash_is_completed_for_restore(bash, experiments):
    remove(str(experiments / "12"))
    assert bash("restore", "") == ["12"]


@pytest.mark.parametrize(
    "words",
    [("unknown", ""), ("show", "nothing"), ("show", "--directory", "gone", ""), ("plot", "x", "y")],
)
def test_where_nothing_fits_nothing_is_said(bash, tmp_path, words):
    assert bash(*words) == []


def test_a_broken_folder_does_not_disturb(bash, experiments):
    for name in ("metadata.json", "args.json", "STATUS", "summary.json"):
        (experiments / "1" / name).write_bytes(b"\xff{")
    (experiments / "new\nline").mkdir()
    (experiments / "new\nline" / "STATUS").touch()
    assert bash("show", "1") == ["12", "1"]
    assert "args.wide" in bash("columns", "")


def test_zsh_and_fish_get_status_and_description(ask, experiments):
    assert ask("zsh", "show", "12").stdout == "plain\n12\nERROR lr=0.5 wide=True\n"
    assert ask("fish", "show", "2").stdout == "plain,2\tSUCCESS a larger\\nstep\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", ""])
def test_no_question_makes_an_error_message(ask, tmp_path, shell):
    for words in (("show", ""), ("show", "'"), ("--x", "y", ""), ("",)):
        assert ask(shell, *words).stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_is_printed(command, shell):
    done = command("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_METICULOUS_COMPLETE={shell}_complete" in done.stdout


def test_another_shell_is_refused(command):
    done = command("completion", "tcsh")
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
