"""Runs that could harm what they are a copy of, or that are started in unusual ways."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from untouched import fingerprint

BEGIN = "import os, subprocess, sys\nfrom meticulous import Experiment\n"


@pytest.fixture
def reproduce(command):
    """Return a function that reproduces in a repository and returns what is said as JSON."""

    def run(repository, *words: str, code: int = 0):
        done = command("reproduce", *words, "--json", cwd=repository.directory)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return run


def folder(repository, name: int | str) -> Path:
    return repository.directory / "experiments" / str(name)


def record(repository, *words: str, code: int = 0, **options):
    done = repository.python(*words, **options)
    assert done.returncode == code, done.stderr


def test_a_path_in_the_program_does_not_lead_into_the_checkout(repository, reproduce):
    made = repository.directory / "made.txt"
    writes = f"with Experiment({{}}) as e:\n    open({str(made)!r}, 'w').write(str(os.getpid()))\n"
    repository.commit({".gitignore": "made.txt\n", "write.py": BEGIN + writes})
    record(repository, "write.py")
    made.write_text("precious")
    before = fingerprint(repository.directory, "experiments")
    found = reproduce(repository, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert "PermissionError" in found["reason"]
    assert any(f"kept from writing in the original checkout: {made}" in r for r in found["remarks"])
    assert fingerprint(repository.directory, "experiments") == before
    reproduce(repository, "1", "--allow-outside", code=1)
    assert made.read_text().isdigit()


def test_python_below_meticulous_run_is_kept_out_as_well(repository, command, reproduce):
    made = repository.directory / "made.txt"
    writes = f"open({str(made)!r}, 'w').write('again')\n"
    repository.commit({".gitignore": "made.txt\n", "inner.py": writes})
    words = ("run", "--", "sh", "-c", f"{sys.executable} inner.py")
    assert command(*words, cwd=repository.directory).returncode == 0
    made.write_text("precious")
    assert reproduce(repository, "1", code=1)["verdict"] == "FAILED"
    assert made.read_text() == "precious"


def test_a_registered_program_finds_its_parameters_again(repository, command, reproduce):
    program = repository.write(
        "simulate.sh",
        '#!/bin/sh\ncp "$METICULOUS_ARGS" "$METICULOUS_EXPERIMENT/seen.json"\n'
        'echo "choice <$METICULOUS_CODE_CHOICE>"\n',
    )
    program.chmod(0o755)
    repository.commit()
    made = command("register", "./simulate.sh", "mesh=32", cwd=repository.directory)
    assert made.returncode == 0, made.stderr
    done = subprocess.run(
        ["sh", str(folder(repository, 1) / "run.sh")],
        env={**os.environ, "METICULOUS_CODE_CHOICE": "recorded"},
        cwd=repository.directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (folder(repository, 1) / "stdout").read_text() == "choice <>\n"
    assert reproduce(repository, "1")["verdict"] == "IDENTICAL"
    for name in ("args.json", "seen.json"):
        assert json.loads((folder(repository, 2) / name).read_text()) == {"mesh": 32}


def test_steps_that_a_resumed_run_logged_twice_count_once(repository, reproduce):
    program = (
        "with Experiment({}, experiment_id='main') as e:\n    for step in range(5):\n"
        "        if step == int(os.environ.get('STOP', 9)): raise ValueError\n"
        "        e.log(step=step, loss=step / 2)\n"
    )
    repository.commit({"train.py": BEGIN + program})
    record(repository, "train.py", code=1, env={"STOP": "3"})
    record(repository, "train.py")
    assert len((folder(repository, "main") / "metrics.jsonl").read_text().splitlines()) == 8
    found = reproduce(repository, "main")
    assert found["verdict"] == "IDENTICAL", found
    assert any("resumed (2 starts)" in remark for remark in found["remarks"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_left_its_variables_behind_is_ended(repository, reproduce):
    program = (
        "with Experiment({}) as e:\n    e.summary(x=1)\n    if 'METICULOUS_REPRODUCTION' in "
        "os.environ:\n        subprocess.run('setsid sleep 4321 > /dev/null 2>&1 &', shell=True,"
        " env={'PATH': os.environ['PATH']})\n"
    )
    repository.commit({"serve.py": BEGIN + program})
    record(repository, "serve.py")
    found = reproduce(repository, "1")
    assert any("sleep 4321" in remark for remark in found["remarks"]), found
    running = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    assert ["sleep", "4321"] not in running


def test_a_program_that_needs_its_terminal_is_told_why_it_fails(repository, reproduce):
    repository.commit(
        {"ask.py": BEGIN + "with Experiment({}) as e:\n    e.summary(x=len(os.ttyname(0)) > 0)\n"}
    )
    ours, theirs = pty.openpty()
    try:
        words = [sys.executable, "ask.py"]
        subprocess.run(words, cwd=repository.directory, stdin=theirs, timeout=60, check=True)
    finally:
        os.close(ours)
        os.close(theirs)
    found = reproduce(repository, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert any("needs a terminal, which it had then" in remark for remark in found["remarks"])


def test_a_relative_path_into_the_old_folder_is_no_difference(repository, reproduce):
    program = (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--out')\n"
        "Experiment.add_argument_group(parser)\ne = Experiment.from_parser(parser)\n"
        "open(e.args['out'], 'w').write('1')\n"
    )
    repository.commit({"deep/er/save.py": BEGIN + program})
    here = repository.directory / "deep" / "er"
    words = [sys.executable, "save.py", "--project-directory", "../.."]
    words += ["--out", "../../experiments/1/out.txt"]
    subprocess.run(words, cwd=here, timeout=60, check=True, capture_output=True)
    found = reproduce(repository, "1")
    assert found["verdict"] == "IDENTICAL", found
    assert not any("names the original checkout" in remark for remark in found["remarks"])
    assert (folder(repository, 2) / "out.txt").read_text() == "1"
