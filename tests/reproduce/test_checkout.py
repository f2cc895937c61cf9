from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from untouched import fingerprint
from waiting import wait_until
from written_records import write_record

from meticulous.errors import CannotReproduceError, CommitNotFoundError, NoRoomError
from meticulous.git.fetching import Remote
from meticulous.reader import read_record
from meticulous.reproduce.code import check_out_code, find_code, remarks_on
from meticulous.reproduce.workplace import (
    Workplace,
    check_room,
    remove_leftovers,
    usual_place,
    workplace,
)


@pytest.fixture
def record_of(tmp_path: Path):
    """Return a function that writes the record of a commit and reads it."""

    def make(place: Path, commit: str, **metadata: object):
        facts = {"githead-sha": commit, "git-remote": None, **metadata}
        return read_record(write_record(place, "1", metadata=facts))

    return make


@pytest.fixture
def checkout(tmp_path: Path):
    """Return a context manager that yields the worktree of a record."""

    @contextlib.contextmanager
    def make(record, repository: Path | None = None, seconds: float = 30.0):
        code = find_code(record, None if repository is None else str(repository))
        with workplace() as work:
            yield check_out_code(code, work, seconds=seconds)

    return make


def files_below(root: str) -> dict[str, str]:
    found = {}
    for path in sorted(Path(root).rglob("*")):
        if ".git" not in path.parts and path.is_file():
            found[str(path.relative_to(root))] = path.read_text()
    return found


def test_a_commit_is_checked_out_and_the_users_repository_is_not_touched(
    repository, record_of, checkout
):
    old = repository.commit({"train.py": "old\n", "pkg/a b.py": "1\n", "naïve\n.py": "2\n"})
    repository.commit({"train.py": "new\n"})
    repository.write("train.py", "not committed\n")
    repository.write("staged", "")
    repository.git("add", "staged")
    record = record_of(repository.directory / "experiments", old)
    before = fingerprint(repository.directory)
    with checkout(record) as found:
        assert files_below(found.root) == {
            "README": "a project\n",
            "naïve\n.py": "2\n",
            "pkg/a b.py": "1\n",
            "train.py": "old\n",
        }
        assert found.commit == old
        assert found.original_root == str(repository.directory)
        head = repository.git("rev-parse", "HEAD", cwd=Path(found.root))
        assert head.strip() == old
        assert repository.git("status", "--porcelain", cwd=Path(found.root)) == ""
        root = found.root
    assert not os.path.exists(root)
    assert os.listdir(usual_place()) == []
    assert fingerprint(repository.directory) == before


def test_what_a_program_does_with_git_stays_in_its_worktree(repository, record_of, checkout):
    record = record_of(repository.directory / "experiments", repository.head)
    before = fingerprint(repository.directory)
    with checkout(record) as found:
        place = Path(found.root)
        (place / "new").write_text("")
        for words in (
            ("add", "new"),
            ("commit", "-q", "-m", "by the program"),
            ("tag", "v1"),
            ("branch", "other"),
            ("branch", "-D", "main"),
            ("gc", "-q", "--prune=now"),
        ):
            repository.git(*words, cwd=place)
    assert fingerprint(repository.directory) == before


def test_a_program_may_ask_git_for_branches_and_tags(repository, record_of, checkout):
    repository.git("tag", "v1.0")
    head = repository.commit({"a": ""})
    repository.git("branch", "side")
    record = record_of(repository.directory / "experiments", head)
    with checkout(record) as found:
        place = Path(found.root)
        described = repository.git("describe", "--tags", cwd=place)
        assert described.startswith("v1.0-1-g")
        assert "side" in repository.git("branch", "--list", cwd=place)


def test_hooks_do_not_run(repository, record_of, checkout, tmp_path: Path):
    hook = repository.write(".git/hooks/post-checkout", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "post-checkout").write_text(hook.read_text())
    (template / "post-checkout").chmod(0o755)
    repository.git("config", "init.templateDir", str(template.parent))
    with checkout(record_of(repository.directory / "experiments", repository.head)):
        pass
    assert not (tmp_path / "ran").exists()


