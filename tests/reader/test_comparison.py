from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_records import write_original_record, write_record

from meticulous.reader import read_record
from meticulous.reader.comparing.comparison import SECTIONS, Comparison, compare
from meticulous.reader.comparing.differences import Difference, compare_values
from meticulous.reader.comparing.display import blocks
from meticulous.reader.comparing.outputs import compare_outputs
from meticulous.reader.table.flattening import MISSING

PACKAGES = [{"name": f"package_{number}", "version": "1.0"} for number in range(2000)]

ENVIRONMENT = {
    "collected-at": "2026-11-22T14:03:06+00:00",
    "duration-seconds": 0.3,
    "python": {"version": "3.11.4", "implementation": "cpython"},
    "packages": [{"name": "numpy", "version": "1.26"}, {"name": "click", "version": "8.1"}],
    "platform": {"hostname": "node7", "boot-time": "2026-11-01T00:00:00"},
    "cpu": {"model": "Fast 3000", "features": ["avx", "sse"], "load-average": [0.5, 0.5, 0.5]},
    "memory": {"total": 16_000_000_000, "available": 1_000_000_000},
    "disk": {"working-directory": {"path": "/x", "free": 17}},
    "gpus": [{"name": "H100"}],
    "variables": {"OMP_NUM_THREADS": "4"},
    "scheduler": {"name": "slurm", "variables": {"SLURM_JOB_ID": "1", "SLURM_NNODES": "1"}},
}


def compared(directory: Path, one: dict[str, Any], other: dict[str, Any], **more) -> Comparison:
    a, b = write_record(directory, "1", **one), write_record(directory, "2", **other)
    return compare(read_record(a), read_record(b), **more)


def changes(comparison: Comparison, section: str) -> dict[str, tuple[Any, Any]]:
    return {d.name: (d.a, d.b) for d in comparison[section].differences}


def test_two_records_of_the_same_are_the_same_whenever_and_wherever_they_ran(tmp_path: Path):
    other = {
        **ENVIRONMENT,
        "collected-at": "2026-11-23T14:03:06+00:00",
        "duration-seconds": 0.4,
        "memory": {"total": 16_000_000_000, "available": 2},
        "cpu": {**ENVIRONMENT["cpu"], "load-average": [9, 9, 9]},
        "disk": {"working-directory": {"path": "/x", "free": 3}},
        "scheduler": {"name": "slurm", "variables": {"SLURM_JOB_ID": "2", "SLURM_NNODES": "1"}},
    }
    comparison = compared(
        tmp_path,
        {"environment": ENVIRONMENT, "metrics.jsonl": '{"step":0,"time":1.0,"loss":2.0}\n'},
        {
            "minutes": 7,
            "environment": other,
            "metadata": {"pid": 12, "duration": 17.2, "uid": "x", "description": "again"},
            "metrics.jsonl": '{"step":0,"time":7.5,"loss":2.0}\n',
        },
    )
    assert list(comparison.differences) == []
    assert not comparison.differs
    assert list(comparison.sections) == list(SECTIONS)


def test_each_section_says_what_differs(tmp_path: Path):
    other = {
        **ENVIRONMENT,
        "packages": [{"name": "NumPy", "version": "2.0"}, {"name": "rich", "version": "13"}],
        "cpu": {"model": "Fast 3000", "features": ["avx", "avx512f"]},
        "gpus": [{"name": "A100"}],
        "variables": {"OMP_NUM_THREADS": "8"},
    }
    comparison = compared(
        tmp_path,
        {"environment": ENVIRONMENT, "summary": {"loss": 0.5, "deep": {"er": "NaN"}}},
        {
            "environment": other,
            "summary": {"loss": 0.25, "deep": {"er": 1.0}},
            "args": {"lr": 0.3, "epochs": 100, "new": None},
            "STATUS": "ERROR\nValueError: x\n",
            "metadata": {"git-snapshot": "abc", "seed": 4, "exit-code": 1},
        },
    )
    assert changes(comparison, "args") == {"lr": (0.2, 0.3), "new": (MISSING, None)}
    assert changes(comparison, "code") == {"snapshot": (MISSING, "abc")}
    assert changes(comparison, "command") == {"seed": (MISSING, 4)}
    assert changes(comparison, "packages") == {
        "click": ("8.1", MISSING),
        "numpy": ("1.26", "2.0"),
        "rich": (MISSING, "13"),
    }
    assert changes(comparison, "environment") == {
        "cpu.features": (["avx", "sse"], ["avx", "avx512f"]),
        "gpus.0.name": ("H100", "A100"),
        "variables.OMP_NUM_THREADS": ("4", "8"),
    }
    assert changes(comparison, "status").keys() == {"status", "reason", "exit-code"}
    assert changes(comparison, "summary").keys() == {"loss", "deep.er"}
    assert comparison.differs


