from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from crate_validation import issues_of
from recorded_runs import copy_of_run
from test_verifying import TRAIN
from written_records import write_original_record, write_record

from meticulous.errors import ExperimentRunningError, ExportError
from meticulous.folder.hashing import write_sums
from meticulous.reader import read_record
from meticulous.reproduce.crate import Exported, export_crate
from meticulous.reproduce.repository import ask_repositories, web_address
from meticulous.reproduce.verify import verify


@pytest.fixture
def recorded(make_repository, tmp_path, tmp_path_factory):
    return copy_of_run(TRAIN, make_repository, tmp_path, tmp_path_factory)


def export(folder: Path, target: Path, **settings: Any) -> Exported:
    record = read_record(folder)
    holder = ask_repositories([record], None)[str(record.directory.parent)]
    return export_crate(record, holder, str(target), **settings)


def graph(crate: Path) -> dict[str, dict[str, Any]]:
    text = (crate / "ro-crate-metadata.json").read_text(encoding="utf-8")
    return {entity["@id"]: entity for entity in json.loads(text)["@graph"]}


def action_of(crate: Path) -> dict[str, Any]:
    return next(each for each in graph(crate).values() if each["@type"] == "CreateAction")


def test_a_real_run_becomes_a_valid_process_run_crate(recorded, tmp_path):
    done = export(recorded.directory / "experiments" / "1", tmp_path / "crate")
    assert (done.path, done.left_out, done.cleaned) == (str(tmp_path / "crate"), [], [])
    assert issues_of(tmp_path / "crate") == []


def test_the_validator_finds_what_a_crate_lacks_and_terms_that_nobody_defines(recorded, tmp_path):
    export(recorded.directory / "experiments" / "1", tmp_path / "crate")
    path = tmp_path / "crate" / "ro-crate-metadata.json"
    document = json.loads(path.read_text().replace('"instrument"', '"tool"'))
    for term in ("sha256", "environment"):
        del document["@context"][1][term]
    path.write_text(json.dumps(document))
    issues = issues_of(tmp_path / "crate")
    for word in ("instrument", "sha256", "environment"):
        assert any(word in issue for issue in issues), (word, issues)


def test_a_zip_file_holds_the_same_crate(recorded, tmp_path):
    export(recorded.directory / "experiments" / "1", tmp_path / "crate")
    export(recorded.directory / "experiments" / "1", tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        names = set(archive.namelist())
    inside = (tmp_path / "crate").rglob("*")
    assert names == {path.relative_to(tmp_path / "crate").as_posix() for path in inside}
    assert issues_of(tmp_path / "run.zip") == []


def test_the_crate_tells_who_ran_what_when_with_what_and_what_came_of_it(recorded, tmp_path):
    folder = recorded.directory / "experiments" / "1"
    export(folder, tmp_path / "crate")
    entities, action = graph(tmp_path / "crate"), action_of(tmp_path / "crate")
    record = read_record(folder)
    assert entities[action["agent"]["@id"]]["name"] == record.metadata["user"]
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert action["startTime"].endswith("+00:00")
    code = entities[action["instrument"]["@id"]]
    assert (code["name"], code["version"]) == ("train.py", recorded.head)
    needs = {each["@id"] for each in code["softwareRequirements"]}
    assert needs == {"#python", "requirements.txt"}
    named = [entities[each["@id"]] for each in action["object"]]
    assert {(each["name"], each.get("value")) for each in named} >= {
        ("lr", 0.1),
        ("data.csv", None),
    }
    results = {entities[each["@id"]]["name"] for each in action["result"]}
    assert {"model.txt", "summary.json", "stdout", "loss"} <= results


def test_the_commit_is_named_by_its_web_address_and_a_failure_by_its_reason(repository, tmp_path):
    folder = write_record(
        repository.directory / "experiments",
        "1",
        metadata={"githead-sha": repository.head, "git-remote": "git@github.com:ann/iris.git"},
        STATUS="ERROR\nValueError: x\n",
    )
    export(folder, tmp_path / "crate")
    address = f"https://github.com/ann/iris/tree/{repository.head}"
    action = action_of(tmp_path / "crate")
    assert action["instrument"] == {"@id": address}
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "ValueError: x"
    assert issues_of(tmp_path / "crate") == []


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/ann/iris.git", "https://github.com/ann/iris"),
        ("ssh://git@git.example.org:2222/a/b.git", "https://git.example.org/a/b"),
        ("git@host:~ann/ü b.git", "https://host/~ann/%C3%BC%20b"),
        ("/srv/git/iris.git", None),
        ("../bare", None),
        ("file:///srv/iris", None),
    ],
)
def test_remotes_have_web_addresses(remote, address):
    assert web_address(remote) == address


