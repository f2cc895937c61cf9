from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_records import write_record

from meticulous.reader import read_record
from meticulous.reader.comparing.causes import Explanation, explain
from meticulous.reader.comparing.comparison import compare
from meticulous.reader.comparing.imports import Reached, follow_imports

PROJECT = {
    "train.py": "import model, numpy.linalg\nfrom tools.data import load\nopen('sizes.json')\n",
    "model.py": "import sklearn\nimport importlib\nimportlib.import_module('plugin')\n",
    "plugin.py": "",
    "tools/__init__.py": "",
    "tools/data.py": "from . import reading\nfrom .deep.er import x\nfrom tools import load\n",
    "tools/reading.py": "import broken_one\n",
    "tools/deep/er.py": "from ..other import *\n",
    "tools/other.py": "def f(): import rich\n",
    "tools/unused.py": "import pandas",
    "sizes.json": "{}",
    "configs/a.yaml": "",
    "configs/b.yaml": "",
    "broken_one.py": "def (:",
    "README": "",
}


def reached(words: list[str], folder: str = ".", project: Mapping[str, str] = PROJECT) -> Reached:
    def read(paths: Collection[str]) -> dict[str, bytes]:
        return {path: project[path].encode() for path in paths}

    return follow_imports(words, folder, project, read)


def test_imports_are_followed_through_the_repository():
    found = reached(["python", "train.py", "--config=configs/a.yaml"])
    assert found.files == PROJECT.keys() - {"tools/unused.py", "configs/b.yaml", "README"}
    assert {"numpy", "sklearn", "rich"} <= found.modules
    assert "pandas" not in found.modules


@pytest.mark.parametrize(
    ("words", "folder", "files"),
    [
        (["python", "-m", "tools.unused"], ".", {"tools/__init__.py", "tools/unused.py"}),
        (["/home/me/project/tools/unused.py"], ".", {"tools/unused.py"}),
        (["../plugin.py"], "tools", {"plugin.py"}),
        (["unused.py"], "tools", {"tools/unused.py"}),
        (["plugin.py"], "/elsewhere", {"plugin.py"}),
        (["./prog", "3"], ".", set()),
        ([], ".", set()),
    ],
)
def test_the_program_is_found_however_it_was_named(words, folder: str, files: set[str]):
    assert reached(words, folder).files == files


def test_modules_are_looked_for_beside_the_program_and_in_src():
    project = {
        "exp/run.py": "import near, far",
        "exp/near.py": "",
        "near.py": "",
        "src/far/__init__.py": "from .inner import x",
        "src/far/inner.py": "",
    }
    found = reached(["exp/run.py"], ".", project)
    assert found.files == project.keys() - {"near.py"}
    assert found.modules == set()


def test_a_package_run_as_a_module_is_found():
    project = {"pkg/__init__.py": "", "pkg/__main__.py": "from . import core", "pkg/core.py": ""}
    assert reached(["python", "-m", "pkg"], ".", project).files == project.keys()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=4), st.text(max_size=6), st.text(max_size=30))
def test_no_words_and_no_source_are_an_obstacle(words: list[str], folder: str, source: str):
    project = {"train.py": source, "a.py": "import train"}
    assert reached(["train.py", *words], folder, project).files <= project.keys()