def test_numbers_tell_their_change(tmp_path: Path):
    comparison = compared(
        tmp_path,
        {"summary": {"loss": 0.5, "zero": 0, "gone": 1, "inf": 1.0}},
        {"summary": {"loss": 0.25, "zero": 2, "inf": "Infinity"}},
    )
    amounts = {d.name: (d.absolute, d.relative) for d in comparison["summary"].differences}
    assert amounts == {
        "loss": (-0.25, -0.5),
        "zero": (2, None),
        "gone": (None, None),
        "inf": (None, None),
    }
    assert "loss  0.5 -> 0.25  (-0.25, -50 %)" in str(comparison)


@pytest.mark.parametrize(
    ("a", "b", "is_same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (float("nan"), float("nan"), True),
        ([1, float("nan")], [1.0, float("nan")], True),
        ("1", 1, False),
        (None, "null", False),
        ([1, 2], [2, 1], False),
        ([], {}, False),
        ({}, {}, True),
        (1.0, 1.0000000000000002, False),
        (2**63, 2.0**63, True),
        ("é", "e\u0301", False),
    ],
)
def test_values_are_the_same_when_json_says_so(a: Any, b: Any, is_same: bool):
    assert bool(compare_values("args", {"x": a}, {"x": b})) is not is_same
    assert bool(compare_values("args", {"x": b}, {"x": a})) is not is_same


def test_a_number_that_only_gained_a_decimal_point_is_remarked(tmp_path: Path):
    section = compare_values("args", {"epochs": 1, "lr": 0.1}, {"epochs": 1.0, "lr": 0.1})
    assert not section
    assert section.remarks == [
        "epochs: the same number, once with and once without a decimal point"
    ]


def test_a_value_nested_deeper_than_the_stack_is_compared():
    deep: Any = 1
    other: Any = 1
    for _ in range(5000):
        deep, other = [deep], [other]
    assert not compare_values("args", {"x": deep}, {"x": other})


def test_what_only_one_record_knows_is_unknown_not_different(tmp_path: Path):
    a = write_record(tmp_path, "1", environment=ENVIRONMENT)
    b = write_original_record(tmp_path, "2")
    comparison = compare(read_record(a), read_record(b))
    assert comparison["environment"].unknown == "experiment 2 has no environment.json"
    assert comparison["packages"].unknown
    assert not comparison["environment"]
    assert not comparison["packages"]
    assert changes(comparison, "code").keys() == {"commit"}
    assert "not known" in str(comparison)


def test_inputs_that_neither_tells_are_not_missed(tmp_path: Path):
    assert "inputs" not in str(compared(tmp_path / "neither", {}, {}))
    told = {"files": {"inputs": {"data.csv": {"sha256": "a"}}}}
    only = compared(tmp_path / "one", {}, told)
    assert "only one of the experiments has a files.json" in only["inputs"].unknown
    assert "inputs" in str(only)


TRACEBACK = "ERROR\nTraceback (most recent call last):\n  File 'train.py', line {0}\n{1}\n"


def failed(line: int, error: str, code: int = 1) -> dict[str, Any]:
    return {"STATUS": TRACEBACK.format(line, error), "metadata": {"exit-code": code}}


@pytest.mark.parametrize("cut", [True, False])
def test_of_two_failures_the_last_lines_are_shown(tmp_path: Path, cut: bool):
    comparison = compared(tmp_path, failed(3, "KeyError: 'a'"), failed(4, "ValueError: b", 3))
    (block,) = [block for block in blocks(comparison, cut) if block.title.startswith("status")]
    assert {row.label: row.text for row in block.rows} == {
        "reason": "KeyError: 'a' -> ValueError: b",
        "exit-code": "1 -> 3",
    }


def test_failures_that_end_alike_say_that_their_tracebacks_differ(tmp_path: Path):
    comparison = compared(tmp_path, failed(3, "KeyError: 'a'"), failed(4, "KeyError: 'a'"))
    assert "reason  KeyError: 'a'  (with another traceback)" in str(comparison)


def test_a_failure_beside_a_success_shows_its_last_line(tmp_path: Path):
    comparison = compared(tmp_path, {}, failed(3, "KeyError: 'a'"))
    assert re.search(r"reason +- -> KeyError: 'a'\n", str(comparison))


