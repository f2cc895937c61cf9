from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_records import write_original_record, write_record

from meticulous.cli.sheet import as_object, sections
from meticulous.reader import read_contents, read_record

TRACEBACK = "\n".join(
    ["Traceback (most recent call last):"]
    + [f'  File "train.py", line {number}, in f{number}' for number in range(20)]
    + ["ValueError: the rate must be positive"]
)

ENVIRONMENT = {
    "python": {"version": "3.11.4", "implementation": "cpython"},
    "virtual-environment": {"kind": "venv", "path": "/x", "name": "x"},
    "packages": [{"name": "numpy", "version": "2.0"}, {"name": "click", "version": "8.1"}],
    "platform": {"distribution": "Debian 12", "system": "Linux", "machine": "x86_64"},
    "cpu": {"model": "Fast 3000", "available-cores": 8},
    "memory": {"total": 16_000_000_000},
    "gpus": [{"name": "H100"}, {"name": "H100"}],
    "driver-version": "550.1",
    "scheduler": {"name": "slurm", "variables": {}},
    "container": None,
}


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1")
    write_record(
        directory,
        "2",
        minutes=1,
        STATUS=f"ERROR\n{TRACEBACK}\n",
        summary={"accuracy": 0.9733333333333334, "loss": "NaN"},
        environment=ENVIRONMENT,
        metadata={
            "description": "a larger step",
            "tags": ["baseline"],
            "exit-code": 1,
            "git-snapshot": "abcdef0123456789",
            "git-untracked-sources": ["data.py"],
            "warnings": ["a note could not be written"],
        },
        **{
            "metrics.jsonl": '{"step":0,"time":1.0,"loss":3.5}\n{"step":1,"time":2.0,"loss":2.5}\n',
            "notes.jsonl": '{"time":"2026-11-22T15:00:00.5","author":"ann","text":"look again"}\n',
        },
    )
    return directory