def test_a_snapshot_is_checked_out_with_what_was_not_committed(repository, record_of, checkout):
    from meticulous.git.snapshot import take_snapshot
    from meticulous.git.state import read_code_state

    repository.write("README", "changed\n")
    repository.write("untracked.py", "x\n")
    snapshot = take_snapshot(read_code_state(str(repository.directory), None))
    repository.git("checkout", "-q", "README")
    place = repository.directory / "experiments"
    record = record_of(place, repository.head, **{"git-snapshot": snapshot})
    with checkout(record) as found:
        assert found.commit == snapshot
        assert files_below(found.root) == {"README": "changed\n", "untracked.py": "x\n"}


def test_any_path_will_do(make_repository, record_of, checkout):
    repository = make_repository('with space, line\nend, quo"te, #hash, ünï')
    with checkout(record_of(repository.directory / "experiments", repository.head)) as found:
        assert files_below(found.root) == {"README": "a project\n"}


def test_settings_that_shape_the_files_are_heeded(repository, record_of, checkout):
    repository.git("config", "core.autocrlf", "true")
    repository.write(".git/info/attributes", "*.bin -text\n")
    (repository.directory / "a.bin").write_bytes(b"1\n")
    head = repository.commit({})
    with checkout(record_of(repository.directory / "experiments", head)) as found:
        assert Path(found.root, "README").read_bytes() == b"a project\r\n"
        assert Path(found.root, "a.bin").read_bytes() == b"1\n"
        assert repository.git("status", "--porcelain", cwd=Path(found.root)) == ""


def test_linked_worktrees_bare_and_shallow_repositories_will_do(
    repository, make_repository, record_of, checkout, tmp_path: Path
):
    old = repository.commit({"a": "1\n"})
    head = repository.commit({"a": "2\n"})
    repository.git("worktree", "add", "-q", str(tmp_path / "linked"), old)
    with checkout(record_of(tmp_path / "linked" / "experiments", head)) as found:
        assert files_below(found.root)["a"] == "2\n"
        assert found.original_root == str(tmp_path / "linked")
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    record = record_of(tmp_path / "elsewhere", old)
    with checkout(record, tmp_path / "bare.git") as found:
        assert files_below(found.root)["a"] == "1\n"
        assert found.original_root is None
    url = f"file://{repository.directory}"
    repository.git("clone", "-q", "--depth=1", url, str(tmp_path / "shallow"))
    with checkout(record_of(tmp_path / "shallow" / "experiments", head)) as found:
        assert files_below(found.root)["a"] == "2\n"
        assert repository.git("log", "--oneline", cwd=Path(found.root)).count("\n") == 1


def test_a_sparse_and_a_partial_repository_give_the_whole_tree(
    repository, record_of, checkout, tmp_path: Path
):
    head = repository.commit({"a/1": "1\n", "b/2": "2\n"})
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    url = f"file://{repository.directory}"
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--filter=blob:none", "--sparse", url, str(clone))
    assert not (clone / "b").exists()
    with checkout(record_of(clone / "experiments", head)) as found:
        assert files_below(found.root) == {"README": "a project\n", "a/1": "1\n", "b/2": "2\n"}


def test_sha256_repositories_will_do(make_repository, record_of, checkout):
    repository = make_repository("sha256", "--object-format=sha256")
    with checkout(record_of(repository.directory / "experiments", repository.head)) as found:
        assert files_below(found.root) == {"README": "a project\n"}


def test_submodules_are_at_their_recorded_commits(repository, add_submodule, record_of, checkout):
    source = add_submodule(repository)
    old = repository.head
    inner = type(source)(repository.directory / "library")
    inner.commit({"inner.py": "x = 2\n"})
    repository.commit(message="move the submodule")
    record = record_of(repository.directory / "experiments", old)
    source.directory.rename(source.directory.with_name("gone"))
    before = fingerprint(repository.directory)
    with checkout(record) as found:
        assert files_below(found.root)["library/inner.py"] == "x = 1\n"
        assert repository.git("status", "--porcelain", cwd=Path(found.root)) == ""
    assert fingerprint(repository.directory) == before


