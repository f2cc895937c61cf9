from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import meticulous.git.snapshot as snapshot_module
from meticulous.errors import GitNotInstalledError, SnapshotError
from meticulous.git.snapshot import SNAPSHOTS, take_snapshot
from meticulous.git.state import read_code_state


def state_of(repository, script=None):
    return read_code_state(str(repository.directory), None if script is None else str(script))


def snapshot_of(repository, script=None):
    return take_snapshot(state_of(repository, script))


def files_in(repository, commit):
    return repository.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]


def content(repository, commit, name):
    return repository.git("show", f"{commit}:{name}")


def everything(repository):
    """Return all that must not change: index, refs, reflogs, stash, hooks, files, settings."""
    facts = {}
    for folder, folders, names in os.walk(repository.directory):
        if folder.endswith("/.git/objects"):
            folders.clear()
            continue
        for name in names:
            path = os.path.join(folder, name)
            if "/refs/meticulous/" not in path:
                status = os.lstat(path)
                data = b"" if os.path.islink(path) else Path(path).read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                facts[path] = (digest, status.st_mode, status.st_mtime_ns, status.st_ino)
    return facts


def leftovers(repository):
    git_folder = repository.git("rev-parse", "--absolute-git-dir").strip()
    return [name for name in os.listdir(git_folder) if "meticulous-index" in name]


def make_dirty(repository):
    """Leave every kind of change that a snapshot takes in."""
    repository.commit(
        {
            "kept.py": "kept",
            "modified.py": "a",
            "staged.py": "a",
            "both.py": "a",
            "gone.py": "a",
            "removed.py": "a",
            "old.py": "long enough to be found again\n" * 5,
            "folder/x.py": "a",
            ".gitignore": "*.log\n",
        }
    )
    repository.write("modified.py", "b")
    repository.write("staged.py", "b")
    repository.write("both.py", "b")
    repository.write("planned.py", "b")
    repository.git("add", "staged.py", "both.py")
    repository.git("add", "-N", "planned.py")
    repository.write("both.py", "c")
    repository.git("mv", "old.py", "fresh.py")
    repository.git("rm", "-q", "removed.py")
    (repository.directory / "gone.py").unlink()
    repository.write("new/untracked é\n🎉.py", "b")
    (repository.directory / "new" / "link").symlink_to("nowhere")
    tool = repository.write("tool.sh", "#!/bin/sh\n")
    tool.chmod(0o755)
    (repository.directory / "folder" / "x.py").unlink()
    (repository.directory / "folder").rmdir()
    repository.write("folder", "a file now")
    repository.write("ignored.log", "b")


def test_a_snapshot_holds_the_working_tree_without_ignored_files(repository):
    make_dirty(repository)
    sha = snapshot_of(repository)
    assert files_in(repository, sha) == [
        ".gitignore",
        "README",
        "both.py",
        "folder",
        "fresh.py",
        "kept.py",
        "modified.py",
        "new/link",
        "new/untracked é\n🎉.py",
        "planned.py",
        "staged.py",
        "tool.sh",
    ]
    for name, text in {
        "both.py": "c",
        "modified.py": "b",
        "staged.py": "b",
        "planned.py": "b",
        "folder": "a file now",
        "new/untracked é\n🎉.py": "b",
        "kept.py": "kept",
    }.items():
        assert content(repository, sha, name) == text
    modes = repository.git("ls-tree", "-r", sha, "--", "tool.sh", "new/link")
    assert [line.split()[0] for line in modes.splitlines()] == ["120000", "100755"]


def test_a_snapshot_is_checked_out_as_the_tree_it_was_taken_of(repository, tmp_path):
    make_dirty(repository)
    sha = snapshot_of(repository)
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "again"), sha)
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", "-x", ".git", "-x", "*.log", ".", tmp_path / "again"],
        cwd=repository.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_nothing_of_the_users_is_touched(repository):
    hooks = repository.directory / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "pre-commit", "post-commit", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{repository.directory}/hook-ran'\n")
        (hooks / name).chmod(0o755)
    repository.write("README", "stashed")
    repository.git("-c", "core.hooksPath=/dev/null", "stash")
    repository.git("config", "core.logAllRefUpdates", "always")
    repository.git("config", "commit.gpgSign", "true")
    repository.git("config", "gpg.program", "false")
    (repository.directory / "hook-ran").unlink(missing_ok=True)
    repository.git("config", "core.hooksPath", "/dev/null")
    make_dirty_without_commit(repository)
    repository.git("config", "--unset", "core.hooksPath")
    state = state_of(repository)
    before = everything(repository)
    take_snapshot(state)
    assert everything(repository) == before
    assert state_of(repository) == state


