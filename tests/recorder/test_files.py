"""Which files of a run are found as inputs and outputs, in real processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
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

    def record(code: str, *words: str, code_wanted: int = 0, **settings) -> Run:
        text = code if request.param == "run" else BEGIN + code
        project.commit({"main.py": f"import os, sys\n{text}"})
        before = ["-m", "meticulous", "run", "--", sys.executable] if request.param == "run" else []
        done = project.python(*before, "main.py", *words, **settings)
        assert done.returncode == code_wanted, done.stderr
        return Run(newest(project), done.stdout + done.stderr)

    record.kind = request.param
    return record


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


def newest(repository) -> Path:
    folders = (repository.directory / "experiments").glob("[0-9]*")
    return max(folders, key=lambda folder: int(folder.name))


class TestInputs:
    def test_a_file_that_is_read(self, recorded, project):
        entry = recorded("open('data.csv').read()").entry("inputs", "data.csv")
        assert entry.pop("modified").startswith("20")
        assert entry == {
            "path": "data.csv",
            "in": "repository",
            "size": 4,
            "sha256": sha256(b"a,b\n"),
            "found": "opened",
        }

    @pytest.mark.parametrize(
        "code",
        [
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
        ],
    )
    def test_however_it_is_opened(self, record, code):
        assert record(code).names("inputs") == {"data.csv"}

    def test_the_same_name_in_two_folders(self, recorded, project):
        project.commit({"one/x": "1", "two/x": "2"})
        code = "for d in 'one', 'two':\n  os.chdir(d); open('x').read(); os.chdir('..')"
        assert recorded(code).names("inputs") == {"one/x", "two/x"}

    def test_odd_names(self, recorded, project):
        code = (
            "names = [b'line\\nfeed', b'back\\\\slash', 'ümlaut'.encode(), b'\\xff']\n"
            "for name in names:\n"
            "  if not os.path.exists(b'../' + name): open(b'../' + name, 'w').close()\n"
            "  open(b'../' + name).close()\n"
        )
        for name in (b"line\nfeed", b"back\\slash", "ümlaut".encode(), b"\xff"):
            (project.directory.parent / os.fsdecode(name)).write_text("x")
        found = {Path(name).name for name in recorded(code).names("inputs")}
        assert found == {"line\nfeed", "back\\slash", "ümlaut", "\\udcff"}

    def test_a_file_elsewhere_has_its_whole_path(self, recorded, project):
        path = project.directory.parent / "elsewhere"
        path.write_text("x")
        entry = recorded(f"open({str(path)!r}).close()").entry("inputs", str(path))
        assert entry["in"] == "elsewhere"

    def test_a_link_keeps_its_name(self, record, project):
        (project.directory.parent / "target").write_text("content")
        os.symlink("../target", project.directory / "link")
        entry = record("open('link').close()").entry("inputs", "link")
        assert (entry["in"], entry["sha256"]) == ("repository", sha256(b"content"))

    @pytest.mark.parametrize(
        "code",
        [
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
        ],
    )
    def test_what_is_none(self, record, project, code):
        project.commit({"helper.py": "x = 1\n"})
        run = record(code)
        assert (run.files["inputs"], run.files["outputs"]) == ([], [])

    def test_what_the_program_has_made_itself_is_none(self, recorded):
        run = recorded("open('out', 'w').write('x'); open('out').read()")
        assert (run.names("inputs"), run.names("outputs")) == (set(), {"out"})

    def test_a_file_that_changed_meanwhile(self, recorded):
        code = (
            "open('data.csv').read()\nimport subprocess\n"
            "subprocess.run(['sh', '-c', 'echo more >> data.csv'])"
        )
        entry = recorded(code).entry("inputs", "data.csv")
        assert (entry["size"], entry["sha256"]) == (4, None)
        assert entry["unhashed"] == "it was changed while the program ran"

    def test_a_file_that_was_removed_meanwhile(self, recorded):
        entry = recorded("open('data.csv').read(); os.remove('data.csv')").entry(
            "inputs", "data.csv"
        )
        assert entry["unhashed"] == "it was removed while the program ran"

    def test_a_file_that_the_program_writes_over_is_hashed_before(self, recorded):
        run = recorded("open('data.csv').read(); open('data.csv', 'w').write('new')")
        assert run.entry("inputs", "data.csv")["sha256"] == sha256(b"a,b\n")
        assert run.entry("outputs", "data.csv")["sha256"] == sha256(b"new")

    def test_a_file_that_the_program_replaces_is_hashed_before(self, recorded):
        code = "open('data.csv').read(); open('t', 'w').write('new'); os.replace('t', 'data.csv')"
        run = recorded(code)
        assert run.entry("inputs", "data.csv")["sha256"] == sha256(b"a,b\n")
        assert run.names("outputs") == {"data.csv"}

    def test_a_file_that_is_moved(self, recorded):
        run = recorded("open('data.csv').read(); os.rename('data.csv', 'out.csv')")
        assert run.entry("inputs", "data.csv")["sha256"] == sha256(b"a,b\n")
        assert run.names("outputs") == {"out.csv"}

    def test_a_file_on_standard_input(self, recorded, project):
        with open(project.directory / "data.csv") as file:
            run = recorded("sys.stdin.read()", stdin=file)
        assert run.names("inputs") == {"data.csv"}
        assert run.metadata["stdin"] == "file"

    @pytest.mark.permissions
    def test_one_that_cannot_be_read(self, record, project):
        (project.directory / "out.secret").touch(mode=0o000)
        entry = record("try: open('out.secret')\nexcept OSError: pass").entry(
            "inputs", "out.secret"
        )
        assert entry["unhashed"] == "it cannot be read: Permission denied"


class TestBudget:
    def test_the_smallest_are_hashed_and_the_others_have_a_reason(self, recorded, project):
        project.commit({"large": "x" * 100, "small": "x" * 10})
        code = "open('large').close(); open('small').close()"
        run = recorded(code, env={"METICULOUS_HASH_BUDGET": "50"})
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
    def test_of_all_kinds(self, recorded):
        code = (
            "open('out.w', 'w').write('x'); open('out.a', 'a').write('x')\n"
            "open('out.x', 'x').write('x'); open('out.tmp', 'w').write('x')\n"
            "os.replace('out.tmp', 'out.moved')\n"
            "open('out.gone', 'w').close(); os.remove('out.gone')\n"
            "os.mkdir('outdir.tmp'); open('outdir.tmp/f', 'w').close()\n"
            "os.rename('outdir.tmp', 'outdir')\n"
        )
        run = recorded(code)
        assert run.names("outputs") == {"out.w", "out.a", "out.x", "out.moved", "outdir/f"}
        assert run.names("inputs") == set()

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

    def test_a_file_that_could_not_be_opened_is_none(self, recorded):
        code = "try: open('data.csv', 'x')\nexcept FileExistsError: pass"
        assert recorded(code).files["outputs"] == []

    def test_a_file_that_is_read_and_written_is_both(self, recorded):
        run = recorded("f = open('data.csv', 'r+'); f.read(); f.write('more'); f.close()")
        assert run.names("inputs") == run.names("outputs") == {"data.csv"}
        assert run.entry("inputs", "data.csv")["size"] == 4

    def test_a_file_that_is_opened_for_both_and_stays_as_it_is_was_only_read(self, recorded):
        run = recorded("open('data.csv', 'r+').close()")
        assert (run.names("inputs"), run.names("outputs")) == ({"data.csv"}, set())

    def test_a_database(self, recorded):
        code = (
            "import sqlite3\nc = sqlite3.connect('file:out.db?mode=rwc', uri=True)\n"
            "sqlite3.connect(':memory:'); c.execute('create table t (x)'); c.commit()"
        )
        assert recorded(code).names("outputs") == {"out.db"}


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


class TestChildren:
    def test_forked_ones(self, recorded):
        code = "if not os.fork():\n  open('data.csv').close(); os._exit(0)\nos.wait()"
        assert recorded(code).names("inputs") == {"data.csv"}

    def test_workers_of_multiprocessing_that_are_forked(self, recorded):
        code = (
            "import multiprocessing as m\ndef read(name): open(name).close()\n"
            "if __name__ == '__main__':\n"
            "  with m.get_context('fork').Pool(2) as pool: pool.map(read, ['data.csv'])"
        )
        assert recorded(code).names("inputs") == {"data.csv"}

    def test_workers_of_multiprocessing_that_are_spawned(self, project, run):
        code = (
            "import multiprocessing as m\ndef read(name): open(name).close()\n"
            "if __name__ == '__main__':\n"
            "  with m.get_context('spawn').Pool(2) as pool: pool.map(read, ['data.csv'])"
        )
        project.commit({"main.py": code})
        assert run(sys.executable, "main.py").names("inputs") == {"data.csv"}

    def test_python_below_python_below_a_shell(self, project, run):
        code = "import subprocess, sys\nsubprocess.run([sys.executable, 'inner.py'], check=True)"
        project.commit({"outer.py": code, "inner.py": "open('data.csv').close()"})
        project.commit({"script.sh": f"{sys.executable} outer.py\n"})
        assert run("sh", "script.sh").names("inputs") == {"data.csv"}

    def test_they_find_their_variables_as_they_were(self, project, run, monkeypatch):
        code = "import os, subprocess, sys\nprint(os.environ.get('PYTHONPATH'), flush=True)\n"
        project.commit({"inner.py": code})
        again = "subprocess.run([sys.executable, 'inner.py'], check=True)"
        project.commit({"main.py": code + again})
        before = os.environ["PYTHONPATH"]
        assert run(sys.executable, "main.py").shown.split() == [before, before]

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


def check_sums(folder: Path) -> list[str]:
    wait_until((folder / layout.ENVIRONMENT).exists)
    wait_until(lambda: layout.ENVIRONMENT in (folder / layout.SUMS).read_text())
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", layout.SUMS], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    return [line.partition(":")[0] for line in done.stdout.splitlines()]


class TestSums:
    def test_hold_for_every_file_of_the_recorder(self, recorded):
        run = recorded("print('hello')")
        checked = set(check_sums(run.folder))
        assert checked == {path.name for path in run.folder.iterdir()} - {layout.SUMS}

    @pytest.mark.parametrize("end", ["sys.exit(3)", "raise SystemExit(3)", "exit(3)"])
    def test_hold_where_the_exit_code_comes_last(self, recorded, end):
        run = recorded(end, code_wanted=3)
        assert layout.STATUS in check_sums(run.folder)

    def test_hold_after_tags_and_notes(self, record, project):
        run = record("")
        check_sums(run.folder)
        for words in (("tag", "1", "good"), ("note", "1", "looks well")):
            assert project.python("-m", "meticulous", *words).returncode == 0
        check_sums(run.folder)

    def test_hold_after_a_late_summary(self, record):
        check_sums(record("experiment.finish(); experiment.summary(late=1)").folder)

    def test_a_tag_does_not_hide_an_alteration(self, record, project):
        run = record("")
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
        command = f": | {sys.executable} main.py {redirection}"
        subprocess.run(["sh", "-c", command], cwd=project.directory, check=True)
        assert Run(newest(project), "").metadata["stdin"] == kind
