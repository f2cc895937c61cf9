from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meticulous.errors import GitError
from meticulous.git.snapshot import take_snapshot
from meticulous.git.sources import changed_sources, untracked_sources
from meticulous.git.state import read_code_state

LONG_AGO = 1.0


def root_of(repository):
    return os.path.realpath(repository.directory)


def untracked(repository, *names, commit=None):
    root = root_of(repository)
    paths = [os.path.join(root, name) for name in names]
    return untracked_sources(root, commit or repository.head, paths)


def changed(repository, *names, since=LONG_AGO, commit=None):
    root = root_of(repository)
    paths = [os.path.join(root, name) for name in names]
    return changed_sources(root, commit or repository.head, paths, since)


@pytest.fixture
def no_git(wrapped_git):
    """Make every call of git fail loudly."""
    return lambda: wrapped_git('echo "fatal: git was asked" >&2; exit 128')


def test_only_files_that_the_commit_lacks_are_listed(repository):
    repository.commit({"a.py": "", "p/b.py": "", ".gitignore": "generated.py\n"})
    for name in ("new.py", "p/new.py", "generated.py"):
        repository.write(name)
    repository.write("staged.py")
    repository.git("add", "staged.py")
    names = ("a.py", "p/b.py", "new.py", "p/new.py", "generated.py", "staged.py", "new.py")
    assert untracked(repository, *names) == ["generated.py", "new.py", "p/new.py", "staged.py"]


def test_the_given_commit_counts_not_the_current_one(repository):
    old = repository.head
    repository.commit({"a.py": ""})
    assert untracked(repository, "a.py") == []
    assert untracked(repository, "a.py", commit=old) == ["a.py"]


def test_a_snapshot_holds_what_was_untracked(repository):
    repository.write("new.py")
    sha = take_snapshot(read_code_state(str(repository.directory)))
    assert untracked(repository, "new.py") == ["new.py"]
    assert untracked(repository, "new.py", commit=sha) == []


def test_what_lies_elsewhere_is_not_asked_for(repository, no_git):
    head, root = repository.head, root_of(repository)
    no_git()
    elsewhere = [os.__file__, pytest.__file__, f"{root}/site-packages/x.py", "rel.py", "<x>", "/"]
    assert untracked_sources(root, head, elsewhere) == []
    assert changed_sources(root, head, elsewhere, LONG_AGO) == []
    assert untracked_sources(root, head, []) == []
    with pytest.raises(GitError):
        untracked_sources(root, head, [f"{root}/README"])


def test_old_files_are_not_asked_for(repository, no_git):
    repository.commit({"a.py": ""})
    head = repository.head
    no_git()
    assert changed(repository, "a.py", since=time.time() + 100, commit=head) == []


def test_one_process_answers_for_many_files(repository, wrapped_git, tmp_path):
    names = [f"m{number}.py" for number in range(300)]
    head = repository.commit(dict.fromkeys(names, ""))
    wrapped_git(f'echo "$*" >> {tmp_path}/calls')
    repository.write("new.py")
    assert untracked(repository, *names, "new.py", commit=head) == ["new.py"]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].endswith("cat-file --batch-check")


def test_a_commit_that_is_gone_is_an_error(repository):
    with pytest.raises(GitError, match=r"The commit 1234567.* is not in the repository"):
        untracked(repository, "README", commit="1234567" + "0" * 33)


def test_changes_since_a_moment(repository):
    repository.commit({"a.py": "1", "b.py": "1", "c.py": "1", "d.py": "1", "e.py": "1"})
    for name in ("a.py", "b.py", "c.py", "d.py", "e.py"):
        os.utime(repository.directory / name, (1, 1))
    repository.write("a.py", "2")
    repository.write("b.py", "1")
    repository.write("new.py", "1")
    (repository.directory / "d.py").unlink()
    (repository.directory / "e.py").unlink()
    (repository.directory / "e.py").mkdir()
    names = ("a.py", "b.py", "c.py", "d.py", "e.py", "new.py")
    assert changed(repository, *names) == ["a.py"]


def test_a_change_right_after_the_moment_is_seen(repository):
    repository.commit({"a.py": "1"})
    since = time.time()
    repository.write("a.py", "2")
    assert changed(repository, "a.py", since=since) == ["a.py"]


