"""A disk that another process fills within a moment does not end a program, whatever it is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COUNT = 200_000
LINES = b"".join(b"line %d\n" % i for i in range(COUNT))

PYTHON = f"""\
import sys
print('go', flush=True)
sys.stdin.readline()
for i in range({COUNT}): print('line', i, file=sys.{{stream}})
sys.exit(3)
"""

SHELL = """\
echo go
read line
i=0
while [ $i -lt 200 ]; do
    seq $((i * 1000)) $((i * 1000 + 999)) {to}
    i=$((i + 1))
    [ $((i % 20)) = 0 ] && sleep 0.05  # a machine with other work lets nobody look for so long
done
exit 3
"""

CHILD = """\
import os, subprocess, sys
from meticulous import Experiment
experiment = Experiment({{}}, experiments_directory={runs!r})
child = subprocess.Popen(['sh', '-c', {script!r}], stdin=subprocess.PIPE)
os.write(2, b'go\\n')
sys.stdin.readline()
child.communicate(b'go\\n')
sys.exit(child.returncode)
"""


WARNING = re.compile(rb"meticulous: warning:[^\n]*\n")
"""It may stand in the middle of a line of the program."""


class Disk:
    """A small file system of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.runs = directory / "runs"
        self.folder = self.runs / "1"

    def fill(self, leave: int = 0) -> None:
        """Fill the disk to the last byte but `leave`, as fast as the machine can."""
        file = os.open(self.directory / "fill", os.O_WRONLY | os.O_CREAT)
        # Again, for a file system finds more room once it knows what it needs for what it holds.
        for _ in range(3):
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        os.write(file, bytes(size))
            os.fsync(file)
        os.truncate(file, os.fstat(file).st_size - leave)
        os.close(file)

    def fail(self) -> None:
        """Have the file system answer as one does that has met an error of its disk."""
        subprocess.run(["mount", "-o", "remount,abort", self.directory], check=True)


def small_disk(directory: Path, kind: str) -> Iterator[Disk]:
    directory.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(directory)]
    if kind == "ext4":
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("there is no mkfs.ext4 here")
        image = directory.with_suffix(".image")
        image.write_bytes(b"")
        os.truncate(image, 16 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        words = ["mount", "-o", "loop", str(image), str(directory)]
    if os.getuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield Disk(directory)
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request, tmp_path) -> Iterator[Disk]:
    yield from small_disk(tmp_path / "disk", request.param)


