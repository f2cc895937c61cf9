from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import GitError, GitNotInstalledError
from meticulous.git.command import (
    REDIRECTING_VARIABLES,
    Question,
    ask,
    git_environment,
    is_one_line,
)


def open_descriptors() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


def test_the_environment_loses_what_leads_git_elsewhere_and_keeps_the_rest(monkeypatch):
    for name in REDIRECTING_VARIABLES:
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/home")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    environment = git_environment()
    assert not REDIRECTING_VARIABLES & environment.keys()
    assert environment["GIT_CEILING_DIRECTORIES"] == "/home"
    assert environment["GIT_CONFIG_COUNT"] == "0"
    assert environment["GIT_OPTIONAL_LOCKS"] == "0"
    assert environment["LC_ALL"] == "C"
    assert os.environ["GIT_DIR"] == "/elsewhere"


def test_what_git_itself_calls_local_to_a_repository_is_removed_or_meant_to_stay(repository):
    local = set(repository.git("rev-parse", "--local-env-vars").split())
    settings = {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}
    replacements = {"GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"}
    assert local - settings - replacements <= REDIRECTING_VARIABLES


def test_an_answer_has_output_errors_and_exit_code(repository):
    answer = Question(str(repository.directory), "rev-parse", "HEAD").answer()
    assert (answer.code, answer.output, answer.errors) == (0, f"{repository.head}\n".encode(), "")
    answer = Question(str(repository.directory), "rev-parse", "--verify", "nothing").answer()
    assert answer.code == 128
    assert "fatal" in answer.errors


def test_questions_run_at_the_same_time(repository):
    directory = str(repository.directory)
    first = Question(directory, "cat-file", "--batch-check", feed=b"HEAD\n")
    second = Question(directory, "rev-parse", "HEAD")
    assert second.output() == f"{repository.head}\n".encode()
    assert first.output().startswith(repository.head.encode())


def test_megabytes_in_both_directions_do_not_block(repository):
    feed = repository.head.encode() + b"\n"
    output = ask(str(repository.directory), "cat-file", "--batch-check", feed=feed * 25_000)
    assert output.count(feed.strip()) == 25_000


def test_a_megabyte_of_errors_does_not_block(repository, wrapped_git):
    wrapped_git("head -c 1000000 /dev/zero >&2")
    answer = Question(str(repository.directory), "rev-parse", "HEAD").answer()
    assert len(answer.errors) == 1_000_000
    assert answer.output == f"{repository.head}\n".encode()


def test_git_that_ends_before_it_has_read_everything_is_no_error(repository):
    feed = b"x" * 5_000_000
    assert ask(str(repository.directory), "rev-parse", "HEAD", feed=feed)


def test_a_question_without_feed_reads_nothing(repository):
    assert ask(str(repository.directory), "hash-object", "--stdin") == (
        b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"
    )


def test_undecodable_and_odd_words_reach_git_unchanged(repository):
    word = os.fsdecode(b"\xff \n\xf0\x9f\x8e\x89")
    answer = Question(str(repository.directory), "rev-parse", "--sq-quote", word).answer()
    assert answer.output == b" '\xff \n\xf0\x9f\x8e\x89'\n"


def test_git_not_on_path_is_said(repository, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    before = open_descriptors()
    with pytest.raises(GitNotInstalledError, match=r"none on PATH.*install git.*--norecord"):
        ask(str(repository.directory), "status")
    assert open_descriptors() == before


def test_no_descriptor_and_no_child_is_left(repository):
    before = open_descriptors(), psutil.Process().children()
    directory = str(repository.directory)
    ask(directory, "status")
    with pytest.raises(GitError):
        ask(directory, "no-such-command")
    for _ in range(3):
        with Question(directory, "cat-file", "--batch", feed=b"HEAD\n" * 100_000):
            pass
    assert (open_descriptors(), psutil.Process().children()) == before


def test_an_abandoned_git_is_ended(repository, wrapped_git):
    wrapped_git("exec sleep 600")
    question = Question(str(repository.directory), "status")
    pid = question._pid
    question.abandon()
    question.abandon()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_too_many_open_files_is_a_git_error_that_leaves_none_open(repository):
    program = """
import os, resource, sys
from meticulous.errors import GitError
from meticulous.git.command import ask
import meticulous.git.failure, select, signal
for limit in range(len(os.listdir("/dev/fd")), 14):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 64))
    try:
        ask(sys.argv[1], "rev-parse", "HEAD", feed=b"x")
        print("answered")
    except GitError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
print(len(os.listdir("/dev/fd")))
"""
    done = repository.python("-c", program, str(repository.directory))
    lines = done.stdout.splitlines()
    assert "Too many open files" in lines[0], done.stderr
    assert lines[-2] == "answered"
    assert lines[-1] == "4"


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_a_program_without_standard_streams_gets_its_answers(repository, tmp_path, closed):
    program = """
import os, sys
closed = [int(number) for number in sys.argv[3].split(",")]
for number in closed:
    os.close(number)
from meticulous.git.command import ask
answer = ask(sys.argv[1], "cat-file", "--batch-check", feed=b"HEAD\\n")
opened = [number for number in (0, 1, 2) if os.path.exists(f"/proc/self/fd/{number}")]
with open(sys.argv[2], "wb") as file:
    file.write(answer)
assert not set(opened) & set(closed)
"""
    target = tmp_path / "answer"
    numbers = ",".join(map(str, closed))
    done = subprocess.run(
        [sys.executable, "-c", program, str(repository.directory), str(target), numbers],
        check=False,
    )
    assert done.returncode == 0
    assert target.read_bytes().startswith(repository.head.encode() + b" commit")


@pytest.mark.parametrize("words", [("rev-parse", "HEAD"), ("rev-parse", "--verify", "nothing")])
def test_a_program_that_ignores_its_children_still_learns_of_failures(repository, words):
    program = """
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from meticulous.git.command import Question
print(Question(sys.argv[1], *sys.argv[2:]).answer().code)
"""
    done = repository.python("-c", program, str(repository.directory), *words)
    assert done.stdout == ("0\n" if words[-1] == "HEAD" else "128\n"), done.stderr


def test_the_first_git_questions_load_no_subprocess_module(repository):
    program = """
import sys
from meticulous.git.state import read_code_state, refusal
from meticulous.git.sources import changed_sources, untracked_sources
before = set(sys.modules)
state = read_code_state("")
assert refusal(state, "keep", "forget") is None
untracked_sources(state.directory, state.commit, ["/etc/hosts"])
changed_sources(state.directory, state.commit, ["/etc/hosts"], 0.0)
slow = {"subprocess", "typing", "dataclasses", "inspect", "pathlib", "tempfile", "shutil",
        "git", "logging", "threading", "selectors", "shlex", "datetime"}
print(sorted(slow & set(sys.modules)))
"""
    # -S: what `site` loads for editable installs is not ours.
    done = repository.python("-S", "-c", program)
    assert done.stdout == "[]\n", done.stderr


def test_threads_may_ask_at_once(repository):
    directory = str(repository.directory)
    barrier = threading.Barrier(16)

    def question() -> bytes:
        barrier.wait()
        return ask(directory, "rev-parse", "HEAD")

    with ThreadPoolExecutor(16) as pool:
        answers = {future.result() for future in [pool.submit(question) for _ in range(16)]}
    assert answers == {f"{repository.head}\n".encode()}


@given(st.text())
def test_a_one_line_path_is_one_that_git_reads_back_whole(path):
    line = f"{path}\n"
    read = line[: line.index("\n")].removesuffix("\r")
    assert is_one_line(path) == (read == path)
