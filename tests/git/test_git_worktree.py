from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meticulous.git.worktree import (
    Territory,
    existing_file,
    find_root,
    git_directory,
    is_root,
    operation_in_progress,
)


def real(path):
    return os.path.realpath(path)


def test_the_root_is_found_from_below(repository):
    repository.commit({"a/b/c.py": ""})
    assert find_root(real(repository.directory / "a" / "b")) == real(repository.directory)
    assert find_root(real(repository.directory)) == real(repository.directory)


def test_no_root_up_to_the_top(tmp_path):
    assert find_root(real(tmp_path)) is None
    assert find_root("/") is None


@pytest.mark.parametrize("missing", ["HEAD", "objects", "refs"])
def test_what_git_passes_by_is_passed_by(repository, missing):
    inner = repository.directory / "inner"
    inner.mkdir()
    repository.git("init", "-q", ".", cwd=inner)
    assert is_root(str(inner))
    (inner / ".git" / missing).rename(inner / ".git" / "elsewhere")
    assert find_root(real(inner)) == real(repository.directory)
    assert repository.git("rev-parse", "--show-toplevel", cwd=inner).strip() == real(
        repository.directory
    )


def test_a_damaged_head_is_passed_by_as_git_does(repository):
    inner = repository.directory / "inner"
    inner.mkdir()
    repository.git("init", "-q", ".", cwd=inner)
    (inner / ".git" / "HEAD").write_text("nonsense")
    assert find_root(real(inner)) == real(repository.directory)
    assert repository.git("rev-parse", "--show-toplevel", cwd=inner).strip() == real(
        repository.directory
    )


def test_the_git_directory_of_clones_worktrees_submodules_and_separate_ones(
    repository, add_submodule, tmp_path
):
    library = add_submodule(repository)
    repository.git("worktree", "add", "-q", str(tmp_path / "tree"))
    repository.git("init", "-q", f"--separate-git-dir={tmp_path / 'gits'}", str(tmp_path / "sep"))
    for folder in (repository.directory, library.directory, tmp_path / "tree", tmp_path / "sep"):
        expected = repository.git("rev-parse", "--absolute-git-dir", cwd=folder).strip()
        assert real(git_directory(str(folder))) == expected


def conflict(repository):
    """Leave a main and a side branch that both changed a.py, twice on the side."""
    repository.commit({"a.py": "one\n"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"a.py": "two\n"})
    repository.commit({"b.py": "two\n"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "three\n"})


@pytest.mark.parametrize(
    ("words", "operation"),
    [
        (("merge", "side"), "merge"),
        (("rebase", "side"), "rebase"),
        (("rebase", "--apply", "side"), "rebase"),
        (("cherry-pick", "side~1"), "cherry-pick"),
        (("cherry-pick", "main..side"), "cherry-pick"),
        (("revert", "--no-edit", "HEAD~1"), "revert"),
        (("bisect", "start", "HEAD", "HEAD~1"), "bisect"),
        (("status",), None),
    ],
)
def test_an_operation_in_progress_is_seen(repository, tmp_path, words, operation):
    conflict(repository)
    folder = tmp_path / "tree"
    repository.git("worktree", "add", "-q", "-b", "work", str(folder), "main")
    repository.git(*words, check=False, cwd=folder)
    assert operation_in_progress(git_directory(str(folder))) == operation
    assert operation_in_progress(git_directory(str(repository.directory))) is None


def test_a_mailbox_that_does_not_apply(repository, tmp_path):
    conflict(repository)
    repository.git("format-patch", "-q", "-o", str(tmp_path / "mails"), "main..side")
    mails = sorted(str(path) for path in (tmp_path / "mails").iterdir())
    repository.git("am", *mails, check=False)
    assert operation_in_progress(git_directory(str(repository.directory))) == "am"


@pytest.mark.parametrize("words", [("cherry-pick", "main..side"), ("revert", "--no-edit", "HEAD")])
def test_between_two_picks_the_sequencer_tells(repository, words):
    conflict(repository)
    verb = "revert" if words[0] == "revert" else "pick"
    sequencer = repository.directory / ".git" / "sequencer"
    sequencer.mkdir()
    assert operation_in_progress(str(sequencer.parent)) == "cherry-pick"
    (sequencer / "todo").write_text(f"{verb} 123 a subject\n")
    assert operation_in_progress(str(sequencer.parent)) == words[0]


def test_an_operation_in_a_folder_that_cannot_be_listed_is_unknown(tmp_path):
    assert operation_in_progress(str(tmp_path / "missing")) is None