def during_a_full_disk(
    repository, disk: Disk, words: list[str], leave: int = 0
) -> tuple[subprocess.Popen[bytes], bytes, bytes]:
    """Start a program that says "go" and waits, fill the disk, tell it to go on to its end.

    Returns:
        The process, and all that it has shown but this word.
    """
    process = subprocess.Popen(
        words,
        cwd=repository.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with process:
        told = process.stderr if "main.py" in words and "run" not in words else process.stdout
        before = []
        while (line := told.readline()) != b"go\n":
            assert line, process.communicate()
            before.append(line)
        disk.fill(leave)
        shown, errors = process.communicate(b"go\n")
    if told is process.stdout:
        return process, b"".join(before) + shown, errors
    return process, shown, b"".join(before) + errors


def recorded(disk: Disk, *words: str) -> list[str]:
    options = ["--experiments-directory", str(disk.runs)]
    return [sys.executable, "-m", "meticulous", "run", *options, "--", *words]


def kept(disk: Disk, name: str = "stdout") -> bytes:
    return (disk.folder / name).read_bytes()


def warnings_in(disk: Disk) -> list[str]:
    return json.loads((disk.folder / "metadata.json").read_text())["warnings"]


def check_reserve_released(disk: Disk) -> None:
    for name in ("stdout", "stderr"):
        found = (disk.folder / name).stat()
        assert found.st_blocks * 512 < found.st_size + 8192, name


def told_of(errors: bytes) -> str:
    """Return the one warning among what was shown."""
    (warning,) = WARNING.findall(errors)
    return warning.decode().strip().removeprefix("meticulous: warning: ")


class TestUnderRun:
    """The program writes to pipes, and what carries it on meets the disk."""

    @pytest.mark.parametrize(
        ("disk", "stream"), [("tmpfs", "stderr"), ("ext4", "stdout")], indirect=["disk"]
    )
    def test_a_python_program_goes_on_to_its_end(self, repository, disk, stream):
        repository.commit({"main.py": PYTHON.format(stream=stream)})
        words = recorded(disk, sys.executable, "main.py")
        process, shown, errors = during_a_full_disk(repository, disk, words)
        assert process.returncode == 3
        place = f" ({disk.folder})"
        assert told_of(errors) == (
            f"the output is recorded no further, for the disk is nearly full{place}"
        )
        assert warnings_in(disk) == [told_of(errors)]
        without = WARNING.sub(b"", errors)
        assert (shown if stream == "stdout" else without) == LINES
        before = b"go\n" if stream == "stdout" else b""
        assert (before + LINES).startswith(kept(disk, stream))
        assert (disk.folder / "STATUS").read_text() == "ERROR\nexit code 3\n"
        check_reserve_released(disk)

    @pytest.mark.parametrize(("disk", "to"), [("tmpfs", ""), ("ext4", ">&2")], indirect=["disk"])
    def test_any_program_goes_on_to_its_end_and_what_was_kept_before_stays_whole(
        self, repository, disk, to
    ):
        repository.commit({"main.sh": f"seq 5000 {to}\n{SHELL.format(to=to)}"})
        process, shown, errors = during_a_full_disk(
            repository, disk, recorded(disk, "sh", "main.sh")
        )
        assert process.returncode == 3
        assert told_of(errors) == (
            f"the output is recorded no further, for the disk is nearly full ({disk.folder})"
        )
        assert warnings_in(disk) == [told_of(errors)]
        first = b"".join(b"%d\n" % i for i in range(1, 5001))
        rest = b"".join(b"%d\n" % i for i in range(COUNT))
        assert (WARNING.sub(b"", errors) if to else shown) == first + rest
        before = first if to else first + b"go\n"
        found = kept(disk, "stderr" if to else "stdout")
        assert found.startswith(before)
        assert (before + rest).startswith(found)
        assert (disk.folder / "STATUS").read_text() == "ERROR\nexit code 3\n"
        check_reserve_released(disk)

    def test_a_program_that_writes_as_fast_as_it_can_goes_on_to_its_end(self, repository, disk):
        repository.commit({"main.sh": "echo go\nread line\nseq 2000000 || exit 9\nexit 3\n"})
        process, shown, errors = during_a_full_disk(
            repository, disk, recorded(disk, "sh", "main.sh")
        )
        assert process.returncode == 3
        assert len(WARNING.findall(errors)) == 1
        assert shown == b"".join(b"%d\n" % n for n in range(1, 2_000_001))
        assert (b"go\n" + shown).startswith(kept(disk))
        assert (disk.folder / "STATUS").read_text() == "ERROR\nexit code 3\n"
        check_reserve_released(disk)

    def test_a_program_that_fills_the_disk_itself_goes_on_to_its_end(self, repository, disk):
        repository.commit(
            {
                "main.sh": "b=$(head -c 9000 /dev/zero | tr '\\0' x); i=0\n"
                "echo go; read line\n"
                "while [ $i -lt 200 ]; do\n"
                "    echo $b && echo $b || exit 9\n"
                "    i=$((i + 1)); sleep .03\n"
                "done\n"
                "exit 3\n"
            }
        )
        process, shown, errors = during_a_full_disk(
            repository, disk, recorded(disk, "sh", "main.sh"), leave=2 << 20
        )
        assert process.returncode == 3
        assert len(WARNING.findall(errors)) == 1
        assert shown == (b"x" * 9000 + b"\n") * 400
        assert (b"go\n" + shown).startswith(kept(disk))
        assert len(kept(disk)) < len(shown)
        check_reserve_released(disk)

    @pytest.mark.parametrize("disk", ["ext4"], indirect=True)
    def test_a_disk_that_fails_is_told_of_at_once_and_the_program_goes_on(self, repository, disk):
        repository.commit({"main.sh": "echo go\nread line\nseq 100000 || exit 9\nexit 3\n"})
        process = subprocess.Popen(
            recorded(disk, "sh", "main.sh"),
            cwd=repository.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            assert process.stdout.readline() == b"go\n"
            disk.fail()
            told = process.stderr.readline()
            shown, errors = process.communicate(b"go\n")
        assert process.returncode == 3
        assert shown == b"".join(b"%d\n" % n for n in range(1, 100_001))
        assert told_of(told) == (
            "the output is recorded no further, for the file system takes nothing any more "
            f"({disk.folder})"
        )
        assert errors == b""


def test_a_child_of_a_recorded_script_goes_on_to_its_end(repository, disk):
    script = SHELL.replace("echo go\n", "").format(to="")
    repository.commit({"main.py": CHILD.format(runs=str(disk.runs), script=script)})
    words = [sys.executable, "main.py"]
    process, shown, errors = during_a_full_disk(repository, disk, words)
    assert process.returncode == 3
    wanted = b"".join(b"%d\n" % i for i in range(COUNT))
    assert shown == wanted
    assert wanted.startswith(kept(disk))
    assert len(WARNING.findall(errors)) == 1
    check_reserve_released(disk)
