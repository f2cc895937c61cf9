"""ExperimentReader: one folder, read when it is asked for."""

from __future__ import annotations

import json
import math
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from written_records import write_original_record, write_record

from meticulous import ExperimentReader
from meticulous.errors import (
    ExperimentFileNotFoundError,
    ExperimentNotFoundError,
    UnknownColumnError,
)
from meticulous.reader import Record, read_record

LINES = '{"step": 0, "time": 1.7e9, "loss": 2.0}\n{"step": 1, "time": 1700000001, "loss": "NaN"}\n'


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_record(
        tmp_path / "experiments",
        "3",
        summary={"loss": "NaN", "accuracy": 0.9},
        metadata={"description": "first", "tags": ["a"], "warnings": ["careful"]},
        environment={"python": "3.11"},
        **{
            "metrics.jsonl": LINES,
            "notes.jsonl": '{"time": "2026-11-22T15:00:00", "author": "ann", "text": "good"}\n',
        },
    )


def test_it_knows_what_the_folder_says(folder):
    (folder / "stdout").write_bytes(b"epoch 1\n\xff\n")
    reader = ExperimentReader(folder)
    assert (reader.expid, reader.id, reader.directory) == ("3", "3", folder)
    assert reader.curexpdir == str(folder)
    assert (reader.status, reader.status_message, reader.reason) == ("SUCCESS", "", "")
    assert reader.args == {"lr": 0.2, "epochs": 100}
    assert reader.default_args == {"lr": 0.1, "epochs": 100}
    assert reader.changed_args == {"lr": 0.2}
    assert math.isnan(reader.summary["loss"])
    assert reader.sha == "1f2e3d4c5b6a79880123456789abcdef01234567"
    assert reader.start == datetime(2026, 11, 22, 14, 3, 5, 123456, tzinfo=UTC)
    assert reader.start_time == "2026-11-22T14:03:05.123456"
    assert reader.end > reader.start
    assert (reader.duration, reader.cause) == (3.2, None)
    assert reader.heartbeat is not None
    assert (reader.description, reader.tags, reader.warnings) == ("first", ["a"], ["careful"])
    assert reader.metadata["command"] == ["train.py", "--lr", "0.2"]
    assert reader.stdout == "epoch 1\n�\n"
    assert reader.stderr == ""
    assert reader.environment == {"python": "3.11"}
    assert [note["text"] for note in reader.notes] == ["good"]
    assert reader.log.series("loss").values[0] == 2.0
    assert reader.problems == []
    assert reader.record == read_record(folder)


@pytest.mark.parametrize("spelling", ["{}", "{}/", "{}//", "{}/../3"])
def test_the_path_may_be_written_in_any_way(folder, spelling):
    reader = ExperimentReader(spelling.format(folder))
    assert (reader.expid, reader.curexpdir) == ("3", str(folder))


