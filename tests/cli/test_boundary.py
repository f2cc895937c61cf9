from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from written_records import write_record

HEAVY = ("rich", "git", "pandas", "psutil", "numpy", "orjson", "meticulous.recorder")

PROGRAM = """\
import sys
import click
from meticulous.cli.boundary import carry_out
from meticulous.errors import MeticulousError

@click.command(context_settings={{"ignore_unknown_options": True}})
@click.argument("words", nargs=-1)
def command(words):
    {body}

sys.exit(carry_out(command, sys.argv[1:]))
"""


def carry_out(body: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of one statement behind the boundary, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body), *words], capture_output=True, text=True
    )


def test_help_imports_nothing_that_is_heavy(tmp_path: Path):
    program = (
        "import sys; from meticulous.cli import main; code = main(['--help']); "
        f"print([name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [["--help"], ["-h"], []])
def test_help_names_every_command(command, words: list[str]):
    done = command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("list", "run", "show"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("words", [[], ["list"], ["run"], ["show"]])
def test_every_help_gives_an_example(command, words: list[str]):
    done = command(*words, "--help")
    examples = done.stdout.partition("Examples:\n")[2]
    assert f"    meticulous {' '.join(words) or 'run'} " in examples
    assert command(*words, "-h").stdout == done.stdout


def test_the_version_is_told(command):
    import meticulous

    assert command("--version").stdout == f"meticulous {meticulous.__version__}\n"


def test_a_directory_in_place_of_a_command_is_listed(command, tmp_path: Path):
    write_record(tmp_path / "runs", "1")
    assert command("runs").stdout == command("list", "runs").stdout
    assert command("runs", "--json").stdout == command("list", "--json", "runs").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lst"], "Did you mean 'list'?"),
        (["no-such-folder"], "neither a command nor a directory"),
        (["--nonsense"], "No such option"),
        (["list", "--tail", "none"], "--tail"),
        (["list", "a", "b"], "unexpected extra argument"),
        (["show"], "Missing argument"),
        (["list", "gone"], "does not exist"),
        (["show", "3"], "meticulous run"),
    ],
)
def test_a_mistake_of_the_user_is_one_message_and_exit_code_2(command, words, message: str):
    done = command(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("meticulous: error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_expected_error_shows_its_message_alone():
    done = carry_out("raise MeticulousError('the disk is full: free some space')")
    assert done.returncode == 2
    assert done.stderr == "meticulous: error: the disk is full: free some space\n"


def test_a_message_keeps_its_lines_and_steers_no_terminal():
    done = carry_out(r"raise MeticulousError('two\n\tlines\x1b[31m')")
    assert done.stderr == "meticulous: error: two\n        lines\\x1b[31m\n"


def test_an_interrupt_ends_with_130():
    done = carry_out("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    assert done.returncode == 130
    assert done.stderr == "meticulous: interrupted\n"


def test_the_commands_own_exit_code_is_kept():
    assert carry_out("click.get_current_context().exit(7)").returncode == 7
    assert carry_out("return 8").returncode == 8
    assert carry_out("sys.exit(9)").returncode == 9
    assert carry_out("return None").returncode == 0


def test_a_bug_ends_with_3_and_a_report_that_can_be_sent():
    done = carry_out("1 / 0", "list", "two words")
    assert done.returncode == 3
    assert "bug in meticulous" in done.stderr
    assert "command: meticulous list 'two words'\n" in done.stderr
    assert sys.version.split()[0] in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_report_holds_no_secrets():
    done = carry_out("raise ValueError(words)", "run", "--api-key", "s3cr3t-v4lu3-0123456789")
    assert done.returncode == 3
    assert "s3cr3t" not in done.stderr
    assert "Traceback" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_the_output_is_no_bug():
    program = PROGRAM.format(body="click.echo('x' * 100_000)")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == (
        "meticulous: error: The output cannot be written: [Errno 28] No space left on device.\n"
    )


def test_a_reader_that_has_had_enough_is_no_trouble(tmp_path: Path):
    for number in range(1, 201):
        write_record(tmp_path, str(number), metadata={"description": "long " * 400})
    with subprocess.Popen(
        [sys.executable, "-m", "meticulous", "list", "--all", "."],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 128 + 13


def test_without_standard_output_nothing_fails(tmp_path: Path):
    folder = write_record(tmp_path / "experiments", "1")
    (folder / "stdout").write_text("begun\n")
    for words in (["list"], ["show", "1"], ["logs", "1"], ["--help"]):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m meticulous {" ".join(words)} >&-', sys.executable],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_characters_that_the_encoding_lacks_are_escaped(process, tmp_path: Path):
    write_record(tmp_path / "experiments", "日本")
    done = process("list", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert "\\u65e5\\u672c" in done.stdout
