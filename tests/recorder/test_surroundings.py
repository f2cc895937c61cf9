"""The collector of the environment, beside real recorded processes."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from meticulous.folder import layout
from meticulous.recorder.environment.collector import Collector

START = """
import os, sys
from meticulous.recorder.secrets.gate import Gate
from meticulous.recorder.environment.collector import start_collecting
collector = start_collecting(sys.argv[1], Gate())
"""

needs_held_collector = pytest.mark.skipif(
    importlib.util.find_spec("pynvml") is not None, reason="nvidia-smi would not be asked"
)


class Experiment:
    """An experiment's folder that a script has described."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)

    def __str__(self) -> str:
        return str(self.directory)

    @property
    def complete(self) -> bool:
        return (self.directory / "environment.json").exists()

    def environment(self) -> dict:
        """The description, once it is there."""
        wait_until(lambda: self.complete)
        return json.loads((self.directory / "environment.json").read_text())


@pytest.fixture
def experiment(tmp_path) -> Experiment:
    return Experiment(tmp_path / "experiments" / "1")


class HeldCollector:
    """Stops collectors half-way, by an nvidia-smi that waits, and counts them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        script = directory / "nvidia-smi"
        script.write_text(
            f"#!/bin/sh\ncd '{directory}'\necho $$ >> asked\n"
            "while ! [ -e released ]; do sleep 0.05; done\n"
        )
        script.chmod(0o755)
        self.environment = {"PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"}

    @property
    def count(self) -> int:
        asked = self.directory / "asked"
        return len(asked.read_text().splitlines()) if asked.exists() else 0

    def release(self) -> None:
        (self.directory / "released").touch()


@pytest.fixture
def held(tmp_path):
    held = HeldCollector(tmp_path / "held")
    yield held
    held.release()


def test_the_description_is_complete_although_the_process_ends_at_once(repository, experiment):
    repository.python("-c", START + "os._exit(0)", str(experiment), check=True)
    assert experiment.environment()["python"]["executable"] == sys.executable
    assert sorted(os.listdir(experiment.directory)) == ["environment.json", "requirements.txt"]


def test_the_process_is_described_and_not_its_collector(repository, experiment, tmp_path):
    start = "import sys; sys.path.insert(1, '/somewhere/else')\n" + START
    done = repository.python(
        *("-O", "-X", "dev", "-W", "error::UserWarning", "-c", start + "print(sys.path)"),
        str(experiment),
        env={"OMP_NUM_THREADS": "3", "MY_OWN": "business"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    environment = experiment.environment()
    python = environment["python"]
    assert python["flags"]["optimize"] == 1
    assert python["flags"]["dev-mode"] is True
    assert python["flags"]["no-site"] == 0
    assert python["flags"]["isolated"] == 0
    assert python["x-options"] == {"dev": True}
    assert "error::UserWarning" in python["warn-options"]
    assert python["prefix"] == sys.prefix
    assert python["path"][:2] == [str(repository.directory), "/somewhere/else"]
    assert environment["variables"]["OMP_NUM_THREADS"] == "3"
    assert "MY_OWN" not in environment["variables"]
    assert environment["disk"]["working-directory"]["path"] == str(repository.directory)
    assert environment["disk"]["experiments-directory"]["path"] == str(experiment.directory.parent)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_the_cores_are_those_of_the_process(repository, experiment):
    bind = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    repository.python("-c", bind + START, str(experiment), check=True)
    assert experiment.environment()["cpu"]["affinity-cores"] == 1


@needs_held_collector
def test_the_pipe_behind_the_process_ends_with_the_process(repository, experiment, held):
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", START + "print('done')", str(experiment)],
        cwd=repository.directory,
        env={**os.environ, **held.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[writing],
    )
    os.close(writing)
    assert process.communicate(timeout=60) == (b"done\n", b"")
    # What the process was given beyond the streams is let go of as well.
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert not experiment.complete
    wait_until(lambda: held.count)
    held.release()
    assert experiment.environment()["gpus"] == []


@needs_held_collector
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_of_the_process_does_not_reach_the_collector(
    repository, experiment, held, number
):
    process = subprocess.Popen(
        [sys.executable, "-c", START + "print(flush=True); sys.stdin.read()", str(experiment)],
        cwd=repository.directory,
        env={**os.environ, **held.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    assert not experiment.complete
    held.release()
    assert experiment.environment()["format"] == 1


@needs_held_collector
def test_the_process_has_no_child_it_did_not_start(repository, experiment, held):
    script = START + (
        "import signal\n"
        "signal.alarm(30)\n"
        "try: os.wait()\n"
        "except ChildProcessError: print('no child', collector.finished())\n"
    )
    done = repository.python("-c", script, str(experiment), env=held.environment)
    assert done.stdout == "no child False\n"


def test_the_process_can_wait_for_the_end(repository, experiment):
    script = START + "print(collector.finished(60), collector.complete, collector.must_wait)"
    done = repository.python("-c", script, str(experiment), check=True)
    in_a_small_container = os.getpid() == 1
    assert done.stdout == f"True True {in_a_small_container}\n"
    assert experiment.complete


def test_a_process_that_ignores_its_children_is_described_too(repository, experiment):
    script = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n" + START
    repository.python("-c", script, str(experiment), check=True)
    assert "error" not in experiment.environment()["platform"]


def test_a_process_without_streams_is_described_too(repository, experiment):
    words = [sys.executable, "-c", START, str(experiment)]
    subprocess.run(
        ["/bin/sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], cwd=repository.directory, check=True
    )
    assert experiment.environment()["format"] == 1


@pytest.mark.parametrize(
    "trouble",
    [
        "del os.memfd_create",
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (60, 60))",
        "os.environ['LD_LIBRARY_PATH'] = 'x' * 100_000; os.environ['PATH'] += ':y' * 40_000",
        "os.environ['PYTHONHOME'] = sys.base_prefix",
        "os.environ['TZ'] = 'Europe/Berlin'",
        "sys.path += [b'bytes', None, 'nul\\0']",
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
        "spawn = os.posix_spawn\n"
        "def old(*words, setsid=False, **options):\n"
        "    if setsid: raise NotImplementedError\n"
        "    return spawn(*words, **options)\n"
        "os.posix_spawn = old",
    ],
    ids=["memfd", "limits", "long", "home", "zone", "path", "directory", "session"],
)
def test_unusual_machines_and_programs_are_described_too(repository, experiment, trouble):
    if "memfd" in trouble and not hasattr(os, "memfd_create"):
        pytest.skip("has none anyway")
    script = START.replace("collector =", f"{trouble}\ncollector =")
    repository.python("-c", script, str(experiment), check=True)
    environment = experiment.environment()
    assert len(environment["packages"]) > 5
    assert "error" not in environment["gpus"]
    assert sorted(os.listdir(experiment.directory)) == ["environment.json", "requirements.txt"]


def test_neither_home_nor_locale_are_needed(repository, tmp_path):
    name = os.fsdecode("a b\nc \N{GREEK SMALL LETTER LAMDA}".encode() + b"\xff")
    experiment = Experiment(tmp_path / name / "1")
    words = [sys.executable, "-c", START, str(experiment)]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"], "LC_ALL": "C"}
    subprocess.run(words, cwd=repository.directory, env=variables, check=True)
    environment = experiment.environment()
    assert environment["variables"]["LC_ALL"] == "C"
    path = environment["disk"]["experiments-directory"]["path"]
    assert "a b\nc " in path
    path.encode()


def test_modules_beside_the_script_are_not_executed(repository, experiment):
    for name in ("platform", "psutil", "ctypes", "meticulous"):
        repository.write(f"{name}.py", f"open('executed', 'a').write({name!r})\nraise Exception\n")
    # The recorded program has found the right `meticulous`, by another path.
    script = "import sys; beside = sys.path.pop(0)\n" + START.replace(
        "collector =", "sys.path.insert(0, beside)\ncollector ="
    )
    repository.python("-c", script, str(experiment), check=True)
    environment = experiment.environment()
    assert environment["memory"]["total"] > 0
    assert environment["python"]["path"][0] == str(repository.directory)
    assert not (repository.directory / "executed").exists()


def test_secrets_do_not_reach_the_folder(repository, experiment):
    variables = {
        "SLURM_JOB_ID": "7",
        "SLURM_JWT": "hunter2hunter2",
        "TORCH_API_TOKEN": "correct-horse-battery",
        "JAX_ADDRESS": "https://me:correct-horse-battery@example.org",
        "TF_VAR_password": "tr0ub4dor-and-3",
    }
    repository.python("-c", START, str(experiment), env=variables, check=True)
    environment = experiment.environment()
    assert environment["scheduler"] == {"name": "slurm", "variables": {"SLURM_JOB_ID": "7"}}
    assert environment["variables"]["TORCH_API_TOKEN"] == "<redacted>"
    text = (experiment.directory / "environment.json").read_text()
    for secret in ("hunter2", "correct-horse", "tr0ub4dor"):
        assert secret not in text


LOOP = """
import os, sys
from meticulous.recorder.secrets.gate import Gate
from meticulous.recorder.environment.collector import start_collecting
def record(number):
    directory = os.path.join(sys.argv[1], str(number))
    os.makedirs(directory)
    return start_collecting(directory, Gate())