def test_a_snapshot_is_no_page_of_the_remote(tmp_path):
    snapshot = "5" * 40
    folder = write_record(tmp_path / "experiments", "1", metadata={"git-snapshot": snapshot})
    export(folder, tmp_path / "crate")
    code = graph(tmp_path / "crate")[f"#snapshot-{snapshot}"]
    assert code["isBasedOn"] == "1f2e3d4c5b6a79880123456789abcdef01234567"


def test_the_license_of_the_commit_comes_along(recorded, tmp_path):
    folder = recorded.directory / "experiments" / "1"
    export(folder, tmp_path / "without")
    assert "No license" in graph(tmp_path / "without")["#license"]["description"]
    export(folder, tmp_path / "named", license_named="https://spdx.org/licenses/MIT")
    assert graph(tmp_path / "named")["./"]["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    sha = recorded.commit({"LICENSE": "Do what you want.\n"})
    licensed = write_record(
        recorded.directory / "experiments",
        "2",
        metadata={"githead-sha": sha},
        **{"LICENSE.json": "of the program"},
    )
    (licensed / "LICENSE.json").rename(licensed / "LICENSE")
    export(licensed, tmp_path / "licensed")
    assert (tmp_path / "licensed" / "LICENSE").read_text() == "of the program"
    assert (tmp_path / "licensed" / "code-LICENSE").read_text() == "Do what you want.\n"
    for name in ("named", "licensed"):
        assert issues_of(tmp_path / name) == []


def test_a_lost_run_and_an_empty_record_are_valid_crates(tmp_path):
    lost = write_record(
        tmp_path / "experiments", "1", STATUS="RUNNING\n", metadata={"end-time": ...}
    )
    os.utime(lost / "STATUS", (0, 0))
    torn = tmp_path / "experiments" / "2"
    torn.mkdir()
    (torn / "STATUS").write_bytes(b"\xff\xfe")
    for folder in (lost, torn):
        export(folder, tmp_path / f"crate-{folder.name}")
        assert issues_of(tmp_path / f"crate-{folder.name}") == []


def test_names_and_values_in_every_script_stay_what_they_are(tmp_path):
    folder = write_record(
        tmp_path / "experiments",
        "größe 1",
        args={"größe": 'ø "quoted" <b>', "list": [1, {"a": None}], "none": None},
        summary={"Verlust": float("1e-9"), "配列": [1, 2]},
        metadata={"description": "été\nzwei", "user": "jürgen o'neil", "tags": ["é"]},
    )
    odd = ["figures/ü ö.png", "a#b?c%41.txt", "empty ünï", "plain"]
    for name in odd:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("" if name.startswith("empty") else name)
    export(folder, tmp_path / "crate")
    export(folder, tmp_path / "crate.zip")
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        packed = archive.namelist()
    for name in odd:
        assert (tmp_path / "crate" / name).read_bytes() == (folder / name).read_bytes()
        assert graph(tmp_path / "crate")[quote(name)]["name"] == name
        assert name in packed
    assert graph(tmp_path / "crate")["./"]["description"] == "été\nzwei"
    assert issues_of(tmp_path / "crate.zip") == []


def test_hidden_files_pipes_and_links_out_of_the_folder_stay_behind(tmp_path):
    folder = write_record(tmp_path / "experiments", "1")
    (tmp_path / "private.key").write_text("x")
    (folder / "leak").symlink_to(tmp_path / "private.key")
    (folder / "all").symlink_to(tmp_path)
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    (folder / ".env").write_text("x")
    (folder / "sub" / ".git").mkdir(parents=True)
    (folder / "sub" / "best.pt").write_text("weights")
    (folder / "latest.pt").symlink_to("sub/best.pt")
    (folder / "ro-crate-metadata.json").write_text("{}")
    done = export(folder, tmp_path / "crate")
    assert len(done.left_out) == 5
    names = {path.name for path in (tmp_path / "crate").rglob("*")}
    assert not names & {"leak", "all", "gone", "pipe", ".env", ".git"}
    assert (tmp_path / "crate" / "latest.pt").read_text() == "weights"


def test_no_secret_gets_into_a_crate(tmp_path):
    secret = "Tr0ub4dor-and-3-more"
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    folder = write_original_record(
        tmp_path / "experiments",
        "1",
        args={"password": secret, "lr": 1},
        stdout=b"",
        stderr=b"",
    )
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["command"] = ["train.py", "--password", secret]
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "stdout").write_text(f"logged in with {secret}\nepoch 1\n{token}\n")
    done = export(folder, tmp_path / "crate")
    assert set(done.cleaned) == {"args.json", "metadata.json", "stdout"}
    for path in (tmp_path / "crate").rglob("*"):
        text = path.read_text()
        assert secret not in text
        assert token not in text
    assert "epoch 1" in (tmp_path / "crate" / "stdout").read_text()
    assert secret in (folder / "stdout").read_text()
    assert issues_of(tmp_path / "crate") == []