def make_dirty_without_commit(repository):
    repository.write("staged.py", "x")
    repository.git("add", "staged.py")
    repository.write("README", "changed")
    repository.write("untracked.py", "x")


def test_the_commit_has_nobodys_name_and_heads_date(repository):
    make_dirty(repository)
    sha = snapshot_of(repository)
    form = "--format=%P%n%an <%ae>%n%cn <%ce>%n%at %ct%n%ai%n%s"
    head_time = repository.git("log", "-1", "--format=%ct").strip()
    lines = repository.git("log", "-1", form, sha).splitlines()
    assert lines[0] == repository.head
    assert lines[1] == lines[2] == "meticulous <meticulous@localhost>"
    assert lines[3] == f"{head_time} {head_time}"
    assert lines[4].endswith(" +0000")
    assert lines[5] == "Working tree at the start of an experiment, kept by meticulous"


def test_the_same_tree_gives_the_same_snapshot(repository, monkeypatch, tmp_path):
    make_dirty(repository)
    first = snapshot_of(repository)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody else")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repository.git("add", "-A")
    assert snapshot_of(repository) == first
    clone = type(repository)(tmp_path / "clone")
    shutil.copytree(repository.directory, clone.directory, symlinks=True, dirs_exist_ok=True)
    assert snapshot_of(clone) == first
    repository.write("modified.py", "something else")
    assert snapshot_of(repository) != first


def test_the_snapshot_survives_garbage_collection(repository):
    make_dirty(repository)
    sha = snapshot_of(repository)
    assert repository.git("for-each-ref", "--format=%(refname) %(objectname)", SNAPSHOTS) == (
        f"{SNAPSHOTS}{sha} {sha}\n"
    )
    repository.git("reset", "-q", "--hard")
    repository.git("clean", "-q", "-f", "-d")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "-q", "--prune=now")
    assert content(repository, sha, "new/untracked é\n🎉.py") == "b"


