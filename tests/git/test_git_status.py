from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meticulous.errors import GitError
from meticulous.git.command import ask
from meticulous.git.status import STATUS_WORDS, Entry, Status, describe, readable


def status_of(repository, *words):
    return Status(ask(str(repository.directory), *STATUS_WORDS, *words))


def lines_of(repository):
    """The lines about everything dirty, as a refusal shows them."""
    entries = status_of(repository, "--untracked-files=no").entries
    return [describe(entry) for entry in entries if entry.is_dirty]


def test_a_clean_repository_has_a_commit_a_branch_and_no_entries(repository):
    status = status_of(repository)
    assert (status.commit, status.branch, status.entries) == (repository.head, "main", [])


def test_without_commits_the_commit_is_none(make_repository):
    status = status_of(make_repository("empty", commit=False))
    assert (status.commit, status.branch) == (None, "main")


def test_detached(repository):
    repository.git("checkout", "-q", "--detach")
    assert status_of(repository).branch is None


def test_modified_staged_deleted_new_and_renamed_files_have_their_words(repository):
    names = ("modified", "staged", "both", "gone", "removed", "old", "type")
    repository.commit({name: f"{name}\n" * 20 for name in names})
    for name in ("modified", "staged", "both"):
        repository.write(name, "other")
    repository.write("new")
    repository.git("add", "staged", "both", "new")
    repository.write("both", "still other")
    repository.git("mv", "old", "fresh")
    repository.git("rm", "-q", "removed")
    (repository.directory / "gone").unlink()
    (repository.directory / "type").unlink()
    (repository.directory / "type").symlink_to("new")
    assert sorted(lines_of(repository)) == [
        "deleted: gone",
        "modified: both",
        "modified: modified",
        "modified: type (became another type of file)",
        "staged: new (new)",
        "staged: old -> fresh (renamed)",
        "staged: removed (deleted)",
        "staged: staged",
    ]


def test_a_changed_file_mode_is_named(repository):
    repository.commit({"tool": "x"})
    (repository.directory / "tool").chmod(0o755)
    assert lines_of(repository) == ["modified: tool (mode 100644 -> 100755)"]


def test_intent_to_add_is_dirty(repository):
    repository.write("planned.py", "x")
    repository.git("add", "-N", "planned.py")
    assert lines_of(repository) == ["added: planned.py (git add -N)"]


def test_a_conflict(repository):
    repository.commit({"a.py": "one"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"a.py": "two"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "three"})
    repository.git("merge", "side", check=False)
    assert lines_of(repository) == ["conflict: a.py"]


def test_untracked_and_ignored_files_are_not_dirty(repository):
    repository.commit({".gitignore": "*.log\n"})
    repository.write("new.py")
    repository.write("x.log")
    assert lines_of(repository) == []
    entries = status_of(repository, "--untracked-files=all").entries
    assert [(entry.kind, entry.path, entry.is_dirty) for entry in entries] == [
        ("?", "new.py", False)
    ]


def test_configuration_cannot_hide_or_reshape_the_answer(repository, add_submodule):
    library = add_submodule(repository)
    for key, value in {
        "submodule.library.ignore": "all",
        "diff.ignoreSubmodules": "all",
        "status.showStash": "true",
        "status.renames": "false",
        "status.relativePaths": "true",
        "status.short": "true",
        "color.status": "always",
        "core.quotePath": "true",
        "status.submoduleSummary": "true",
    }.items():
        repository.git("config", key, value)
    repository.write("README", "stashed")
    repository.git("stash")
    library.write("inner.py", "changed")
    repository.git("mv", "README", "LIESMICH é")
    assert lines_of(repository) == [
        "staged: README -> LIESMICH é (renamed)",
        "submodule: library (modified content)",
    ]


def test_submodule_with_new_commits_changes_or_both(repository, add_submodule):
    library = add_submodule(repository)
    library.write("inner.py", "changed")
    assert lines_of(repository) == ["submodule: library (modified content)"]
    library.commit()
    assert lines_of(repository) == ["submodule: library (new commits)"]
    library.write("inner.py", "again")
    library.git("add", "inner.py")
    assert lines_of(repository) == ["submodule: library (new commits, modified content)"]
    repository.git("add", "library")
    assert lines_of(repository) == ["submodule: library (staged, modified content)"]


def test_submodule_with_an_untracked_file_is_clean(repository, add_submodule):
    library = add_submodule(repository)
    library.write("notes.txt", "untracked")
    assert lines_of(repository) == []


def test_submodule_that_was_deleted_or_not_initialised(repository, add_submodule):
    library = add_submodule(repository)
    repository.git("submodule", "deinit", "-q", "-f", "library")
    assert lines_of(repository) == []
    library.directory.rmdir()
    assert lines_of(repository) == ["deleted: library"]
    library.directory.write_text("a file now")
    assert lines_of(repository) == ["modified: library (became another type of file)"]


def test_a_new_and_a_removed_submodule(repository, add_submodule):
    add_submodule(repository)
    repository.git("reset", "-q", "--soft", "HEAD~1")
    assert lines_of(repository) == ["staged: .gitmodules (new)", "submodule: library (new)"]
    repository.commit()
    repository.git("rm", "-q", "library")
    assert lines_of(repository) == ["staged: .gitmodules", "submodule: library (removed)"]


def test_submodule_of_a_submodule(repository, add_submodule):
    library = add_submodule(repository)
    deep = add_submodule(library, "deep")
    repository.commit(message="take the deeper submodule in")
    assert lines_of(repository) == []
    deep.write("notes.txt")
    assert lines_of(repository) == []
    deep.write("inner.py", "changed")
    assert lines_of(repository) == ["submodule: library (modified content)"]


def test_an_unknown_kind_of_line_is_an_error_not_a_clean_repository():
    with pytest.raises(GitError, match="not understood"):
        Status(b"# branch.oid abc\0x something\0")


def test_unknown_headers_are_passed_over():
    assert Status(b"# stash 3\0# branch.ab +1 -2\0").entries == []


def test_odd_paths_stay_on_one_line():
    assert readable("naïve file 🎉.py") == "naïve file 🎉.py"
    assert readable("a\nb") == r"'a\nb'"
    assert readable(os.fsdecode(b"a\xff")) == r"'a\udcff'"
    assert describe(Entry("1", "a\nb", ".M")) == r"modified: 'a\nb'"


names = (
    st.binary(min_size=1, max_size=20)
    .filter(lambda name: not set(name) & set(b"/\0") and name not in (b".", b".."))
    .filter(lambda name: name.lower() != b".git")
)


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=names)
def test_every_file_name_comes_back_as_it_is(repository, name):
    path = os.path.join(os.fsencode(repository.directory), name)
    repository.git("reset", "-q", "--hard")
    with open(path, "wb") as file:
        file.write(b"content\n" * 10)
    repository.git("add", "-A")
    repository.git("commit", "-q", "--allow-empty", "-m", "x")
    with open(path, "ab") as file:
        file.write(b"more\n")
    text = os.fsdecode(name)
    assert [entry.path for entry in status_of(repository).entries] == [text]
    repository.git("reset", "-q", "--hard")
    os.rename(path, path + b"2")
    repository.git("add", "-A")
    (entry,) = status_of(repository).entries
    assert (entry.kind, entry.origin, entry.path) == ("2", text, text + "2")
