from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import copy_of_run
from written_records import write_original_record, write_record

from meticulous.reader import read_record
from meticulous.reproduce.audit import CRITERIA, SOURCES, Audit, audit
from meticulous.reproduce.repository import ask_repositories

TRAIN = """
import argparse
import random
from meticulous import Experiment

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--lr", type=float, default=0.1)
Experiment.add_argument_group(parser)
args = parser.parse_args()
with Experiment.from_parser(parser) as experiment:
    random.seed(args.seed)
    open("data.csv").read()
    with experiment.open("model.txt", "w") as file:
        file.write(str(random.random()))
    experiment.summary({"loss": args.lr})
"""

ENVIRONMENT = {
    "format": 1,
    "cpu": {"model": "EPYC", "available-cores": 16},
    "gpus": [{"name": "H100"}, {"name": "H100"}],
    "packages": [{"name": "numpy", "version": "2.0", "location": "/x"}],
}


def audited(*folders: Path, among: list[Path] | None = None) -> Audit:
    records = [read_record(folder) for folder in folders]
    relatives = None if among is None else [read_record(folder) for folder in among]
    return audit(records, ask_repositories(records, None), relatives)


def answers(folder: Path, **settings: Any) -> dict[str, str]:
    found = audited(folder, **settings).runs[0].answers
    return {name: answer.outcome for name, answer in found.items()}