"""


@needs_held_collector
def test_many_short_experiments_of_one_process_share_one_collector(repository, tmp_path, held):
    script = LOOP + "collectors = [record(number) for number in range(30)]\nos._exit(0)"
    repository.python("-c", script, str(tmp_path / "many"), env=held.environment, check=True)
    wait_until(lambda: held.count)
    assert not list((tmp_path / "many").glob("*/environment.json"))
    held.release()
    folders = [tmp_path / "many" / str(number) for number in range(30)]
    names = ["environment.json", "requirements.txt"]
    wait_until(lambda: all(sorted(os.listdir(folder)) == names for folder in folders))
    assert held.count == 1
    assert len({(folder / "environment.json").read_bytes() for folder in folders}) == 1


@needs_held_collector
def test_later_experiments_get_a_copy_while_nothing_has_changed(repository, tmp_path, held):
    held.release()
    script = LOOP + (
        "assert record(1).finished(60)\n"
        "assert record(2).complete\n"
        "os.environ['OMP_NUM_THREADS'] = '2'\n"
        "assert not record(3).complete\n"
    )
    repository.python("-c", script, str(tmp_path / "some"), env=held.environment, check=True)
    environments = []
    for number in (1, 2, 3):
        path = tmp_path / "some" / str(number) / "environment.json"
        wait_until(path.exists)
        environments.append(json.loads(path.read_text()))
    assert held.count == 2
    assert environments[0] == environments[1]
    assert environments[2]["variables"]["OMP_NUM_THREADS"] == "2"


@needs_held_collector
def test_a_new_collector_is_started_where_the_earlier_one_cannot_serve(repository, tmp_path, held):
    held.release()
    script = LOOP + (
        "import shutil\n"
        "record(1).finished(60)\n"
        "shutil.rmtree(os.path.join(sys.argv[1], '1'))\n"
        "assert record(2).finished(60)\n"
        "print(os.listdir(os.path.join(sys.argv[1], '2')))\n"
    )
    done = repository.python("-c", script, str(tmp_path / "x"), env=held.environment, check=True)
    assert "environment.json" in done.stdout
    assert held.count == 2


@needs_held_collector
def test_a_resumed_experiment_is_described_anew(repository, experiment, held):
    (experiment.directory / "environment.json").write_text("{}")
    script = START + (
        "print(collector.complete, collector.finished(), flush=True); sys.stdin.readline()\n"
        "print(collector.finished(60), collector.complete)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(experiment)],
        cwd=repository.directory,
        env={**os.environ, **held.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "False False\n"
    held.release()
    assert process.communicate("\n", timeout=60)[0] == "True True\n"
    assert experiment.environment()["format"] == 1


@pytest.mark.parametrize("executable", ["None", "'/bin/true'", "'python'"])
def test_an_embedded_interpreter_describes_itself(repository, experiment, executable):
    script = START.replace("collector =", f"sys.executable = {executable}; collector =")
    script += "print(collector.must_wait, collector.finished(60), collector.complete)"
    done = repository.python("-c", script, str(experiment))
    assert (done.stdout, done.stderr) == ("True True True\n", "")
    assert experiment.environment()["python"]["implementation"] == sys.implementation.name


@needs_held_collector
def test_a_folder_that_is_removed_stays_removed(repository, experiment, held):
    script = START + "sys.stdin.read(); print(collector.finished(60), collector.complete)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(experiment)],
        cwd=repository.directory,
        env={**os.environ, **held.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: held.count)
    shutil.rmtree(experiment.directory)
    held.release()
    assert process.communicate(timeout=60)[0] == "True False\n"
    assert not experiment.directory.exists()


def test_a_collector_that_dies_is_not_waited_for(repository, experiment):
    # The interpreter cannot find its standard library, and ends.
    script = START.replace("collector =", "os.environ['PYTHONHOME'] = '/nowhere'; collector =")
    script += "print(collector.finished(60), collector.complete)"
    done = repository.python("-c", script, str(experiment), check=True)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"])
def test_in_a_job_that_ends_with_the_process_the_description_must_be_waited_for(
    repository, experiment, variable
):
    script = START + "print(collector.must_wait)"
    done = repository.python("-c", script, str(experiment), env={variable: "1"}, check=True)
    assert done.stdout == "True\n"


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rpf", "true"], check=False, capture_output=True).returncode,
    reason="needs process namespaces",
)
def test_process_1_of_a_container_waits_and_leaves_no_zombie(repository, experiment):
    script = START + (
        "print(os.getpid(), collector.must_wait, collector.finished(60), collector.complete)\n"
        "try:\n"
        "    while os.wait(): pass\n"
        "except ChildProcessError: pass\n"
    )
    words = ["unshare", "-rpf", sys.executable, "-c", script, str(experiment)]
    done = subprocess.run(words, cwd=repository.directory, capture_output=True, text=True)
    assert done.stdout == "1 True True True\n", done.stderr
    assert experiment.complete


def test_starting_imports_nothing_heavy(repository, experiment):
    script = START + (
        "heavy = 'subprocess typing dataclasses inspect platform psutil importlib.metadata uuid'\n"
        "print(sorted(set(heavy.split()) & set(sys.modules)))"
    )
    # Without `site`, whose finders of editable installations import some of these.
    done = repository.python("-S", "-c", script, str(experiment), check=True)
    assert done.stdout == "[]\n"


def test_whoever_finds_the_description_before_its_maker_looks_for_wishes_meets_them(tmp_path):
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    first, second, third = folders
    with being_made() as thread:
        collector = Collector(str(first), "key", None, None, thread)
        assert collector.serve(str(second)) is not None
        assert not (second / layout.ENVIRONMENT).exists()
        (first / layout.REQUIREMENTS).write_text("numpy==2.0\n")
        (first / layout.ENVIRONMENT).write_text("{}\n")
        assert collector.serve(str(third)) is not None
    for folder in (second, third):
        assert (folder / layout.REQUIREMENTS).read_text() == "numpy==2.0\n"
        assert (folder / layout.ENVIRONMENT).read_text() == "{}\n"
    assert sorted(os.listdir(first)) == sorted([layout.REQUIREMENTS, layout.ENVIRONMENT])


@contextlib.contextmanager
def being_made() -> Iterator[threading.Thread]:
    """Have a thread that seems to be making a description."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        yield thread
    finally:
        end.set()
        thread.join()
