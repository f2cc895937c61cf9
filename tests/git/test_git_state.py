from __future__ import annotations

import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meticulous.errors import (
    BareRepositoryError,
    GitError,
    GitNotInstalledError,
    NoCommitsError,
    NoRepositoryError,
    UnsafeRepositoryError,
)
from meticulous.git.state import CodeState, read_code_state, refusal


def state_of(place, script=None):
    directory = getattr(place, "directory", place)
    return read_code_state(str(directory), None if script is None else str(script))


def test_the_fields_that_type_checkers_see_are_the_fields():
    assert tuple(CodeState.__annotations__) == CodeState._fields


def test_a_clean_repository(repository):
    script = repository.write("train.py")
    sha = repository.commit(message="subject\n\nbody é\n\n    indented")
    assert state_of(repository, script) == CodeState(
        directory=os.path.realpath(repository.directory),
        commit=sha,
        message="subject\n\nbody é\n\n    indented\n",
        branch="main",
        remote=None,
        dirty=(),
        script="train.py",
        script_tracked=True,
        operation=None,
        snapshot=None,
    )


def test_the_empty_project_directory_is_the_current_one(repository, monkeypatch):
    repository.commit({"sub/train.py": ""})
    monkeypatch.chdir(repository.directory / "sub")
    state = read_code_state("", "train.py")
    assert state.directory == os.path.realpath(repository.directory)
    assert state.script == "sub/train.py"
    assert read_code_state("..").directory == state.directory


def test_from_a_sub_folder_the_whole_repository_counts(repository):
    repository.commit({"a/b/train.py": "", "other.py": ""})
    repository.write("other.py", "changed")
    state = state_of(repository.directory / "a" / "b")
    assert state.dirty == ("modified: other.py",)


def test_an_ignored_folder_is_in_the_repository_too(repository):
    repository.commit({".gitignore": "work/\n"})
    (repository.directory / "work").mkdir()
    assert state_of(repository.directory / "work").commit == repository.head


def test_through_a_link_the_real_folder_is_meant(repository, tmp_path):
    repository.commit({"sub/train.py": ""})
    (tmp_path / "link").symlink_to(repository.directory / "sub")
    state = state_of(tmp_path / "link", tmp_path / "link" / "train.py")
    assert state.directory == os.path.realpath(repository.directory)
    assert (state.script, state.script_tracked) == ("sub/train.py", True)


@pytest.mark.parametrize("name", ["my project", "two\nlines", "🎉 é", "-dash", "quote'\"$HOME\\"])
def test_a_project_and_a_script_with_an_odd_name(make_repository, name):
    repository = make_repository(name)
    script = repository.write(f"{name}.py")
    state = state_of(repository, script)
    assert (state.script, state.script_tracked) == (f"{name}.py", False)
    repository.commit()
    state = state_of(repository, script)
    assert (state.script, state.script_tracked, state.dirty) == (f"{name}.py", True, ())


def test_undecodable_names(make_repository, tmp_path):
    repository = make_repository(os.fsdecode(b"caf\xe9"))
    name = os.fsdecode(b"tr\xe4in.py\r")
    path = os.path.join(str(repository.directory), name)
    Path(path).write_text("")
    state = state_of(repository, path)
    assert (state.script, state.script_tracked) == (name, False)
    repository.commit()
    assert state_of(repository, path).script_tracked
    Path(path).write_text("changed")
    assert state_of(repository).dirty == (r"modified: 'tr\udce4in.py\r'",)


@pytest.mark.parametrize("name", ["a~1", "b^{commit}", "c@{1}", ":d", "HEAD", "e missing", "f*"])
def test_a_script_whose_name_means_something_to_git(repository, name):
    script = repository.write(name)
    assert not state_of(repository, script).script_tracked
    repository.commit()
    assert state_of(repository, script).script_tracked


def test_detached_head(repository):
    repository.git("checkout", "-q", "--detach")
    state = state_of(repository)
    assert (state.branch, state.commit) == (None, repository.head)


def test_a_branch_with_slashes_and_its_remote(repository):
    repository.git("checkout", "-q", "-b", "feature/x-é")
    repository.git("remote", "add", "origin", "https://user:secret@host.org/a.git")
    state = state_of(repository)
    assert (state.branch, state.remote) == ("feature/x-é", "https://host.org/a.git")


