"""The files of a record are written whole, without secrets, and never at the program's expense."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meticulous.folder.annotation import change_tags
from meticulous.recorder.secrets.gate import Gate
from meticulous.recorder.writer import RecordWriter

SECRET = "hunter2-hunter2-hunter2"


class Written:
    """A writer, its folder, and the warnings it showed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self.writer = self.another()

    def another(self) -> RecordWriter:
        """Return a writer of the same folder, as another process would have it."""
        gate = Gate()
        gate.learn({"password": SECRET})
        writer = RecordWriter(str(self.folder), gate, {"user": "ada"})
        writer.announce = self.warnings.append
        return writer

    def read(self, name: str):
        return json.loads((self.folder / name).read_bytes())

    def lines(self, name: str) -> list[dict]:
        return [json.loads(line) for line in (self.folder / name).read_bytes().splitlines()]

    def log(self, values: dict | None = None, step: object = None, time: float | None = None):
        self.writer.log(values or {}, step, time)


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    made = Written(tmp_path)
    yield made
    made.writer.close()


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Make every file refuse to grow beyond `size` bytes, as a full disk or a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestStart:
    """What is known at the start."""

    def test_three_files_are_written(self, written):
        written.writer.write_start({"lr": 0.2}, {"lr": 0.1})
        assert sorted(os.listdir(written.folder)) == [
            "args.json",
            "default_args.json",
            "metadata.json",
        ]
        assert written.read("args.json") == {"lr": 0.2}
        assert written.read("default_args.json") == {"lr": 0.1}
        assert written.read("metadata.json") == {"user": "ada"}

    def test_metadata_is_written_as_it_is_when_asked(self, written):
        written.writer.metadata["tags"] = ["a"]
        written.writer.write_metadata()
        written.writer.metadata["tags"].append("b")
        assert written.read("metadata.json")["tags"] == ["a"]
        written.writer.write_metadata()
        assert written.read("metadata.json")["tags"] == ["a", "b"]

    def test_tags_that_others_changed_meanwhile_are_kept(self, written):
        written.writer.metadata["tags"] = ["a", "b"]
        written.writer.write_metadata()
        change_tags(str(written.folder), ["theirs"], ["a"])
        written.writer.metadata["tags"].append("ours")
        written.writer.metadata["end-time"] = "2026-11-22T14:03:05.000000"
        written.writer.write_metadata()
        assert written.read("metadata.json") == {
            "user": "ada",
            "tags": ["b", "theirs", "ours"],
            "end-time": "2026-11-22T14:03:05.000000",
        }

    def test_metadata_that_others_broke_are_written_anew(self, written):
        written.writer.metadata["tags"] = ["a"]
        written.writer.write_metadata()
        for content in (b"", b"[]", b"\xff", b'{"tags": 3}'):
            (written.folder / "metadata.json").write_bytes(content)
            written.writer.metadata["tags"] = ["a", "b"]
            written.writer.write_metadata()
            assert "b" in written.read("metadata.json")["tags"]
        (written.folder / "metadata.json").unlink()
        written.writer.write_metadata()
        assert "b" in written.read("metadata.json")["tags"]

    @pytest.mark.parametrize("write", ["write_metadata", "write_start", "write_status"])
    def test_a_folder_that_is_gone_is_an_error(self, written, write):
        written.writer.paths.directory = str(written.folder / "gone")
        arguments = {"write_metadata": (), "write_start": ({}, {}), "write_status": ("RUNNING",)}
        with pytest.raises(FileNotFoundError):
            getattr(written.writer, write)(*arguments[write])


class TestStatus:
    """STATUS and its heartbeat."""

    def test_each_transition_replaces_it(self, written):
        for word, reason in (("REGISTERED", ""), ("RUNNING", ""), ("ERROR", "exit code 3")):
            written.writer.write_status(word, reason)
        assert (written.folder / "STATUS").read_text() == "ERROR\nexit code 3\n"

    def test_the_heartbeat_is_its_modification_time(self, written):
        written.writer.write_status("RUNNING")
        os.utime(written.folder / "STATUS", ns=(0, 0))
        written.writer.beat()
        assert (written.folder / "STATUS").stat().st_mtime_ns > 0
        assert (written.folder / "STATUS").read_text() == "RUNNING\n"

    def test_a_heartbeat_without_a_file_is_no_trouble_and_makes_none(self, written):
        written.writer.beat()
        assert os.listdir(written.folder) == []


