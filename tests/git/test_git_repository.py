from __future__ import annotations

import os

import pytest

from meticulous.errors import NoRepositoryError
from meticulous.git.repository import open_repository


@pytest.mark.parametrize("name", ["project", "$HOME ~ 🎉"])
def test_gitpython_opens_the_repository_from_below(make_repository, name):
    repository = make_repository(name)
    repository.commit({"sub/a.py": ""})
    with open_repository(str(repository.directory / "sub")) as repo:
        assert repo.head.commit.hexsha == repository.head
        assert repo.working_tree_dir == str(repository.directory)


def test_worktrees_and_submodules_open_as_themselves(repository, add_submodule, tmp_path):
    library = add_submodule(repository)
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    for folder in (library.directory, tmp_path / "tree"):
        with open_repository(str(folder)) as repo:
            assert os.path.realpath(repo.working_tree_dir) == os.path.realpath(folder)


def test_no_repository(tmp_path):
    with pytest.raises(NoRepositoryError, match="none to open"):
        open_repository(str(tmp_path))
    with pytest.raises(NoRepositoryError, match="does not exist"):
        open_repository(str(tmp_path / "missing"))


def test_git_missing(repository, tmp_path):
    program = """
import os
os.environ["PATH"] = ""
from meticulous.errors import GitNotInstalledError
from meticulous.git.repository import open_repository
try:
    open_repository(".")
except GitNotInstalledError as error:
    print(error)
"""
    done = repository.python("-c", program)
    assert done.stdout.startswith("No git program can be started"), done.stderr
