from __future__ import annotations

import pytest

from meticulous.errors import (
    BareRepositoryError,
    GitError,
    GitNotInstalledError,
    NoCommitsError,
    NoRepositoryError,
    UnsafeRepositoryError,
)
from meticulous.git.command import Answer, ask
from meticulous.git.failure import failure


def test_a_folder_outside_any_repository(tmp_path):
    with pytest.raises(NoRepositoryError) as caught:
        ask(str(tmp_path), "status")
    message = str(caught.value)
    assert str(tmp_path) in message
    assert f"git init {tmp_path} && git -C {tmp_path} add -A && git -C {tmp_path} commit" in message
    assert "--norecord" in message
    assert "fatal" not in message


def test_a_gitfile_that_points_nowhere_is_quoted(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /not/there\n")
    with pytest.raises(NoRepositoryError, match=r"git said: fatal: .*/not/there"):
        ask(str(tmp_path), "status")


def test_a_gitfile_that_is_none(tmp_path):
    (tmp_path / ".git").write_text("hello\n")
    with pytest.raises(NoRepositoryError, match="invalid gitfile format"):
        ask(str(tmp_path), "status")


def test_a_bare_repository(make_repository):
    bare = make_repository("bare.git", "--bare", commit=False)
    with pytest.raises(BareRepositoryError, match=r"bare\.git.*without a working tree.*worktree"):
        ask(str(bare.directory), "status")


def test_the_inside_of_a_git_folder(repository):
    with pytest.raises(BareRepositoryError, match=r"inside of a \.git folder"):
        ask(str(repository.directory / ".git"), "status")


def test_a_bare_repository_that_the_configuration_forbids(make_repository, monkeypatch):
    bare = make_repository("bare.git", "--bare", commit=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.bareRepository")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "explicit")
    with pytest.raises(BareRepositoryError):
        ask(str(bare.directory), "status")


def test_somebody_elses_repository_names_the_command_that_trusts_it(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UnsafeRepositoryError) as caught:
        ask(str(repository.directory), "status")
    message = str(caught.value)
    assert f"git config --global --add safe.directory {repository.directory}\n" in message
    assert "belongs to another user" in message


def test_a_path_with_spaces_is_quoted_in_the_command(make_repository, monkeypatch):
    repository = make_repository("my project")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UnsafeRepositoryError) as caught:
        ask(str(repository.directory), "status")
    assert f"safe.directory '{repository.directory}'\n" in str(caught.value)
    assert f"work in {repository.directory} because" in str(caught.value)


def test_from_a_sub_folder_the_repository_is_what_has_to_be_trusted(repository, monkeypatch):
    repository.commit({"sub/a.py": ""})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UnsafeRepositoryError) as caught:
        ask(str(repository.directory / "sub"), "status")
    assert f"safe.directory {repository.directory}\n" in str(caught.value)


def test_no_commits(make_repository):
    empty = make_repository("empty", commit=False)
    with pytest.raises(NoCommitsError, match=r"no commit yet.*add -A && git.*commit -m start"):
        ask(str(empty.directory), "log")


def test_anything_else_quotes_command_exit_code_and_words(repository):
    with pytest.raises(GitError) as caught:
        ask(str(repository.directory), "cat-file", "-p", "no such object")
    assert type(caught.value) is GitError
    assert str(caught.value) == (
        f"`git -C {repository.directory} cat-file -p 'no such object'` failed with exit code 128. "
        "Git said:\n    fatal: Not a valid object name no such object"
    )


def test_silence_and_signals_are_said():
    error = failure(Answer(("git", "status"), "/somewhere", -9, b"", ""))
    assert str(error) == "`git status` failed by signal 9. Git said:\n    (nothing)"
    error = failure(Answer(("git", "status"), "/somewhere", 127, b"", ""))
    assert isinstance(error, GitNotInstalledError)
