"""`meticulous list` among records, names and folders that are made to break it."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from waiting import wait_until
from written_records import write_record

from meticulous.cli.time_limit import time_limit
from meticulous.errors import InvalidQueryError


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", args={"lr": 0.1})
    write_record(directory, "2", minutes=1, args={"lr": 0.2})
    return directory


@pytest.mark.parametrize(
    ("start", "offset"),
    [("0001-01-01T00:00:00", "+23:59"), ("9999-12-31T23:59:59", "-12:00")],
)
def test_extreme_times_are_shown_and_compared(command, experiments, start: str, offset: str):
    write_record(experiments, "x", metadata={"start-time": start, "utc-offset": offset})
    for words in ((), ("--since", "2020-01-01"), ("--filter", "start > '2020-01-01'")):
        done = command("list", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert (start[:10] in done.stdout) is (words == () or start > "2020")
    assert command("list", "--format", "csv", "--columns", "id,start").stdout.count("\n") == 4


def test_times_may_be_those_at_the_end_of_the_years(command, experiments):
    assert command("list", "--until", "9999-12-31").returncode == 0
    assert command("list", "--since", "0001-01-01").returncode == 0


def test_groups_of_endless_durations_are_shown(command, experiments):
    write_record(experiments, "3", args={"lr": 0.1}, metadata={"duration": 1e300})
    done = command("list", "--group-by", "lr")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_of_another_type_is_passed_over_with_a_remark(command, experiments):
    write_record(experiments, "3", args={"lr": "high"})
    done = command("list", "--json", "--filter", "lr > 0.15")
    assert [row["id"] for row in json.loads(done.stdout)] == ["2"]
    assert "args.lr in experiment 3" in done.stderr


def test_a_name_in_another_encoding_does_not_break_filters_and_files(
    command, experiments, tmp_path: Path
):
    shutil.copytree(experiments / "1", os.fsdecode(os.fsencode(experiments) + b"/bad\xff"))
    assert command("list", "--filter", "lr < 0.15").returncode == 0
    done = command("list", "--export", "runs.parquet")
    assert done.returncode == 0 or "pyarrow" in done.stderr
    assert command("list", "--export", "runs.pickle").returncode == 0
    assert len(pickle.loads((tmp_path / "runs.pickle").read_bytes())) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("--where", "(.*)*x == 1"),
        ("--filter", "description.str.contains('(.*)*(.*)*(.*)*x')"),
    ],
)
def test_an_endless_regular_expression_is_refused(tmp_path: Path, experiments, words):
    text = "a" * 60
    write_record(experiments, "3", args={text: 1}, metadata={"description": text})
    with subprocess.Popen(
        [sys.executable, "-m", "meticulous", "list", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            # The signal comes after seconds; it is sent here as soon as it is waited for.
            wait_until(lambda: _catches(process.pid, signal.SIGVTALRM) or process.poll())
            process.send_signal(signal.SIGVTALRM)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, output) == (2, "")
    assert "takes too long" in errors


def _catches(process: int, signal_number: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (mask,) = re.findall("^SigCgt:\t([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(mask, 16) >> (signal_number - 1) & 1)


def test_what_takes_longer_than_its_limit_is_ended():
    with (
        pytest.raises(InvalidQueryError, match="--where 'x' takes too long: more than 0 seconds"),
        time_limit(0.05, "--where 'x'"),
    ):
        re.match("(.*)*x", "a" * 60)
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_what_is_done_in_time_leaves_no_limit_behind():
    with time_limit(60, "--where 'x'"):
        assert re.match("(.*)x", "aax")
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def _as_nobody(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    return subprocess.run(
        [*(powerless if os.geteuid() == 0 else []), sys.executable, "-m", "meticulous", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv takes root's powers away")
@pytest.mark.parametrize("mode", [0o400, 0o000])
@pytest.mark.parametrize("words", [("list",), ("list", "experiments"), ("list", ".")])
def test_a_directory_that_may_not_be_looked_into_is_no_empty_one(
    tmp_path: Path, experiments, mode: int, words: tuple[str, ...]
):
    experiments.chmod(mode)
    try:
        done = _as_nobody(*words, cwd=tmp_path)
    finally:
        experiments.chmod(0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be read" in done.stderr


def test_piped_data_is_exact(command, experiments, tmp_path: Path):
    value = "a\rb\x1b[31mc\nd\te"
    write_record(experiments, "3", minutes=2, args={"lr": value})
    for name, delimiter in (("csv", ","), ("tsv", "\t")):
        done = subprocess.run(
            [sys.executable, "-m", "meticulous", "list", "--format", name, "--columns", "id,lr"],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
        )
        text = done.stdout.decode()
        assert '"' in text
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        assert rows[-1] == ["3", value]
    assert json.loads(command("list", "--json").stdout)[-1]["args"] == {"lr": value}


def test_json_holds_no_character_that_steers_a_terminal(command, experiments):
    value = "\x7f\x9b31m\u2028\u202e\u2066 \xe9"
    write_record(experiments, "3", minutes=2, args={"lr": value})
    for words in (("list", "--json"), ("list", "--format", "jsonl"), ("show", "3", "--json")):
        text = command(*words).stdout
        assert not set(value[:-1]) - {"3", "1", "m", " "} & set(text)
        assert "\\u202e" in text
        assert "\xe9" in text


def test_no_message_holds_a_character_that_steers_a_terminal(command, experiments):
    write_record(experiments, "base\x1b[31mline")
    done = command("show", "baseline")
    assert done.returncode == 2
    assert "the nearest: base\\x1b[31mline." in done.stderr
    done = command("show", "1-2", "--directory", str(experiments), "base\nline")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


def test_markdown_holds_values_as_text(command, experiments):
    write_record(experiments, "3", minutes=2, args={"lr": "<b>|`x`"})
    assert "\\<b>\\|\\`x\\`" in command("list", "--format", "markdown").stdout


def test_a_named_pipe_in_the_cache_stops_nothing(command, experiments, tmp_path: Path):
    assert command("list", "--all", XDG_CACHE_HOME=str(tmp_path / "cache")).returncode == 0
    kept = list((tmp_path / "cache" / "meticulous").iterdir())
    name = f"{zlib.crc32(os.fsencode(os.path.realpath(experiments))):08x}"
    for kind in {path.suffix for path in kept} | {".latest"}:
        path = tmp_path / "cache" / "meticulous" / f"{name}{kind}"
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    done = command("list", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_export_needs_a_name(command, experiments):
    done = command("list", "--export", "")
    assert done.returncode == 2
    assert "--export" in done.stderr
