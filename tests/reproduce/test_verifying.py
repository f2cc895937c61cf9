from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from recorded_runs import copy_of_run
from written_records import write_files, write_original_record, write_record

from meticulous.errors import EnvironmentUnavailableError, NoRepositoryError
from meticulous.folder.hashing import sha256_of_bytes
from meticulous.reader import read_record
from meticulous.reproduce.environment.pins import NotInstalled
from meticulous.reproduce.repository import ask_repositories
from meticulous.reproduce.verify import CHECKS, Verification, verify

TRAIN = """
import argparse
from meticulous import Experiment

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
Experiment.add_argument_group(parser)
args = parser.parse_args()
with Experiment.from_parser(parser) as experiment:
    text = open("data.csv").read()
    with experiment.open("model.txt", "w") as file:
        file.write(text * 2)
    experiment.summary({"loss": args.lr})
"""


@pytest.fixture
def recorded(make_repository, tmp_path, tmp_path_factory):
    """A repository with one run, number 1, which read data.csv and wrote model.txt."""
    return copy_of_run(TRAIN, make_repository, tmp_path, tmp_path_factory)


def folder_of(repository, name: str = "1") -> Path:
    return repository.directory / "experiments" / name


def verified(*folders: Path, **settings) -> Verification:
    records = [read_record(folder) for folder in folders]
    repository = settings.pop("repository", None)
    holders = ask_repositories(records, repository, settings.pop("near", ()))
    return next(iter(verify(records, holders, **settings)))


def outcomes(verification: Verification) -> dict[str, str]:
    return {name: answer.outcome for name, answer in verification.answers.items()}


def test_a_fresh_run_holds_but_is_on_no_remote(recorded):
    found = verified(folder_of(recorded))
    assert outcomes(found) == {
        **dict.fromkeys(CHECKS, "yes"),
        "remote": "no",
        "packages": "unknown",
    }
    assert "remote add origin" in found.answers["remote"].remedy
    assert not found.holds


def test_a_run_whose_commit_was_pushed_holds(recorded, tmp_path):
    recorded.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    recorded.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    before = verified(folder_of(recorded)).answers["remote"]
    assert (before.outcome, before.remedy.endswith("push origin main")) == ("no", True)
    recorded.git("push", "-q", "origin", "main")
    found = verified(folder_of(recorded))
    assert found.holds
    assert "origin/main" in found.answers["remote"].evidence


def test_online_the_remote_itself_is_believed(recorded, tmp_path):
    remote = tmp_path / "remote.git"
    recorded.git("init", "-q", "--bare", str(remote))
    recorded.git("remote", "add", "origin", str(remote))
    recorded.git("push", "-q", "origin", "main")
    assert verified(folder_of(recorded), online=True).answers["remote"].outcome == "yes"
    recorded.git("update-ref", "-d", "refs/heads/main", cwd=remote)
    assert verified(folder_of(recorded)).answers["remote"].outcome == "yes"
    assert verified(folder_of(recorded), online=True).answers["remote"].outcome == "no"
    shutil.rmtree(remote)
    assert verified(folder_of(recorded), online=True).answers["remote"].outcome == "unknown"


def test_a_commit_that_was_collected_is_gone(recorded):
    recorded.git("commit", "-q", "--amend", "--allow-empty", "-m", "another message")
    found = verified(folder_of(recorded))
    assert (found.answers["commit"].outcome, found.answers["kept"].outcome) == ("yes", "no")
    assert "tag experiment-" in found.answers["kept"].remedy
    recorded.git("reflog", "expire", "--expire=now", "--all")
    recorded.git("gc", "-q", "--prune=now")
    found = verified(folder_of(recorded))
    assert found.answers["commit"].outcome == "no"
    assert "--repository" in found.answers["commit"].remedy
    assert {outcomes(found)[name] for name in ("kept", "remote", "tree")} == {"unknown"}


def test_a_commit_that_is_only_in_another_clone_is_found_there(recorded, tmp_path):
    clone = tmp_path / "clone"
    recorded.git("clone", "-q", ".", str(clone))
    recorded.git("commit", "-q", "--amend", "--allow-empty", "-m", "another message")
    recorded.git("reflog", "expire", "--expire=now", "--all")
    recorded.git("gc", "-q", "--prune=now")
    found = verified(folder_of(recorded), repository=str(clone))
    assert found.answers["commit"].outcome == "yes"


def test_what_the_remedy_says_keeps_a_commit(recorded):
    recorded.git("commit", "-q", "--amend", "--allow-empty", "-m", "another message")
    remedy = verified(folder_of(recorded)).answers["kept"].remedy
    subprocess.run(remedy, shell=True, check=True)
    assert verified(folder_of(recorded)).answers["kept"].outcome == "yes"


