"""A process is known by more than its number, and the heartbeat decides where it cannot be seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous.folder.liveness import (
    HEARTBEAT_SECONDS,
    SILENCE_SECONDS,
    has_rebooted,
    identify,
    identify_recorder,
    is_alive,
)

NOW = 1_700_000_000.0
STALE = NOW - SILENCE_SECONDS - 1


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told to end."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def read_back(identity: dict) -> dict:
    """Return the identity as a reader finds it in metadata.json."""
    return json.loads(json.dumps(identity))


class TestHere:
    """On this machine the process itself is looked at; the heartbeat does not matter."""

    def test_a_program_that_ended_lives_on_while_its_recorder_writes_the_end(self, sleeper):
        identity = identify(sleeper.pid)
        sleeper.kill()
        sleeper.wait()
        assert is_alive(read_back(identity), STALE, NOW) is False
        assert is_alive(read_back({**identity, **identify_recorder()}), STALE, NOW) is True
        gone = {"recorder": {"pid": os.getpid(), "process-start-time": 1.0}}
        assert is_alive(read_back({**identity, **gone}), STALE, NOW) is False

    def test_this_process_is_alive(self):
        assert is_alive(read_back(identify(os.getpid())), heartbeat=STALE, now=NOW) is True

    def test_the_identity_of_a_process_does_not_change(self):
        assert identify(os.getpid()) == identify(os.getpid())
        assert identify(os.getpid()) != identify(os.getppid())

    def test_another_process_is_alive_until_it_ends(self, sleeper):
        identity = read_back(identify(sleeper.pid))
        assert is_alive(identity, heartbeat=STALE, now=NOW) is True
        sleeper.kill()
        sleeper.wait()
        assert is_alive(identity, heartbeat=NOW, now=NOW) is False

    def test_one_that_ended_and_only_waits_to_be_reaped_is_not_alive(self, sleeper):
        identity = identify(sleeper.pid)
        sleeper.kill()
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
        assert is_alive(identity, heartbeat=NOW, now=NOW) is False

    def test_a_stopped_one_is_alive(self, sleeper):
        identity = identify(sleeper.pid)
        sleeper.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
        assert is_alive(identity, heartbeat=STALE, now=NOW) is True

    def test_a_later_process_of_the_same_number_is_another(self, sleeper):
        identity = identify(sleeper.pid)
        identity["process-start-time"] -= 5
        assert is_alive(identity, heartbeat=NOW, now=NOW) is False

    def test_a_record_that_could_not_see_its_own_start_is_not_believed(self, sleeper):
        identity = {**identify(sleeper.pid), "process-start-time": None}
        assert is_alive(identity, heartbeat=NOW, now=NOW) is False

    @pytest.mark.skipif(not os.path.exists("/proc/self/comm"), reason="needs /proc")
    @pytest.mark.parametrize("name", [") Z 1 2", "a b) (c", "(((", "Z", "new\nline"])
    def test_a_name_that_looks_like_other_fields_misleads_nobody(self, name):
        program = (
            "import sys\nopen('/proc/self/comm', 'w').write(sys.argv[1])\n"
            "print('ready', flush=True)\nsys.stdin.read()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        identity = identify(process.pid)
        assert is_alive(identity, heartbeat=STALE, now=NOW) is True
        process.communicate()
        assert is_alive(identity, heartbeat=NOW, now=NOW) is False


class TestElsewhere:
    """A process that cannot be looked at is judged by the heartbeat."""

    @pytest.fixture(params=["host", "container", "earlier boot", "system without boot ids"])
    def identity(self, request) -> dict:
        identity = identify(os.getpid())
        other = {
            "host": {"host": "elsewhere", "boot-id": "b", "pid-namespace": "n"},
            "container": {"pid-namespace": "pid:[1]"},
            "earlier boot": {"boot-id": "b"},
            "system without boot ids": {"host": "mac", "boot-id": None, "pid-namespace": None},
        }[request.param]
        return {**identity, **other}

    @pytest.mark.parametrize(
        ("age", "alive"),
        [
            (0.0, True),
            (HEARTBEAT_SECONDS, True),
            (SILENCE_SECONDS - 1, True),
            (SILENCE_SECONDS, False),
            (1e9, False),
            (-3600.0, True),
        ],
    )
    def test_a_recent_heartbeat_counts(self, identity, age, alive):
        assert is_alive(identity, heartbeat=NOW - age, now=NOW) is alive

    def test_several_heartbeats_may_be_missed(self):
        assert SILENCE_SECONDS > 3 * HEARTBEAT_SECONDS

    def test_a_process_of_another_container_is_never_taken_for_one_of_ours(self):
        words = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
        program = (
            "import json, os\nfrom meticulous.folder.liveness import identify\n"
            "print(json.dumps(identify(os.getpid())))"
        )
        done = subprocess.run([*words, program], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip("namespaces cannot be made here")
        identity = json.loads(done.stdout)
        assert identity["boot-id"] == identify(1)["boot-id"]
        # It was number 1 there, and number 1 is alive here.
        assert is_alive({**identity, "pid": 1}, heartbeat=NOW, now=NOW) is True
        assert is_alive({**identity, "pid": 1}, heartbeat=STALE, now=NOW) is False


class TestOldRecords:
    """Records that do not say who wrote them."""

    @pytest.mark.parametrize("pid", [None, "17", 17.5, True, [1]])
    def test_without_a_process_number_nothing_is_known(self, pid):
        assert is_alive({"pid": pid}, heartbeat=NOW, now=NOW) is None
        assert is_alive({}, heartbeat=NOW, now=NOW) is None

    @settings(deadline=None)
    @given(
        identity=st.fixed_dictionaries(
            {},
            optional={
                name: st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.none())
                for name in identify(1)
            },
        )
    )
    def test_whatever_it_says_there_is_an_answer(self, identity):
        assert is_alive(identity, heartbeat=NOW, now=NOW) in (True, False, None)
        assert has_rebooted(identity) in (True, False)


class TestReboot:
    """This machine, started again, explains why a run is gone."""

    def test_the_same_host_with_another_boot(self):
        identity = identify(os.getpid())
        assert identity["boot-id"]
        assert not has_rebooted(identity)
        assert has_rebooted({**identity, "boot-id": "another"})

    def test_another_host_says_nothing(self):
        assert not has_rebooted({**identify(1), "host": "elsewhere", "boot-id": "another"})

    def test_a_record_without_a_boot_says_nothing(self):
        assert not has_rebooted({**identify(1), "boot-id": None})
        assert not has_rebooted({})