def entries(output: str) -> dict[str, str]:
    pairs = (re.split(r" {2,}", line.strip(), maxsplit=1) for line in output.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def test_one_experiment_is_shown_in_full(command, experiments: Path):
    done = command("show", "2")
    assert (done.returncode, done.stderr) == (0, "")
    shown = entries(done.stdout)
    assert done.stdout.startswith("experiment 2  ERROR\na larger step\n")
    assert shown["folder"] == str(experiments / "2")
    assert shown["command"] == "python train.py --lr 0.2"
    assert shown["started"].startswith("2026-11-22 14:04:05+00:00")
    assert shown["duration"] == "3.2 s"
    assert shown["process"] == "host node7, user ann, pid 4711"
    assert shown["tags"] == "baseline"
    assert shown["commit"] == "1f2e3d4c5b train a softmax regression"
    assert shown["branch"] == "main"
    assert shown["remote"] == "https://example.org/iris.git"
    assert shown["snapshot"] == "abcdef0123 of uncommitted changes"
    assert shown["untracked"].startswith("data.py")
    assert shown["* lr"] == "0.2  [default 0.1]"
    assert shown["epochs"] == "100"
    assert shown["accuracy"] == "0.9733333333333334"
    assert "metrics, the last values of 2 lines\n  step  1\n  loss  2.5\n" in done.stdout
    assert shown["python"] == "cpython 3.11.4, venv"
    assert shown["cpu"] == "Fast 3000, 8 cores"
    assert shown["gpu"] == "2 x H100, driver 550.1"
    assert shown["packages"].startswith("2,")
    assert shown["scheduler"] == "slurm"
    assert "a note could not be written" in done.stdout
    assert shown["2026-11-22 15:00:00"] == "ann: look again"
    assert re.fullmatch(r"\d+ B", shown["STATUS"])


def test_a_value_of_an_earlier_step_tells_its_step(command, tmp_path: Path):
    lines = [{"step": 4, "loss": 2}, {"step": 5, "val/acc": 0.85}, {"step": 6, "loss": 1}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_record(tmp_path / "experiments", "1", **{"metrics.jsonl": text})
    shown = command("show", "1").stdout
    assert "  step     6\n  loss     1\n  val/acc  0.85  at step 5\n" in shown
    metrics = json.loads(command("show", "1", "--json").stdout)["metrics"]
    assert metrics["last"] == {"step": 6, "loss": 1, "val/acc": 0.85}
    assert metrics["steps"] == {"loss": 6, "val/acc": 5}


def test_of_a_long_traceback_the_end_is_shown_and_json_has_all(command, experiments: Path):
    text = command("show", "2").stdout
    assert "ValueError: the rate must be positive" in text
    assert "more lines in STATUS" in text
    assert "line 3," not in text
    assert json.loads(command("show", "2", "--json").stdout)["reason"] == TRACEBACK


def test_json_holds_everything(command, experiments: Path):
    shown = json.loads(command("show", "2", "--json").stdout)
    assert shown["status"] == "ERROR"
    assert shown["changed_args"] == {"lr": 0.2}
    assert shown["summary"] == {"accuracy": 0.9733333333333334, "loss": "NaN"}
    last = {"step": 1, "time": 2.0, "loss": 2.5}
    assert shown["metrics"] == {"lines": 2, "last": last, "steps": {"loss": 1}}
    assert shown["metadata"]["githead-message"].startswith("train a softmax regression\n")
    assert shown["environment"] == ENVIRONMENT
    assert shown["notes"][0]["text"] == "look again"
    assert {"name": "STATUS", "size": 6 + len(TRACEBACK) + 1, "files": 1} in shown["files"]
    assert shown["problems"] == []


@pytest.mark.parametrize("wanted", ["-1", "experiments/2", "experiments/2/"])
def test_an_experiment_can_be_named_in_several_ways(command, experiments: Path, wanted: str):
    assert command("show", wanted).stdout.startswith("experiment 2  ERROR\n")


def test_options_may_follow_a_negative_number(command, experiments: Path):
    done = command("show", "-2", "--json", "--directory", str(experiments))
    assert json.loads(done.stdout)["id"] == "1"


def test_an_unknown_id_names_the_nearest(command, experiments: Path):
    done = command("show", "7")
    assert done.returncode == 2
    assert "2 experiments; the nearest: 1, 2" in done.stderr


def test_a_lost_experiment_tells_why(command, tmp_path: Path):
    folder = write_record(tmp_path, "1", STATUS="RUNNING\n", metadata={"boot-id": "0"})
    os.utime(folder / "STATUS", (0, 0))
    done = command("show", "1", "--directory", ".")
    assert done.returncode == 0
    assert done.stdout.startswith("experiment 1  LOST\n")
    assert "process 4711 on node7 is gone" in done.stdout


def test_problems_are_shown_in_full(command, tmp_path: Path):
    folder = write_record(tmp_path, "1", summary='{"accuracy": ', environment="[]")
    (folder / "notes.jsonl").write_bytes(b"\xff\n{}\n")
    done = command("show", "1", "--directory", ".")
    assert done.returncode == 0
    assert "problems of this folder\n  summary.json " in done.stdout
    assert "\n  environment.json holds a list where an object should be\n" in done.stdout
    assert "\n  notes.jsonl " in done.stdout


def test_an_original_folder_is_shown(command, tmp_path: Path):
    write_original_record(
        tmp_path, "1", STATUS="ERROR\nsys.exit(3)", summary='{"loss": NaN, "acc": Infinity}'
    )
    done = command("show", "1", "--directory", ".")
    assert done.returncode == 0
    shown = entries(done.stdout)
    assert shown["commit"] == "0a1b2c3d4e add an example"
    assert shown["command"] == "examples/mnist.py --lr 0.01"
    assert (shown["loss"], shown["acc"]) == ("NaN", "Infinity")
    assert "how it ended\n  sys.exit(3)\n" in done.stdout


@pytest.mark.parametrize("columns", [120, 40, 10])
def test_a_terminal_of_any_width_shows_it(on_terminal, experiments: Path, columns: int):
    screen = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal("show", "2", columns=columns))
    assert "SUCCESS" not in screen
    if columns >= 40:
        assert "  * lr      0.2  [default 0.1]" in screen
        assert max(map(len, screen.splitlines())) <= columns


@pytest.mark.parametrize("columns", [120, 40, 10])
def test_a_long_name_stands_above_its_value(on_terminal, command, tmp_path: Path, columns: int):
    name = "encoder." * 60 + "loss"
    write_record(tmp_path, "1", summary={name: 0.5, "acc": 1})
    screen = re.sub(
        r"\x1b\[[0-9;]*m", "", on_terminal("show", "1", "--directory", ".", columns=columns)
    )
    lines = screen.splitlines()
    if columns >= 40:
        assert max(map(len, lines)) <= columns
        assert next(number for number, line in enumerate(lines) if line.strip() == "0.5")
    assert name in re.sub(r"\s", "", screen)
    assert f"  {name}  0.5\n" in command("show", "1", "--directory", ".").stdout


def test_several_experiments_are_shown_one_after_the_other(command, experiments: Path):
    text = command("show", "2", "1").stdout
    assert text.index("experiment 2  ERROR") < text.index("\n\nexperiment 1  SUCCESS")
    assert command("show", "1-2").stdout.count("experiment ") == 2
    shown = json.loads(command("show", "1-9", "--json").stdout)
    assert [one["id"] for one in shown] == ["1", "2"]
    assert json.loads(command("show", "1", "--json").stdout)["id"] == "1"


def test_on_a_terminal_long_lists_and_values_are_cut(on_terminal, command, tmp_path: Path):
    args = {f"arg_{number}": number for number in range(2000)} | {"long": "x" * 5000, "mine": 2}
    write_record(
        tmp_path,
        "1",
        args=args,
        default_args={**args, "mine": 1},
        environment={"packages": [{"name": f"p{number}", "version": "1"} for number in range(99)]},
        summary={"short": "y" * 5000},
    )
    screen = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal("show", "1", "--directory", "."))
    assert "... and 1,979 more; --all shows them" in screen
    assert "* mine" in screen
    assert "arg_1999" not in screen
    assert "... 5,000 characters" in screen
    full = on_terminal("show", "1", "--all", "--directory", ".")
    assert "arg_1999" in full
    assert "p98" in full
    piped = command("show", "1", "--directory", ".").stdout
    assert "arg_1999" in piped
    assert "x" * 5000 in piped
    assert "p98" not in piped