def test_a_file_changed_in_the_moment_the_index_was_written_is_not_missed(repository):
    # Git looks into files that are as old as the index. A younger copy would hide this change.
    repository.commit({"a.py": "1"})
    path = repository.directory / "a.py"
    index = repository.directory / ".git" / "index"
    status = path.stat()
    path.write_text("2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.utime(index, ns=(status.st_atime_ns, status.st_mtime_ns))
    repository.git("config", "core.trustctime", "false")
    state = state_of(repository)
    assert state.dirty == ("modified: a.py",)
    assert content(repository, take_snapshot(state), "a.py") == "2"


def test_an_ignored_main_script_is_taken_in(repository):
    repository.commit({".gitignore": "*.py\n"})
    script = repository.write("train.py", "x")
    repository.write("other.py", "x")
    sha = snapshot_of(repository, script)
    assert files_in(repository, sha) == [".gitignore", "README", "train.py"]


def test_from_a_sub_folder_a_worktree_and_a_detached_head(repository, tmp_path):
    repository.commit({"sub/a.py": "1"})
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    tree = type(repository)(tmp_path / "tree")
    tree.write("sub/a.py", "2")
    tree.write("top.py", "2")
    sha = take_snapshot(read_code_state(str(tree.directory / "sub")))
    assert files_in(tree, sha) == ["README", "sub/a.py", "top.py"]
    assert repository.git("rev-parse", SNAPSHOTS + sha).strip() == sha
    assert leftovers(tree) == []


def test_in_a_submodule(repository, add_submodule):
    library = add_submodule(repository)
    library.write("inner.py", "changed")
    sha = snapshot_of(library)
    assert content(library, sha, "inner.py") == "changed"


def test_a_submodule_with_new_commits_is_held_as_that_commit(repository, add_submodule):
    library = add_submodule(repository)
    commit = library.commit({"inner.py": "changed"})
    sha = snapshot_of(repository)
    assert repository.git("rev-parse", f"{sha}:library").strip() == commit


@pytest.mark.parametrize("options", [(), ("--sparse-index",)])
def test_files_left_out_by_a_sparse_checkout_stay_in_the_snapshot(repository, options):
    repository.commit({"a/train.py": "", "b/other.py": "there"})
    repository.git("sparse-checkout", "set", "--cone", *options, "a")
    repository.write("a/train.py", "changed")
    repository.write("c/new.py", "outside of the cone")
    sha = snapshot_of(repository)
    assert files_in(repository, sha) == ["README", "a/train.py", "b/other.py", "c/new.py"]
    assert content(repository, sha, "b/other.py") == "there"


@pytest.mark.parametrize(
    "setting",
    ["core.splitIndex", "core.untrackedCache", "index.sparse", "feature.manyFiles"],
)
def test_other_forms_of_the_index(repository, setting):
    repository.git("config", setting, "true")
    repository.commit({"a.py": "1"})
    repository.git("update-index", "--really-refresh")
    repository.write("a.py", "2")
    state = state_of(repository)
    before = everything(repository)
    sha = take_snapshot(state)
    assert everything(repository) == before
    assert content(repository, sha, "a.py") == "2"


def test_without_an_index(repository):
    repository.commit({"a.py": "1"})
    (repository.directory / ".git" / "index").unlink()
    repository.write("b.py", "2")
    sha = take_snapshot(state_of(repository))
    listed = repository.git("ls-tree", "--name-only", f"{sha}")
    assert listed.split() == ["README", "a.py", "b.py"]
    assert not (repository.directory / ".git" / "index").exists()


def test_line_ends_that_git_would_warn_of_or_refuse_are_taken(repository):
    repository.git("config", "core.autocrlf", "input")
    repository.git("config", "core.safecrlf", "true")
    (repository.directory / "dos.txt").write_bytes(b"a\r\nb\r\n")
    assert content(repository, snapshot_of(repository), "dos.txt") == "a\nb\n"


def test_an_untracked_repository_is_left_out(repository, make_repository):
    inner = make_repository("project/folder/inner")
    inner.commit({"x.py": ""})
    make_repository("project/empty", commit=False)
    repository.write("folder/beside.py")
    sha = snapshot_of(repository)
    assert files_in(repository, sha) == ["README", "folder/beside.py"]


def test_many_runs_at_once_take_one_snapshot(repository):
    make_dirty(repository)
    state = state_of(repository)
    barrier = threading.Barrier(8)

    def take():
        barrier.wait()
        return take_snapshot(state)

    with ThreadPoolExecutor(8) as pool:
        shas = {future.result() for future in [pool.submit(take) for _ in range(8)]}
    assert len(shas) == 1
    assert leftovers(repository) == []


def test_two_processes_at_once(repository):
    make_dirty(repository)
    program = """
import sys
from meticulous.git.state import read_code_state
from meticulous.git.snapshot import take_snapshot
state = read_code_state("")
sys.stdin.readline()
print(take_snapshot(state))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=repository.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = {process.communicate()[0] for process in processes}
    assert outputs == {snapshot_of(repository) + "\n"}


def test_conflicts_are_refused(repository):
    repository.commit({"a.py": "one"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"a.py": "two"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "three"})
    repository.git("merge", "side", check=False)
    with pytest.raises(SnapshotError, match=r"conflicts in:\n    a\.py\nResolve.*") as caught:
        snapshot_of(repository)
    assert "--norecord" in str(caught.value)
    assert leftovers(repository) == []


def test_changes_inside_a_submodule_are_refused(repository, add_submodule):
    library = add_submodule(repository)
    library.write("inner.py", "changed")
    with pytest.raises(
        SnapshotError, match=r"changes inside its submodules.*\n    library\nCommit"
    ):
        snapshot_of(repository)
    library.git("checkout", "-q", ".")
    library.write("untracked.py")
    repository.write("changed.py")
    assert snapshot_of(repository)


def test_a_tree_that_is_the_commits_needs_no_snapshot(repository):
    assert snapshot_of(repository) is None
    assert repository.git("for-each-ref", "refs/meticulous") == ""


def test_an_untracked_script_in_another_repository_is_refused(repository, add_submodule):
    library = add_submodule(repository)
    script = library.write("new.py")
    with pytest.raises(SnapshotError, match=r"library/new\.py: it is untracked and lies in anoth"):
        snapshot_of(repository, script)


def test_too_many_untracked_bytes_are_refused_with_the_biggest_files(repository, monkeypatch):
    monkeypatch.setattr(snapshot_module, "UNTRACKED_LIMIT", 2_000_000)
    for number in range(12):
        repository.write(f"data/{number:02}.bin", "x" * (number * 100_000))
    with pytest.raises(SnapshotError) as caught:
        snapshot_of(repository)
    message = str(caught.value)
    assert "untracked files have 7 MB, more than 2 MB" in message
    lines = message.splitlines()
    assert lines[1:3] == ["    1.1 MB  data/11.bin", "    1.0 MB  data/10.bin"]
    assert ".gitignore" in message
    repository.write(".gitignore", "data/\n")
    assert snapshot_of(repository)


def test_the_limit_is_200_megabytes(repository):
    with open(repository.directory / "hole", "wb") as file:
        file.truncate(200_000_001)
    with pytest.raises(SnapshotError, match="200 MB, more than 200 MB"):
        snapshot_of(repository)


def test_a_file_that_cannot_be_added_is_refused_in_gits_words(repository):
    script = repository.write("script.py")
    state = state_of(repository, script)
    script.unlink()
    script.mkdir()
    (script / "x").write_text("")
    os.mkfifo(repository.directory / "pipe")
    # A folder in the place of the script: git says which path it cannot take.
    with pytest.raises(SnapshotError, match=r"`git update-index` failed and said: .*script\.py"):
        take_snapshot(state)
    assert leftovers(repository) == []


def test_a_disk_that_takes_no_more_is_refused_in_gits_words(repository):
    with open(repository.directory / "big", "wb") as file:
        file.write(os.urandom(1_000_000))
    program = """
import resource
from meticulous.errors import SnapshotError
from meticulous.git.state import read_code_state
from meticulous.git.snapshot import take_snapshot
state = read_code_state("")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    take_snapshot(state)
except SnapshotError as error:
    print(error)
"""
    done = repository.python("-c", program)
    assert "No snapshot of" in done.stdout, done.stderr
    assert "File too large" in done.stdout
    assert leftovers(repository) == []


def test_an_index_that_cannot_be_read_is_refused(repository):
    state = state_of(repository)
    index = repository.directory / ".git" / "index"
    index.unlink()
    index.mkdir()
    with pytest.raises(SnapshotError, match=r"Is a directory \(.*/\.git/index\)"):
        take_snapshot(state)
    assert leftovers(repository) == []


def without_the_powers_of_root():
    """Let permission bits bind root too: CAP_DAC_OVERRIDE (1) leaves the bounding set (24)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="root's powers are taken away as on Linux")
