"""What cannot be appended or deleted leaves everything as it was."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from written_records import write_record

from meticulous.errors import ExperimentsDirectoryError
from meticulous.folder.annotation import add_note
from meticulous.folder.trash import remove


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Make every file refuse to grow beyond `size` bytes, as a full disk or a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_first_note_that_finds_no_room_leaves_no_file(tmp_path: Path):
    folder = write_record(tmp_path, "1")
    for room in (0, 20):
        with largest_file(room), pytest.raises(ExperimentsDirectoryError):
            add_note(str(folder), "a thought", "ann")
        assert not (folder / "notes.jsonl").exists()


def test_a_later_note_that_finds_no_room_leaves_the_earlier_ones(tmp_path: Path):
    folder = write_record(tmp_path, "1")
    add_note(str(folder), "a thought", "ann")
    before = (folder / "notes.jsonl").read_bytes()
    with largest_file(len(before) + 20), pytest.raises(ExperimentsDirectoryError):
        add_note(str(folder), "another", "ann")
    assert (folder / "notes.jsonl").read_bytes() == before


def test_a_removal_that_finds_no_room_leaves_no_list_of_numbers(tmp_path: Path):
    folder = write_record(tmp_path, "12")
    for room in (0, 1):
        with largest_file(room), pytest.raises(ExperimentsDirectoryError):
            remove(str(folder))
        assert os.listdir(tmp_path) == ["12"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv takes root's powers away")
def test_a_deletion_of_which_nothing_succeeds_leaves_the_experiment(tmp_path: Path):
    folder = write_record(tmp_path, "1")
    folder.chmod(0o555)
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    words = ["-m", "meticulous", "rm", "--forever", "--yes", "1"]
    try:
        done = subprocess.run(
            [*(powerless if os.geteuid() == 0 else []), sys.executable, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        if folder.exists():
            folder.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "nothing of it was" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == ["1"]