@pytest.mark.parametrize(("is_altered", "outcome"), [(False, "yes"), (True, "no")])
def test_a_crate_without_secrets_is_as_true_as_its_record(tmp_path, is_altered, outcome):
    output = "token: ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8\n"
    folder = write_record(tmp_path / "experiments", "1")
    (folder / "stdout").write_text(output)
    names = ("args.json", "default_args.json", "metadata.json", "stdout", "STATUS")
    write_sums(str(folder), names)
    if is_altered:
        (folder / "stdout").write_text(f"{output}accuracy 1.0\n")
    assert export(folder, tmp_path / "crate").cleaned == ["stdout"]
    record = read_record(tmp_path / "crate")
    answer = next(iter(verify([record], ask_repositories([record], None)))).answers["record"]
    assert answer.outcome == outcome


def test_what_exists_is_not_overwritten(tmp_path):
    folder = write_record(tmp_path / "experiments", "1")
    (tmp_path / "crate").mkdir()
    (tmp_path / "run.zip").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("crate", "run.zip", "link"):
        with pytest.raises(ExportError, match="exists already"):
            export(folder, tmp_path / name)
    assert (tmp_path / "run.zip").read_text() == "mine"


def test_a_crate_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    folder = write_record(tmp_path / "experiments", "1")
    with pytest.raises(ExportError, match="cannot be written"):
        export(folder, tmp_path / "missing" / "crate")
    with pytest.raises(ExportError, match="cannot be written"):
        export(folder, tmp_path / ("x" * 300))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiments"]


def test_a_run_that_has_not_ended_is_refused(tmp_path):
    folder = write_record(tmp_path / "experiments", "1", STATUS="RUNNING\n")
    with pytest.raises(ExperimentRunningError, match="has not ended"):
        export(folder, tmp_path / "crate")


def test_the_record_is_not_changed(recorded, tmp_path):
    folder = recorded.directory / "experiments" / "1"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    export(folder, tmp_path / "crate")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
