from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_records import write_files, write_original_record, write_record

from meticulous.folder import layout, liveness
from meticulous.reader import Record, read_contents, read_record

NAMES = ["STATUS", "metadata.json", "args.json", "default_args.json", "summary.json"]
OTHERS = ["environment.json", "notes.jsonl", "metrics.jsonl"]


def running(experiments: Path, process: subprocess.Popen[bytes], **changes: object) -> Path:
    """Write a folder that says that `process` is at work on it."""
    facts = {**liveness.identify(process.pid), "end-time": ..., "duration": ..., **changes}
    return write_record(experiments, "1", STATUS="RUNNING\n", metadata=facts)


@pytest.fixture
def process():
    """A process that lives until the test ends it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def test_a_finished_experiment_is_read_whole(tmp_path: Path):
    folder = write_record(
        tmp_path, "3", summary={"accuracy": 0.9}, metadata={"description": "first", "tags": ["a"]}
    )
    record = read_record(folder)
    assert (record.id, record.directory, record.status) == ("3", folder, "SUCCESS")
    assert record.start == datetime(2026, 11, 22, 14, 3, 5, 123456, tzinfo=UTC)
    assert record.end == record.start + timedelta(seconds=3.2)
    assert record.duration == 3.2
    assert record.args == {"lr": 0.2, "epochs": 100}
    assert record.changed_args == {"lr": 0.2}
    assert record.summary == {"accuracy": 0.9}
    assert (record.description, record.tags) == ("first", ["a"])
    assert (record.reason, record.cause, record.problems) == ("", None, [])


def test_times_keep_the_offset_they_were_recorded_with(tmp_path: Path):
    record = read_record(write_record(tmp_path, "1", metadata={"utc-offset": "-09:30"}))
    assert record.start is not None
    assert record.start.isoformat() == "2026-11-22T14:03:05.123456-09:30"


def test_without_a_measured_duration_the_clock_times_tell_it(tmp_path: Path):
    assert read_record(write_record(tmp_path, "1", metadata={"duration": ...})).duration == 3.2


def test_a_clock_set_back_gives_no_negative_duration(tmp_path: Path):
    changes = {"duration": ..., "end-time": "2026-11-22T13:00:00.000000"}
    assert read_record(write_record(tmp_path, "1", metadata=changes)).duration == 0


def test_numbers_json_does_not_know_come_back_as_floats_in_the_summary_alone(tmp_path: Path):
    folder = write_record(
        tmp_path,
        "1",
        args={"name": "NaN"},
        summary={"loss": "NaN", "best": {"low": "-Infinity", "series": [1, "Infinity"]}},
    )
    record = read_record(folder)
    assert record.summary["loss"] != record.summary["loss"]
    assert record.summary["best"] == {"low": float("-inf"), "series": [1, float("inf")]}
    assert record.args == {"name": "NaN"}


def test_changed_args_tell_true_from_one_but_not_one_from_one_point_zero(tmp_path: Path):
    folder = write_record(
        tmp_path,
        "1",
        args={"flag": True, "n": 1, "same": False, "new": None, "list": [True], "inner": {"n": 1}},
        default_args={"flag": 1, "n": 1.0, "same": False, "list": [1], "inner": {"n": 1.0}},
    )
    assert read_record(folder).changed_args == {"flag": True, "new": None, "list": [True]}


def test_a_process_that_lives_is_running(tmp_path: Path, process: subprocess.Popen[bytes]):
    folder = running(tmp_path, process)
    now = datetime(2026, 11, 22, 14, 4, 5, 123456, tzinfo=UTC)
    record = read_record(folder, now.timestamp())
    assert record.status == "RUNNING"
    assert record.duration == 60
    assert record.end is None
    assert record.cause is None


@pytest.mark.parametrize("is_reaped", [True, False])
def test_a_killed_process_makes_its_experiment_lost(
    tmp_path: Path, process: subprocess.Popen[bytes], is_reaped: bool
):
    folder = running(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    if is_reaped:
        process.wait()
    else:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    beat = datetime(2026, 11, 22, 14, 5, 5, 123456, tzinfo=UTC).timestamp()
    os.utime(folder / "STATUS", (beat, beat))
    record = read_record(folder)
    assert record.status == "LOST"
    assert record.cause is not None
    assert f"process {process.pid}" in record.cause
    assert record.duration == 120
    assert record.end is None


@pytest.mark.parametrize("name", ["stdout", "stderr", "metrics.jsonl"])
def test_what_it_wrote_last_is_the_last_sign_of_life_of_a_lost_experiment(
    tmp_path: Path, process: subprocess.Popen[bytes], name: str
):
    folder = running(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    start = datetime(2026, 11, 22, 14, 3, 5, 123456, tzinfo=UTC).timestamp()
    os.utime(folder / "STATUS", (start, start))
    (folder / name).touch()
    os.utime(folder / name, (start + 4, start + 4))
    record = read_record(folder)
    assert record.duration == 4
    assert record.heartbeat is not None
    assert record.heartbeat.timestamp() == start
    assert record.cause is not None
    assert ":03:09" in record.cause


def test_another_process_with_the_number_of_a_dead_one_does_not_count(
    tmp_path: Path, process: subprocess.Popen[bytes]
):
    folder = running(tmp_path, process, **{"process-start-time": 1.0})
    assert read_record(folder).status == "LOST"


def test_a_restart_of_the_machine_is_named_as_the_cause(
    tmp_path: Path, process: subprocess.Popen[bytes]
):
    folder = running(tmp_path, process, **{"boot-id": "00000000-0000-0000-0000-000000000000"})
    os.utime(folder / "STATUS", (0, 0))
    record = read_record(folder)
    assert record.status == "LOST"
    assert record.cause is not None
    assert "restarted" in record.cause


def test_on_another_host_the_heartbeat_decides(tmp_path: Path, process: subprocess.Popen[bytes]):
    folder = running(tmp_path, process, host="elsewhere", **{"boot-id": "0"})
    beat = (folder / "STATUS").stat().st_mtime
    assert read_record(folder, beat + 60).status == "RUNNING"
    record = read_record(folder, beat + 600)
    assert record.status == "LOST"
    assert record.cause is not None
    assert "elsewhere" in record.cause


def test_a_registered_experiment_that_nobody_has_taken_up_stays_registered(tmp_path: Path):
    changes = dict.fromkeys(["pid", "end-time", "duration"], ...)
    record = read_record(write_record(tmp_path, "1", STATUS="REGISTERED\n", metadata=changes))
    assert (record.status, record.duration) == ("REGISTERED", None)


def test_an_original_folder_is_read(tmp_path: Path):
    folder = write_original_record(tmp_path, "1", summary='{"test_loss": NaN, "acc": 0.98}')
    record = read_record(folder)
    assert record.status == "SUCCESS"
    assert record.duration == 600
    assert record.start is not None
    assert record.start.replace(tzinfo=None) == datetime(2019, 7, 1, 10, 11, 12, 345678)
    assert record.changed_args == {"lr": 0.01}
    assert record.summary["test_loss"] != record.summary["test_loss"]
    assert record.summary["acc"] == 0.98
    assert record.problems == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("ERROR\nsys.exit(3)", "sys.exit(3)"),
        ("ERROR\nTraceback (most recent call last):\n  x\nE: 1\n", None),
    ],
)
def test_an_original_failure_keeps_its_reason(tmp_path: Path, content: str, reason: str | None):
    record = read_record(write_original_record(tmp_path, "1", STATUS=content))
    assert record.status == "ERROR"
    assert record.reason == (reason or content.partition("\n")[2].strip())


def test_an_original_folder_that_says_running_cannot_be_doubted(tmp_path: Path):
    record = read_record(write_original_record(tmp_path, "1", STATUS="RUNNING", metadata={}))
    assert (record.status, record.duration) == ("RUNNING", None)


def test_a_folder_in_a_newer_format_is_not_interpreted(tmp_path: Path):
    folder = write_record(tmp_path, "1", metadata={"format": layout.FORMAT + 1})
    record = read_record(folder)
    assert record.status == "UNKNOWN"
    assert (record.args, record.metadata, record.start) == ({}, {}, None)
    assert len(record.problems) == 1
    assert "newer" in record.problems[0]
    assert "a later one" in record.problems[0]


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b'{"a": ', b"[1, 2]", b"nonsense", b"3"])
def test_a_broken_file_costs_only_itself(tmp_path: Path, name: str, content: bytes):
    folder = write_record(tmp_path, "1", summary={"accuracy": 1})
    (folder / name).write_bytes(content)
    record = read_record(folder)
    assert len(record.problems) == 1
    assert record.problems[0].startswith(f"{name} ")
    assert record.status == "SUCCESS"
    assert record.summary == ({} if name == "summary.json" else {"accuracy": 1})


@pytest.mark.parametrize("content", [b"", b"FINE\n", b"\xff\xfe\x00"])
def test_a_status_that_is_none_is_unknown(tmp_path: Path, content: bytes):
    folder = write_record(tmp_path, "1")
    (folder / "STATUS").write_bytes(content)
    record = read_record(folder)
    assert record.status == "UNKNOWN"
    assert record.problems[0].startswith("STATUS ")


def test_an_end_that_could_not_be_seen_is_unknown_without_a_problem(tmp_path: Path):
    record = read_record(write_record(tmp_path, "1", STATUS="UNKNOWN\nits code is not known\n"))
    assert (record.status, record.reason) == ("UNKNOWN", "its code is not known")
    assert record.problems == []


@pytest.mark.parametrize("name", ["STATUS", "metadata.json", "args.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str):
    folder = write_record(tmp_path, "1")
    (folder / name).unlink()
    assert read_record(folder).problems == [f"{name} is missing"]


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_named(tmp_path: Path, name: str):
    folder = write_record(tmp_path, "1")
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    assert name in str(read_record(folder).problems + read_contents(folder).problems)
    (folder / name).rmdir()
    os.mkfifo(folder / name)
    assert name in str(read_record(folder).problems + read_contents(folder).problems)


@pytest.mark.permissions
def test_a_file_without_permission_is_named(tmp_path: Path):
    folder = write_record(tmp_path, "1")
    (folder / "args.json").chmod(0)
    assert read_record(folder).problems == ["args.json cannot be read: Permission denied"]


def test_a_file_in_the_place_of_the_folder_is_a_record_of_problems(tmp_path: Path):
    (tmp_path / "1").write_text("not a folder")
    record = read_record(tmp_path / "1")
    assert record.status == "UNKNOWN"
    assert record.problems


@pytest.mark.parametrize("moment", ["yesterday", 3, "0001-01-01T00:00:00", "2026-13-01T00:00:00"])
def test_a_time_that_is_none_is_unknown(tmp_path: Path, moment: object):
    changes = {"start-time": moment, "utc-offset": ..., "duration": ...}
    record = read_record(write_record(tmp_path, "1", metadata=changes))
    if record.start is None:
        assert "start-time" in record.problems[0]
        assert record.duration is None


def test_nothing_is_written_by_reading(tmp_path: Path):
    folder = write_record(tmp_path, "1", STATUS="RUNNING\n")
    folder.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    read_record(folder)
    read_contents(folder)
    assert before == {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    folder.chmod(0o755)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = ["format", "start-time", "end-time", "utc-offset", "duration", "tags", "pid", "host"]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*NAMES, *OTHERS]), st.binary(max_size=30)),
    st.dictionaries(st.sampled_from([*KEYS, "boot-id", "description", "warnings"]), JSON),
    st.sampled_from(["RUNNING\n", "SUCCESS", "REGISTERED\n", "KILLED\nsignal SIGKILL\n"]),
)
def test_no_content_of_the_files_raises(files, metadata, status):
    with tempfile.TemporaryDirectory() as directory:
        start = {"STATUS": status, "metadata.json": json.dumps(metadata), "args.json": "{}"}
        folder = write_files(Path(directory) / "1", {**start, **files})
        record = read_record(folder)
        assert isinstance(record, Record)
        assert isinstance(record.changed_args, dict)
        assert all(isinstance(text, str) for text in [*record.tags, *record.warnings])
        read_contents(folder)
