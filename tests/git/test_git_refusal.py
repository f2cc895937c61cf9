from __future__ import annotations

import os

from meticulous.git.state import read_code_state, refusal


def refusal_in(repository, script=None):
    return refusal(read_code_state(str(repository.directory), script), "--keep it", "--forget it")


def test_clean_is_not_refused(repository):
    assert refusal_in(repository) is None


def test_a_refusal_names_the_commit_the_files_and_the_ways_out(repository):
    repository.commit({"a.py": "", "b.py": ""})
    repository.write("a.py", "changed")
    (repository.directory / "b.py").unlink()
    root = os.path.realpath(repository.directory)
    assert refusal_in(repository) == (
        f"The code in {root} is not what commit {repository.head[:10]} holds, so this experiment "
        "could not be tied to it:\n"
        "    modified: a.py\n"
        "    deleted: b.py\n"
        "Ways out:\n"
        f"    commit:                 git -C {root} commit -a\n"
        "    keep a snapshot:        --keep it\n"
        "    run without a record:   --forget it"
    )


def test_an_untracked_script_is_named_with_the_command_that_adds_it(repository):
    script = repository.write("my train.py")
    message = refusal_in(repository, str(script))
    root = os.path.realpath(repository.directory)
    assert "    my train.py is not tracked by git\n" in message
    assert f"git -C {root} add 'my train.py' && git -C {root} commit -a" in message


def test_the_command_in_the_refusal_works(make_repository):
    repository = make_repository("odd $HOME 'name'")
    script = repository.write("my train.py")
    repository.write("README", "changed")
    message = refusal_in(repository, str(script))
    (line,) = (line for line in message.splitlines() if line.startswith("    commit:"))
    os.system(f"{line.removeprefix('    commit:')} -q -m done")
    assert refusal_in(repository, str(script)) is None


def test_many_files_are_counted(repository):
    names = [f"{number:02}.py" for number in range(45)]
    repository.commit(dict.fromkeys(names, ""))
    for name in names:
        repository.write(name, "changed")
    lines = refusal_in(repository).splitlines()
    assert lines[1:21] == [f"    modified: {name}" for name in names[:20]]
    assert lines[21] == "    ... and 25 more"
    assert lines[22] == "Ways out:"


def test_a_merge_with_conflicts_offers_no_snapshot(repository):
    repository.commit({"a.py": "one"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"a.py": "two"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "three"})
    repository.git("merge", "side", check=False)
    message = refusal_in(repository)
    assert "    conflict: a.py\n" in message
    assert "A git merge is in progress; finish it with git merge --continue, or" in message
    assert "resolve the conflicts:" in message
    assert "--keep it" not in message


def test_changes_inside_a_submodule_offer_no_snapshot(repository, add_submodule):
    library = add_submodule(repository)
    library.write("inner.py", "changed")
    message = refusal_in(repository)
    assert "    submodule: library (modified content)\n" in message
    assert "commit inside the submodule first" in message
    assert "--keep it" not in message


def test_every_operation_in_progress_has_its_advice(repository):
    repository.commit({"a.py": "one\n"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"a.py": "two\n"})
    repository.git("format-patch", "-q", "-1", "-o", str(repository.directory / ".git" / "mail"))
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "three\n"})
    (mail,) = (repository.directory / ".git" / "mail").iterdir()
    for words, advice in {
        ("rebase", "side"): "A git rebase is in progress; finish it with git rebase --continue",
        ("cherry-pick", "side"): "A git cherry-pick is in progress; finish it with git cherry-pick",
        ("revert", "HEAD~1"): "A git revert is in progress; finish it with git revert --continue",
        ("am", str(mail)): "A git am is in progress; finish it with git am --continue",
        ("bisect", "start", "HEAD", "HEAD~1"): "A git bisect is in progress; git bisect reset",
    }.items():
        repository.git(*words, check=False)
        repository.write("README", "changed")
        assert advice in refusal_in(repository)
        repository.git("reset", "-q", "--hard")
        for word in ("rebase", "cherry-pick", "revert", "am"):
            repository.git(word, "--abort", check=False)
        repository.git("bisect", "reset", check=False)
        repository.git("checkout", "-q", "-f", "main")
