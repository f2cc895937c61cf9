"""A reader or a crash never meets half a file, and torn last lines are mended before appending."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meticulous.folder.status import decode_status
from meticulous.folder.writing import (
    append_line,
    open_lines,
    write_all,
    write_atomically,
    write_available,
    write_even_on_a_full_disk,
)


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Make every file refuse to grow beyond `size` bytes, as a full disk or a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


class TestWriting:
    """Every byte is written, or it is known how many were."""

    @settings(deadline=None)
    @given(data=st.binary())
    def test_all_bytes_arrive_in_order(self, tmp_path_factory, data):
        path = tmp_path_factory.getbasetemp() / f"bytes-{os.getpid()}"
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        assert write_available(opened, data) == (len(data), None)
        os.close(opened)
        assert path.read_bytes() == data

    def test_more_than_a_pipe_holds_takes_several_calls(self):
        reading, writing = os.pipe()
        data = os.urandom(1_000_000)
        received = bytearray()

        def read() -> None:
            while piece := os.read(reading, 10_000):
                received.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        write_all(writing, data)
        os.close(writing)
        reader.join()
        os.close(reading)
        assert bytes(received) == data

    def test_what_the_file_takes_is_counted_and_the_reason_given(self, descriptor):
        with no_file_larger_than(100):
            written, error = write_available(descriptor, b"x" * 250)
        assert written == 100
        assert error is not None
        assert error.errno == errno.EFBIG

    def test_a_full_device_takes_nothing(self):
        opened = os.open("/dev/full", os.O_WRONLY)
        try:
            written, error = write_available(opened, b"data")
            assert (written, error.errno if error else None) == (0, errno.ENOSPC)
            with pytest.raises(OSError, match="No space left"):
                write_all(opened, b"data")
        finally:
            os.close(opened)

    def test_a_pipe_that_would_block_says_how_far_it_came(self):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        written, error = write_available(writing, bytes(1_000_000))
        assert isinstance(error, BlockingIOError)
        assert len(os.read(reading, 1_000_000)) == written
        os.close(reading)
        os.close(writing)

    def test_a_pipe_nobody_reads_is_an_error(self):
        reading, writing = os.pipe()
        os.close(reading)
        written, error = write_available(writing, b"data")
        os.close(writing)
        assert written == 0
        assert isinstance(error, BrokenPipeError)

    def test_views_of_parts_are_written_as_they_are(self, descriptor, tmp_path):
        write_all(descriptor, memoryview(b"0123456789")[3:7])
        assert (tmp_path / "file").read_bytes() == b"3456"


class TestAtomically:
    """A file is replaced in one step or not at all."""

    def test_it_is_created_or_replaced(self, tmp_path):
        path = str(tmp_path / "file")
        for content in (b"first", b"second, longer", b""):
            write_atomically(path, content)
            assert Path(path).read_bytes() == content
            assert os.listdir(tmp_path) == ["file"]

    def test_a_path_without_a_folder_is_in_the_working_directory(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_atomically("file", b"here")
        assert (tmp_path / "file").read_bytes() == b"here"

    def test_a_reader_never_meets_half_a_file(self, tmp_path):
        path = tmp_path / "file"
        write_atomically(str(path), b"0" * 10)
        done = threading.Event()
        seen = set()

        def read() -> None:
            while not done.is_set():
                seen.add(path.read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        contents = {b"%d" % (n % 10) * (n * 5000) for n in range(1, 60)}
        for content in contents:
            write_atomically(str(path), content)
        done.set()
        reader.join()
        assert seen <= contents | {b"0" * 10}

    def test_of_many_writers_at_once_one_wins_whole(self, tmp_path):
        path = tmp_path / "file"
        contents = [b"%d" % n * 100_000 for n in range(8)]
        start = threading.Barrier(len(contents))

        def write(content: bytes) -> None:
            start.wait()
            for _ in range(10):
                write_atomically(str(path), content)

        writers = [threading.Thread(target=write, args=(content,)) for content in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert path.read_bytes() in contents
        assert os.listdir(tmp_path) == ["file"]

    def test_a_full_disk_leaves_the_old_content_and_nothing_else(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        with no_file_larger_than(10), pytest.raises(OSError, match="too large"):
            write_atomically(str(path), b"new content that does not fit")
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["file"]

    def test_a_folder_in_the_files_place_leaves_nothing_behind(self, tmp_path):
        (tmp_path / "file").mkdir()
        with pytest.raises(OSError, match="directory"):
            write_atomically(str(tmp_path / "file"), b"content")
        assert os.listdir(tmp_path) == ["file"]

    def test_a_missing_folder_is_reported_as_itself(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            write_atomically(str(tmp_path / "missing" / "file"), b"content")

    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
    def test_the_users_umask_decides_who_may_read(self, tmp_path, umask, mode):
        before = os.umask(umask)
        try:
            write_atomically(str(tmp_path / "file"), b"content")
            os.close(open_lines(str(tmp_path / "lines")))
        finally:
            os.umask(before)
        for name in ("file", "lines"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode

    def test_the_folders_modification_time_tells_of_every_replacement(self, tmp_path):
        write_atomically(str(tmp_path / "file"), b"first")
        os.utime(tmp_path, ns=(0, 0))
        write_atomically(str(tmp_path / "file"), b"second")
        assert tmp_path.stat().st_mtime_ns != 0

    def test_who_reads_the_old_file_keeps_reading_the_old_file(self, tmp_path):
        write_atomically(str(tmp_path / "file"), b"old")
        with (tmp_path / "file").open("rb") as reader:
            write_atomically(str(tmp_path / "file"), b"new")
            assert reader.read() == b"old"


LONG_NAME = "S" * 250
"""A name to which nothing can be added: no second file can be made beside the first."""


class TestFullDisk:
    """The last word of a run is written where no other file can be made."""

    @pytest.mark.parametrize("before", [b"RUNNING\n", b"ERROR\n" + b"trace\n" * 300])
    @pytest.mark.parametrize("after", [b"SUCCESS\n", b"ERROR\nexit code 3\n", b"KILLED\n"])
    def test_the_word_and_its_reason_can_be_read(self, tmp_path, before, after):
        path = tmp_path / LONG_NAME
        path.write_bytes(before)
        write_even_on_a_full_disk(str(path), after)
        assert decode_status(path.read_bytes()) == decode_status(after)
        assert os.listdir(tmp_path) == [LONG_NAME]

    def test_a_long_reason_is_cut(self, tmp_path):
        path = tmp_path / LONG_NAME
        path.write_bytes(b"RUNNING\n")
        write_even_on_a_full_disk(str(path), b"ERROR\n" + b"x" * 10_000)
        assert path.read_bytes() == b"ERROR\n" + b"x" * 506

    def test_where_there_is_room_it_is_an_ordinary_replacement(self, tmp_path):
        path = tmp_path / "STATUS"
        path.write_bytes(b"x" * 1000)
        before = path.stat().st_ino
        write_even_on_a_full_disk(str(path), b"SUCCESS\n")
        assert path.read_bytes() == b"SUCCESS\n"
        assert path.stat().st_ino != before

    def test_a_file_that_is_gone_is_an_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            write_even_on_a_full_disk(str(tmp_path / "gone" / "STATUS"), b"SUCCESS\n")

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
    def test_a_file_system_without_one_free_block(self, tmp_path):
        words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path]
        if subprocess.run(words, check=False, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        try:
            (tmp_path / "STATUS").write_bytes(b"RUNNING\n")
            with contextlib.suppress(OSError), (tmp_path / "filler").open("wb") as filler:
                filler.write(bytes(1_000_000))
            with pytest.raises(OSError, match="No space left"):
                write_atomically(str(tmp_path / "other"), b"content")
            write_even_on_a_full_disk(str(tmp_path / "STATUS"), b"ERROR\nexit code 3\n")
            assert (tmp_path / "STATUS").read_bytes() == b"ERROR\nexit code 3\n"
            assert sorted(os.listdir(tmp_path)) == ["STATUS", "filler"]
        finally:
            subprocess.run(["umount", "-l", tmp_path], check=True)


LINES = st.lists(
    st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(), max_size=3).map(
        lambda value: json.dumps(value, ensure_ascii=False).encode() + b"\n"
    ),
    max_size=3,
)
SOME_LINES = LINES.filter(bool)

_names = itertools.count()


def fresh_file(tmp_path_factory, content: bytes) -> Path:
    path = tmp_path_factory.getbasetemp() / f"lines-{os.getpid()}-{next(_names)}"
    path.write_bytes(content)
    return path


def lines_of(path: Path) -> list[bytes]:
    return [line + b"\n" for line in path.read_bytes().split(b"\n")[:-1]]


def strictly_parsed(line: bytes) -> object:
    """Parse a line as `jq` and every other strict reader would."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(line.decode("utf-8"), parse_constant=refuse)