def test_a_relative_path_stays_the_same_folder_when_the_program_moves_on(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    reader = ExperimentReader("3")
    monkeypatch.chdir("/")
    assert reader.args["lr"] == 0.2


@pytest.mark.parametrize("expid", ["007", "7", "a b", "ünï", "a.b", "😀"])
def test_every_name_of_a_folder_is_an_id(tmp_path, expid):
    assert ExperimentReader(write_record(tmp_path, expid)).expid == expid


def test_a_folder_of_the_original_is_read(tmp_path):
    folder = write_original_record(
        tmp_path, "2", STATUS="ERROR\nTraceback (most recent call last):\n  x\nKeyError: 1\n"
    )
    reader = ExperimentReader(folder)
    assert (reader.status, reader.status_message) == ("ERROR", "KeyError: 1")
    assert reader.stdout == "Train epoch 1\n"
    assert (reader.summary, reader.notes, reader.environment) == ({}, [], {})
    assert reader.start_time == "2019-07-01T10:11:12.345678"
    assert len(reader.log_frame()) == 0


def test_nothing_is_read_before_it_is_asked_for(folder):
    reader = ExperimentReader(folder)
    (folder / "args.json").write_text('{"lr": 5}')
    assert reader.args == {"lr": 5}


def test_what_was_read_stays_until_it_is_refreshed(folder):
    reader = ExperimentReader(folder)
    assert (reader.status, reader.summary["accuracy"]) == ("SUCCESS", 0.9)
    assert len(reader.log) == 2
    (folder / "STATUS").write_text("ERROR\nKeyError: 1\n")
    (folder / "summary.json").write_text('{"accuracy": 1}')
    (folder / "metrics.jsonl").write_text("")
    assert (reader.status, reader.summary["accuracy"]) == ("SUCCESS", 0.9)
    reader.refresh_status()
    assert (reader.status, reader.status_message) == ("ERROR", "KeyError: 1")
    assert reader.summary["accuracy"] == 0.9
    reader.refresh_summary()
    assert reader.summary == {"accuracy": 1}
    assert len(reader.log) == 2
    assert len(reader.refresh().log) == 0


def test_the_first_refresh_reads_anew_too(folder):
    reader = ExperimentReader.of(read_record(folder))
    (folder / "STATUS").write_text("KILLED\nsignal SIGKILL\n")
    reader.refresh_status()
    assert (reader.status, reader.reason) == ("KILLED", "signal SIGKILL")


@pytest.mark.parametrize("path", ["nothing here", "experiments", "experiments/3/STATUS", "a\0b"])
def test_a_path_without_an_experiment_is_a_typed_error(folder, path):
    with pytest.raises(ExperimentNotFoundError, match="Experiments"):
        ExperimentReader(folder.parent.parent / path)


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b'{"a": ', b"[1]"])
@pytest.mark.parametrize(
    "name", ["args.json", "metadata.json", "summary.json", "STATUS", "environment.json"]
)
def test_a_broken_file_costs_only_itself(folder, name, content):
    (folder / name).write_bytes(content)
    reader = ExperimentReader(folder)
    assert name in " ".join(reader.problems + reader.contents.problems)
    assert reader.default_args == {"lr": 0.1, "epochs": 100}
    assert repr(reader)
    assert str(reader)
    assert reader._repr_html_()
    assert reader.df_vars()["expid"] == "3"


def test_a_folder_deleted_after_it_was_found_does_no_harm(folder):
    reader = ExperimentReader(folder)
    shutil.rmtree(folder)
    assert reader.status == "UNKNOWN"
    assert reader.problems
    assert (reader.stdout, len(reader.log)) == ("", 0)
    assert "UNKNOWN" in repr(reader)
    assert reader._repr_html_()


def test_a_read_only_folder_is_read_and_nothing_is_written(folder):
    folder.chmod(0o555)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())
    reader = ExperimentReader(folder)
    str(reader), reader.log_frame(), reader.df_vars(), reader.refresh().summary
    assert before == sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())
    folder.chmod(0o755)


class TestOpen:
    def test_paths_are_relative_to_the_folder(self, folder):
        with ExperimentReader(folder).open("args.json") as file:
            assert json.load(file)["lr"] == 0.2
        with ExperimentReader(folder).open("metrics.jsonl", "rb") as file:
            assert file.read() == LINES.encode()
        with ExperimentReader(folder).open("STATUS", "r", encoding="ascii") as file:
            assert file.encoding == "ascii"

    def test_a_missing_file_is_a_typed_error_that_names_those_there_are(self, folder):
        with pytest.raises(ExperimentFileNotFoundError, match=r"weights\.pt.*args\.json") as caught:
            ExperimentReader(folder).open("weights.pt")
        assert isinstance(caught.value, FileNotFoundError)

    def test_a_missing_file_of_a_deleted_folder_says_so(self, folder):
        reader = ExperimentReader(folder)
        shutil.rmtree(folder)
        with pytest.raises(ExperimentFileNotFoundError, match="gone or empty"):
            reader.open("args.json")


