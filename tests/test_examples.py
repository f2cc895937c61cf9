"""The declared experiments in examples/ do what they are there to show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from registered import folder_of, numbers, read, status_of

EXAMPLES = Path(__file__).parent.parent / "examples" / "declared"


@pytest.fixture
def project(make_repository):
    repository = make_repository()
    shutil.copytree(EXAMPLES, repository.directory, dirs_exist_ok=True)
    repository.commit(message="the examples")
    return repository


def run(project: Any, *words: str) -> str:
    done = project.python(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def carry_out(project: Any, *words: str) -> str:
    return run(project, "-m", "meticulous", *words)


def test_the_class_records_one_run_with_its_best_loss(project):
    run(project, "train.py", "--epochs", "5", "--purpose", "a look")
    folder = folder_of(project)
    assert read(folder, "args.json")["epochs"] == 5
    assert read(folder, "metadata.json")["description"] == "a look"
    losses = [
        json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    assert read(folder, "summary.json")["loss"] == min(losses)
    assert len(losses) == 5


def test_what_is_not_marked_is_no_parameter(project):
    shown = run(project, "train.py", "--help")
    assert "--lr" in shown
    assert "--momentum" not in shown


def test_debug_makes_it_small_and_the_command_line_counts_more(project):
    run(project, "train.py", "--debug")
    run(project, "train.py", "--debug", "--epochs", "3")
    assert [read(folder_of(project, n), "args.json")["epochs"] for n in (1, 2)] == [2, 3]


def test_the_subclass_has_the_parameters_of_its_bases_and_its_own_defaults(project):
    run(project, "noisy.py")
    args = read(folder_of(project), "args.json")
    expected = {"lr": 0.1, "optimiser": "sgd", "noise": 0.5, "share": 0.1, "epochs": 40}
    assert args == expected
    assert list(args) == list(expected)
    assert "passes over the noisy data (default: 40)" in run(project, "noisy.py", "--help")


def test_the_function_needs_the_parameter_that_has_no_default(project):
    refused = project.python("evaluate.py")
    assert refused.returncode == 2
    assert "slope of evaluate has no value" in refused.stderr
    assert numbers(project) == []
    run(project, "evaluate.py", "--slope", "2")
    assert read(folder_of(project), "summary.json")["worst_error"] == 1.0


def test_sets_of_all_of_them_are_registered_and_launched(project):
    carry_out(project, "register", "train.py:Train", "{lr: 0.1 | 0.2, epochs: 2}")
    carry_out(project, "register", "noisy.py", "share=0,0.2 epochs=2")
    carry_out(project, "register", "evaluate.py", "slope=lin(2,3,2)")
    carry_out(project, "register", "./simulate.sh", "--defaults", "defaults.yml", "{mesh: 3 | 4}")
    assert numbers(project) == list(range(1, 9))
    carry_out(project, "launch", "1-7", "--jobs", "2")
    assert {status_of(folder_of(project, number)) for number in range(1, 8)} == {"SUCCESS"}
    shown = (folder_of(project, 7) / "stdout").read_text()
    assert shown == "simulated 9 cells with upwind\n"
    assert status_of(folder_of(project, 8)) == "REGISTERED"