def test_a_submodule_that_was_never_filled_is_fetched(
    repository, add_submodule, record_of, checkout, tmp_path: Path
):
    source = add_submodule(repository)
    clone = tmp_path / "clone"
    repository.git("clone", "-q", str(repository.directory), str(clone))
    with checkout(record_of(clone / "experiments", repository.head)) as found:
        assert files_below(found.root)["library/inner.py"] == "x = 1\n"
    source.directory.rename(tmp_path / "gone")
    with checkout(record_of(clone / "experiments", repository.head)) as found:
        # It was fetched once.
        assert files_below(found.root)["library/inner.py"] == "x = 1\n"
    shutil.rmtree(kept_commits())
    with checkout(record_of(clone / "experiments", repository.head)) as found:
        assert os.listdir(Path(found.root, "library")) == []
        assert "The submodule library is not in the repository and cannot" in found.remarks[0]


def test_a_submodule_commit_that_is_lost_is_an_error(
    repository, add_submodule, record_of, checkout
):
    add_submodule(repository)
    inner = repository.directory / "library"
    repository.git("commit", "-q", "--allow-empty", "-m", "lost", cwd=inner)
    lost = repository.commit(message="point to it")
    repository.git("reset", "-q", "--hard", "HEAD~", cwd=inner)
    repository.git("reflog", "expire", "--expire=now", "--all", cwd=inner)
    repository.git("gc", "-q", "--prune=now", cwd=inner)
    record = record_of(repository.directory / "experiments", lost)
    with (
        pytest.raises(CommitNotFoundError, match="submodule library cannot be had"),
        checkout(record),
    ):
        pass


@pytest.fixture
def upstream(make_repository):
    """The repository of which the fixture `clone` is one."""
    return make_repository("upstream")


@pytest.fixture
def clone(upstream, tmp_path: Path) -> Path:
    """A clone without what is committed to `upstream` afterwards."""
    upstream.git("clone", "-q", str(upstream.directory), str(tmp_path / "clone"))
    return tmp_path / "clone"


def test_a_missing_commit_is_fetched_from_the_recorded_remote(upstream, clone, record_of, checkout):
    pushed = upstream.commit({"train.py": "new\n"})
    url = f"file://{upstream.directory}"
    record = record_of(clone / "experiments", pushed, **{"git-remote": url})
    before = fingerprint(clone)
    with checkout(record) as found:
        assert files_below(found.root)["train.py"] == "new\n"
        assert found.fetched_from == url
        code = find_code(record)
        assert remarks_on(code, found) == [f"The code was not here and was fetched from {url}."]
    assert fingerprint(clone) == before


def test_a_remote_that_is_a_relative_path_is_looked_for_from_the_repository(
    upstream, clone, record_of, checkout
):
    pushed = upstream.commit({"train.py": "new\n"})
    url = os.path.relpath(upstream.directory, clone)
    upstream.git("remote", "set-url", "origin", url, cwd=clone)
    record = record_of(clone / "experiments", pushed, **{"git-remote": url})
    with checkout(record) as found:
        assert files_below(found.root)["train.py"] == "new\n"


def kept_commits() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"], "meticulous", "fetched")