class TestSummary:
    """summary.json is merged."""

    def test_values_are_added_and_replaced(self, written):
        written.writer.add_summary({"a": 1, "b": 1})
        written.writer.add_summary({"b": 2, "c": float("nan")})
        assert written.read("summary.json") == {"a": 1, "b": 2, "c": "NaN"}

    def test_what_another_process_put_there_stays(self, written):
        written.writer.add_summary({"a": 1})
        written.another().add_summary({"theirs": 2})
        written.writer.add_summary({"b": 3})
        assert written.read("summary.json") == {"a": 1, "theirs": 2, "b": 3}

    def test_one_that_was_deleted_begins_anew(self, written):
        written.writer.add_summary({"a": 1})
        (written.folder / "summary.json").unlink()
        written.writer.add_summary({"b": 2})
        assert written.read("summary.json") == {"b": 2}

    @pytest.mark.parametrize("content", ["", "{", "[1]", "null", "\xff"])
    def test_a_broken_one_is_moved_aside_with_a_warning(self, written, content):
        (written.folder / "summary.json").write_text(content, encoding="latin-1")
        written.writer.add_summary({"a": 1})
        assert written.read("summary.json") == {"a": 1}
        assert (written.folder / "summary.json.broken").read_text("latin-1") == content
        assert len(written.warnings) == 1
        assert "moved aside" in written.warnings[0]

    def test_changing_the_values_afterwards_does_not_change_the_record(self, written):
        values = {"list": [1]}
        written.writer.add_summary(values)
        values["list"].append(2)
        written.writer.add_summary({"b": 1})
        assert written.read("summary.json") == {"list": [1], "b": 1}

    def test_a_full_disk_keeps_the_old_one_and_costs_one_warning(self, written):
        written.writer.add_summary({"a": 1})
        with no_file_larger_than(20):
            for _ in range(3):
                written.writer.add_summary({"b": "x" * 100})
        assert written.read("summary.json") == {"a": 1}
        assert len(written.warnings) == 1
        assert "the summary could not be written" in written.warnings[0]
        assert os.listdir(written.folder) == ["summary.json"]
        written.writer.add_summary({"c": 3})
        assert written.read("summary.json") == {"a": 1, "c": 3}


class TestMetrics:
    """metrics.jsonl holds one object a line, on disk when `log` returns."""

    def test_steps_count_up_from_zero(self, written):
        for _ in range(3):
            written.log({"loss": 1})
        assert [line["step"] for line in written.lines("metrics.jsonl")] == [0, 1, 2]

    def test_a_missing_step_is_one_more_than_the_last(self, written):
        for step in (10, None, None, 5, None, 2.5, None):
            written.log(step=step)
        steps = [line["step"] for line in written.lines("metrics.jsonl")]
        assert steps == [10, 11, 12, 5, 6, 2.5, 7]

    def test_steps_go_on_where_an_earlier_process_ended(self, written):
        written.log(step=41)
        writer = written.another()
        writer.log({}, None, None)
        writer.close()
        assert [line["step"] for line in written.lines("metrics.jsonl")] == [41, 42]

    @pytest.mark.parametrize("last", ["[1]\n", '{"step": null}\n', '{"step": "x"}\n', "{}\n", ""])
    def test_a_last_line_without_a_step_begins_at_zero(self, written, last):
        (written.folder / "metrics.jsonl").write_text(last)
        written.log()
        assert written.lines("metrics.jsonl")[-1]["step"] == 0

    def test_a_long_last_line_tells_its_step_too(self, written):
        written.log({"histogram": "x" * 100_000}, step=41)
        writer = written.another()
        writer.log({}, None, None)
        writer.close()
        assert [line["step"] for line in written.lines("metrics.jsonl")] == [41, 42]

    def test_a_torn_last_line_is_cut_and_its_step_given_again(self, written):
        (written.folder / "metrics.jsonl").write_text('{"step": 0}\n{"step": 1, "lo')
        written.log()
        assert [line["step"] for line in written.lines("metrics.jsonl")] == [0, 1]

    def test_the_time_is_now_or_as_given(self, written):
        written.log()
        written.log(time=12.5)
        first, second = written.lines("metrics.jsonl")
        assert abs(first["time"] - (written.folder / "metrics.jsonl").stat().st_mtime) < 3600
        assert second["time"] == 12.5

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        values=st.dictionaries(
            st.text(max_size=5).filter(lambda name: name not in ("step", "time")),
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(alphabet=st.characters(exclude_categories=()))
            | st.binary()
            | st.lists(st.complex_numbers()),
            max_size=4,
        ),
        step=st.none() | st.integers() | st.floats() | st.text() | st.booleans(),
    )
    def test_every_value_makes_one_strict_line(self, written, values, step):
        path = written.folder / "metrics.jsonl"
        before = path.stat().st_size if path.exists() else 0
        written.log(values, step)
        added = path.read_bytes()[before:]
        assert added.endswith(b"\n")
        assert added.count(b"\n") == 1
        line = json.loads(added, parse_constant=pytest.fail)
        assert len(line) == len(values) + 2
        assert written.warnings == []

    def test_nothing_logged_is_lost_when_the_process_is_killed(self, written):
        program = (
            "import os, sys\nfrom meticulous.recorder.secrets.gate import Gate\n"
            "from meticulous.recorder.writer import RecordWriter\n"
            "writer = RecordWriter(sys.argv[1], Gate(), {})\n"
            "for i in range(1000): writer.log({'loss': i}, None, None)\n"
            "os.kill(os.getpid(), 9)\n"
        )
        done = subprocess.run([sys.executable, "-c", program, written.folder], check=False)
        assert done.returncode == -9
        assert [line["loss"] for line in written.lines("metrics.jsonl")] == list(range(1000))

    def test_a_full_disk_costs_one_warning(self, written):
        with no_file_larger_than(200):
            for _ in range(100):
                written.log({"loss": 1})
        assert len(written.warnings) == 1
        assert "the metrics could not be written" in written.warnings[0]
        lines = (written.folder / "metrics.jsonl").read_bytes().split(b"\n")
        assert [json.loads(line)["loss"] for line in lines[:-1]] == [1] * (len(lines) - 1)

    def test_once_there_is_room_again_every_line_is_whole(self, written):
        with no_file_larger_than(200):
            for _ in range(100):
                written.log({"loss": 1})
        written.log({"loss": 2})
        assert written.lines("metrics.jsonl")[-1]["loss"] == 2

    def test_it_can_be_written_again_after_the_end(self, written):
        written.log({"loss": 1})
        written.writer.close()
        written.writer.close()
        written.log({"loss": 2})
        assert [line["step"] for line in written.lines("metrics.jsonl")] == [0, 1]


