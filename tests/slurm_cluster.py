"""A cluster of Slurm with this machine as its only node, for the tests that hand jobs to it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from waiting import wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "sinfo")

_SETTINGS = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def is_installed() -> bool:
    """Say whether the daemons are here, and may be started: they want to be root's."""
    return os.geteuid() == 0 and all(shutil.which(program) for program in PROGRAMS)


@contextlib.contextmanager
def cluster() -> Iterator[Path]:
    """Start the daemons and yield the configuration file, which SLURM_CONF has to name."""
    # The path of a socket has to be short.
    with tempfile.TemporaryDirectory(prefix="slurm.") as directory, contextlib.ExitStack() as stack:
        place = Path(directory)
        for name in ("state", "spool"):
            (place / name).mkdir()
        key = place / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        controller, daemon = _free_ports(2)
        settings = place / "slurm.conf"
        settings.write_text(
            _SETTINGS.format(
                host=socket.gethostname().partition(".")[0],
                controller=controller,
                daemon=daemon,
                place=place,
                processors=os.cpu_count(),
            )
        )
        environment = {**os.environ, "SLURM_CONF": str(settings)}
        files = {"key": "key", "socket": "socket", "pid": "pid-file", "log": "log-file"}
        files["seed"] = "seed-file"
        munge = [f"--{option}={place}/munge.{name}" for name, option in files.items()]
        for words in (
            ("munged", "--foreground", "--force", *munge),
            ("slurmctld", "-D", "-c"),
            ("slurmd", "-D"),
        ):
            stack.enter_context(_running(words, environment, place / f"{words[0]}.out"))
            if words[0] == "munged":
                wait_until((place / "munge.socket").exists)

        def is_idle() -> bool:
            asked = ["sinfo", "--noheader", "--format=%T"]
            done = subprocess.run(asked, env=environment, capture_output=True, text=True)
            return done.stdout.strip() == "idle"

        wait_until(is_idle)
        try:
            yield settings
        finally:
            # Jobs outlive the daemons.
            subprocess.run(["scancel", "--user=root"], env=environment, check=True)
            wait_until(is_idle)


@contextlib.contextmanager
def _running(words: tuple[str, ...], environment: dict[str, str], output: Path) -> Iterator[None]:
    with output.open("wb") as file:
        process = subprocess.Popen(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