def commands(*words: list[str], **more: Any) -> list[dict[str, Any]]:
    return [{"metadata": {"original-command": command}, **more} for command in words]


def test_two_commands_are_shell_lines_below_each_other(tmp_path: Path):
    comparison = compared(
        tmp_path, *commands(["python", "a b.py", "--seed", "1"], ["python", "train.py"])
    )
    text = "\ncommand\n  A  python 'a b.py' --seed 1\n  B  python train.py\n"
    assert text in str(comparison) + "\n"


def test_commands_that_only_give_other_arguments_are_left_to_the_arguments(tmp_path: Path):
    one, other = commands(
        ["python", "train.py", "--learning-rate=0.1", "--layers", "64", "128", "--no-bias"],
        ["python", "train.py", "--learning-rate", "0.2", "data.csv"],
    )
    one["args"] = {"learning_rate": 0.1, "layers": [64, 128], "bias": False, "file": None}
    other["args"] = {"learning_rate": 0.2, "layers": [64], "bias": True, "file": "data.csv"}
    comparison = compared(tmp_path, one, other)
    assert "python" not in str(comparison)
    assert comparison["command"]  # programs see it all the same


def test_commands_that_also_start_another_program_are_shown(tmp_path: Path):
    one, other = commands(["python", "a.py", "--lr", "0.1"], ["python", "b.py", "--lr", "0.2"])
    comparison = compared(tmp_path, {**one, "args": {"lr": 0.1}}, {**other, "args": {"lr": 0.2}})
    assert "  A  python a.py --lr 0.1\n  B  python b.py --lr 0.2\n" in str(comparison)


def test_commands_are_shown_where_the_arguments_are_the_same(tmp_path: Path):
    one, other = commands(["python", "a.py"], ["python", "a.py", "--lr", "0.2"])
    assert "  B  python a.py --lr 0.2" in str(compared(tmp_path, one, other))


def test_two_original_records_are_compared(tmp_path: Path):
    a = write_original_record(tmp_path, "1", summary='{"loss": NaN, "acc": 0.5}')
    b = write_original_record(tmp_path, "2", summary='{"loss": NaN, "acc": 0.75}')
    comparison = compare(read_record(a), read_record(b))
    assert [name for name, _ in comparison.differences] == ["summary"]


def test_broken_files_are_named_and_cost_only_their_section(tmp_path: Path):
    comparison = compared(
        tmp_path,
        {"args": '{"lr": ', "environment": b"\xff\xfe", "summary": {"loss": 1}},
        {"summary": {"loss": 2}, "environment": "[]"},
    )
    assert changes(comparison, "summary") == {"loss": (1, 2)}
    assert len(comparison.problems) == 3
    assert comparison.problems[0].startswith("1: args.json ")


def test_a_commit_that_holds_the_same_files_is_no_difference(tmp_path: Path):
    one, other = {"githead-sha": "a" * 40}, {"githead-sha": "b" * 40}
    pair = {"metadata": one}, {"metadata": other}
    assert compared(tmp_path, *pair)["code"]
    assert not compared(tmp_path, *pair, changed_code={})["code"]
    section = compared(tmp_path, *pair, changed_code={"train.py": "+1 -1"})["code"]
    assert [d.name for d in section.differences] == ["commit", "train.py"]


def test_code_outside_the_commit_is_remarked_or_different(tmp_path: Path):
    own = {"metadata": {"git-untracked-sources": ["data.py"]}}
    assert changes(compared(tmp_path, own, {}), "code") == {
        "loaded, but not in the commit": (["data.py"], [])
    }
    assert "data.py" in compared(tmp_path, own, own)["code"].remarks[0]


def test_a_package_in_place_is_known_by_its_commit_and_its_changes(tmp_path: Path):
    def installed(commit: str, *dirty: str) -> dict[str, Any]:
        git = {"commit": commit * 40, "dirty": list(dirty)}
        return {"environment": {"packages": [{"name": "mine", "version": "0.1", "git": git}]}}

    assert changes(
        compared(tmp_path, installed("a"), installed("b", "modified: x")), "packages"
    ) == {"mine": ("0.1 at aaaaaaaaaa", "0.1 at bbbbbbbbbb with uncommitted changes in 1 file")}
    section = compared(tmp_path, installed("a", "x"), installed("a", "y"))["packages"]
    assert not section
    assert section.remarks == ["mine: with uncommitted changes in both, which may not be the same"]


