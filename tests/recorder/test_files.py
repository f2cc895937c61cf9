"""Which files of a run are found as inputs and outputs, in real processes."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked_programs import carry_out
from repositories import Repository
from waiting import wait_until

from meticulous.folder import layout
from meticulous.recorder.files import tracker
from meticulous.recorder.files.gathering import RunFiles
from meticulous.recorder.files.journal import read_journal

BEGIN = "import os, sys\nfrom meticulous import Experiment\nexperiment = Experiment({})\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Run:
    """A record, and what it says of files."""

    def __init__(self, folder: Path, shown: str) -> None:
        self.folder = folder
        self.shown = shown
        self.files = json.loads((folder / layout.FILES).read_text())
        self.metadata = json.loads((folder / layout.METADATA).read_text())

    def names(self, role: str) -> set[str]:
        return {entry["path"] for entry in self.files[role]}

    def entry(self, role: str, name: str) -> dict:
        (found,) = (entry for entry in self.files[role] if entry["path"] == name)
        return found


@pytest.fixture
def project(repository):
    repository.commit({"data.csv": "a,b\n", "more/deep.txt": "deep\n", ".gitignore": "out*\n"})
    return repository


@pytest.fixture(params=["in process", "run"])
def recorded(request, project):
    """Return a function that records a program, in its own process or by `meticulous run`."""

    def record(code: str, code_wanted: int = 0) -> Run:
        return record_in(project, request.param, code, code_wanted)

    record.kind = request.param
    return record


def record_in(repository, kind: str, code: str, code_wanted: int = 0, **settings) -> Run:
    """Record a program, in its own process or by `meticulous run`."""
    text = code if kind == "run" else BEGIN + code
    repository.commit({"main.py": f"import os, sys\n{text}"})
    before = ["-m", "meticulous", "run", "--", sys.executable] if kind == "run" else []
    done = repository.python(*before, "main.py", **settings)
    assert done.returncode == code_wanted, done.stderr
    return Run(newest(repository), done.stdout + done.stderr)


BUSY = """\
import multiprocessing, sqlite3, subprocess

def read(name):
    with open(name) as file:
        return file.read()

def write(name, mode):
    with open(name, mode) as file:
        file.write("new")

if __name__ == "__main__":
    sys.stdin.read()
    read("data.csv")
    for folder in "one", "two":
        os.chdir(folder), read("x"), os.chdir("..")
    for name in b"line\\nfeed", b"back\\\\slash", "\u00fcmlaut".encode(), b"\\xff":
        read(b"../odd/" + name)
    read("changed"), subprocess.run(["sh", "-c", "echo more >> changed"])
    read("removed"), os.remove("removed")
    read("over"), write("over", "w")
    read("replaced"), write("t", "w"), os.replace("t", "replaced")
    read("moved"), os.rename("moved", "t"), os.rename("t", "out.moved")
    write("out.w", "w"), write("out.a", "a"), write("out.x", "x"), read("out.w")
    write("out.tmp", "w"), os.replace("out.tmp", "out.replaced")
    write("out.gone", "w"), os.remove("out.gone")
    os.mkdir("outdir.tmp"), write("outdir.tmp/f", "w"), os.rename("outdir.tmp", "outdir")
    read("outdir/f")
    read("folder/x"), os.rename("folder", "out.folder"), read("out.folder/x")
    try:
        open("data.csv", "x")
    except FileExistsError:
        pass
    with open("both", "r+") as file:
        file.read(), file.write("more")
    open("same", "r+").close()
    connection = sqlite3.connect("file:out.db?mode=rwc", uri=True)
    sqlite3.connect(":memory:")
    connection.execute("create table t (x)"), connection.commit()
    if not os.fork():
        read("forked"), os._exit(0)
    os.wait()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(read, ["pooled"])
    print("hello")