@pytest.mark.parametrize("folder", [".git", ".git/objects", ".git/refs"])
def test_a_read_only_repository_is_refused(repository, folder):
    make_dirty(repository)
    program = """
from meticulous.errors import SnapshotError
from meticulous.git.state import read_code_state
from meticulous.git.snapshot import take_snapshot
try:
    take_snapshot(read_code_state(""))
except SnapshotError as error:
    print(error)
"""
    place = repository.directory / folder
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    if folder == ".git":
        folders = [place]
    for path in folders:
        path.chmod(0o555)
    done = repository.python("-c", program, preexec_fn=without_the_powers_of_root)
    for path in folders:
        path.chmod(0o755)
    assert "No snapshot of" in done.stdout, done.stderr
    assert "ermission" in done.stdout or "unable to create directory" in done.stdout
    assert leftovers(repository) == []


def test_a_ref_that_cannot_be_written_is_refused_in_gits_words(repository):
    (repository.directory / ".git" / "refs" / "meticulous").write_text("in the way")
    repository.write("README", "changed")
    with pytest.raises(SnapshotError, match=r"`git update-ref` failed and said: fatal"):
        snapshot_of(repository)


def test_git_missing(repository, monkeypatch, tmp_path):
    state = state_of(repository)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(GitNotInstalledError):
        take_snapshot(state)
    monkeypatch.undo()
    assert leftovers(repository) == []


def test_an_interrupt_leaves_nothing_behind(repository, wrapped_git):
    make_dirty(repository)
    wrapped_git('case "$*" in *write-tree*) kill -INT $PPID; exec sleep 600;; esac')
    program = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from meticulous.git.state import read_code_state
from meticulous.git.snapshot import take_snapshot
take_snapshot(read_code_state(""))
"""
    done = repository.python("-c", program)
    assert done.returncode == -signal.SIGINT, done.stderr
    assert leftovers(repository) == []
    assert repository.git("for-each-ref", SNAPSHOTS) == ""


def test_the_lock_of_a_git_that_was_ended_is_removed(repository, wrapped_git):
    make_dirty(repository)
    state = state_of(repository)
    wrapped_git('case "$*" in *add*) : > "$GIT_INDEX_FILE.lock";; esac')
    with pytest.raises(SnapshotError, match=r"`git add` failed and said: .*File exists"):
        take_snapshot(state)
    assert leftovers(repository) == []
