from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from meticulous.folder import layout
from meticulous.recorder.reproduction import Order, digest_of, find_order, next_ordinal

WORDS = ["python", "train.py", "--lr", "0.1"]


@pytest.fixture
def content(tmp_path: Path) -> dict[str, object]:
    return {
        "directory": str(tmp_path / "9"),
        "ordinal": 2,
        "command": digest_of(WORDS),
        "elsewhere": str(tmp_path / "elsewhere"),
        "roots": [["/old", "/new"], ["/older/", "/new"]],
        "reproduces": "3",
        "reproduces-uid": "u",
    }


def test_only_the_experiment_that_is_meant_takes_the_folder_and_only_once(content):
    order = Order(content)
    assert not order.take(1, WORDS)
    assert not order.take(2, ["python", "other.py"])
    assert not order.take(0, WORDS)
    assert order.take(2, ["/another/python3", *WORDS[1:]])
    assert not order.take(2, WORDS)
    assert not Order(content).take(2, WORDS)


def test_the_experiment_of_meticulous_run_needs_no_command(content):
    order = Order({**content, "ordinal": 0})
    assert order.take(0, ["meticulous", "run", "x"])


@pytest.mark.parametrize(
    ("path", "mapped"),
    [
        ("/old", "/new"),
        ("/old/a/b", "/new/a/b"),
        ("/older/a", "/new/a"),
        ("/oldest", "/oldest"),
        ("a", "a"),
    ],
)
def test_paths_in_the_old_code_lead_into_the_new_one(content, path: str, mapped: str):
    assert Order(content).mapped(path) == mapped


def test_files_of_the_old_code_are_told_from_libraries_in_it(content):
    files = [
        "/old/b.py",
        "/old/a.py",
        "/old/a.py",
        "/new/a.py",
        "relative.py",
        "/old/.venv/lib/python3.11/site-packages/x.py",
    ]
    assert Order(content).old_files(files) == ["/old/a.py", "/old/b.py"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"directory": "x"}'])
def test_what_cannot_be_understood_is_no_order(monkeypatch, text: str):
    monkeypatch.setenv(layout.REPRODUCTION_VARIABLE, text)
    assert find_order() is None


def test_an_order_comes_with_the_environment(monkeypatch, content):
    monkeypatch.setenv(layout.REPRODUCTION_VARIABLE, json.dumps(content))
    order = find_order()
    assert order is not None
    assert order.facts == {"reproduces": "3", "reproduces-uid": "u"}
    assert (order.description, order.tags) == ("", [])


def test_a_forked_process_counts_its_own_experiments():
    first = next_ordinal()
    assert next_ordinal() == first + 1
    pid = os.fork()
    if pid == 0:
        os._exit(next_ordinal())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert next_ordinal() == first + 2