"""

_busy: dict[str, Run] = {}


@pytest.fixture(params=["in process", "run"])
def busy(request, tmp_path_factory) -> Run:
    """The record of a program that does everything with files, which tests only read."""
    if request.param not in _busy:
        folder = tmp_path_factory.mktemp("busy")
        (folder / "odd").mkdir()
        for name in (b"line\nfeed", b"back\\slash", "\u00fcmlaut".encode(), b"\xff"):
            (folder / "odd" / os.fsdecode(name)).write_text("x")
        repository = Repository(folder / "project")
        repository.git("init", "-q", "-b", "main")
        names = ("changed", "removed", "over", "replaced", "moved", "both", "same", "forked")
        for name in (*names, "data.csv", "one/x", "two/x", "folder/x", "pooled", "given"):
            repository.write(name, "a,b\n")
        repository.write(".gitignore", "out*\n")
        with open(repository.directory / "given") as given:
            _busy[request.param] = record_in(repository, request.param, BUSY, stdin=given)
    return _busy[request.param]


@pytest.fixture
def record(project):
    """Return a function that records a program in its own process."""

    def record(code: str, *words: str, **settings) -> Run:
        project.commit({"main.py": BEGIN + code})
        done = project.python("main.py", *words, **settings)
        assert done.returncode == 0, done.stderr
        return Run(newest(project), done.stdout + done.stderr)

    return record


@pytest.fixture
def run(project):
    """Return a function that records a command by `meticulous run`."""

    def run(*words: str, **settings) -> Run:
        done = project.python(
            "-m", "meticulous", "run", "--dirty", "snapshot", "--", *words, **settings
        )
        assert done.returncode == 0, done.stderr
        return Run(newest(project), done.stdout + done.stderr)

    return run


def each(repository, programs: list[str]) -> Iterator[tuple[str, Run]]:
    """Record programs, each in a process of its own, and give each with its record."""
    outcomes = carry_out(repository, [BEGIN + program for program in programs])
    for program, outcome in zip(programs, outcomes, strict=True):
        assert (outcome.code, outcome.errors) == (0, ""), program
        yield program, Run(outcome.folder, outcome.shown)


def newest(repository) -> Path:
    folders = (repository.directory / "experiments").glob("[0-9]*")
    return max(folders, key=lambda folder: int(folder.name))


class TestInputs:
    def test_a_file_that_is_read(self, busy):
        entry = busy.entry("inputs", "data.csv")
        assert entry.pop("modified").startswith("20")
        assert entry == {
            "path": "data.csv",
            "in": "repository",
            "size": 4,
            "sha256": sha256(b"a,b\n"),
            "found": "opened",
        }

    def test_all_of_them_and_nothing_else(self, busy):
        outside = os.path.join(os.path.dirname(busy.folder.parents[1]), "odd")
        odd = {f"{outside}/{name}" for name in ("line\nfeed", "back\\slash", "ümlaut", "\\udcff")}
        changed = {"changed", "removed", "over", "replaced", "moved", "both"}
        others = {"data.csv", "one/x", "two/x", "folder/x", "same", "forked", "pooled", "given"}
        # What the program has made itself is none, wherever it has moved it.
        assert busy.names("inputs") == odd | changed | others
        assert {e["path"] for e in busy.files["inputs"] if e["in"] == "elsewhere"} == odd

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("changed", "it was changed while the program ran"),
            ("removed", "it was removed while the program ran"),
        ],
    )
    def test_what_is_not_there_any_more_as_it_was_has_a_reason(self, busy, name, reason):
        entry = busy.entry("inputs", name)
        assert (entry["size"], entry["sha256"]) == (4, None)
        assert entry["unhashed"] == reason

    @pytest.mark.parametrize("name", ["over", "replaced", "moved", "both", "folder/x"])
    def test_what_the_program_writes_over_replaces_or_moves_is_hashed_before(self, busy, name):
        assert busy.entry("inputs", name)["sha256"] == sha256(b"a,b\n")

    def test_a_file_on_standard_input(self, busy):
        assert busy.entry("inputs", "given")["found"] == "opened"
        assert busy.metadata["stdin"] == "file"

    def test_however_it_is_opened(self, project):
        programs = [
            "import pathlib; pathlib.Path('data.csv').read_text()",
            "os.close(os.open(b'data.csv', os.O_RDONLY))",
            "open(os.path.abspath('more/../data.csv'), 'rb').close()",
            "open('more/../data.csv', 'rb').close()",
            "open('.//data.csv').close()",
            "os.chdir('more'); open('../data.csv').close()",
            "import io; io.FileIO('data.csv').close()",
            "import codecs; codecs.open('data.csv').close()",
            "class P:\n  __hash__ = None\n  __fspath__ = lambda s: 'data.csv'\nopen(P()).close()",
            "import numpy; numpy.genfromtxt('data.csv', str)",
            "import pandas; pandas.read_csv('data.csv')",
            "sys.settrace(lambda *a: None); open('data.csv').close()",
            "sys.addaudithook(lambda *a: None); open('data.csv').close()",
            "import threading\nts = [threading.Thread(target=open, args=('data.csv',)) "
            "for _ in range(9)]\n[t.start() for t in ts]; [t.join() for t in ts]",
        ]
        found = {program: run.names("inputs") for program, run in each(project, programs)}
        assert found == {program: {"data.csv"} for program in programs}

    def test_a_link_keeps_its_name(self, record, project):
        (project.directory.parent / "target").write_text("content")
        os.symlink("../target", project.directory / "link")
        entry = record("open('link').close()").entry("inputs", "link")
        assert (entry["in"], entry["sha256"]) == ("repository", sha256(b"content"))

    def test_what_is_none(self, project):
        programs = [
            "import json, email.mime.text, helper",
            "open('/etc/hostname').close(); open('/dev/null').close(); open('/proc/stat').close()",
            "os.close(os.open('more', os.O_RDONLY))",
            "open('.git/HEAD').close()",
            "import numpy; open(numpy.__file__).close()",
            "import linecache; linecache.getlines('helper.py'); import inspect, helper; "
            "inspect.getsource(helper)",
            "try: open('absent')\nexcept OSError: pass",
            "os.mkfifo('out.pipe'); os.close(os.open('out.pipe', os.O_RDWR))",
            "import socket; socket.socket(socket.AF_UNIX).bind('out.socket')\n"
            "try: open('out.socket')\nexcept OSError: pass",
            "open(experiment.curexpdir + '/metadata.json').close()",
        ]
        project.write("helper.py", "x = 1\n")
        found = {
            program: (run.files["inputs"], run.files["outputs"])
            for program, run in each(project, programs)
        }
        assert found == dict.fromkeys(programs, ([], []))

    @pytest.mark.permissions
    def test_one_that_cannot_be_read(self, record, project):
        (project.directory / "out.secret").touch(mode=0o000)
        entry = record("try: open('out.secret')\nexcept OSError: pass").entry(
            "inputs", "out.secret"
        )
        assert entry["unhashed"] == "it cannot be read: Permission denied"


class TestBudget:
    def test_the_smallest_are_hashed_and_the_others_have_a_reason(self, record, project):
        project.commit({"large": "x" * 100, "small": "x" * 10})
        code = "open('large').close(); open('small').close()"
        run = record(code, env={"METICULOUS_HASH_BUDGET": "50"})
        assert run.entry("inputs", "small")["sha256"] == sha256(b"x" * 10)
        entry = run.entry("inputs", "large")
        assert entry["sha256"] is None
        assert entry["unhashed"] == "the budget of 50 bytes for hashing is used up"
        assert (run.files["hashed-bytes"], run.files["budget-bytes"]) == (10, 50)

    def test_a_large_file_is_hashed_once_for_many_runs(self, record, project):
        path = project.directory.parent / "large"
        path.write_bytes(os.urandom(5 << 20))
        # Long enough ago that its times can be trusted.
        wait_until(lambda: time.time_ns() - path.stat().st_ctime_ns > 2_100_000_000)
        first = record(f"open({str(path)!r}).close()")
        second = record(f"open({str(path)!r}).close()")
        assert (first.files["hashed-bytes"], second.files["hashed-bytes"]) == (5 << 20, 0)
        assert second.entry("inputs", str(path))["sha256"] == sha256(path.read_bytes())

    def test_of_too_many_files_only_the_number_is_known(self, project, monkeypatch, tmp_path):
        monkeypatch.setattr(tracker, "LIMIT", 3)
        seen = tracker.Tracker(str(tmp_path), None)
        assert seen.open()
        for number in range(9):
            path = tmp_path.parent / f"{tmp_path.name}-{number}"
            path.touch()
            for _ in range(2):
                seen.see(tracker.READ, str(path))
        seen.close()
        roles = [sighting.role for sighting in read_journal(str(tmp_path))]
        assert roles == [tracker.READ] * 6 + [tracker.UNLISTED] * 3

    def test_however_many_are_read_what_is_written_is_listed(self, monkeypatch, tmp_path):
        monkeypatch.setattr(tracker, "LIMIT", 3)
        folder = tmp_path / "1"
        folder.mkdir()
        seen = tracker.Tracker(str(folder), None)
        assert seen.open()
        for kind, role in (("read", tracker.READ), ("written", tracker.WRITTEN)):
            for number in range(8):
                path = tmp_path / f"{kind}-{number}"
                if kind == "read":
                    path.touch()
                seen.see(role, str(path))
                path.touch()
        seen.close()
        files = RunFiles(str(folder))
        files.gather()
        assert (len(files.inputs), len(files.outputs)) == (3, 3)
        assert (files.unlisted, files.unlisted_outputs) == (10, 5)


class TestOutputs:
    def test_of_all_kinds(self, busy):
        made = {
            "out.w",
            "out.a",
            "out.x",
            "out.replaced",
            "out.moved",
            "outdir/f",
            "out.folder/x",
            "out.db",
        }
        # What was opened for both and stays as it is was only read.
        assert busy.names("outputs") == made | {"over", "replaced", "both"}

    def test_what_was_written_over_is_hashed_as_it_is_at_the_end(self, busy):
        assert busy.entry("outputs", "over")["sha256"] == sha256(b"new")

    def test_in_the_folder_of_the_experiment(self, record):
        code = (
            "experiment.open('model.bin', 'wb').write(b'x')\n"
            "os.system('echo x > ' + experiment.curexpdir + '/by_shell')\n"
            "experiment.summary(a=1); experiment.log(b=2); experiment.note('c')"
        )
        run = record(code)
        assert {(e["in"], e["path"]) for e in run.files["outputs"]} == {
            ("experiment", "model.bin"),
            ("experiment", "by_shell"),
        }


class TestDeclared:
    def test_files_and_folders(self, recorded):
        attach = "" if recorded.kind == "in process" else BEGIN
        code = (
            "experiment.add_input('data.csv'); experiment.add_input('more')\n"
            "experiment.add_output('out'); os.mkdir('out'); os.system('echo x > out/file')\n"
        )
        run = recorded(attach + code)
        assert {e["path"]: e["found"] for e in run.files["inputs"]} == {
            "data.csv": "declared",
            "more/deep.txt": "declared",
        }
        assert run.entry("outputs", "out/file")["found"] == "declared"

    def test_an_input_that_is_not_there_is_refused(self, record):
        code = (
            "from meticulous.errors import InputNotFoundError\n"
            "try: experiment.add_input('absent')\n"
            "except InputNotFoundError as error: print(error)"
        )
        assert "absent cannot be an input: it does not exist" in record(code).shown

    def test_an_output_that_is_missing_at_the_end_costs_a_warning(self, record):
        run = record("experiment.add_output('out.never')")
        (warning,) = run.metadata["warnings"]
        assert warning.startswith("declared as outputs, but not there at the end: ")
        assert warning in run.shown

    def test_without_a_record_nothing_is_done(self, project):
        code = (
            "from meticulous import Experiment\ne = Experiment({}, norecord=True)\n"
            "e.add_input('absent'); e.add_output('absent'); open('data.csv').close()"
        )
        done = project.python("-c", code)
        assert (done.returncode, done.stderr) == (0, "")


class TestLoadedCode:
    """The commit and the list of packages say which code ran; other code is an input."""

    def test_a_module_from_elsewhere_is_an_input(self, recorded, tmp_path, monkeypatch):
        elsewhere = tmp_path / "elsewhere"
        (elsewhere / "inside").mkdir(parents=True)
        (elsewhere / "inside" / "__init__.py").write_text("")
        (elsewhere / "alone.py").write_text("VALUE = 3\n")
        path = os.pathsep.join([str(elsewhere), os.environ["PYTHONPATH"]])
        monkeypatch.setenv("PYTHONPATH", path)
        for _ in range(2):  # the second time from what the first has compiled
            done = recorded("import alone, inside, json, pytest")
            assert done.names("inputs") == {
                str(elsewhere / "alone.py"),
                str(elsewhere / "inside" / "__init__.py"),
            }
            entry = done.entry("inputs", str(elsewhere / "alone.py"))
            assert (entry["in"], entry["found"]) == ("elsewhere", "loaded")
            assert entry["sha256"] == hashlib.sha256(b"VALUE = 3\n").hexdigest()

    def test_modules_of_the_repository_are_none(self, recorded, project):
        project.commit({"beside.py": "", "folder/__init__.py": "", "folder/deep.py": ""})
        assert recorded("import beside, folder.deep").names("inputs") == set()


class TestChildren:
    def test_workers_of_multiprocessing_that_are_spawned(self, project, run):
        code = (
            "import multiprocessing as m\ndef read(name): open(name).close()\n"
            "if __name__ == '__main__':\n"
            "  with m.get_context('spawn').Pool(2) as pool: pool.map(read, ['data.csv'])"
        )
        project.commit({"main.py": code})
        assert run(sys.executable, "main.py").names("inputs") == {"data.csv"}

    def test_python_below_python_below_a_shell_finds_its_variables_as_they_were(self, project, run):
        show = "import os, subprocess, sys\nprint(os.environ.get('PYTHONPATH'), flush=True)\n"
        inner = "subprocess.run([sys.executable, 'inner.py'], check=True)\n"
        project.commit({"outer.py": show + inner, "inner.py": show + "open('data.csv').close()"})
        project.commit({"script.sh": f"{shlex.quote(sys.executable)} outer.py\n"})
        done = run("sh", "script.sh")
        assert done.names("inputs") == {"data.csv"}
        assert done.shown.splitlines() == [os.environ["PYTHONPATH"]] * 2

    def test_programs_that_are_not_python_name_files_in_their_words(self, run, project):
        project.write("out.old", "before")
        script = 'cat "$1" > out.new; echo more >> out.old'
        run = run("sh", "-c", script, "sh", "data.csv", "--to=out.new", "out.old", "absent")
        assert {e["path"]: e["found"] for e in run.files["inputs"]} == {"data.csv": "argument"}
        assert {e["path"]: e["found"] for e in run.files["outputs"]} == {
            "out.new": "argument",
            "out.old": "argument",
        }


class TestBadDays:
    def test_what_a_killed_process_has_seen_is_still_known(self, project):
        code = BEGIN + "open('data.csv').close(); print('ready', flush=True); input()"
        project.commit({"main.py": code})
        process = subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=project.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        (sighting,) = read_journal(str(newest(project)))
        assert sighting.path == str(project.directory / "data.csv")
        assert sighting.identity[0] == 4

    def test_a_torn_line_is_passed_over(self, tmp_path):
        lines = b"r 1 2 3 /a\nr 1 2 3\nw - - - /b\nx\nr 1 2 x /c\nr 1 2 3 /torn"
        (tmp_path / layout.OPENED).write_bytes(lines)
        assert [sighting.path for sighting in read_journal(str(tmp_path))] == ["/a", "/b"]

    def test_descriptors_that_the_program_closes_are_not_written_to(self, record):
        code = (
            "os.closerange(3, 256)\n"
            "files = [open(f'out.{n}', 'w') for n in range(40)]\n"
            "open('data.csv').close()\n"
            "for file in files: file.close()\n"
            "assert not any(os.path.getsize(f'out.{n}') for n in range(40))"
        )
        run = record(code)
        assert "data.csv" in run.names("inputs")
        assert len(run.names("outputs")) == 40

    def test_an_exception_of_a_signals_handler_arrives(self, record):
        code = (
            "import signal\n"
            "class Late(Exception): pass\n"
            "def late(*_): raise Late\n"
            "signal.signal(signal.SIGALRM, late)\n"
            "caught = 0\n"
            "for n in range(300):\n"
            "  try:\n"
            "    signal.setitimer(signal.ITIMER_REAL, 0.0005)\n"
            "    for k in range(10**9): open(f'out.{n}.{k % 50}', 'w').close()\n"
            "  except Late: caught += 1\n"
            "print('caught', caught)\n"
        )
        assert "caught 300" in record(code).shown

    def test_a_hook_that_refuses_ours_leaves_a_warning(self, project):
        code = (
            "import sys\ndef refuse(event, _):\n"
            "  if event == 'sys.addaudithook': raise RuntimeError\n"
            "sys.addaudithook(refuse)\n" + BEGIN
        )
        project.commit({"main.py": code})
        done = project.python("main.py")
        assert done.returncode == 0
        assert "the files are not noted" in done.stderr

    def test_two_experiments_at_once_both_see(self, record, project):
        code = (
            "inner = Experiment({'inner': 1})\nopen('data.csv').close()\ninner.finish()\n"
            "open('more/deep.txt').close()"
        )
        run = record(code)
        assert run.names("inputs") == {"data.csv"}
        outer = Run(run.folder.parent / "1", "")
        assert outer.names("inputs") == {"data.csv", "more/deep.txt"}
        assert outer.names("outputs") == set()

    def test_a_resumed_run_keeps_what_it_knew(self, project):
        code = "import os, sys\nfrom meticulous import Experiment\n" + (
            "e = Experiment({}, experiment_id='x')\nname = open('../which').read()\n"
            "open(name).close()"
        )
        project.commit({"main.py": code})
        for name in ("data.csv", "more/deep.txt"):
            (project.directory.parent / "which").write_text(name)
            assert project.python("main.py").returncode == 0
        folder = project.directory / "experiments" / "x"
        assert Run(folder, "").names("inputs") >= {"data.csv", "more/deep.txt"}
        check_sums(folder)


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["sha256sum", "--strict", "-c", layout.SUMS]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def check_sums(folder: Path) -> list[str]:
    wait_until((folder / layout.ENVIRONMENT).exists)
    wait_until(lambda: layout.ENVIRONMENT in (folder / layout.SUMS).read_text())
    # That of an earlier attempt is replaced before the list is.
    wait_until(lambda: checked(folder).returncode == 0)
    done = checked(folder)
    assert done.returncode == 0, done.stdout
    return [line.partition(":")[0] for line in done.stdout.splitlines()]


class TestSums:
    def test_hold_for_every_file_of_the_recorder(self, busy):
        checked = set(check_sums(busy.folder))
        assert checked == {path.name for path in busy.folder.iterdir()} - {layout.SUMS}

    @pytest.mark.parametrize("end", ["sys.exit(3)", "raise SystemExit(3)"])
    def test_hold_where_the_exit_code_comes_last(self, recorded, end):
        run = recorded(end, code_wanted=3)
        assert layout.STATUS in check_sums(run.folder)

    def test_hold_after_a_late_summary_tags_and_notes_and_a_tag_hides_no_alteration(
        self, record, project
    ):
        run = record("experiment.finish(); experiment.summary(late=1)")
        check_sums(run.folder)
        for words in (("tag", "1", "first"), ("note", "1", "looks well")):
            assert project.python("-m", "meticulous", *words).returncode == 0
        check_sums(run.folder)
        path = run.folder / layout.METADATA
        path.write_text(path.read_text().replace('"description": ""', '"description": "x"'))
        assert project.python("-m", "meticulous", "tag", "1", "good").returncode == 0
        done = subprocess.run(["sha256sum", "-c", layout.SUMS], cwd=run.folder, check=False)
        assert done.returncode == 1


class TestStandardInput:
    @pytest.mark.parametrize(
        ("redirection", "kind"),
        [("< data.csv", "file"), ("< /dev/null", "null"), ("<&-", "closed"), ("", "pipe")],
    )
    def test_what_it_is(self, project, redirection, kind):
        project.commit({"main.py": BEGIN})
        command = f": | {shlex.quote(sys.executable)} main.py {redirection}"
        subprocess.run(["sh", "-c", command], cwd=project.directory, check=True)
        assert Run(newest(project), "").metadata["stdin"] == kind