def answer(name: str, folder: Path, among: list[Path] | None = None) -> tuple[str, str]:
    found = audited(folder, among=among).runs[0].answers[name]
    return found.outcome, found.evidence


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an experiment outside of any repository."""

    def write(name: str = "1", **settings: Any) -> Path:
        return write_record(tmp_path / "experiments", name, **settings)

    return write


def test_a_real_run_is_answered_from_its_record_and_its_repository(
    make_repository, tmp_path, tmp_path_factory
):
    repository = copy_of_run(TRAIN, make_repository, tmp_path, tmp_path_factory)
    found = answers(repository.directory / "experiments" / "1")
    assert {name for name, outcome in found.items() if outcome == "no"} == {
        "published",
        "readme",
        "license",
        "description",
        "repetitions",
        "reproduced",
    }
    assert "unknown" not in found.values()


def test_every_item_names_the_checklists_that_ask_for_it(record):
    assert list(answers(record())) == [criterion.name for criterion in CRITERIA]
    for criterion in CRITERIA:
        assert criterion.sources
        assert all(source.split()[0] in SOURCES for source in criterion.sources)


def test_every_no_comes_with_evidence_and_a_remedy(record, tmp_path):
    for folder in (record(), write_original_record(tmp_path / "old", "1")):
        for found in audited(folder).runs[0].answers.values():
            assert found.evidence
            assert found.remedy or found.outcome != "no"


def test_readme_and_license_are_those_of_the_commit(repository):
    experiments = repository.directory / "experiments"
    before = write_record(experiments, "1", metadata={"githead-sha": repository.head})
    repository.commit({"LICENSE": "MIT"})
    after = write_record(experiments, "2", metadata={"githead-sha": repository.head})
    assert [answers(folder)["license"] for folder in (before, after)] == ["no", "yes"]
    assert answers(before)["readme"] == "yes"


def test_without_a_repository_its_items_are_unknown(record):
    found = answers(record())
    names = ("commit", "published", "readme", "license")
    assert [found[name] for name in names] == ["unknown"] * 4


def test_a_remote_that_is_a_folder_is_not_known_to_be_reached_by_others(repository, tmp_path):
    folder = write_record(
        repository.directory / "experiments", "1", metadata={"githead-sha": repository.head}
    )
    repository.git("init", "--bare", "-q", str(tmp_path / "remote.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    repository.git("push", "-q", "origin", "HEAD:refs/heads/main")
    assert answers(folder)["published"] == "unknown"
    for url in ("https://example.org/a.git", "git@example.org:a.git", "ssh://example.org/a"):
        repository.git("remote", "set-url", "origin", url)
        assert answers(folder)["published"] == "yes"


def test_arguments_need_their_defaults(record):
    assert answer("arguments", record()) == ("yes", "2 arguments, 1 of them not as by default")
    assert answer("arguments", record("2", default_args={}))[0] == "no"
    assert answer("arguments", record("3", args={}, default_args={}))[0] == "yes"


def test_a_description_or_a_note_says_what_it_is_for(record):
    assert answer("description", record("1", metadata={"description": "base\nline"})) == (
        "yes",
        "base",
    )
    noted = record("2")
    (noted / "notes.jsonl").write_text('{"text": "konvergiert nicht für große η"}\n')
    assert answer("description", noted) == ("yes", "note: konvergiert nicht für große η")
    assert answer("description", record("3"))[0] == "no"


@pytest.mark.parametrize(
    ("stdin", "outcome"),
    [("null", "yes"), ("closed", "yes"), ("pipe", "unknown"), ("terminal", "unknown")],
)
def test_standard_input_tells_whether_it_ran_unattended(record, stdin, outcome):
    assert answer("unattended", record(metadata={"stdin": stdin}))[0] == outcome


def test_a_notebook_is_interactive_and_a_script_of_a_user_called_jupyter_is_not(record):
    words = ["/usr/bin/python", "-m", "ipykernel_launcher", "-f", "kernel.json"]
    assert answer("unattended", record(metadata={"original-command": words}))[0] == "no"
    words = ["/home/jupyter/bin/python", "/home/jupyter/train.py"]
    facts = {"original-command": words, "stdin": "null"}
    assert answer("unattended", record("2", metadata=facts))[0] == "yes"


@pytest.mark.parametrize(
    ("package", "outcome"),
    [
        ({}, "yes"),
        ({"vcs": {"name": "git", "url": "https://example.org/a", "commit": "1"}}, "yes"),
        ({"local": "/home/ann/a"}, "no"),
        ({"archive": {"url": "file:///home/ann/a.whl", "hash": ""}}, "no"),
        ({"archive": {"url": "https://example.org/a.whl", "hash": ""}}, "yes"),
        ({"editable": "/home/ann/a"}, "no"),
        ({"editable": "/a", "git": {"commit": "1", "remote": None, "dirty": []}}, "no"),
        ({"editable": "/a", "git": {"commit": "1", "remote": "git@h:a.git", "dirty": []}}, "yes"),
        ({"editable": "/a", "git": {"commit": "1", "remote": "git@h:a", "dirty": ["x"]}}, "no"),
    ],
)
def test_packages_must_come_from_where_others_can_get_them(record, package, outcome):
    packages = [{"name": "mine", "version": "1", "location": "/x", **package}]
    folder = record(environment={"format": 1, "packages": packages})
    found = answer("installable", folder)
    assert found[0] == outcome
    assert ("mine" in found[1]) == (outcome == "no")


def test_the_program_itself_and_the_recorder_need_not_be_published(record):
    commit = "1f2e3d4c5b6a79880123456789abcdef01234567"
    state = {"commit": commit, "remote": None, "dirty": [], "subdirectory": ""}
    packages = [
        {"name": "iris", "version": "1", "editable": "/home/ann/iris", "git": state},
        {"name": "meticulous-ml", "version": "1", "editable": "/home/ann/meticulous"},
    ]
    folder = record(environment={"format": 1, "packages": packages})
    assert answer("installable", folder)[0] == "yes"


def test_hardware_is_told_in_a_few_words(record):
    folder = record(environment=ENVIRONMENT)
    assert answer("hardware", folder) == ("yes", "EPYC, 16 cores; 2 x H100")
    assert answer("hardware", record("2"))[0] == "no"


@pytest.mark.parametrize(
    ("metadata", "args", "outcome"),
    [
        ({"seed": 7}, {}, "yes"),
        ({}, {"random_seed": 3}, "yes"),
        ({}, {"model.seed": 0}, "yes"),
        ({}, {"seed": None}, "no"),
        ({}, {"seedling": 3}, "no"),
        ({"randomness": {"seeded": {}, "seeds": [], "unseeded": [], "unknown": []}}, {}, "yes"),
        ({"randomness": {"seeded": {}, "unseeded": ["numpy"]}}, {}, "no"),
    ],
)
def test_the_seed_is_looked_for_in_the_record_and_the_arguments(record, metadata, args, outcome):
    assert answer("seed", record(metadata=metadata, args=args))[0] == outcome


def test_generators_without_a_seed_are_named(record):
    folder = record(metadata={"randomness": {"unseeded": ["numpy", "torch"], "unknown": []}})
    assert answer("seeded", folder) == ("no", "used without a seed: numpy, torch")
    objects = record("4", metadata={"randomness": {"unseeded": ["numpy.random.Generator"]}})
    remedy = audited(objects).runs[0].answers["seeded"].remedy
    assert remedy == "pass the seed: numpy.random.default_rng(seed)"
    doubtful = record("2", metadata={"randomness": {"unseeded": [], "unknown": ["numpy"]}})
    assert answer("seeded", doubtful)[0] == "unknown"
    assert answer("seeded", record("3"))[0] == "unknown"


def test_runs_that_differ_in_the_seed_only_are_repetitions(record):
    def run(name: str, **settings: Any) -> Path:
        return record(name, args={"lr": 0.1, "seed": int(name)}, **settings)

    first, second = run("1"), run("2")
    other = record("3", args={"lr": 0.2, "seed": 3})
    failed = record("4", args={"lr": 0.3, "seed": 1}, STATUS="ERROR\n")
    failed_too = record("5", args={"lr": 0.3, "seed": 2})
    among = [first, second, other, failed, failed_too]
    assert answer("repetitions", first, among) == (
        "yes",
        "2 successful runs with its code and arguments, 2 different seeds",
    )
    assert answer("repetitions", other, among)[0] == "no"
    assert answer("repetitions", failed_too, among)[0] == "no"


def test_the_same_seed_twice_and_another_commit_are_no_repetitions(record):
    same = [record(name, args={"seed": 1}) for name in ("1", "2")]
    assert answer("repetitions", same[0], same)[0] == "no"
    elsewhere = [
        record("3", args={"seed": 1, "lr": 9}),
        record("4", args={"seed": 2, "lr": 9}, metadata={"githead-sha": "2" * 40}),
    ]
    assert answer("repetitions", elsewhere[0], elsewhere)[0] == "no"


def listing(*inputs: dict[str, Any], outputs: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"format": 1, "inputs": list(inputs), "outputs": list(outputs), "not-listed": 0}


def entry(path: str, place: str, sha256: str | None = "0" * 64) -> dict[str, Any]:
    return {"path": path, "in": place, "size": 1, "sha256": sha256}


def test_inputs_need_a_digest_and_must_come_with_the_commit(repository):
    def run(name: str, *inputs: dict[str, Any]) -> Path:
        return write_record(
            repository.directory / "experiments",
            name,
            metadata={"githead-sha": repository.head},
            files=listing(*inputs),
        )

    repository.commit({"data/ä.csv": "1"})
    held = run("1", entry("data/ä.csv", "repository"))
    assert [answers(held)[name] for name in ("inputs", "data")] == ["yes", "yes"]
    ignored = run("2", entry("data/ä.csv", "repository"), entry("big.bin", "repository", None))
    assert answer("inputs", ignored) == ("no", "without a digest: big.bin")
    assert answer("data", ignored) == ("no", "not in the commit: big.bin")
    temporary = run("3", entry("/tmp/x.csv", "elsewhere"))
    assert answer("data", temporary) == ("no", "read from a temporary folder: /tmp/x.csv")
    assert answer("data", run("4", entry("/data/x.csv", "elsewhere")))[0] == "no"
    assert answer("data", run("5"))[0] == "yes"


def test_outputs_belong_into_the_folder_or_the_repository(record):
    inside = listing(outputs=(entry("model.pt", "experiment"), entry("fig.png", "repository")))
    assert answer("outputs", record("1", files=inside)) == ("yes", "2 files")
    astray = listing(outputs=(entry("/data/model.pt", "elsewhere"),))
    assert answer("outputs", record("2", files=astray))[0] == "no"
    assert answer("outputs", record("3"))[0] == "unknown"


def test_failed_running_and_lost_runs_are_no_success(record):
    failed = record("1", STATUS="ERROR\nTraceback\nValueError: x\n")
    assert answer("success", failed) == ("no", "its status is ERROR: ValueError: x")
    lost = record("2", STATUS="RUNNING\n", metadata={"end-time": ..., "duration": ...})
    assert answer("success", lost)[0] == "unknown"
    os.utime(lost / "STATUS", (0, 0))
    assert answer("success", lost)[0] == "no"


def test_results_are_a_summary_a_series_or_files(record):
    assert answer("results", record("1"))[0] == "no"
    assert answer("results", record("2", summary={"loss": 1}))[0] == "yes"
    series = record("3")
    (series / "metrics.jsonl").write_text('{"step": 0, "loss": 1}\n')
    assert answer("results", series)[0] == "yes"


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [("IDENTICAL", "yes"), ("AGREES", "yes"), ("DIFFERS", "no"), ("CANNOT", "unknown")],
)
def test_the_verdict_of_a_reproduction_counts(record, verdict, outcome):
    original = record("1", metadata={"uid": "u1"})
    again = record(
        "2",
        metadata={"reproduces": "1", "reproduces-uid": "u1"},
        reproduction={"format": 1, "verdict": verdict},
    )
    assert answer("reproduced", original, [original, again])[0] == outcome
    assert answer("reproduced", again, [original, again])[0] == outcome
    assert answer("reproduced", original, [original])[0] == "no"


def test_compute_is_summed_by_hardware(record):
    hour = {"duration": 3600.0}
    folders = [
        record("1", metadata=hour, environment=ENVIRONMENT),
        record("2", metadata=hour, environment=ENVIRONMENT, STATUS="ERROR\n"),
        record("3", metadata={"duration": 1800.0}),
    ]
    known, unknown = audited(*folders).compute
    assert (known.hardware, known.runs, known.hours) == ("EPYC, 16 cores; 2 x H100", 2, 2.0)
    assert known.hours_without_success == 1.0
    assert (unknown.hardware, unknown.runs, unknown.hours) == ("", 1, 0.5)


def test_the_remedies_that_help_most_come_first(record):
    found = audited(record("1", summary={"a": 1}), record("2"))
    first, last = found.remedies[0], found.remedies[-1]
    assert (first.runs, last.runs, last.criterion) == (2, 1, "results")
    reproduced = next(each for each in found.remedies if each.criterion == "reproduced")
    assert reproduced.remedy == "meticulous reproduce ID"
    assert not found.passes


def test_what_is_in_the_way_of_each_badge_is_told(record):
    hashed = {"format": 1, "inputs": [], "outputs": [], "not-listed": 0}
    found = audited(record("1", metadata={"description": "x"}, summary={"a": 1}, files=hashed))
    assert found.checklists["ACM reproduced"] == {"no": ["reproduced"], "unknown": []}
    assert found.checklists["ACM available"] == {"no": [], "unknown": ["commit", "published"]}
    assert found.checklists["NeurIPS 6"] == {"no": [], "unknown": []}
    assert next(iter(found.checklists)).startswith("NeurIPS")


def test_the_document_is_json_and_counts_every_run(record):
    found = audited(record("1"), record("2", summary={"größe": 1}))
    document = json.loads(json.dumps(found.as_document()))
    for criterion in document["criteria"]:
        assert criterion["yes"] + criterion["no"] + criterion["unknown"] == 2
    assert [run["id"] for run in document["runs"]] == ["1", "2"]
    assert document["total_hours"] == pytest.approx(2 * 3.2 / 3600)


def test_records_of_the_original_are_audited(tmp_path):
    found = answers(write_original_record(tmp_path, "1"))
    assert (found["arguments"], found["command"], found["success"]) == ("yes", "yes", "yes")
    assert (found["inputs"], found["seeded"]) == ("unknown", "unknown")


def test_git_is_asked_for_all_runs_at_once(repository, monkeypatch, tmp_path):
    experiments = repository.directory / "experiments"
    folders = [
        write_record(
            experiments,
            str(number),
            metadata={"githead-sha": repository.commit({"a.py": str(number)})},
            files=listing(entry("a.py", "repository")),
        )
        for number in range(20)
    ]

    def processes(*chosen: Path) -> int:
        log = tmp_path / f"trace-{len(chosen)}"
        monkeypatch.setenv("GIT_TRACE", str(log))
        found = audited(*chosen)
        assert {run.answers["data"].outcome for run in found.runs} == {"yes"}
        return log.read_text().count("built-in")

    assert processes(*folders) == processes(folders[0])


def test_nothing_is_written(repository):
    folder = write_record(repository.directory / "experiments", "1")

    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in repository.directory.rglob("*")}

    before = stamps()
    audited(folder)
    assert stamps() == before