ENVIRONMENT: dict[str, Any] = {
    "packages": [{"name": "numpy", "version": "1.26"}, {"name": "rich", "version": "13"}],
    "platform": {"hostname": "node7"},
    "gpus": [{"name": "H100", "uuid": "a"}],
    "variables": {"OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "0", "LANG": "C"},
}
OTHER: dict[str, Any] = {
    "packages": [{"name": "numpy", "version": "2.0"}, {"name": "rich", "version": "14"}],
    "platform": {"hostname": "node8"},
    "gpus": [{"name": "H100", "uuid": "b"}],
    "variables": {"OMP_NUM_THREADS": "8", "PYTHONHASHSEED": "1", "LANG": "de"},
}


def explained(
    directory: Path,
    one: dict[str, Any],
    other: dict[str, Any],
    code: Mapping[str, str] | None = None,
    used: Reached | None = None,
) -> Explanation:
    a, b = write_record(directory, "1", **one), write_record(directory, "2", **other)
    return explain(compare(read_record(a), read_record(b), code), used)


def names(explanation: Explanation) -> list[str]:
    return [cause.difference.name for cause in explanation.causes]


def test_the_likeliest_explanation_stands_first(tmp_path: Path):
    explanation = explained(
        tmp_path,
        {
            "environment": ENVIRONMENT,
            "files": {"inputs": {"data.csv": {"sha256": "a"}}},
            "metadata": {"githead-sha": "a" * 40, "seed": 1},
            "args": {"lr": 0.1, "log_dir": "a"},
            "summary": {"loss": 1},
        },
        {
            "environment": OTHER,
            "files": {"inputs": {"data.csv": {"sha256": "b"}}},
            "metadata": {"githead-sha": "b" * 40, "seed": 2, "original-command": ["python", "x"]},
            "args": {"lr": 0.2, "log_dir": "b"},
            "summary": {"loss": 2},
        },
        {"README": "+1 -0", "model.py": "+1 -1"},
        Reached(frozenset({"model.py", "train.py"}), frozenset({"numpy"})),
    )
    assert names(explanation) == [
        *("model.py", "lr", "command", "log_dir", "data.csv", "numpy", "seed"),
        *("variables.PYTHONHASHSEED", "variables.OMP_NUM_THREADS", "README", "rich"),
        *("variables.LANG", "platform.hostname", "gpus.0.uuid", "commit"),
    ]
    likely = [cause.difference.name for cause in explanation.causes if cause.is_likely]
    assert likely[-1] == "variables.OMP_NUM_THREADS"
    assert [name for name, _ in explanation.results] == ["summary"]
    assert explanation.remarks == []


def test_a_command_that_only_gives_the_arguments_comes_late(tmp_path: Path):
    explanation = explained(
        tmp_path,
        {"args": {"lr": 0.2}},
        {"args": {"lr": 0.3}, "metadata": {"original-command": ["python", "train.py", "--lr=0.3"]}},
    )
    assert names(explanation) == ["lr", "command"]
    assert [cause.is_likely for cause in explanation.causes] == [True, False]


def test_without_a_repository_the_commit_stands_for_its_code(tmp_path: Path):
    explanation = explained(tmp_path, {}, {"metadata": {"git-snapshot": "abc"}})
    assert names(explanation) == ["snapshot"]
    assert explanation.causes[0].is_likely
    assert "not known" in explanation.causes[0].reason


def test_code_of_a_program_that_cannot_be_followed_counts_as_used(tmp_path: Path):
    other = {"metadata": {"githead-sha": "b" * 40}}
    explanation = explained(tmp_path, {}, other, {"main.c": "+1 -1"}, None)
    assert names(explanation) == ["main.c", "commit"]
    assert [cause.is_likely for cause in explanation.causes] == [True, False]


def test_packages_are_known_by_the_modules_they_bring(tmp_path: Path):
    one = {"environment": {"packages": [{"name": "scikit-learn", "version": "1"}]}}
    other = {"environment": {"packages": [{"name": "scikit_learn", "version": "2"}]}}
    used = Reached(frozenset({"t.py"}), frozenset({"sklearn"}))
    assert explained(tmp_path, one, other, None, used).causes[0].reason == "imported by the program"
    unused = Reached(frozenset({"t.py"}), frozenset({"numpy"}))
    assert not explained(tmp_path, one, other, None, unused).causes[0].is_likely


def test_an_argument_that_only_exists_at_its_default_comes_after_one_that_was_given(tmp_path: Path):
    explanation = explained(
        tmp_path,
        {"args": {"lr": 0.1}, "default_args": {"lr": 0.1}},
        {"args": {"lr": 0.1, "a": 1, "b": 2}, "default_args": {"lr": 0.1, "a": 1}},
    )
    assert names(explanation) == ["b", "a"]


def test_where_nothing_differs_but_the_result_chance_remains(tmp_path: Path):
    explanation = explained(tmp_path, {"summary": {"x": 1}}, {"summary": {"x": 2}})
    assert explanation.causes == []
    assert any("chance" in remark for remark in explanation.remarks)


def test_where_the_results_are_the_same_that_is_said(tmp_path: Path):
    explanation = explained(tmp_path, {}, {"args": {"lr": 1}})
    assert any("are the same" in remark for remark in explanation.remarks)