class TestNotes:
    """notes.jsonl holds remarks with time and author."""

    def test_each_is_one_line(self, written):
        written.writer.add_note("first\nwith two lines")
        written.writer.add_note("\udc80 and \u2028")
        first, second = written.lines("notes.jsonl")
        assert first["text"] == "first\nwith two lines"
        assert second["text"].endswith(" and \u2028")
        assert first["author"] == "ada"
        assert datetime.fromisoformat(first["time"] + first["utc-offset"]).tzinfo is not None

    def test_one_torn_by_a_crash_does_not_spoil_the_next(self, written):
        (written.folder / "notes.jsonl").write_text('{"text": "whole"}\n{"text": "to')
        written.writer.add_note("next")
        assert [note["text"] for note in written.lines("notes.jsonl")] == ["whole", "next"]

    def test_one_that_cannot_be_written_costs_a_warning(self, written):
        (written.folder / "notes.jsonl").mkdir()
        written.writer.add_note("a")
        written.writer.add_note("b")
        assert len(written.warnings) == 1
        assert "a note could not be written" in written.warnings[0]


class TestGate:
    """No secret passes, whichever file it goes to."""

    def test_a_learnt_secret_is_in_no_file(self, written):
        writer = written.writer
        writer.metadata["description"] = f"with {SECRET}"
        writer.write_start({"password": SECRET, "url": f"https://u:{SECRET}@x.org"}, {})
        writer.write_status("ERROR", f"ValueError: {SECRET}")
        writer.add_summary({"used": SECRET})
        writer.add_note(f"used {SECRET}")
        writer.warn("kind", f"could not open {SECRET}")
        writer.write_metadata()
        assert len(os.listdir(written.folder)) == 6
        for path in written.folder.iterdir():
            assert SECRET not in path.read_text(), path
            assert path.name == "default_args.json" or "<redacted>" in path.read_text(), path
        assert SECRET not in written.warnings[0]

    def test_nor_is_it_in_the_metrics(self, written):
        written.log({"password": SECRET, "url": f"https://u:{SECRET}@x.org"})
        assert SECRET not in (written.folder / "metrics.jsonl").read_text()


class TestWarnings:
    """A failure costs one warning and a mark in the record."""

    def test_each_kind_is_told_once_and_kept(self, written):
        for kind in ("a", "b", "a", "b"):
            written.writer.warn(kind, f"{kind} failed")
        assert written.warnings == ["a failed", "b failed"]
        assert written.writer.metadata["warnings"] == ["a failed", "b failed"]

    def test_only_failures_of_the_system_are_tolerated(self, written):
        with written.writer.tolerating("something"):
            raise PermissionError("not allowed")
        assert written.warnings == ["something could not be written: not allowed"]
        with pytest.raises(ZeroDivisionError), written.writer.tolerating("something"):
            1 / 0  # noqa: B018

    @pytest.mark.parametrize(
        "state",
        [
            "sys.stderr = None",
            "sys.stderr.close()",
            "import os; os.close(2)",
            "del sys.stderr",
            "sys.stderr = open('/dev/full', 'w', buffering=1)",
        ],
    )
    def test_showing_it_never_fails_whatever_stderr_is(self, state):
        program = (
            f"import sys\nfrom meticulous.recorder.writer import announce\n{state}\n"
            "announce('something failed')\nprint('end')\nsys.stdout.flush()\nimport os; os._exit(0)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        assert done.stdout == b"end\n"

    def test_it_says_who_warns(self):
        program = "from meticulous.recorder.writer import announce\nannounce('so it is \\udc80')"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        assert done.stderr.startswith(b"meticulous: warning: so it is ")
