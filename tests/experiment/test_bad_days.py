"""What goes wrong after the start costs one warning and a mark in the record, never the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

BEGIN = "import os, sys\nfrom meticulous import Experiment\nexperiment = Experiment({'a': 1})\n"
LIMIT = (
    "import resource; sys.dont_write_bytecode = True\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
)
"""Makes every file refuse to grow beyond 3000 bytes, as a full disk or a quota does.

Bytecode is not written then: Python itself would leave half a file of it in our package.
"""


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


def warnings_in(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line.startswith("meticulous: warning:")]


class TestFullDisk:
    """The disk fills up while the program runs."""

    def test_output_goes_on_to_the_terminal_with_one_warning(self, repository):
        program = BEGIN + LIMIT + "for i in range(1000): print('line', i)\nsys.exit(5)\n"
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert done.returncode == 5
        assert done.stdout == "".join(f"line {i}\n" for i in range(1000))
        assert len(warnings_in(done.stderr)) == 1
        assert "stdout is recorded no further: File too large" in done.stderr
        folder = repository.directory / "experiments/1"
        kept = (folder / "stdout").read_text()
        assert done.stdout.startswith(kept)
        assert len(kept) == 3000
        assert (folder / "STATUS").read_text() == "ERROR\nexit code 5\n"
        assert "recorded no further" in read(folder, "metadata.json")["warnings"][0]

    def test_metrics_cost_one_warning(self, repository):
        program = BEGIN + LIMIT + "for i in range(1000): experiment.log(loss=i)\nprint('done')\n"
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert (done.stdout, done.returncode) == ("done\n", 0)
        assert len(warnings_in(done.stderr)) == 1
        assert "the metrics could not be written" in done.stderr
        lines = (repository.directory / "experiments/1/metrics.jsonl").read_bytes().splitlines()
        for line in lines[:-1]:
            json.loads(line)

    def test_whatever_cannot_be_written_there_is_one_warning(self, repository):
        program = BEGIN + LIMIT + (
            "for i in range(1000): print('line', i); experiment.log(loss=i)\n"
            "experiment.summary(text='x' * 5000)\nexperiment.note('y' * 5000)\n"
        )  # fmt: skip
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert done.returncode == 0
        assert len(warnings_in(done.stderr)) == 1
        told = read(repository.directory / "experiments/1", "metadata.json")["warnings"]
        assert len(told) == 4

    def test_metrics_go_on_in_whole_lines_when_there_is_room_again(self, repository):
        program = (
            BEGIN
            + LIMIT.replace("(3000, 3000)", "(3000, -1)")
            + (
                "for i in range(200): experiment.log(loss=i)\n"
                "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
                "experiment.log(loss='last')\n"
            )
        )
        repository.commit({"main.py": program})
        repository.python("main.py", check=True)
        lines = (repository.directory / "experiments/1/metrics.jsonl").read_bytes().splitlines()
        assert [json.loads(line)["loss"] for line in lines][-1] == "last"

    def test_a_summary_that_cannot_be_written_keeps_the_old_one(self, repository):
        program = BEGIN + "experiment.summary(a=1)\n" + LIMIT + "experiment.summary(b='x' * 5000)\n"
        repository.commit({"main.py": program})
        done = repository.python("main.py", check=True)
        assert len(warnings_in(done.stderr)) == 1
        folder = repository.directory / "experiments/1"
        assert read(folder, "summary.json") == {"a": 1}
        assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
    def test_a_python_program_under_run_goes_on(self, repository, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]
        if subprocess.run(words, check=False).returncode:
            pytest.skip("mounting is not allowed here")
        try:
            program = (
                "import threading\npause = threading.Event().wait\n"
                "for i in range(130): print('x' * 70_000); pause(0.02)\n"
                "print('the end')\nraise SystemExit(7)\n"
            )
            repository.commit({"main.py": program})
            done = repository.python(
                "-m", "meticulous", "run", "--experiments-directory", str(disk / "runs"),
                "--", sys.executable, "main.py",
            )  # fmt: skip
            assert done.returncode == 7
            assert done.stdout == ("x" * 70_000 + "\n") * 130 + "the end\n"
            assert len(warnings_in(done.stderr)) == 1
            assert (disk / "runs/1/STATUS").read_text() == "ERROR\nexit code 7\n"
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
    def test_a_really_full_file_system(self, repository, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], check=False
        )
        if mounted.returncode:
            pytest.skip("mounting is not allowed here")
        try:
            program = (
                "import os, sys\nfrom meticulous import Experiment\n"
                f"experiment = Experiment({{}}, experiments_directory={str(disk / 'runs')!r})\n"
                "for i in range(40000): print('a line of some length', i)\n"
                "sys.stdout.flush(); os.system('echo from a child')\n"
                "experiment.log(loss=1)\nexperiment.summary(b=1)\nexperiment.note('n')\n"
                "raise SystemExit(7)\n"
            )
            repository.commit({"main.py": program})
            done = repository.python("main.py")
            assert done.returncode == 7
            lines = [f"a line of some length {i}\n" for i in range(40000)]
            assert done.stdout == "".join([*lines, "from a child\n"])
            assert len(warnings_in(done.stderr)) == 1
            assert (disk / "runs/1/STATUS").read_text().split() == ["ERROR", "exit", "code", "7"]
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


class TestVanishedFolder:
    """Somebody removes the folder while the program runs."""

    def test_the_program_ends_as_it_would(self, repository):
        program = BEGIN + (
            # Moved first: what describes the surroundings may be writing a file there.
            "import shutil\nprint('before')\nos.rename('experiments', 'gone')\n"
            "shutil.rmtree('gone', ignore_errors=True)\n"
            "print('after'); experiment.summary(a=1); experiment.log(b=2); experiment.note('c')\n"
            "sys.exit(3)\n"
        )
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert (done.stdout, done.returncode) == ("before\nafter\n", 3)
        assert warnings_in(done.stderr)
        assert "Traceback" not in done.stderr
        assert not (repository.directory / "experiments").exists()

    def test_a_changed_working_directory_does_not_matter(self, repository, tmp_path):
        program = BEGIN + (
            f"os.chdir({str(tmp_path)!r})\nexperiment.summary(a=1)\nprint('x')\n"
            "with experiment.open('file.txt', 'w') as file: file.write('y')\n"
        )
        repository.commit({"main.py": program})
        repository.python("main.py", check=True)
        folder = repository.directory / "experiments/1"
        assert (folder / "file.txt").read_text() == "y"
        assert (folder / "STATUS").read_text() == "SUCCESS\n"

    def test_a_removed_working_directory_does_not_matter(self, repository):
        program = BEGIN + "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\nprint('x')\n"
        repository.commit({"main.py": program})
        repository.python("main.py", check=True)
        assert (repository.directory / "experiments/1/STATUS").read_text() == "SUCCESS\n"


class TestStrangeValues:
    """Arguments and results that JSON does not know."""

    def test_everything_is_recorded_predictably(self, repository):
        program = (
            "import datetime, enum, pathlib, numpy\nfrom meticulous import Experiment\n"
            "class Colour(enum.Enum):\n    RED = 'red'\n"
            "values = {'nan': float('nan'), 'inf': float('inf'), 'path': pathlib.Path('a/b'),\n"
            "    'colour': Colour.RED, 'set': {3, 1, 2}, 'bytes': b'\\xff', 'big': 2**70,\n"
            "    'day': datetime.date(2020, 1, 2), 'surrogate': '\\udc80', 'object': object(),\n"
            "    'array': numpy.arange(3), 'number': numpy.float32(0.5), 'function': len,\n"
            "    7: 'seven',\n"
            "    'type': int, 'none': None, 'nested': {'deep': [float('-inf'), (1, 2)]}}\n"
            "with Experiment(values) as experiment:\n"
            "    experiment.summary(values); experiment.log(values)\n"
        )
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert done.returncode == 0, done.stderr
        folder = repository.directory / "experiments/1"
        args = read(folder, "args.json")
        assert args["nan"] == "NaN"
        assert args["inf"] == "Infinity"
        assert args["path"] == "a/b"
        assert args["colour"] == "red"
        assert args["set"] == [1, 2, 3]
        assert args["big"] == str(2**70)
        assert args["day"] == "2020-01-02"
        assert args["array"] == [0, 1, 2]
        assert args["number"] == 0.5
        assert args["7"] == "seven"
        assert args["nested"] == {"deep": ["-Infinity", [1, 2]]}
        assert read(folder, "summary.json") == args
        logged = json.loads((folder / "metrics.jsonl").read_text())
        assert {key: logged[key] for key in args} == args

    def test_twenty_megabytes_of_arguments(self, repository):
        program = (
            "from meticulous import Experiment\nwith Experiment({'text': 'x' * 20_000_000}): pass"
        )
        repository.commit({"main.py": program})
        repository.python("main.py", check=True)
        folder = repository.directory / "experiments/1"
        assert (folder / "args.json").stat().st_size > 20_000_000
        assert (folder / "STATUS").read_text() == "SUCCESS\n"

    def test_secrets_are_not_recorded_anywhere(self, repository):
        secret = "hunter2-hunter2-hunter2"
        program = (
            "import argparse\nfrom meticulous import Experiment\n"
            "parser = argparse.ArgumentParser()\nparser.add_argument('--password')\n"
            "parser.add_argument('--url')\nExperiment.add_argument_group(parser)\n"
            "experiment = Experiment.from_parser(parser)\n"
            "assert experiment.args.password.startswith('hunter2')\n"
            "experiment.note('used ' + experiment.args.password)\n"
            "experiment.log(text='used ' + experiment.args.password)\n"
            "raise ValueError(experiment.args.password)\n"
        )
        repository.commit({"main.py": program})
        repository.git("remote", "add", "origin", f"https://me:{secret}@example.org/x.git")
        words = ["--password", secret, "--url", f"https://u:{secret}@example.org/?token={secret}"]
        words += ["--description", f"with {secret}"]
        done = repository.python("main.py", *words, env={"API_TOKEN": secret})
        assert done.returncode == 1
        folder = repository.directory / "experiments/1"
        wait_until((folder / "environment.json").exists)
        for path in (path for path in folder.iterdir() if path.name != "stderr"):
            assert secret not in path.read_text(), path
        assert read(folder, "args.json")["password"] == "<redacted>"


class TestStrangePlaces:
    """Homes, locales, caches and kinds of checkouts."""

    @pytest.mark.parametrize(
        "variables",
        [
            {"HOME": "/nonexistent", "TZ": "Asia/Kathmandu", "PYTHONOPTIMIZE": "2"},
            {"HOME": "", "XDG_CACHE_HOME": "/proc/nothing", "PYTHONDONTWRITEBYTECODE": "1"},
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
            {"PYTHONUNBUFFERED": "1"},
        ],
        ids=lambda variables: ",".join(variables),
    )
    def test_recording_works_whatever_the_environment(self, repository, variables):
        program = (
            "from meticulous import Experiment\nExperiment({'ü': 'é'}, description='ñ')\nprint(1)"
        )
        repository.commit({"main.py": program})
        done = repository.python("main.py", env=variables)
        assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
        folder = repository.directory / "experiments/1"
        assert json.loads((folder / "args.json").read_bytes()) == {"ü": "é"}
        assert (folder / "STATUS").read_text() == "SUCCESS\n"

    def test_a_detached_head(self, repository):
        repository.commit({"main.py": BEGIN})
        repository.git("checkout", "-q", "--detach")
        repository.python("main.py", check=True)
        assert read(repository.directory / "experiments/1", "metadata.json")["git-branch"] is None

    def test_a_linked_worktree(self, repository, tmp_path):
        sha = repository.commit({"main.py": BEGIN})
        repository.git("worktree", "add", "-q", str(tmp_path / "other"), "-b", "other")
        subprocess.run([sys.executable, "main.py"], cwd=tmp_path / "other", check=True)
        metadata = read(tmp_path / "other/experiments/1", "metadata.json")
        assert (metadata["githead-sha"], metadata["git-branch"]) == (sha, "other")

    def test_a_shallow_clone(self, repository, tmp_path):
        repository.commit({"main.py": BEGIN})
        sha = repository.commit({"README": "more"})
        clone = tmp_path / "clone"
        repository.git("clone", "-q", "--depth", "1", f"file://{repository.directory}", str(clone))
        subprocess.run([sys.executable, "main.py"], cwd=clone, check=True)
        assert read(clone / "experiments/1", "metadata.json")["githead-sha"] == sha

    def test_a_sparse_checkout(self, repository):
        repository.commit({"main.py": BEGIN, "big/file": "x"})
        repository.git("sparse-checkout", "set", "--no-cone", "/main.py")
        assert not (repository.directory / "big").exists()
        repository.python("main.py", check=True)
        assert (repository.directory / "experiments/1/STATUS").read_text() == "SUCCESS\n"

    def test_a_submodule_is_its_own_repository(self, make_repository):
        inner = make_repository("inner")
        sha = inner.commit({"main.py": BEGIN})
        outer = make_repository("outer")
        allow = ("-c", "protocol.file.allow=always")
        outer.git(*allow, "submodule", "add", "-q", str(inner.directory), "sub")
        outer.commit(message="with a submodule")
        subprocess.run([sys.executable, "main.py"], cwd=outer.directory / "sub", check=True)
        folder = outer.directory / "sub/experiments/1"
        assert read(folder, "metadata.json")["githead-sha"] == sha

    def test_code_changed_while_the_program_runs_is_reported(self, repository):
        program = BEGIN + (
            "open('helper.py', 'a').write('\\nx = 2\\n')\nimport helper\nprint(helper.x)\n"
        )
        repository.commit({"main.py": program, "helper.py": "x = 1\n"})
        done = repository.python("main.py", check=True)
        assert done.stdout == "2\n"
        assert "code was changed while the program ran: helper.py" in done.stderr

    def test_a_clock_that_jumps_backwards(self, repository):
        program = BEGIN + "import time\ntime.time = lambda: 1e9\n"
        repository.commit({"main.py": program})
        repository.python("main.py", check=True)
        assert read(repository.directory / "experiments/1", "metadata.json")["duration"] >= 0


def test_a_script_of_another_repository_is_not_passed_off_as_this_ones(make_repository):
    here, there = make_repository("here"), make_repository("there")
    script = there.write("main.py", BEGIN)
    done = here.python(str(script))
    assert done.returncode == 0
    assert f"code that is not in the recorded commit: {script}" in done.stderr
    metadata = read(here.directory / "experiments/1", "metadata.json")
    assert metadata["git-untracked-sources"] == [str(script)]
