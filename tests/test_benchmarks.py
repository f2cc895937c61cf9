from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "benchmark.py"

sys.path.insert(0, str(SCRIPT.parent))

from benchmarks import process, table  # noqa: E402 - a script's folder is no installed package


@pytest.fixture
def measured(tmp_path):
    """Return a function that runs a Python program as the benchmark does."""

    def run(code: str, **settings: object) -> process.Sample:
        program = process.Program((sys.executable, "-c", code), tmp_path, **settings)
        return process.run(program, process.clean_environment(tmp_path / "home"))

    return run


def test_a_measured_program_gets_a_clean_environment(measured, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    seen = tmp_path / "seen"

    measured("import json, os; print(json.dumps(dict(os.environ)))", output=seen)

    variables = json.loads(seen.read_text())
    assert variables["HOME"] == str(tmp_path / "home")
    assert not [name for name in variables if name.startswith(("PYTHON", "METICULOUS"))]


def test_a_measured_program_that_fails_shows_what_it_said(measured):
    with pytest.raises(process.MeasurementError, match="ended with 3:\nout of luck"):
        measured("import sys; print('out of luck', file=sys.stderr); sys.exit(3)")


def test_output_through_a_pipe_is_read_to_its_end(measured):
    assert measured("print('x' * 1_000_000)", piped=True).seconds > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_what_a_program_leaves_running_is_waited_for(tmp_path):
    trace = tmp_path / "trace"
    # The other end of its standard input is closed by the end of its parent.
    child = f"import sys; sys.stdin.read(); open({str(trace)!r}, 'w').close()"
    parent = (
        f"import subprocess as s, sys; s.Popen([sys.executable, '-c', {child!r}], stdin=s.PIPE)"
    )
    # In a process of its own: adopting orphans here would adopt those of other tests.
    code = (
        "import sys; from pathlib import Path; from benchmarks.process import *; adopt_orphans()\n"
        f"program = Program((sys.executable, '-c', {parent!r}), Path.cwd())\n"
        "assert run(program, clean_environment(Path.cwd())).background_seconds > 0\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)

    assert trace.exists()


def test_the_peak_of_memory_is_that_of_the_program_alone(tmp_path):
    def peak(code: str) -> int:
        program = process.Program((sys.executable, "-c", code), tmp_path)
        environment = process.clean_environment(tmp_path / "home")
        return process.peak_memory(program, environment, Path(sys.executable))

    ballast = bytearray(100_000_000)  # in this process, which must not count
    small, large = (
        peak("pass"),
        peak("x = bytearray(50_000_000); x[::4096] = bytes(len(x[::4096]))"),
    )

    assert small < len(ballast) / 2
    assert 45e6 < large - small < 60e6


def test_programs_take_turns_in_changing_order_after_a_round_that_does_not_count():
    order = []

    def action(name: str):
        def act() -> process.Sample:
            order.append(name)
            return process.Sample(len(order), 0.0, 0.0)

        return act

    samples = process.interleave({name: action(name) for name in "abc"}, 8)

    rounds = ["".join(order[at : at + 3]) for at in range(0, len(order), 3)]
    assert [sorted(one) for one in rounds] == [list("abc")] * 9
    assert len(set(rounds[1:])) > 1
    for name, of_one in samples.items():
        assert [order[int(sample.seconds) - 1] for sample in of_one] == [name] * 8
        assert of_one[0].seconds > 3


def test_a_ratio_compares_medians_and_a_difference_compares_rounds():
    ratio = table.times("r", [1.0, 1.0, 9.0], [2.0, 2.0, 2.0], 1.5)
    difference = table.added("d", [1.0, 2.0, 3.0], [1.010, 2.020, 3.030], 25)

    assert (ratio.figure, ratio.met) == (2.0, False)
    assert difference.figure == pytest.approx(20)
    assert difference.met is True


def test_the_table_shows_figures_targets_and_notes():
    rows = [
        table.times("a ratio", [0.1], [0.2], 1.5),
        table.alone("a time", [0.03]),
        table.Row("a tool", note="not available here"),
    ]

    lines = table.markdown(rows).splitlines()

    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "a ratio",
        "100.0 ms",
        "200.0 ms",
        "2.00x",
        "≤ 1.50x",
        "NO",
    ]
    assert lines[-1] == "- a tool: not available here"
    assert len({len(line) for line in lines[:5]}) == 1


def test_the_recording_suite_measures_everything_and_writes_json(tmp_path):
    answer = tmp_path / "answer.json"

    done = subprocess.run(
        [
            sys.executable,
            SCRIPT,
            "recording",
            "--rehearse",
            "--python",
            sys.executable,
            "--json",
            answer,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(answer.read_text())["rows"]}
    assert {row["target"] for row in rows.values()} >= {60, 25, 2, 1.5, 2.5, 10}
    assert all(row["figure"] is not None for row in rows.values())
    assert "| start + end of a script" in done.stdout


def test_the_reading_suite_measures_everything(tmp_path):
    answer = tmp_path / "answer.json"
    words = [SCRIPT, "reading", "--rehearse", "--python", sys.executable, "--json", answer]

    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(answer.read_text())["rows"]}
    assert {row["target"] for row in rows.values()} >= {1, 2, 2.5, 0.1}
    assert all(row["figure"] is not None for row in rows.values())


def test_the_provenance_suite_measures_everything(tmp_path):
    answer = tmp_path / "answer.json"
    words = [SCRIPT, "provenance", "--rehearse", "--python", sys.executable, "--json", answer]

    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(answer.read_text())["rows"]}
    assert "opens of 20 distinct files, each" in rows
    assert all(row["figure"] is not None for row in rows.values())


def test_the_sets_suite_measures_everything(tmp_path):
    answer = tmp_path / "answer.json"
    words = [SCRIPT, "sets", "--rehearse", "--python", sys.executable, "--json", answer]

    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(answer.read_text())["rows"]}
    assert rows["registering 10, over making the same folders and files"]["target"] == 3
    assert all(row["figure"] is not None for row in rows.values())


def test_a_suite_that_cannot_measure_says_why_and_fails(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "recording", "--rehearse", "--python", shutil.which("false")],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "bare.py ended with 1" in done.stderr