def test_a_linked_worktree(repository, tmp_path):
    repository.commit({"train.py": ""})
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    script = tmp_path / "tree" / "train.py"
    state = state_of(tmp_path / "tree", script)
    assert state.directory == os.path.realpath(tmp_path / "tree")
    assert (state.branch, state.script, state.script_tracked) == ("side", "train.py", True)
    assert state_of(repository, script).script is None


def test_a_worktree_of_a_bare_repository(make_repository, repository, tmp_path):
    bare = make_repository("bare.git", "--bare", commit=False)
    repository.git("push", "-q", str(bare.directory), "main")
    bare.git("worktree", "add", "-q", str(tmp_path / "tree"), "main")
    assert state_of(tmp_path / "tree").commit == repository.head


def test_a_separate_git_directory(repository, tmp_path):
    repository.git("init", "-q", f"--separate-git-dir={tmp_path / 'elsewhere'}")
    state = state_of(repository)
    assert state.directory == os.path.realpath(repository.directory)


def test_a_submodule_as_project_directory(repository, add_submodule):
    library = add_submodule(repository)
    script = library.write("inner.py", "changed")
    state = state_of(library, script)
    assert state.directory == os.path.realpath(library.directory)
    assert state.commit == library.head != repository.head
    assert state.dirty == ("modified: inner.py",)
    assert (state.script, state.script_tracked) == ("inner.py", True)
    assert state.remote is not None
    assert state.remote.endswith("source-of-library")


def test_a_script_in_a_submodule_is_tracked_where_it_lies(repository, add_submodule):
    library = add_submodule(repository)
    deep = add_submodule(library, "deep")
    repository.commit()
    for inner in (library, deep):
        state = state_of(repository, inner.directory / "inner.py")
        assert state.script == os.path.relpath(inner.directory / "inner.py", repository.directory)
        assert state.script_tracked
        new = inner.write("new.py")
        state = state_of(repository, new)
        assert (state.script_tracked, state.dirty) == (False, ())
        assert "new.py is not tracked by git" in refusal(state, "keep", "forget")


def test_a_script_in_a_repository_that_is_no_submodule_is_not_in_the_commit(
    repository, make_repository
):
    inner = make_repository("project/inner")
    script = inner.write("train.py")
    inner.commit()
    state = state_of(repository, script)
    assert (state.script, state.script_tracked) == ("inner/train.py", False)


def test_a_shallow_clone(repository, tmp_path):
    sha = repository.commit({"train.py": ""})
    url = f"file://{repository.directory}"
    repository.git("clone", "-q", "--depth=1", url, str(tmp_path / "shallow"))
    state = state_of(tmp_path / "shallow", tmp_path / "shallow" / "train.py")
    assert (state.commit, state.script_tracked, state.dirty) == (sha, True, ())
    assert state.remote == url


@pytest.mark.parametrize("options", [(), ("--sparse-index",)])
def test_a_sparse_checkout(repository, options):
    repository.commit({"a/train.py": "", "b/other.py": ""})
    repository.git("sparse-checkout", "set", "--cone", *options, "a")
    assert not (repository.directory / "b").exists()
    state = state_of(repository, repository.directory / "a" / "train.py")
    assert (state.dirty, state.script_tracked) == ((), True)
    repository.write("a/train.py", "changed")
    assert state_of(repository).dirty == ("modified: a/train.py",)


def test_a_repository_with_sha256(make_repository):
    repository = make_repository("new", "--object-format=sha256")
    script = repository.write("train.py")
    repository.commit()
    state = state_of(repository, script)
    assert len(state.commit) == 64
    assert state.script_tracked


def test_an_operation_in_progress_with_clean_files_is_no_refusal(repository):
    repository.commit()
    repository.git("bisect", "start", "HEAD", "HEAD~1")
    state = state_of(repository)
    assert state.operation == "bisect"
    assert refusal(state, "keep", "forget") is None


def test_a_merge_in_progress(repository):
    repository.commit({"a.py": "one"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"a.py": "two"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "three"})
    repository.git("merge", "side", check=False)
    state = state_of(repository)
    assert (state.operation, state.dirty) == ("merge", ("conflict: a.py",))