def test_inputs_are_compared_by_hash(tmp_path: Path):
    one = {"inputs": [{"path": "a.csv", "size": 3, "sha256": "aa"}, {"path": "b", "size": 1}]}
    other = {"inputs": [{"path": "a.csv", "size": 3, "sha256": "bb"}, {"path": "b", "size": 1}]}
    comparison = compared(tmp_path, {"files": one}, {"files": other})
    assert changes(comparison, "inputs").keys() == {"a.csv"}
    assert comparison["inputs"].same == 1


@pytest.mark.parametrize(
    "files", [[], "x", {"inputs": 3}, {"inputs": [1, {"path": 2}, None]}, {"inputs": {"a": 1}}]
)
def test_a_strange_files_json_is_no_obstacle(tmp_path: Path, files: Any):
    assert not compared(tmp_path, {"files": files}, {"files": files})["inputs"]


def test_outputs_are_compared_by_content(tmp_path: Path):
    one = {"stdout": "a\nb\nc\n", "model.pt": b"\0\1", "same.bin": b"\0", "only.txt": "x"}
    other = {"stdout": "a\nB\nc\n", "model.pt": b"\0\2", "same.bin": b"\0", "longer.txt": "xy"}
    for name, files in (("1", one), ("2", other)):
        folder = write_record(tmp_path, name)
        for file, content in files.items():
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    comparison = compare(read_record(tmp_path / "1"), read_record(tmp_path / "2"))
    details = {d.name: d.detail for d in comparison["outputs"].differences}
    assert details == {
        "stdout": "text, the first difference is in line 2",
        "model.pt": "binary",
        "only.txt": "text",
        "longer.txt": "text",
    }
    assert comparison["outputs"].same == 1


def test_what_a_set_needs_is_no_output(tmp_path: Path):
    scripts = ({"run.sh": f"exec python {n}\n", "launches.jsonl": f'{{"n":{n}}}\n'} for n in (1, 2))
    assert not compared(tmp_path, *scripts)["outputs"]


def test_metrics_are_compared_without_their_times(tmp_path: Path):
    lines = '{"step":%d,"time":%f,"loss":"NaN"}\n'
    one = "".join(lines % (step, step) for step in range(5))
    other = "".join(lines % (step, 7 + step) for step in range(5))
    comparison = compared(tmp_path, {"metrics.jsonl": one}, {"metrics.jsonl": other})
    assert not comparison["outputs"]
    other += '{"step":5,"time":1,"loss":1}\n{"torn'
    comparison = compared(tmp_path, {"metrics.jsonl": one}, {"metrics.jsonl": other})
    assert comparison["outputs"].differences[0].detail == "5 and 6 lines"
    other = other.replace('"step":2,"time":9.000000,"loss":"NaN"', '"step":2,"loss":3')
    comparison = compared(tmp_path, {"metrics.jsonl": one}, {"metrics.jsonl": other})
    assert comparison["outputs"].differences[0].detail == "values differ from line 3 on (step 2)"


def test_beyond_the_budget_recorded_hashes_decide(tmp_path: Path):
    for name, content in (("1", b"abc"), ("2", b"abd")):
        folder = write_record(tmp_path, name)
        for file in ("known", "unknown"):
            (folder / file).write_bytes(content)
    folders = str(tmp_path / "1"), str(tmp_path / "2")
    recorded = [{"outputs": {"known": {"size": 3, "sha256": sha}}} for sha in ("aa", "bb")]
    section = compare_outputs(*folders, *recorded, budget=2)
    assert [(d.name, d.detail) for d in section.differences] == [("known", "another sha256")]
    assert section.remarks == ["unknown: too large or not readable, the content was not compared"]


def test_beyond_the_budget_links_to_other_places_differ(tmp_path: Path):
    for name, target in (("1", "here"), ("2", "somewhere")):
        (write_record(tmp_path, name) / "link").symlink_to(target)
    section = compare_outputs(str(tmp_path / "1"), str(tmp_path / "2"), {}, {}, budget=2)
    assert [difference.name for difference in section.differences] == ["link"]


@pytest.mark.permissions
def test_files_of_different_size_differ_though_they_cannot_be_read(tmp_path: Path):
    for name, content in (("1", "abc"), ("2", "abcd")):
        file = write_record(tmp_path, name) / "closed"
        file.write_text(content)
        file.chmod(0)
    section = compare_outputs(str(tmp_path / "1"), str(tmp_path / "2"), {}, {})
    assert [(d.name, d.a, d.b, d.detail) for d in section.differences] == [("closed", 3, 4, "")]
    assert section.remarks == []