def test_a_file_moved_into_place_with_an_old_time_is_seen(repository):
    repository.commit({"a.py": "1"})
    other = repository.write("b.py", "2")
    os.utime(other, (1, 1))
    since = time.time()
    other.rename(repository.directory / "a.py")
    assert changed(repository, "a.py", since=since) == ["a.py"]


def test_an_index_told_not_to_look_hides_nothing(repository):
    repository.commit({"a.py": "1"})
    repository.git("update-index", "--assume-unchanged", "a.py")
    repository.write("a.py", "2")
    assert changed(repository, "a.py") == ["a.py"]


def test_what_was_committed_meanwhile_still_differs_from_the_recorded_commit(repository):
    old = repository.commit({"a.py": "1"})
    repository.commit({"a.py": "2"})
    assert changed(repository, "a.py", commit=old) == ["a.py"]
    assert changed(repository, "a.py") == []


def test_changes_against_a_snapshot(repository):
    repository.write("new.py", "1")
    sha = take_snapshot(read_code_state(str(repository.directory)))
    assert changed(repository, "new.py", commit=sha) == []
    repository.write("new.py", "2")
    assert changed(repository, "new.py", commit=sha) == ["new.py"]


def test_line_ends_are_compared_as_git_stores_them(repository):
    repository.git("config", "core.autocrlf", "input")
    repository.commit({".gitattributes": "*.py text\n", "a.py": "1\n2\n"})
    (repository.directory / "a.py").write_bytes(b"1\r\n2\r\n")
    assert changed(repository, "a.py") == []


def test_submodules_are_judged_by_the_commit_recorded_for_them(repository, add_submodule):
    library = add_submodule(repository)
    deep = add_submodule(library, "deep")
    repository.commit()
    library.write("new.py")
    deep.write("new.py")
    names = ("library/inner.py", "library/new.py", "library/deep/inner.py", "library/deep/new.py")
    new = ["library/deep/new.py", "library/new.py"]
    assert untracked(repository, *names) == new
    library.commit()
    assert untracked(repository, *names) == new
    deep.write("inner.py", "changed")
    library.write("inner.py", "changed")
    assert changed(repository, *names) == ["library/deep/inner.py", "library/inner.py"]


def test_a_repository_that_is_no_submodule_is_not_in_the_commit(repository, make_repository):
    inner = make_repository("project/inner")
    inner.commit({"x.py": ""})
    assert untracked(repository, "inner/x.py") == ["inner/x.py"]
    assert changed(repository, "inner/x.py") == []


def test_a_linked_worktree_is_judged_by_itself(repository, tmp_path):
    repository.commit({"a.py": ""})
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    tree = type(repository)(tmp_path / "tree")
    tree.write("new.py")
    assert untracked(tree, "a.py", "new.py") == ["new.py"]


def test_a_deleted_module_and_one_in_an_archive(repository):
    repository.commit({"a.py": "", "lib.zip": "PK"})
    (repository.directory / "a.py").unlink()
    assert untracked(repository, "a.py", "lib.zip/m.py", "b.py") == ["b.py"]


names = (
    st.binary(min_size=1, max_size=12)
    .filter(lambda name: not set(name) & set(b"/\0") and name not in (b".", b".."))
    .filter(lambda name: name.lower() != b".git")
)
odd = st.sampled_from(
    [b'"quoted"', b"a\nb", b"a\r", b"\r", b"-n", b"a b\t", b"*", b":(top)", b"\xff"]
)


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tracked=st.sets(names | odd, min_size=1, max_size=5), new=st.sets(names | odd, max_size=5))
def test_any_file_name_is_told_apart(repository, tracked, new):
    repository.git("rm", "-r", "-q", "-f", "--ignore-unmatch", ".")
    repository.git("clean", "-q", "-f", "-d", "-x")
    root = os.fsencode(root_of(repository))
    for name in tracked:
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"1")
    repository.commit()
    new = new - tracked
    for name in new:
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"1")
    every = [os.fsdecode(name) for name in tracked | new]
    assert untracked(repository, *every) == sorted(os.fsdecode(name) for name in new)
    assert changed(repository, *every) == []
    for name in tracked:
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"2")
    assert changed(repository, *every) == sorted(os.fsdecode(name) for name in tracked)
