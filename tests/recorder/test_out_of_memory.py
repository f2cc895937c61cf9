"""The control group's counter tells that memory ran out, where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.recorder.ending.out_of_memory import OutOfMemoryCounter

PROGRAM = """\
import sys
from pathlib import Path
from meticulous.recorder.ending.out_of_memory import OutOfMemoryCounter

events = Path("/sys/fs/cgroup", *sys.argv[1:2], "memory.events")
counter = OutOfMemoryCounter()
print(counter.has_grown())
for text in sys.argv[2:]:
    if text == "gone":
        events.unlink()
    else:
        events.write_text(text)
    print(counter.has_grown())
"""

EVENTS = "low 0\nhigh 0\nmax 7\noom 2\noom_kill {}\noom_group_kill 0\n"


@pytest.fixture
def count(tmp_path: Path):
    """Run the counter in a mount namespace of its own, where the control group is a plain folder.

    The kernel's file cannot be made to count without killing; a file in its place can.
    """

    def run(first: str | None, *later: str) -> list[str]:
        group = own_group()
        place = tmp_path / "cgroup" / group
        place.mkdir(parents=True, exist_ok=True)
        if first is not None:
            (place / "memory.events").write_text(first)
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-c"),
                'mount --bind "$0" /sys/fs/cgroup && exec "$@"',
                tmp_path / "cgroup",
                *(sys.executable, "-c", PROGRAM, group, *later),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not done.stdout:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return run


def own_group() -> str:
    """Return this process's control group of the second version, as a relative path."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        pytest.skip("no control groups here")
    groups = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    if not groups:
        pytest.skip("no control group of the second version here")
    return groups[0]


def test_a_kill_since_the_start_is_seen(count):
    assert count(EVENTS.format(0), EVENTS.format(0), EVENTS.format(1)) == ["False", "False", "True"]


def test_kills_before_the_start_do_not_count(count):
    assert count(EVENTS.format(5), EVENTS.format(5)) == ["False", "False"]


def test_running_short_of_memory_without_a_kill_does_not_count(count):
    assert count("oom 0\noom_kill 0\n", "oom 9\noom_kill 0\n") == ["False", "False"]


def test_a_group_of_killed_processes_is_not_taken_for_the_counter(count):
    assert count("oom_kill 1\n", "oom_group_kill 5\noom_kill 1\n") == ["False", "False"]


@pytest.mark.parametrize("later", ["gone", "", "oom_kill\n", "oom_kill many\n", "low 0\n"])
def test_a_counter_that_cannot_be_read_any_more_says_no(count, later):
    assert count(EVENTS.format(0), later) == ["False", "False"]


def test_where_nobody_counts_the_answer_is_no(count):
    assert count(None) == ["False"]
    assert count(None, EVENTS.format(3)) == ["False", "False"]


class TestFirstVersion:
    """Where memory belongs to a hierarchy of the first version of control groups."""

    MEMBERSHIP = "12:pids:/job\n4:cpu,memory:/job/7\n0::/job/7\n"
    EVENTS = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"

    @pytest.fixture
    def counter(self, tmp_path: Path):
        def make(membership: str, **files: str) -> OutOfMemoryCounter:
            (tmp_path / "membership").write_text(membership)
            for name, text in files.items():
                path = tmp_path / "mounts" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return OutOfMemoryCounter(str(tmp_path / "membership"), str(tmp_path / "mounts"))

        return make

    def test_a_kill_since_the_start_is_seen(self, counter, tmp_path):
        count = counter(
            self.MEMBERSHIP, **{"memory/job/7/memory.oom_control": self.EVENTS.format(2)}
        )
        assert not count.has_grown()
        events = tmp_path / "mounts/memory/job/7/memory.oom_control"
        events.write_text(self.EVENTS.format(3))
        assert count.has_grown()

    def test_in_a_container_the_group_is_the_root_of_what_is_mounted(self, counter, tmp_path):
        for membership, file in (
            (self.MEMBERSHIP, "memory/memory.oom_control"),
            ("0::/../job\n", "memory.events"),
        ):
            count = counter(membership, **{file: self.EVENTS.format(2)})
            (tmp_path / "mounts" / file).write_text(self.EVENTS.format(3))
            assert count.has_grown()

    def test_old_kernels_that_do_not_count_say_no(self, counter):
        old = {"memory/job/7/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"}
        assert not counter(self.MEMBERSHIP, **old).has_grown()

    @pytest.mark.parametrize("membership", ["", "nonsense", "1:name=systemd:/\n", "4:memory\n"])
    def test_where_no_group_is_named_the_answer_is_no(self, counter, membership):
        assert not counter(membership).has_grown()


def test_on_this_machine_nothing_has_been_killed_just_now():
    assert OutOfMemoryCounter().has_grown() is False


def test_looking_leaves_no_file_open():
    before = os.listdir("/proc/self/fd")
    OutOfMemoryCounter().has_grown()
    assert os.listdir("/proc/self/fd") == before