def test_links_pipes_and_folders_are_no_obstacle(tmp_path: Path):
    import os

    for name, target in (("1", "STATUS"), ("2", "nowhere")):
        folder = write_record(tmp_path, name)
        (folder / "link").symlink_to(target)
        os.mkfifo(folder / "pipe")
        (folder / "sub" / ".hidden").mkdir(parents=True)
        (folder / "sub" / "x").write_text("x")
    comparison = compare(read_record(tmp_path / "1"), read_record(tmp_path / "2"))
    assert [d.name for d in comparison["outputs"].differences] == ["link"]


def test_only_the_wanted_sections_are_compared(tmp_path: Path):
    comparison = compared(tmp_path, {}, {"args": {"lr": 1}}, only=["summary", "args"])
    assert list(comparison.sections) == ["args", "summary"]


def test_a_running_experiment_has_no_final_results(tmp_path: Path):
    comparison = compared(tmp_path, {"STATUS": "RUNNING", "metadata": {"pid": None}}, {})
    assert "not final: 1 still running" in comparison["summary"].remarks


def test_a_long_section_is_cut_for_people(tmp_path: Path):
    one = {"environment": {"packages": PACKAGES}}
    newer = [{**package, "version": "2.0"} for package in PACKAGES]
    comparison = compared(tmp_path, one, {"environment": {"packages": newer}})
    assert len(comparison["packages"].differences) == 2000
    assert "... and 1980 more" in str(comparison)
    assert len(str(comparison).splitlines()) < 50


def test_a_long_value_is_cut_to_where_it_differs(tmp_path: Path):
    path = "/a/very/long/path" * 20
    comparison = compared(tmp_path, {"args": {"p": f"{path}/x"}}, {"args": {"p": f"{path}/y"}})
    line = next(line for line in str(comparison).splitlines() if line.startswith("  p "))
    assert len(line) < 100
    assert "/x -> " in line
    assert line.endswith("/y")


def test_notebooks_get_escaped_html_and_terminals_plain_text(tmp_path: Path):
    args = {"<b>ünï</b>": "<script>\x1b[31m"}
    comparison = compared(tmp_path, {"args": {}}, {"args": args})
    html = comparison._repr_html_()
    assert "&lt;b&gt;ünï&lt;/b&gt;" in html
    assert "<script>" not in html
    assert "\x1b" not in str(comparison) + html


def test_nothing_that_differs_is_said(tmp_path: Path):
    comparison = compared(tmp_path, {}, {})
    assert str(comparison).endswith("Nothing that was recorded differs.")
    assert "Nothing that was recorded differs." in comparison._repr_html_()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)
KEYS = st.sampled_from(
    [
        *("githead-sha", "git-snapshot", "git-untracked-sources", "command", "original-command"),
        *("working-directory", "seed", "exit-code", "signal", "python", "host", "user", "format"),
    ]
)
PARTS = st.sampled_from(["packages", "python", "gpus", "cpu", "virtual-environment", "scheduler"])


@given(
    st.dictionaries(KEYS, JSON, max_size=4),
    st.dictionaries(PARTS, JSON | st.lists(OBJECTS, max_size=2), max_size=3),
    OBJECTS,
    st.dictionaries(st.sampled_from(["inputs", "outputs"]), JSON),
)
def test_no_content_of_two_records_cannot_be_compared(metadata, environment, values, files):
    with tempfile.TemporaryDirectory() as place:
        one = {"args": values, "summary": values, "metadata": metadata, "files": files}
        comparison = compared(Path(place), {**one, "environment": environment}, {})
        text = str(comparison) + comparison._repr_html_()
        assert "\x1b" not in text
        same = compared(
            Path(place), {**one, "environment": environment}, one | {"environment": environment}
        )
        assert not same.differs


@settings(max_examples=100, deadline=None)
@given(OBJECTS, OBJECTS)
def test_comparing_the_other_way_round_finds_the_same_differences(a, b):
    there, back = compare_values("args", a, b), compare_values("args", b, a)
    assert {d.name for d in there.differences} == {d.name for d in back.differences}
    assert there.same == back.same
    assert not compare_values("args", a, json.loads(json.dumps(a)))


def test_a_difference_without_values_is_a_change():
    assert Difference("train.py", MISSING, MISSING, "+1 -1").kind == "changed"
    assert Difference("x", MISSING, 1).kind == "added"
    assert Difference("x", 1, MISSING).kind == "removed"