def test_all_shows_a_traceback_from_its_beginning(command, experiments: Path):
    assert "Traceback (most recent call last)" in command("show", "2", "--all").stdout


def test_an_id_in_the_place_of_a_command_is_pointed_to_show(command, experiments: Path):
    write_record(experiments, "baseline")
    for word in ("2", "77", "baseline"):
        done = command(word)
        assert done.returncode == 2
        assert f"`meticulous show {word}`" in done.stderr
    assert "Did you mean 'show'" in command("shaw").stderr


def test_a_mistyped_option_is_no_id(command, experiments: Path):
    done = command("show", "1", "--jsn")
    assert done.returncode == 2
    assert "--json" in done.stderr
    assert command("show", "--", "-1").stdout.startswith("experiment 2")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = [
    *("githead-sha", "githead-message", "git-branch", "git-remote", "git-snapshot"),
    *("git-untracked-sources", "command", "original-command", "attempts", "exit-code", "signal"),
    *("host", "user", "pid", "tags", "warnings", "description"),
]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.dictionaries(st.sampled_from([*ENVIRONMENT, "any"]), JSON),
    st.dictionaries(st.text(max_size=5), JSON),
)
def test_no_content_of_a_record_cannot_be_shown(metadata, environment, values):
    with tempfile.TemporaryDirectory() as directory:
        folder = write_record(
            Path(directory),
            "1",
            args=values,
            summary=values,
            metadata=metadata,
            environment=environment,
            **{
                "notes.jsonl": json.dumps(values) + "\n",
                "metrics.jsonl": json.dumps(values) + "\n",
            },
        )
        record, contents = read_record(folder), read_contents(folder)
        for section in sections(record, contents):
            for line in section:
                assert "\x1b" not in line.label + (line.text.plain if line.text else "")
        as_object(record, contents)
