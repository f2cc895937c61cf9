from __future__ import annotations

import os

import pytest

from meticulous.errors import GitError
from meticulous.git.ignore import ignores


def test_patterns_of_every_origin_count(repository, monkeypatch, tmp_path):
    repository.commit({".gitignore": "experiments/\n*.log\n", "sub/.gitignore": "here\n"})
    (repository.directory / ".git" / "info" / "exclude").write_text("private\n")
    directory = str(repository.directory)
    for path, ignored in {
        "experiments/": True,
        "experiments": False,
        "experiments/1/STATUS": True,
        "x.log": True,
        "x.txt": False,
        "sub/here": True,
        "here": False,
        "private": True,
        "deep/missing/folders/x.log": True,
        os.path.join(directory, "x.log"): True,
        "two\nlines 🎉.log": True,
        "-x.log": True,
    }.items():
        assert ignores(directory, path) is ignored
    (repository.directory / "experiments").mkdir()
    assert ignores(directory, "experiments") is True
    assert ignores(os.path.join(directory, "sub"), "here") is True


def test_a_folder_that_ignores_itself(repository):
    repository.write("experiments/.gitignore", "*\n")
    assert ignores(str(repository.directory), "experiments/1") is True


def test_tracked_files_are_not_ignored(repository):
    repository.commit({"a.log": ""})
    repository.commit({".gitignore": "*.log\n"})
    assert ignores(str(repository.directory), "a.log") is False


def test_outside_of_the_repository_nothing_is_ignored(repository, tmp_path):
    repository.commit({".gitignore": "*\n"})
    directory = str(repository.directory)
    assert ignores(directory, str(tmp_path / "elsewhere")) is False
    assert ignores(directory, "../elsewhere/x") is False
    assert ignores(directory, ".git/hooks/x") is False
    (repository.directory / "link").symlink_to(tmp_path)
    assert ignores(directory, "link/x") is False


def test_in_a_submodule_its_own_patterns_count(repository, add_submodule):
    library = add_submodule(repository)
    library.write(".gitignore", "*.log\n")
    assert ignores(str(repository.directory), "library/x.log") is True
    assert ignores(str(repository.directory), "x.log") is False


def test_a_failure_is_an_error(repository, wrapped_git):
    wrapped_git('echo "fatal: broken" >&2; exit 128')
    with pytest.raises(GitError, match="broken"):
        ignores(str(repository.directory), "x")