def test_a_snapshot_is_kept_by_its_ref(recorded):
    recorded.write("data.csv", "3,4\n")
    assert recorded.python("train.py", "--dirty", "snapshot").returncode == 0
    found = verified(folder_of(recorded, "2"))
    assert outcomes(found) | {"remote": "-"} == {
        **dict.fromkeys(CHECKS, "yes"),
        "remote": "-",
        "packages": "unknown",
    }
    sha = read_record(folder_of(recorded, "2")).metadata["git-snapshot"]
    recorded.git("update-ref", "-d", f"refs/meticulous/snapshots/{sha}")
    answer = verified(folder_of(recorded, "2")).answers["kept"]
    assert answer.outcome == "no"
    subprocess.run(answer.remedy, shell=True, check=True)
    assert verified(folder_of(recorded, "2")).answers["kept"].outcome == "yes"


def test_an_object_that_is_missing_in_the_commit_is_found(recorded):
    blob = recorded.git("rev-parse", "HEAD:data.csv").strip()
    (recorded.directory / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    answer = verified(folder_of(recorded)).answers["tree"]
    assert (answer.outcome, blob in answer.evidence) == ("no", True)


def test_a_partial_clone_does_not_tell_whether_a_commit_is_whole(recorded, tmp_path):
    recorded.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    words = ("clone", "-q", "--filter=blob:none", "--no-checkout")
    recorded.git(*words, f"file://{recorded.directory}", str(clone))
    answer = verified(folder_of(recorded), repository=str(clone)).answers["tree"]
    assert (answer.outcome, "partial clone" in answer.evidence) == ("unknown", True)


def test_untracked_sources_are_named_with_the_command_to_add_them(tmp_path):
    folder = write_record(tmp_path, "1", metadata={"git-untracked-sources": ["lib/ünï x.py"]})
    answer = verified(folder).answers["sources"]
    assert (answer.outcome, "lib/ünï x.py" in answer.evidence) == ("no", True)
    assert "git add 'lib/ünï x.py'" in answer.remedy


def test_code_that_changed_while_it_ran_is_no_longer_what_ran(tmp_path):
    warning = "code was changed while the program ran: a.py; what was loaded may differ"
    folder = write_record(tmp_path, "1", metadata={"warnings": [warning]})
    assert verified(folder).answers["tree"].outcome == "no"


def test_a_tampered_summary_is_found(recorded):
    path = folder_of(recorded) / "summary.json"
    path.write_text('{"loss": 0.0001}')
    answer = verified(folder_of(recorded)).answers["record"]
    assert (answer.outcome, answer.evidence) == ("no", "changed since the end: summary.json")


def test_a_removed_and_an_added_file_of_the_record_are_found(recorded):
    (folder_of(recorded) / "stdout").unlink()
    (folder_of(recorded) / "metrics.jsonl").write_text('{"step": 0, "loss": 0}\n')
    answer = verified(folder_of(recorded)).answers["record"]
    assert answer.evidence == "removed since the end: stdout; added since the end: metrics.jsonl"


def test_tags_and_notes_do_not_alter_a_record(recorded):
    for words in (("tag", "1", "paper"), ("note", "1", "converges")):
        assert recorded.python("-m", "meticulous", *words).returncode == 0
    assert verified(folder_of(recorded)).answers["record"].outcome == "yes"


def test_a_list_of_sums_names_only_files_of_the_folder(tmp_path):
    (tmp_path / "secret").write_text("x")
    sums = f"{'0' * 64}  ../secret\n{'0' * 64}  /etc/hostname\n"
    folder = write_record(tmp_path / "experiments", "1", SHA256SUMS=sums)
    os.rename(folder / "SHA256SUMS.json", folder / "SHA256SUMS")
    assert verified(folder).answers["record"].outcome == "unknown"


def test_inputs_that_changed_are_named_unless_the_commit_holds_them(recorded):
    recorded.write("data.csv", "changed\n")
    answer = verified(folder_of(recorded)).answers["inputs"]
    assert (answer.outcome, answer.evidence) == (
        "yes",
        "not here as they were, but in the commit: data.csv",
    )


def test_inputs_outside_the_commit_are_missed(repository, tmp_path):
    outside = tmp_path / "dätä.csv"
    outside.write_text("1\n")
    digest = sha256_of_bytes(b"1\n")
    inputs = [
        {"path": str(outside), "in": "elsewhere", "size": 2, "sha256": digest, "found": "opened"},
        {"path": "gone.bin", "in": "repository", "size": 2, "sha256": digest, "found": "opened"},
    ]
    folder = write_record(
        repository.directory / "experiments",
        "1",
        metadata={"githead-sha": repository.head, "host": os.uname().nodename},
        files={"format": 1, "inputs": inputs, "outputs": [], "not-listed": 0},
    )
    answer = verified(folder).answers["inputs"]
    assert (answer.outcome, answer.evidence) == ("no", "of 2, missing: gone.bin")
    outside.write_text("2\n")
    answer = verified(folder).answers["inputs"]
    assert answer.evidence == f"of 2, changed: {outside}; missing: gone.bin"
    assert "sha256" in answer.remedy


def test_files_of_another_machine_are_unknown_here(tmp_path):
    inputs = [{"path": "/data/a.csv", "in": "elsewhere", "size": 2, "sha256": "0" * 64}]
    folder = write_record(
        tmp_path, "1", metadata={"host": "node7"}, files={"format": 1, "inputs": inputs}
    )
    answer = verified(folder).answers["inputs"]
    assert (answer.outcome, "node7" in answer.evidence) == ("unknown", True)


def test_files_that_were_not_hashed_are_unknown_and_named(tmp_path):
    (tmp_path / "big.bin").write_text("ab")
    entry = {
        "path": str(tmp_path / "big.bin"),
        "in": "elsewhere",
        "size": 2,
        "sha256": None,
        "unhashed": "the budget is used up",
    }
    files = {"format": 1, "inputs": [entry], "outputs": [], "not-listed": 3}
    folder = write_record(tmp_path / "experiments", "1", files=files)
    answer = verified(folder).answers["inputs"]
    assert answer.outcome == "unknown"
    assert "the budget is used up" in answer.evidence
    assert "3 beyond" in answer.evidence


def test_a_pipe_in_the_place_of_an_output_does_not_hang(tmp_path):
    entry = {"path": "out", "in": "experiment", "size": None, "sha256": "0" * 64}
    folder = write_record(tmp_path, "1", files={"format": 1, "outputs": [entry]})
    os.mkfifo(folder / "out")
    assert verified(folder).answers["outputs"].outcome == "unknown"


def test_outputs_in_the_folder_that_changed_are_named(recorded):
    (folder_of(recorded) / "model.txt").write_text("other")
    answer = verified(folder_of(recorded)).answers["outputs"]
    assert (answer.outcome, answer.evidence) == ("no", "of 1, changed: model.txt")


def test_packages_are_asked_of_an_index(recorded):
    asked = []

    def index(pins):
        asked.extend(pin.line for pin in pins)
        return [NotInstalled("numpy==0.0.1", "no such version")]

    answer = verified(folder_of(recorded), index=index).answers["packages"]
    assert (answer.outcome, answer.evidence) == ("no", "numpy==0.0.1: no such version")
    assert any(line.startswith("pytest==") for line in asked)
    assert verified(folder_of(recorded), index=lambda _: []).answers["packages"].outcome == "yes"


def test_without_an_installer_packages_are_unknown(recorded):
    def index(pins):
        raise EnvironmentUnavailableError("Neither uv nor pip is here.")

    assert verified(folder_of(recorded), index=index).answers["packages"].outcome == "unknown"


def test_a_record_of_the_original_has_much_that_is_unknown_and_nothing_that_fails(tmp_path):
    found = verified(write_original_record(tmp_path, "1"))
    assert set(outcomes(found).values()) == {"unknown"}
    assert found.holds


def test_a_record_of_the_original_with_its_repository(repository):
    folder = write_original_record(repository.directory / "experiments", "1")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["githead-sha"] = repository.head
    write_files(folder, {"metadata.json": metadata})
    found = verified(folder)
    assert [outcomes(found)[name] for name in ("commit", "kept", "tree")] == ["yes"] * 3


def test_without_a_repository_the_code_is_unknown(tmp_path):
    found = verified(write_record(tmp_path, "1"))
    assert outcomes(found)["commit"] == "unknown"
    assert found.holds


def test_a_repository_that_is_none_is_the_users_mistake(tmp_path):
    with pytest.raises(NoRepositoryError, match="does not lie in a git repository"):
        verified(write_record(tmp_path, "1"), repository=str(tmp_path))


def test_a_lost_run_and_an_empty_folder_are_verified_as_far_as_they_go(repository):
    experiments = repository.directory / "experiments"
    lost = write_record(
        experiments, "1", STATUS="RUNNING\n", metadata={"end-time": ..., "duration": ...}
    )
    os.utime(lost / "STATUS", (0, 0))
    assert "ended without a word" in verified(lost).answers["record"].evidence
    torn = write_files(experiments / "2", {"STATUS": b"", "metadata.json": b"{"})
    found = verified(torn)
    assert found.holds
    assert found.problems


def test_nothing_is_written(recorded):
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in recorded.directory.rglob("*")}

    before = stamps()
    verified(folder_of(recorded))
    assert stamps() == before