class TestLogFrame:
    def test_one_row_a_line_with_step_and_time_in_front(self, folder):
        frame = ExperimentReader(folder).log_frame()
        assert list(frame.columns) == ["step", "time", "loss"]
        assert list(frame["step"]) == [0, 1]
        assert math.isnan(frame["loss"][1])

    def test_names_can_be_chosen(self, tmp_path):
        lines = '{"step": 0, "a": {"x": 1, "y": 2}, "b": 3}\n{"step": 1, "b": 4}\n'
        reader = ExperimentReader(write_record(tmp_path, "1", **{"metrics.jsonl": lines}))
        frame = reader.log_frame("a.*")
        assert list(frame.columns) == ["step", "time", "a.x", "a.y"]
        assert len(frame) == 1

    def test_an_unknown_name_is_a_typed_error_with_the_nearest(self, folder):
        with pytest.raises(UnknownColumnError, match="nearest: loss"):
            ExperimentReader(folder).log_frame("losss")


class TestSubclasses:
    def test_attributes_set_in_the_constructor_are_among_the_variables(self, folder):
        class Mine(ExperimentReader):
            def __init__(self, curexpdir):
                super().__init__(curexpdir)
                with self.open("metrics.jsonl") as file:
                    self.lines = len(file.readlines())
                self.checkpoints = {"count": 2}
                self._hidden = 1

        shown = Mine(str(folder)).df_vars()
        assert shown["lines"] == 2
        assert shown["checkpoints"] == {"count": 2}
        assert not any(name.startswith("_") or name == "record" for name in shown)

    def test_refresh_summary_can_be_overridden(self, folder):
        class Mine(ExperimentReader):
            def refresh_summary(self):
                super().refresh_summary()
                self.summary["double"] = self.summary["accuracy"] * 2

        reader = Mine(folder)
        assert reader.summary["double"] == 1.8
        assert reader.df_vars()["summary"]["double"] == 1.8
        (folder / "summary.json").write_text('{"accuracy": 1}')
        reader.refresh_summary()
        assert reader.summary == {"accuracy": 1, "double": 2}

    def test_refresh_status_can_be_overridden(self, folder):
        class Mine(ExperimentReader):
            def refresh_status(self):
                super().refresh_status()
                self.status = self.status.lower()

        assert Mine(folder).status == "success"
        assert Mine(folder).status_message == ""

    def test_a_refresh_that_sets_nothing_leaves_what_the_folder_says(self, folder):
        class Mine(ExperimentReader):
            def refresh_summary(self):
                pass

            refresh_status = refresh_summary

        assert Mine(folder).summary["accuracy"] == 0.9
        assert (Mine(folder).status, Mine(folder).status_message) == ("SUCCESS", "")

    def test_open_can_be_overridden_for_the_streams(self, folder):
        class Mine(ExperimentReader):
            def open(self, file, mode="r", *args, **kwargs):
                return super().open("STATUS" if file == "stdout" else file, mode, *args, **kwargs)

        assert Mine(folder).stdout == "SUCCESS\n"


def test_the_variables_are_the_header_and_four_parts(folder):
    shown = ExperimentReader(folder).df_vars()
    assert list(shown) == [
        *("expid", "curexpdir", "sha", "start_time", "status", "status_message"),
        *("args", "default_args", "metadata", "summary"),
    ]
    assert shown["metadata"]["command"] == "train.py --lr 0.2"


def test_what_was_read_already_is_not_read_again(folder):
    record = read_record(folder)
    shutil.rmtree(folder)
    reader = ExperimentReader.of(record)
    assert isinstance(reader.record, Record)
    assert (reader.status, reader.summary["accuracy"]) == ("SUCCESS", 0.9)
    assert os.path.basename(reader.curexpdir) == reader.expid == "3"