def test_an_untracked_a_staged_and_an_ignored_script_are_not_in_the_commit(repository):
    repository.commit({".gitignore": "ignored.py\n"})
    untracked = repository.write("untracked.py")
    ignored = repository.write("ignored.py")
    for script in (untracked, ignored):
        state = state_of(repository, script)
        assert (state.dirty, state.script_tracked) == ((), False)
        assert refusal(state, "keep", "forget") is not None
    repository.git("add", "untracked.py")
    state = state_of(repository, untracked)
    assert (state.dirty, state.script_tracked) == (("staged: untracked.py (new)",), False)


def test_scripts_that_are_not_the_users_own_code_in_this_repository(repository, monkeypatch):
    root = repository.directory
    monkeypatch.chdir(root)
    repository.write("env/lib/python3.9/site-packages/tool/__main__.py")
    repository.write(".venv/bin/pytest")
    monkeypatch.setattr(sys, "prefix", str(root / ".venv"))
    for script in (
        None,
        "",
        "-c",
        "-",
        "<stdin>",
        "missing.py",
        "nul\0.py",
        os.__file__,
        str(root / ".venv" / "bin" / "pytest"),
        "env/lib/python3.9/site-packages/tool/__main__.py",
    ):
        state = state_of(repository, script)
        assert (state.script, state.script_tracked) == (None, True)
        assert refusal(state, "keep", "forget") is None


def test_a_folder_or_an_archive_as_script(repository):
    repository.write("app/__main__.py")
    archive = repository.write("app.pyz")
    repository.commit()
    assert state_of(repository, repository.directory / "app").script == "app/__main__.py"
    assert state_of(repository, archive / "__main__.py").script == "app.pyz"


def test_a_linked_script_is_what_it_links_to(repository):
    repository.commit({"src/train.py": ""})
    (repository.directory / "run.py").symlink_to("src/train.py")
    state = state_of(repository, repository.directory / "run.py")
    assert (state.script, state.script_tracked) == ("src/train.py", True)


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-8", "no-such-encoding"])
def test_a_message_in_another_encoding(repository, encoding):
    text = "Änderung\n"
    python_encoding = "utf-8" if encoding == "no-such-encoding" else encoding
    tree = repository.git("rev-parse", "HEAD^{tree}").strip()
    raw = (
        f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n"
        f"encoding {encoding}\ngpgsig first\n \n second\n\n"
    ).encode() + text.encode(python_encoding)
    path = repository.directory / ".git" / "raw"
    path.write_bytes(raw)
    sha = repository.git("hash-object", "-t", "commit", "-w", str(path)).strip()
    repository.git("reset", "-q", "--hard", sha)
    assert state_of(repository).message == text


def test_an_empty_message(repository):
    repository.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    assert state_of(repository).message == ""


def test_the_variables_of_a_hook_do_not_lead_elsewhere(repository, make_repository, monkeypatch):
    other = make_repository("other")
    repository.commit({"a.py": ""})
    monkeypatch.setenv("GIT_DIR", str(other.directory / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.directory))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.directory / ".git" / "index"))
    state = state_of(repository)
    monkeypatch.undo()
    assert (state.commit, state.dirty) == (repository.head, ())


def test_reading_changes_nothing(repository):
    repository.commit({"a.py": "x\n"})
    os.utime(repository.directory / "a.py", (1, 1))
    index = repository.directory / ".git" / "index"
    before = (index.read_bytes(), sorted(os.listdir(index.parent)))
    state_of(repository)
    assert (index.read_bytes(), sorted(os.listdir(index.parent))) == before


def test_three_processes_answer_and_no_untracked_folder_is_walked(
    repository, wrapped_git, tmp_path
):
    script = repository.write("train.py")
    repository.commit()
    repository.write("data/untracked.bin")
    wrapped_git(f'echo "$*" >> {tmp_path}/calls')
    assert state_of(repository, script).script_tracked
    calls = sorted((tmp_path / "calls").read_text().splitlines())
    assert [call.split()[2] for call in calls] == ["cat-file", "config", "status"]
    assert "--untracked-files=no" in calls[2]


def test_another_programs_index_lock_does_not_matter(repository):
    (repository.directory / ".git" / "index.lock").write_text("")
    assert state_of(repository).dirty == ()


def test_64_starts_at_once(repository):
    script = repository.write("train.py")
    repository.commit()
    expected = state_of(repository, script)
    barrier = threading.Barrier(64)

    def start() -> CodeState:
        barrier.wait()
        return state_of(repository, script)

    descriptors = len(os.listdir("/dev/fd"))
    with ThreadPoolExecutor(64) as pool:
        futures = [pool.submit(start) for _ in range(64)]
        assert {future.result() for future in futures} == {expected}
    assert len(os.listdir("/dev/fd")) == descriptors


