"""Runs that could harm what they are a copy of, or that are started in unusual ways."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys

from recorded_runs import folder, record
from untouched import fingerprint

BEGIN = "import os, subprocess, sys\nfrom meticulous import Experiment\n"


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
    words = ("run", "--", "sh", "-c", f"{shlex.quote(sys.executable)} inner.py")
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