def test_what_was_fetched_once_is_kept_and_what_is_damaged_is_fetched_again(
    upstream, clone, record_of, checkout, tmp_path: Path
):
    old = upstream.commit({"train.py": "old\n"})
    new = upstream.commit({"train.py": "new\n"})
    url = f"file://{upstream.directory}"

    def content(commit: str) -> str:
        record = record_of(clone / "experiments", commit, **{"git-remote": url})
        with checkout(record) as found:
            assert found.fetched_from == url
            log = upstream.git("log", "--format=%H", cwd=Path(found.root))
            assert log.split() == [commit]
            return files_below(found.root)["train.py"]

    before = fingerprint(clone, "experiments")
    assert (content(old), content(new)) == ("old\n", "new\n")
    upstream.directory.rename(tmp_path / "away")
    assert (content(old), content(new)) == ("old\n", "new\n")
    assert (kept_commits().stat().st_mode & 0o077) == 0
    # Somebody frees some space.
    for path in kept_commits().glob("*/objects/??"):
        shutil.rmtree(path)
    for path in kept_commits().glob("*/objects/pack/*"):
        path.unlink()
    with pytest.raises(CommitNotFoundError):
        content(old)
    (tmp_path / "away").rename(upstream.directory)
    assert (content(old), content(old)) == ("old\n", "old\n")
    assert fingerprint(clone, "experiments") == before


def test_a_record_without_any_repository_is_fetched_as_well(
    make_repository, record_of, checkout, tmp_path: Path, monkeypatch
):
    upstream = make_repository("upstream")
    monkeypatch.chdir(tmp_path)
    url = f"file://{upstream.directory}"
    record = record_of(tmp_path / "records", upstream.head, **{"git-remote": url})
    with checkout(record) as found:
        assert files_below(found.root) == {"README": "a project\n"}
        assert found.original_root is None


def test_a_server_that_gives_only_branches_gives_all_of_them(
    make_repository, record_of, checkout, tmp_path: Path, monkeypatch
):
    upstream = make_repository("upstream")
    old = upstream.head
    upstream.commit({"a": ""})
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "0")
    monkeypatch.chdir(tmp_path)
    url = f"file://{upstream.directory}"
    with checkout(record_of(tmp_path / "records", old, **{"git-remote": url})) as found:
        assert files_below(found.root) == {"README": "a project\n"}


def test_a_commit_that_is_nowhere_says_where_it_was_looked_for(
    make_repository, record_of, checkout
):
    upstream = make_repository("upstream")
    repository = make_repository("project")
    repository.git("remote", "add", "origin", str(upstream.directory))
    record = record_of(repository.directory / "experiments", "0123456789" * 4)
    with pytest.raises(CommitNotFoundError) as raised, checkout(record):
        pass
    message = str(raised.value)
    assert f"could not be fetched from {upstream.directory}: " in message
    assert "it does not have the commit" in message
    assert "--repository" in message


def test_a_snapshot_of_another_machine_says_how_to_bring_it(repository, record_of, checkout):
    place = repository.directory / "experiments"
    snapshot = "0123456789" * 4
    record = record_of(place, repository.head, **{"git-snapshot": snapshot})
    with (
        pytest.raises(CommitNotFoundError, match=rf"refs/meticulous/snapshots/{snapshot}"),
        checkout(record),
    ):
        pass


def test_a_commit_that_was_rebased_away_is_used_and_remarked(repository, record_of, checkout):
    repository.commit({"a": "1\n"})
    old = repository.head
    repository.commit({"b": ""})
    repository.git("reset", "-q", "--hard", "HEAD~2")
    record = record_of(repository.directory / "experiments", old)
    with checkout(record) as found:
        remarks = remarks_on(find_code(record), found)
    assert len(remarks) == 1
    assert f"No branch or tag holds the commit {old[:10]} any more" in remarks[0]