def test_a_commit_made_meanwhile_never_mixes_two_states(repository, wrapped_git):
    old = repository.head
    wrapped_git(
        'case "$*" in *cat-file*) if [ ! -e "$2/.git/once" ]; then : > "$2/.git/once"; '
        '"$GIT" -C "$2" commit -q --allow-empty -m second; fi;; *) ;; esac'
    )
    state = state_of(repository)
    assert state.commit == repository.head != old
    assert state.message == "second\n"


def test_a_head_that_never_rests_is_an_error(repository, wrapped_git):
    wrapped_git(
        'case "$*" in *cat-file*) '
        'while [ ! -e "$2/.git/read" ]; do :; done; rm "$2/.git/read"; '
        '"$GIT" -C "$2" commit -q --allow-empty -m more;; '
        '*status*) "$GIT" "$@"; : > "$2/.git/read"; exit;; esac'
    )
    with pytest.raises(GitError, match="changed 10 times while it was being read"):
        state_of(repository)


def test_a_missing_project_directory(tmp_path):
    with pytest.raises(NoRepositoryError, match=r"/nowhere does not exist.*Correct the path"):
        state_of(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(NoRepositoryError, match="/file is a file, not a folder"):
        state_of(tmp_path / "file")
    with pytest.raises(NoRepositoryError, match="does not exist"):
        read_code_state("nul\0")


def test_a_current_directory_that_was_deleted(tmp_path, repository, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(NoRepositoryError, match="does not exist"):
        read_code_state("")
    state = read_code_state(str(repository.directory), "train.py")
    assert state.script is None


def test_no_repository(tmp_path):
    with pytest.raises(NoRepositoryError, match="git init"):
        state_of(tmp_path)


def test_a_ceiling_that_git_respects_is_respected(repository, monkeypatch):
    repository.commit({"sub/a.py": ""})
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.path.realpath(repository.directory))
    with pytest.raises(NoRepositoryError):
        state_of(repository.directory / "sub")


def test_a_bare_repository(make_repository):
    with pytest.raises(BareRepositoryError):
        state_of(make_repository("bare.git", "--bare", commit=False))


def test_no_commits_and_an_orphan_branch(make_repository, repository):
    empty = make_repository("empty", commit=False)
    with pytest.raises(NoCommitsError, match=r"The branch main of the repository .*empty has no"):
        state_of(empty, empty.write("train.py"))
    repository.git("checkout", "-q", "--orphan", "fresh")
    with pytest.raises(NoCommitsError, match="The branch fresh"):
        state_of(repository)


def test_somebody_elses_repository(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UnsafeRepositoryError, match=r"git config --global --add safe\.directory"):
        state_of(repository)
    config = Path(os.environ["HOME"]) / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    repository.git("config", "--global", "--add", "safe.directory", str(repository.directory))
    assert state_of(repository).branch == "main"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_that_really_belongs_to_somebody_else(repository):
    for folder, _, _ in os.walk(repository.directory):
        os.chown(folder, 12345, 12345)
    with pytest.raises(UnsafeRepositoryError):
        state_of(repository)


def test_git_missing(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitNotInstalledError):
        state_of(repository)


def test_a_commit_whose_object_is_lost(repository):
    sha = repository.head
    path = repository.directory / ".git" / "objects" / sha[:2] / sha[2:]
    path.chmod(stat.S_IWUSR)
    path.unlink()
    with pytest.raises(GitError):
        state_of(repository)


def test_files_kept_elsewhere_are_refused_with_the_way_to_them(repository, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    repository.git("config", "core.worktree", str(elsewhere))
    with pytest.raises(NoRepositoryError) as caught:
        state_of(repository)
    git_folder = os.path.realpath(repository.directory / ".git")
    assert f"core.worktree says {os.path.realpath(elsewhere)}" in str(caught.value)
    assert f"`gitdir: {git_folder}`" in str(caught.value)
    (elsewhere / ".git").write_text(f"gitdir: {git_folder}\n")
    repository.git("reset", "-q", "--hard", cwd=elsewhere)
    assert state_of(elsewhere).directory == os.path.realpath(elsewhere)
