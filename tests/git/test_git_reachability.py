from __future__ import annotations

from pathlib import Path

import pytest

from meticulous.errors import GitError
from meticulous.git.reachability import (
    find_remote,
    held_files,
    is_on_remote,
    is_partial,
    look_up,
    missing_objects,
    remote_branches,
)

NOWHERE = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def remote(repository, tmp_path):
    repository.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    return tmp_path / "remote.git"


def root_of(repository) -> str:
    return str(repository.directory)


def test_what_is_on_a_branch_is_here_and_kept(repository):
    presence = look_up(root_of(repository), [repository.head])[repository.head]
    assert (presence.is_here, presence.is_kept, presence.is_published) == (True, True, False)


def test_a_commit_that_never_was_is_not_here(repository):
    found = look_up(root_of(repository), [NOWHERE, "main", "--all", ""])
    assert [presence.is_here for presence in found.values()] == [False] * 4


def test_the_name_of_a_tree_is_no_commit(repository):
    tree = repository.git("rev-parse", "HEAD^{tree}").strip()
    assert not look_up(root_of(repository), [tree])[tree].is_here


def test_a_commit_of_a_deleted_branch_is_here_but_not_kept(repository):
    repository.git("switch", "-q", "-c", "trial")
    sha = repository.commit({"a.py": "1"})
    repository.git("switch", "-q", "main")
    repository.git("branch", "-q", "-D", "trial")
    presence = look_up(root_of(repository), [sha])[sha]
    assert (presence.is_here, presence.is_kept) == (True, False)
    repository.git("tag", "keep", sha)
    assert look_up(root_of(repository), [sha])[sha].is_kept


def test_a_commit_is_published_when_a_branch_of_a_remote_leads_to_it(repository, remote):
    old = repository.head
    repository.commit({"a.py": "1"})
    repository.git("push", "-q", "origin", "main")
    new = repository.commit({"a.py": "2"})
    found = look_up(root_of(repository), [old, new])
    assert [found[sha].is_published for sha in (old, new)] == [True, False]
    assert remote_branches(root_of(repository), old) == ["origin/main"]


def test_the_top_of_the_tree_tells_readme_and_license(repository):
    sha = repository.commit({"LICENSE.txt": "MIT", "sub/README.md": "", "ünï.py": ""})
    presence = look_up(root_of(repository), [sha])[sha]
    assert (presence.readme, presence.license) == ("README", "LICENSE.txt")
    assert set(presence.files) == {"LICENSE.txt", "README", "sub/", "ünï.py"}


def test_git_is_asked_as_often_for_many_commits_as_for_one(repository, monkeypatch, tmp_path):
    shas = [repository.commit({"a.py": str(number)}) for number in range(5)]
    log = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE", str(log))
    look_up(root_of(repository), shas[:1])
    once = log.read_text().count("built-in")
    log.unlink()
    look_up(root_of(repository), shas)
    assert log.read_text().count("built-in") == once


def test_a_whole_commit_misses_nothing_and_a_damaged_one_is_found_out(repository):
    sha = repository.commit({"a.py": "unlike any other"})
    assert missing_objects(root_of(repository), sha) == []
    blob = repository.git("rev-parse", "HEAD:a.py").strip()
    (repository.directory / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert missing_objects(root_of(repository), sha) == [blob]


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
def test_a_partial_clone_tells_what_it_has_and_fetches_nothing(repository, tmp_path, left_out):
    repository.git("config", "uploadpack.allowFilter", "true")
    sha = repository.commit({"LICENSE": "MIT"})
    clone = tmp_path / "clone"
    words = ("clone", "-q", f"--filter={left_out}", "--no-checkout")
    repository.git(*words, f"file://{repository.directory}", str(clone))
    before = sorted(clone.rglob("*"))
    presence = look_up(str(clone), [sha, NOWHERE])[sha]
    assert (presence.is_here, presence.is_published) == (True, True)
    assert missing_objects(str(clone), sha)
    assert is_partial(str(clone))
    assert not is_partial(root_of(repository))
    assert sorted(clone.rglob("*")) == before


def test_files_of_commits_are_found_at_once(repository):
    old = repository.head
    new = repository.commit({"data/ä b.csv": "1"})
    names = [(old, "data/ä b.csv"), (new, "data/ä b.csv"), (new, "gone"), (new, "a\nb")]
    assert held_files(root_of(repository), names) == {(new, "data/ä b.csv")}


def test_the_remote_is_named_without_credentials(repository):
    assert find_remote(root_of(repository)) is None
    repository.git("remote", "add", "hub", "https://ann:secret@example.org/a.git")
    assert find_remote(root_of(repository)) == ("hub", "https://example.org/a.git")


def test_a_remote_is_asked_for_a_commit(repository, remote):
    old = repository.head
    repository.commit({"a.py": "1"})
    repository.git("push", "-q", "origin", "main")
    new = repository.commit({"a.py": "2"})
    root = root_of(repository)
    assert [is_on_remote(root, "origin", sha) for sha in (old, new)] == [True, False]


def test_a_remote_with_unknown_branches_may_have_the_commit(repository, remote, make_repository):
    repository.git("push", "-q", "origin", "main")
    mine = repository.commit({"a.py": "1"})
    other = make_repository("other", commit=False)
    other.git("pull", "-q", str(remote), "main")
    other.commit({"b.py": "2"})
    other.git("push", "-q", str(remote), "HEAD:more")
    assert is_on_remote(root_of(repository), "origin", mine) is None


def test_a_remote_that_is_gone_is_an_error_without_its_password(repository, tmp_path):
    url = f"file://{tmp_path}/gone"
    with pytest.raises(GitError, match="cannot be asked"):
        is_on_remote(root_of(repository), url, repository.head)
    with pytest.raises(GitError) as raised:
        is_on_remote(root_of(repository), "https://ann:hunter22@localhost:1/x", repository.head)
    assert "hunter22" not in str(raised.value)


def test_a_remote_that_names_a_program_is_not_run(repository, tmp_path):
    with pytest.raises(GitError):
        is_on_remote(root_of(repository), f"ext::touch {tmp_path}/ran", repository.head)
    assert not (tmp_path / "ran").exists()


def test_nothing_is_written_to_the_repository(repository, remote):
    repository.git("push", "-q", "origin", "main")
    sha = repository.commit({"a.py": "1"})

    def snapshot() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in repository.directory.rglob("*")}

    before = snapshot()
    look_up(root_of(repository), [sha])
    is_on_remote(root_of(repository), "origin", sha)
    missing_objects(root_of(repository), sha)
    assert snapshot() == before