def test_own_files_are_located_and_others_are_not(repository):
    root = real(repository.directory)
    territory = Territory(root)
    repository.write("a b/é🎉\n.py")
    assert territory.locate(f"{root}/a b/é🎉\n.py") == "a b/é🎉\n.py"
    assert territory.locate(f"{root}/a b/../README") == "README"
    assert territory.locate(f"{root}/./README") == "README"
    assert territory.locate(f"{root}/no/such/file.py") == "no/such/file.py"
    for other in (
        root,
        f"{root}-2/x.py",
        os.__file__,
        pytest.__file__,
        "relative.py",
        "<string>",
        "",
        f"{root}/\0",
        f"{root}/.git/hooks/x.py",
        f"{root}/env/lib/python3.99/site-packages/x.py",
        f"{root}/env/lib/python3/dist-packages/x/y.py",
    ):
        assert territory.locate(other) is None


def test_links_are_followed_to_where_the_code_is(repository, tmp_path):
    root = real(repository.directory)
    repository.write("src/code.py")
    (repository.directory / "link.py").symlink_to("src/code.py")
    (repository.directory / "folder").symlink_to("src")
    (tmp_path / "outside.py").write_text("")
    (repository.directory / "outside.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "entrance").symlink_to(root)
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "code.py").symlink_to(f"{root}/src/code.py")
    territory = Territory(root)
    assert territory.locate(f"{root}/link.py") == "src/code.py"
    assert territory.locate(f"{root}/folder/code.py") == "src/code.py"
    assert territory.locate(f"{tmp_path}/entrance/folder/code.py") == "src/code.py"
    assert territory.locate(f"{tmp_path}/entrance/src/../link.py") == "src/code.py"
    assert territory.locate(f"{tmp_path}/site-packages/code.py") == "src/code.py"
    assert territory.locate(f"{root}/outside.py") is None


def test_a_link_into_the_git_folder_is_the_file_itself(repository):
    root = real(repository.directory)
    contents = repository.directory / ".git" / "annex" / "contents"
    contents.parent.mkdir()
    contents.write_text("")
    (repository.directory / "data.py").symlink_to(".git/annex/contents")
    assert Territory(root).locate(f"{root}/data.py") == "data.py"


def test_a_file_in_an_archive_is_the_archive(repository):
    root = real(repository.directory)
    repository.write("app.pyz", "PK")
    assert Territory(root).locate(f"{root}/app.pyz/package/module.py") == "app.pyz"
    assert existing_file(f"{root}/app.pyz/package/module.py") == f"{root}/app.pyz"
    assert existing_file(f"{root}/nothing/here.py") is None
    assert existing_file("nothing-relative") is None


def test_the_running_python_inside_the_repository_is_installed(repository, monkeypatch):
    root = real(repository.directory)
    monkeypatch.setattr(sys, "prefix", f"{root}/.venv")
    territory = Territory(root)
    assert territory.locate(f"{root}/.venv/bin/pytest") is None
    assert territory.locate(f"{root}/.venv2/x.py") == ".venv2/x.py"


def test_a_python_installed_into_the_root_itself_leaves_the_users_code(repository, monkeypatch):
    root = real(repository.directory)
    monkeypatch.setattr(sys, "prefix", root)
    territory = Territory(root)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert territory.locate(f"{root}/bin/pytest") is None
    assert territory.locate(f"{root}/lib/{version}/abc.py") is None
    assert territory.locate(f"{root}/lib/mine.py") == "lib/mine.py"
    assert territory.locate(f"{root}/train.py") == "train.py"


def test_a_repository_inside_the_folder_of_the_running_python(repository, monkeypatch):
    root = real(repository.directory)
    monkeypatch.setattr(sys, "base_prefix", os.path.dirname(root))
    assert Territory(root).locate(f"{root}/train.py") == "train.py"


def test_a_repository_among_installed_packages(make_repository):
    repository = make_repository("site-packages/checkout/mine")
    root = real(repository.directory)
    assert Territory(root).locate(f"{root}/train.py") == "train.py"
    assert Territory(root).locate(f"{root}/site-packages/x/y.py") is None


def test_the_outermost_inner_repository_is_told(repository, add_submodule):
    root = real(repository.directory)
    library = add_submodule(repository, "libs/library")
    add_submodule(library, "deep")
    territory = Territory(root)
    assert territory.repository_of("README") == root
    assert territory.repository_of("libs/other.py") == root
    assert territory.repository_of("libs/library/inner.py") == f"{root}/libs/library"
    assert territory.repository_of("libs/library/deep/x/y.py") == f"{root}/libs/library"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(min_size=1, max_size=8).filter(
            lambda part: "/" not in part and "\0" not in part and part not in (".", "..", ".git")
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_path_below_the_root_is_its_own_location(repository, parts):
    root = real(repository.directory)
    name = "/".join(parts)
    if "site-packages/" not in name and "dist-packages/" not in name:
        assert Territory(root).locate(f"{root}/{name}") == name