class _AsksForPassword(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.end_headers()

    def log_message(self, *words):
        pass


class _SaysNothing(_AsksForPassword):
    def do_GET(self):
        self.server.silence.wait(60)


@pytest.fixture
def serve():
    """Return a function that starts a web server and returns its URL."""
    servers = []

    def start(handler: type) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.silence = threading.Event()
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/project.git"

    yield start
    for server in servers:
        server.silence.set()
        server.shutdown()
        server.server_close()


def test_a_remote_that_wants_a_password_is_not_given_one_and_nobody_is_asked(
    repository, record_of, checkout, serve
):
    url = serve(_AsksForPassword)
    place = repository.directory / "experiments"
    record = record_of(place, "0123456789" * 4, **{"git-remote": url})
    with (
        pytest.raises(CommitNotFoundError, match="it wants a user and a password"),
        checkout(record),
    ):
        pass


def test_a_remote_that_does_not_answer_is_given_up(repository, record_of, checkout, serve):
    url = serve(_SaysNothing)
    place = repository.directory / "experiments"
    record = record_of(place, "0123456789" * 4, **{"git-remote": url})
    with (
        pytest.raises(CommitNotFoundError, match="it did not answer in time"),
        checkout(record, seconds=0.3),
    ):
        pass


def test_credentials_of_a_remote_are_used_but_never_shown(repository, record_of, checkout, serve):
    url = serve(_AsksForPassword)
    secret = url.replace("//", "//ann:hunter2hunter2@")
    repository.git("remote", "add", "origin", secret)
    record = record_of(
        repository.directory / "experiments", "0123456789" * 4, **{"git-remote": url}
    )
    code = find_code(record)
    assert code.remotes == (Remote(secret, code.source.settings),)
    with pytest.raises(CommitNotFoundError) as raised, checkout(record):
        pass
    assert "hunter2" not in str(raised.value)


def test_a_url_that_names_a_program_is_not_run(repository, record_of, checkout, tmp_path: Path):
    url = f"ext::sh -c touch%20{tmp_path}/ran"
    place = repository.directory / "experiments"
    record = record_of(place, "0123456789" * 4, **{"git-remote": url})
    with pytest.raises(CommitNotFoundError, match="which is not done"), checkout(record):
        pass
    assert not (tmp_path / "ran").exists()


def test_a_record_without_a_commit_cannot_be_reproduced(repository, record_of, checkout):
    for sha in (None, "", "--upload-pack=x", "HEAD"):
        record = record_of(repository.directory / "experiments", sha)
        with pytest.raises(CannotReproduceError):
            find_code(record)


def test_pointers_of_large_files_are_named(
    repository, record_of, checkout, tmp_path: Path, monkeypatch
):
    only_git = tmp_path / "only-git"
    only_git.mkdir()
    (only_git / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(only_git))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    head = repository.commit({".gitattributes": "*.bin filter=lfs\n", "big.bin": pointer})
    repository.git("config", "filter.lfs.required", "true")
    repository.git("config", "filter.lfs.process", "no-such-program")
    with checkout(record_of(repository.directory / "experiments", head)) as found:
        assert files_below(found.root)["big.bin"] == pointer
        assert "Only pointers instead of the contents" in found.remarks[0]
        assert "big.bin" in found.remarks[0]
        assert repository.git("status", "--porcelain", cwd=Path(found.root)) == ""


_FILTER = """\
import sys

def read():
    found = []
    while True:
        size = int(sys.stdin.buffer.read(4) or b"0", 16)
        if size < 4:
            return found
        found.append(sys.stdin.buffer.read(size - 4))

def write(*packets):
    for packet in packets:
        sys.stdout.buffer.write(b"%04x" % (len(packet) + 4) + packet)
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()

read()
write(b"git-filter-server\\n", b"version=2\\n")
read()
write(b"capability=clean\\n", b"capability=smudge\\n")
while command := read():
    read()
    write(b"status=success\\n")
    write(b"content\\n" if command[0] == b"command=smudge\\n" else {pointer!r})
    write()
"""
"""A program that speaks git's protocol for filters, as git-lfs does."""


def test_large_files_are_filled_in_where_git_lfs_is_installed(
    repository, record_of, checkout, tmp_path: Path, monkeypatch
):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    head = repository.commit({".gitattributes": "*.bin filter=lfs\n", "big.bin": pointer})
    program = tmp_path / "bin" / "git-lfs"
    program.parent.mkdir()
    script = program.with_suffix(".py")
    script.write_text(_FILTER.format(pointer=pointer.encode()))
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with checkout(record_of(repository.directory / "experiments", head)) as found:
        assert files_below(found.root)["big.bin"] == "content\n"
        assert found.remarks == ()
        assert repository.git("status", "--porcelain", cwd=Path(found.root)) == ""


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_the_contents_that_git_lfs_keeps_come_with_the_worktree(repository, record_of, checkout):
    repository.git("lfs", "install", "--local")
    repository.git("lfs", "track", "*.bin")
    repository.write("big.bin", "the contents\n")
    repository.git("add", ".")
    repository.git("commit", "-qm", "large")
    assert "git-lfs" in repository.git("show", "HEAD:big.bin")
    with checkout(record_of(repository.directory / "experiments", repository.head)) as found:
        assert files_below(found.root)["big.bin"] == "the contents\n"
        assert found.remarks == ()
        assert repository.git("status", "--porcelain", cwd=Path(found.root)) == ""


def test_the_worktree_goes_also_after_an_error_and_when_it_is_read_only(
    repository, record_of, checkout
):
    record = record_of(repository.directory / "experiments", repository.head)

    def use(root: str) -> None:
        Path(root, "locked").mkdir()
        Path(root, "locked", "file").write_text("")
        Path(root, "locked").chmod(0o500)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), checkout(record) as found:
        use(found.root)
    assert os.listdir(usual_place()) == []


