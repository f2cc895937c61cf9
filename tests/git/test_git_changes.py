from __future__ import annotations

import os

import pytest

from meticulous.errors import CommitNotFoundError, GitError, NoRepositoryError
from meticulous.git.changes import (
    changed_files,
    find_holder,
    list_files,
    patch,
    read_objects,
)


@pytest.fixture
def commits(repository) -> tuple[str, str]:
    before = repository.commit(
        {"a.py": "1\n2\n3\n", "old.py": "x\n" * 20, "gone": "g\n", "ünï b": ""}
    )
    (repository.directory / "old.py").rename(repository.directory / "new.py")
    (repository.directory / "gone").unlink()
    (repository.directory / "data.bin").write_bytes(b"\0\1\2")
    after = repository.commit({"a.py": "1\n2\n4\n5\n", "ünï b": "t\n", 'q"uote\t': "x\n"})
    return before, after


def test_changed_files_tell_what_happened_to_them(repository, commits: tuple[str, str]):
    root = str(repository.directory)
    assert {file.path: file.change for file in changed_files(root, *commits)} == {
        "a.py": "+2 -1",
        "data.bin": "new, binary",
        "gone": "deleted, +0 -1",
        "new.py": "was old.py",
        'q"uote\t': "new, +1 -0",
        "ünï b": "+1 -0",
    }
    assert changed_files(root, commits[0], commits[0]) == []


def test_the_patch_follows_no_setting_of_the_user(repository, commits: tuple[str, str]):
    root = str(repository.directory)
    repository.git("config", "diff.external", "false")
    repository.git("config", "color.ui", "always")
    repository.git("config", "diff.noprefix", "true")
    text = patch(root, *commits).decode()
    assert "--- a/a.py\n+++ b/a.py\n" in text
    assert "rename from old.py" in text
    assert "\x1b" not in text
    assert patch(root, *commits, paths=["a.py"]).decode().count("diff --git") == 1


def test_a_repository_that_holds_the_commits_is_found(make_repository, repository, commits):
    other = make_repository("other")
    places = [
        str(other.directory),
        str(repository.directory / "nothing"),
        str(repository.directory),
    ]
    assert find_holder(places, commits) == str(repository.directory)


def test_a_commit_that_is_gone_is_named(repository, commits: tuple[str, str]):
    gone = "0123456789" * 4
    with pytest.raises(CommitNotFoundError, match="The commit 0123456789 is not in the repository"):
        find_holder([str(repository.directory)], [commits[0], gone])
    with pytest.raises(GitError):
        changed_files(str(repository.directory), commits[0], gone)


@pytest.mark.parametrize("name", ["--all", "HEAD", "a\nb", "", "main"])
def test_what_is_no_commit_is_not_found(repository, name: str):
    with pytest.raises(CommitNotFoundError):
        find_holder([str(repository.directory)], [name])


def test_without_a_repository_that_is_said(tmp_path):
    with pytest.raises(NoRepositoryError, match="--repository"):
        find_holder([str(tmp_path)], ["a" * 40])


def test_files_of_a_commit_are_read(repository, commits: tuple[str, str]):
    root = str(repository.directory)
    objects = list_files(root, commits[1])
    assert set(objects) == {"README", "a.py", "data.bin", "new.py", 'q"uote\t', "ünï b"}
    contents = read_objects(root, [*objects.values(), objects["a.py"], "0" * 40])
    assert contents[objects["a.py"]] == b"1\n2\n4\n5\n"
    assert contents[objects["data.bin"]] == b"\0\1\2"
    assert read_objects(root, []) == {}


def test_submodules_are_a_change_of_their_own(repository, add_submodule):
    before = repository.head
    inner = add_submodule(repository)
    middle = repository.head
    inner.commit({"inner.py": "x = 2\n"})
    after = repository.commit()
    root = os.fspath(repository.directory)
    assert "library" in {file.path for file in changed_files(root, before, after)}
    assert {file.path for file in changed_files(root, middle, after)} == {"library"}
    assert "library" not in list_files(root, after)
