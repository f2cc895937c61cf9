"""An experiment is taken up again with the same arguments and code, when it no longer runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meticulous.errors import (
    ExperimentRunningError,
    MismatchedArgsException,
    MismatchedCommitException,
    UnreadableRecordError,
)
from meticulous.folder.liveness import identify
from meticulous.recorder.resuming import resume
from meticulous.recorder.secrets.gate import Gate
from meticulous.recorder.writer import RecordWriter

COMMIT = "a" * 40
SNAPSHOT = "b" * 40
GONE = {**identify(os.getpid()), "process-start-time": 1.0}
"""A process of this machine that no longer lives: its number belongs to another one now."""


class Folder:
    """The folder of an experiment, with what an earlier process left in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def writer(self, **metadata) -> RecordWriter:
        start = {"githead-sha": COMMIT, "git-snapshot": None, "description": "", "tags": []}
        return RecordWriter(str(self.path), Gate(), {**start, **metadata})

    def record(self, args: dict, status: str = "ERROR\nexit code 3\n", **metadata) -> None:
        """Leave the record of an earlier start."""
        attempt = {"start-time": "2020-01-01T00:00:00", "pid": 17}
        self.writer(**{**GONE, "uid": "first", "attempts": [attempt], **metadata}).write_start(
            args, {}
        )
        (self.path / "STATUS").write_text(status)

    def resume(self, args: dict, commit: str = COMMIT, **metadata) -> dict:
        """Resume it and return the metadata as it now lies in the folder."""
        writer = self.writer(uid="second", **metadata)
        writer.gate.learn(args)
        resume(writer, args, commit)
        return self.metadata

    @property
    def metadata(self) -> dict:
        return json.loads((self.path / "metadata.json").read_bytes())

    @property
    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.path.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(st.text(max_size=3), max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
ARGS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


class TestArguments:
    """The arguments must be the same."""

    @settings(
        deadline=None,
        max_examples=60,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(args=ARGS)
    def test_the_same_arguments_are_always_accepted(self, folder, args):
        folder.record(args)
        before = folder.contents["args.json"]
        folder.resume(args)
        assert folder.contents["args.json"] == before

    @settings(
        deadline=None,
        max_examples=60,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        args=ARGS, name=st.sampled_from("abc"), value=st.just(2) | st.just("x"), other=st.just(3)
    )
    def test_one_that_differs_is_named_with_both_values(self, folder, args, name, value, other):
        folder.record({**args, name: value})
        before = folder.contents
        with pytest.raises(MismatchedArgsException) as caught:
            folder.resume({**args, name: other})
        assert f"{name}: recorded {json.dumps(value)}, now {other}\n" in str(caught.value)
        assert str(caught.value).count(": recorded ") == 1
        assert folder.contents == before

    def test_missing_and_additional_ones_are_named(self, folder):
        folder.record({"old": True, "same": 1})
        with pytest.raises(MismatchedArgsException) as caught:
            folder.resume({"same": 1, "new": "n"})
        assert "old: recorded true, now (absent)" in str(caught.value)
        assert 'new: recorded (absent), now "n"' in str(caught.value)
        assert "same" not in str(caught.value)
        assert "without an experiment id" in str(caught.value)

    def test_long_values_are_shortened(self, folder):
        folder.record({"text": "x" * 10_000})
        with pytest.raises(MismatchedArgsException) as caught:
            folder.resume({"text": "y" * 10_000})
        assert len(str(caught.value)) < 1000

    @pytest.mark.parametrize(
        ("recorded", "now"),
        [
            ({"k": 1}, {"k": True}),
            ({"k": [0]}, {"k": [False]}),
            ({"k": "(absent)"}, {}),
        ],
    )
    def test_values_that_only_python_takes_for_the_same_are_not(self, folder, recorded, now):
        folder.record(recorded)
        with pytest.raises(MismatchedArgsException):
            folder.resume(now)

    def test_secrets_are_neither_compared_nor_shown(self, folder):
        folder.record({"password": "first-secret-value", "lr": 1})
        folder.resume({"password": "second-secret-value", "lr": 1})
        (folder.path / "STATUS").write_text("ERROR\n")
        with pytest.raises(MismatchedArgsException) as caught:
            folder.resume({"password": "third-secret-value", "lr": 2})
        assert "secret-value" not in str(caught.value)


class TestCode:
    """The code must be the same."""

    def test_another_commit_is_refused_and_the_way_back_given(self, folder):
        folder.record({})
        before = folder.contents
        with pytest.raises(MismatchedCommitException, match=f"git checkout {COMMIT}"):
            folder.resume({}, commit="c" * 40)
        assert folder.contents == before

    def test_a_snapshot_counts_rather_than_its_parent(self, folder):
        folder.record({}, **{"git-snapshot": SNAPSHOT})
        with pytest.raises(MismatchedCommitException, match=SNAPSHOT):
            folder.resume({}, commit=COMMIT)
        folder.resume({}, commit=SNAPSHOT, **{"git-snapshot": SNAPSHOT})
        assert folder.metadata["git-snapshot"] == SNAPSHOT


class TestRunning:
    """One that still runs is left alone."""

    @pytest.mark.parametrize("word", ["RUNNING", "REGISTERED"])
    def test_a_living_process_is_named(self, folder, word):
        folder.record({}, status=f"{word}\n", **identify(os.getpid()))
        before = folder.contents
        with pytest.raises(ExperimentRunningError, match=f"process {os.getpid()} on "):
            folder.resume({})
        assert folder.contents == before

    @pytest.mark.parametrize("word", ["SUCCESS", "ERROR", "KILLED", "UNKNOWN"])
    def test_a_living_process_that_has_ended_its_run_does_not_matter(self, folder, word):
        folder.record({}, status=f"{word}\n", **identify(os.getpid()))
        assert folder.resume({})["attempts"][0]["status"] == word

    def test_on_another_host_the_heartbeat_decides(self, folder):
        folder.record({}, status="RUNNING\n", host="elsewhere", **{"boot-id": "other"})
        with pytest.raises(ExperimentRunningError, match="elsewhere"):
            folder.resume({})
        os.utime(folder.path / "STATUS", (0, 0))
        assert folder.resume({})["attempts"][0]["status"] == "LOST"

    def test_of_two_at_once_the_second_waits_for_the_first(self, folder):
        folder.record({})
        descriptor = os.open(folder.path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with ThreadPoolExecutor(1) as pool:
            resumed = pool.submit(folder.resume, {})
            wait([resumed], timeout=0.05)
            assert not resumed.done()
            os.close(descriptor)
            assert resumed.result()["uid"] == "first"

    def test_no_lock_is_left_behind(self, folder):
        folder.record({})
        before = os.listdir("/proc/self/fd")
        folder.resume({})
        with pytest.raises(MismatchedArgsException):
            folder.resume({"other": 1})
        assert os.listdir("/proc/self/fd") == before


class TestHistory:
    """What happened before is kept."""

    def test_the_status_says_registered_until_the_run_begins(self, folder):
        folder.record({})
        folder.resume({})
        assert (folder.path / "STATUS").read_text() == "REGISTERED\n"

    @pytest.mark.parametrize(
        ("status", "word", "reason"),
        [
            ("SUCCESS\n", "SUCCESS", None),
            ("ERROR\nexit code 3\n", "ERROR", "exit code 3"),
            ("RUNNING\n", "LOST", None),
            ("REGISTERED\n", "REGISTERED", None),
            ("", "UNKNOWN", None),
            ("garbage", "UNKNOWN", "garbage"),
        ],
    )
    def test_the_last_attempt_is_closed_with_what_became_of_it(self, folder, status, word, reason):
        folder.record({}, status=status)
        attempt = folder.resume({})["attempts"][-1]
        assert (attempt["status"], attempt.get("reason")) == (word, reason)
        assert attempt["pid"] == 17

    def test_without_a_status_nothing_is_known(self, folder):
        folder.record({})
        (folder.path / "STATUS").unlink()
        assert folder.resume({})["attempts"][-1]["status"] == "UNKNOWN"

    def test_a_long_reason_is_shortened(self, folder):
        folder.record({}, status="ERROR\n" + "x" * 100_000)
        assert len(folder.resume({})["attempts"][-1]["reason"]) == 2000

    def test_identity_and_warnings_are_kept(self, folder):
        folder.record({}, warnings=["one"], **{"git-untracked-sources": ["helper.py"]})
        metadata = folder.resume({})
        assert metadata["uid"] == "first"
        assert metadata["warnings"] == ["one"]
        assert metadata["git-untracked-sources"] == ["helper.py"]

    @pytest.mark.parametrize(("given", "kept"), [("", "earlier"), ("new", "new")])
    def test_a_description_is_kept_unless_another_is_given(self, folder, given, kept):
        folder.record({}, description="earlier")
        assert folder.resume({}, description=given)["description"] == kept

    def test_tags_are_added_once(self, folder):
        folder.record({}, tags=["a", "b"])
        assert folder.resume({}, tags=["b", "c"])["tags"] == ["a", "b", "c"]

    def test_each_attempt_of_many_is_kept(self, folder):
        folder.record({})
        for number in range(5):
            writer = folder.writer(uid="later")
            resume(writer, {}, COMMIT)
            writer.metadata["attempts"].append({"number": number, **GONE})
            writer.metadata.update(GONE)
            writer.write_metadata()
            writer.write_status("KILLED", "signal SIGTERM")
        attempts = folder.metadata["attempts"]
        assert [attempt.get("number") for attempt in attempts] == [None, 0, 1, 2, 3, 4]
        assert [attempt["status"] for attempt in attempts[:-1]] == ["ERROR", *["KILLED"] * 4]


class TestOtherFolders:
    """Folders of older recorders, and folders that are no records."""

    def test_a_record_without_history_becomes_its_own_first_attempt(self, folder):
        metadata = {"githead-sha": COMMIT, "start-time": "2020", "end-time": "2021"}
        (folder.path / "metadata.json").write_text(json.dumps(metadata))
        (folder.path / "args.json").write_text('{"lr": 0.1}')
        (folder.path / "STATUS").write_text("ERROR\nsys.exit(1)")
        attempts = folder.resume({"lr": 0.1})["attempts"]
        assert attempts == [
            {
                "start-time": "2020",
                "end-time": "2021",
                "status": "ERROR",
                "reason": "sys.exit(1)",
            }
        ]

    @pytest.mark.parametrize("name", ["metadata.json", "args.json"])
    @pytest.mark.parametrize("content", [None, "", "{", "[]", "null", "\xff"])
    def test_a_file_that_cannot_be_read_is_named_and_nothing_is_changed(
        self, folder, name, content
    ):
        folder.record({})
        if content is None:
            (folder.path / name).unlink()
        else:
            (folder.path / name).write_text(content, encoding="latin-1")
        before = folder.contents
        with pytest.raises(UnreadableRecordError, match=name):
            folder.resume({})
        assert folder.contents == before

    @pytest.mark.parametrize(
        "strange", [{"tags": None}, {"attempts": None}, {"attempts": ["x"]}, {"tags": 3}]
    )
    def test_metadata_edited_by_hand_is_taken_or_refused_clearly(self, folder, strange):
        folder.record({}, **strange)
        with contextlib.suppress(UnreadableRecordError):
            folder.resume({})