def test_a_worktree_that_is_to_be_kept_is_kept():
    with workplace(keep=True) as kept:
        Path(kept.directory, "file").write_text("")
    with workplace():
        pass
    assert os.path.exists(os.path.join(kept.directory, "file"))


_HOLD = """\
import sys
from meticulous.reproduce.workplace import workplace
with workplace() as work:
    print(work.directory, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_by_the_next_one_and_nothing_else(tmp_path: Path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    killed, living = (process.stdout.readline().strip() for process in processes)
    processes[0].kill()
    processes[0].wait()
    fresh = Path(usual_place(), "just-made")
    fresh.mkdir()
    old = Path(usual_place(), "old-without-owner")
    old.mkdir()
    os.utime(old, (time.time() - 7200,) * 2)
    with workplace():
        assert not os.path.exists(killed)
        assert os.path.isdir(living)
        assert fresh.exists()
        assert not old.exists()
    processes[1].communicate("")
    assert not os.path.exists(living)
    for process in processes:
        process.stdout.close()


def test_folders_of_another_host_are_left_for_a_day(tmp_path: Path):
    place = tmp_path / "worktrees"
    for name, age in (("young", 0), ("old", 200_000)):
        directory = place / name
        directory.mkdir(parents=True)
        owner = {"host": "elsewhere", "boot-id": "x", "pid": 1, "keep": False}
        (directory / "owner.json").write_text(json.dumps(owner))
        os.utime(directory, (time.time() - age,) * 2)
    remove_leftovers(str(place))
    assert os.listdir(place) == ["young"]


def test_a_disk_that_is_too_small_is_refused(tmp_path: Path):
    with pytest.raises(NoRoomError, match=r"There is no room .* it takes .* MB are free"):
        check_room(Workplace(str(tmp_path)), 1 << 60)


def test_the_cache_may_be_a_folder_that_cannot_be_made(repository, tmp_path: Path, monkeypatch):
    from meticulous.errors import CheckoutError

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CheckoutError, match="XDG_CACHE_HOME"), workplace():
        pass


def test_fetching_ends_when_the_user_wants_no_more(repository, record_of, serve):
    url = serve(_SaysNothing)
    place = repository.directory / "experiments"
    record = record_of(place, "0123456789" * 4, **{"git-remote": url})
    stop = threading.Event()
    said: list[str] = []

    def fetch():
        with workplace() as work:
            try:
                check_out_code(find_code(record), work, is_stopped=stop.is_set)
            except CommitNotFoundError as error:
                said.append(str(error))

    thread = threading.Thread(target=fetch)
    thread.start()
    wait_until(lambda: bool(os.path.isdir(usual_place()) and os.listdir(usual_place())))
    stop.set()
    thread.join(30)
    assert "it was interrupted" in said[0]
    assert os.listdir(usual_place()) == []