def assert_mended(path: Path, complete: list[bytes], added: bytes) -> None:
    lines = lines_of(path)
    assert lines[: len(complete)] == complete
    assert lines[-1] == added
    for line in lines:
        strictly_parsed(line)


class TestLines:
    """A file of lines is mended before it is appended to."""

    @settings(deadline=None)
    @given(lines=LINES, last=SOME_LINES, data=st.data())
    def test_a_line_torn_anywhere_costs_only_itself(self, tmp_path_factory, lines, last, data):
        torn = last[0][: data.draw(st.integers(0, len(last[0]) - 2))]
        path = fresh_file(tmp_path_factory, b"".join(lines) + torn)
        append_line(str(path), b'{"new": 1}\n')
        assert path.read_bytes() == b"".join(lines) + b'{"new": 1}\n'

    @settings(deadline=None)
    @given(lines=LINES, last=SOME_LINES)
    def test_a_line_that_lacks_only_its_end_is_completed(self, tmp_path_factory, lines, last):
        path = fresh_file(tmp_path_factory, b"".join(lines) + last[0].rstrip(b"\n"))
        append_line(str(path), b'{"new": 1}\n')
        assert path.read_bytes() == b"".join(lines) + last[0] + b'{"new": 1}\n'

    @settings(deadline=None)
    @given(lines=LINES, torn=st.binary(max_size=40).filter(lambda torn: b"\n" not in torn))
    @example(lines=[b'{"a": 1}\n'], torn=b"\0" * 4096)
    @example(lines=[b'{"a": 1}\n'], torn=b"\xff\xfe")
    @example(lines=[b'{"a": 1}\n'], torn=b"12")
    @example(lines=[b'{"a": 1}\n'], torn=b'"')
    @example(lines=[], torn=b"9" * 5000)
    def test_any_bytes_at_the_end_leave_every_earlier_line_intact(
        self, tmp_path_factory, lines, torn
    ):
        path = fresh_file(tmp_path_factory, b"".join(lines) + torn)
        append_line(str(path), b'{"new": 1}\n')
        kept = lines_of(path)
        assert kept[: len(lines)] == lines
        assert kept[-1] == b'{"new": 1}\n'
        # At most one line was completed where it stood.
        assert len(kept) - len(lines) <= 2

    @pytest.mark.parametrize(
        "torn",
        [b"NaN", b"[Infinity]", "12".encode("utf-16-le"), b"\xef\xbb\xbf{}", b"[" * 100_000],
        ids=["NaN", "Infinity", "UTF-16", "byte order mark", "deeply nested"],
    )
    def test_a_tail_that_only_a_lenient_parser_reads_is_cut_off(self, tmp_path, torn):
        path = tmp_path / "lines"
        path.write_bytes(b'{"a": 1}\n' + torn)
        append_line(str(path), b'{"new": 1}\n')
        assert_mended(path, [b'{"a": 1}\n'], b'{"new": 1}\n')

    def test_a_long_torn_line_is_found_in_full(self, tmp_path):
        path = tmp_path / "lines"
        path.write_bytes(b'{"a": 1}\n{"b": "' + b"x" * 300_000)
        append_line(str(path), b'{"new": 1}\n')
        assert path.read_bytes() == b'{"a": 1}\n{"new": 1}\n'

    @pytest.mark.parametrize("length", [65535, 65536, 65537, 131072])
    def test_a_torn_line_at_the_edge_of_what_is_read_at_once(self, tmp_path, length):
        path = tmp_path / "lines"
        path.write_bytes(b'{"a": 1}\n' + b"x" * length)
        append_line(str(path), b'{"new": 1}\n')
        assert path.read_bytes() == b'{"a": 1}\n{"new": 1}\n'

    def test_a_file_that_is_whole_is_not_touched(self, tmp_path):
        path = tmp_path / "lines"
        path.write_bytes(b"not json, but whole\n")
        os.utime(path, ns=(0, 0))
        os.close(open_lines(str(path)))
        assert path.read_bytes() == b"not json, but whole\n"
        assert path.stat().st_mtime_ns == 0

    def test_a_missing_file_is_created_and_a_missing_folder_is_an_error(self, tmp_path):
        append_line(str(tmp_path / "lines"), b"{}\n")
        assert (tmp_path / "lines").read_bytes() == b"{}\n"
        with pytest.raises(FileNotFoundError):
            append_line(str(tmp_path / "missing" / "lines"), b"{}\n")

    def test_a_file_that_cannot_be_mended_is_closed_again(self, tmp_path):
        (tmp_path / "lines").write_bytes(b'{"complete": 1}')
        before = os.listdir("/proc/self/fd")
        with no_file_larger_than(5), pytest.raises(OSError, match="too large"):
            open_lines(str(tmp_path / "lines"))
        assert os.listdir("/proc/self/fd") == before

    def test_no_line_of_ten_processes_is_lost_or_mixed(self, tmp_path):
        path = tmp_path / "lines"
        program = (
            "import sys\nfrom meticulous.folder.writing import append_line\n"
            "sys.stdin.read()\n"
            "for i in range(100):\n"
            "    text = sys.argv[2] * (i * 200)\n"
            "    append_line(sys.argv[1], f'[{sys.argv[2]}, {i}, \"{text}\"]\\n'.encode())\n"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-S", "-c", program, path, str(n)], stdin=subprocess.PIPE
            )
            for n in range(10)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(timeout=60) for process in processes] == [0] * 10
        lines = [json.loads(line) for line in lines_of(path)]
        for n in range(10):
            assert [line for line in lines if line[0] == n] == [
                [n, i, str(n) * (i * 200)] for i in range(100)
            ]
