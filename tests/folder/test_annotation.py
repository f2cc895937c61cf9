"""Notes and tags are added to a record whatever state it is in, and nothing else is changed."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import write_original_record, write_record

from meticulous.errors import ExperimentsDirectoryError, UnreadableRecordError
from meticulous.folder.annotation import add_note, change_tags, merged_tags
from meticulous.folder.writing import exclusively
from meticulous.reader import read_contents, read_record
from meticulous.recorder.secrets.gate import Gate
from meticulous.recorder.writer import RecordWriter

TAGS = st.lists(st.sampled_from("abcdef"), unique=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_record(tmp_path, "1", metadata={"tags": ["a"]})


def metadata(folder: Path) -> dict:
    return json.loads((folder / "metadata.json").read_bytes())


class TestNotes:
    """Lines of notes.jsonl."""

    def test_each_is_appended_with_time_and_author(self, folder):
        add_note(folder, "first\nline", "ann")
        add_note(folder, "ünï", "bob")
        notes = read_contents(folder).notes
        assert [(note["author"], note["text"]) for note in notes] == [
            ("ann", "first\nline"),
            ("bob", "ünï"),
        ]
        assert all(set(note) == {"time", "utc-offset", "author", "text"} for note in notes)

    def test_they_look_like_those_of_the_recorder(self, folder):
        add_note(folder, "here", "ann")
        writer = RecordWriter(str(folder), Gate(), {"user": "ann"})
        writer.add_note("there")
        mine, theirs = read_contents(folder).notes
        assert list(mine) == list(theirs)

    def test_a_torn_line_is_mended_first(self, folder):
        (folder / "notes.jsonl").write_bytes(b'{"text": "whole"}\n{"text": "to')
        add_note(folder, "next", "ann")
        assert [note["text"] for note in read_contents(folder).notes] == ["whole", "next"]

    def test_where_nothing_can_be_written_the_error_says_so(self, folder):
        (folder / "notes.jsonl").mkdir()
        with pytest.raises(ExperimentsDirectoryError, match="note cannot be written"):
            add_note(folder, "text", "ann")


class TestTags:
    """Tags in metadata.json."""

    def test_they_are_added_after_those_that_are_there_each_once(self, folder):
        assert change_tags(folder, ["b", "a", "c", "b"]) == ["a", "b", "c"]
        assert read_record(folder).tags == ["a", "b", "c"]

    def test_they_are_removed(self, folder):
        assert change_tags(folder, ["b"], ["a", "unknown"]) == ["b"]
        assert read_record(folder).tags == ["b"]

    def test_nothing_else_changes(self, folder):
        before = metadata(folder)
        change_tags(folder, ["b"])
        assert {**metadata(folder), "tags": ["a"]} == before
        assert list(metadata(folder)) == list(before)

    def test_without_a_change_nothing_is_written(self, folder):
        before = (folder / "metadata.json").stat()
        change_tags(folder, ["a"], ["b"])
        after = (folder / "metadata.json").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_a_record_of_the_original_gets_its_first(self, tmp_path):
        folder = write_original_record(tmp_path, "1")
        assert change_tags(folder, ["old"]) == ["old"]
        assert read_record(folder).tags == ["old"]

    @pytest.mark.parametrize("tags", ["one", ["one"]])
    def test_a_single_text_counts_as_a_list(self, tmp_path, tags):
        folder = write_record(tmp_path, "1", metadata={"tags": tags})
        assert change_tags(folder, ["two"]) == ["one", "two"]

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
    def test_a_broken_file_is_left_as_it_is(self, folder, content):
        (folder / "metadata.json").write_bytes(content)
        with pytest.raises(UnreadableRecordError, match="Mend the file"):
            change_tags(folder, ["b"])
        assert (folder / "metadata.json").read_bytes() == content

    def test_a_missing_file_is_not_made_up(self, folder):
        (folder / "metadata.json").unlink()
        with pytest.raises(UnreadableRecordError, match="is missing"):
            change_tags(folder, ["b"])
        assert not (folder / "metadata.json").exists()

    def test_a_newer_format_is_left_alone(self, tmp_path):
        folder = write_record(tmp_path, "1", metadata={"format": 99})
        with pytest.raises(UnreadableRecordError, match="newer meticulous"):
            change_tags(folder, ["b"])

    def test_on_a_full_disk_the_old_file_stays_whole(self, folder):
        before = (folder / "metadata.json").read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(ExperimentsDirectoryError, match="tags cannot be written"):
                change_tags(folder, ["b"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (folder / "metadata.json").read_bytes() == before
        assert sorted(os.listdir(folder)) == [
            "STATUS",
            "args.json",
            "default_args.json",
            "metadata.json",
        ]

    def test_many_at_once_lose_none(self, folder):
        program = (
            "import sys; from meticulous.folder.annotation import change_tags\n"
            "for n in range(20): change_tags(sys.argv[1], [f'{sys.argv[2]}{n}'])"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", program, str(folder), name]) for name in "xyz"
        ]
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        expected = {"a", *(f"{name}{n}" for name in "xyz" for n in range(20))}
        assert set(read_record(folder).tags) == expected


class TestLock:
    """Who changes the metadata holds the folder's lock."""

    def test_only_one_has_it(self, folder):
        with exclusively(folder, 0) as first, exclusively(folder, 0) as second:
            assert (first, second) == (True, False)
        with exclusively(folder, 0) as third:
            assert third

    def test_a_folder_that_is_gone_has_none(self, tmp_path):
        with exclusively(tmp_path / "gone", 0) as held:
            assert not held

    def test_a_recorder_does_not_wait_for_ever(self, folder, monkeypatch):
        monkeypatch.setattr("meticulous.recorder.writer._PATIENCE", 0.0)
        writer = RecordWriter(str(folder), Gate(), {"tags": ["a"]})
        writer.write_metadata()
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            writer.metadata["end-time"] = "now"
            writer.write_metadata()
        finally:
            os.close(descriptor)
        assert metadata(folder) == {"tags": ["a"], "end-time": "now"}


class TestMerging:
    """What two have changed since the tags were written last."""

    @given(TAGS, TAGS, TAGS)
    def test_the_changes_of_both_are_kept(self, own, written, found):
        merged = merged_tags(own, written, found)
        added = (set(own) | set(found)) - set(written)
        kept = set(own) & set(found) & set(written)
        assert set(merged) == added | kept
        assert len(merged) == len(set(merged))

    @given(TAGS, TAGS)
    def test_without_a_change_by_others_ours_count(self, own, written):
        assert set(merged_tags(own, written, written)) == set(own)

    @given(TAGS, TAGS)
    def test_without_a_change_by_us_theirs_count(self, written, found):
        assert merged_tags(written, written, found) == found
