"""Carry out programs one after another, each in a fork of one interpreter.

A fork has streams, modules and an end of its own, as an interpreter that was started anew, and
costs a tenth of it. Where the interpreter has recorded an experiment before, its forks share the
description of the surroundings too.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repositories import Repository

RECORDED_BEFORE = "from meticulous import Experiment\nwith Experiment({}): pass\n"
"""What an interpreter carries out first, so that starting further experiments costs little."""

_DRIVER = """\
def _program():
    import fcntl, os, sys
    for name in sys.argv[1:]:
        pipes = [os.pipe(), os.pipe()]
        for _, end in pipes:
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 1 << 20)
        pid = os.fork()
        if pid == 0:
            for number, (_, end) in enumerate(pipes, 1):
                os.dup2(end, number)
            os.closerange(3, 20)
            sys.argv = [name]
            globals()["__file__"] = path = os.path.abspath(name)
            with open(path, encoding="utf-8") as file:
                return compile(file.read(), path, "exec")
        for _, end in pipes:
            os.close(end)
        _, status = os.waitpid(pid, 0)
        shown = []
        for end, _ in pipes:
            with open(end, "rb") as file:
                shown.append(file.read())
        print(repr((*shown, os.waitstatus_to_exitcode(status))), flush=True)
    sys.exit()

{begin}
exec(_program())
"""


@dataclass(frozen=True)
class Outcome:
    """What a program has shown, up to a megabyte, and how it ended.

    Attributes:
        folder: Its record, if each program before it has recorded one experiment too.
    """

    shown: str
    errors: str
    code: int
    folder: Path


def carry_out(
    repository: Repository,
    programs: Sequence[str],
    begin: str = RECORDED_BEFORE,
    files: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> list[Outcome]:
    """Carry out programs, one after another, and return how each of them went.

    Args:
        repository: Where they are committed, as program1.py and so on.
        programs: Their texts.
        begin: What the interpreter carries out before it is forked.
        files: What is committed besides.
        env: Environment variables that differ.
        python: The interpreter.
    """
    names = [f"program{number}.py" for number in range(1, len(programs) + 1)]
    committed = dict(zip(names, programs, strict=True))
    driver = {"driver.py": _DRIVER.format(begin=begin)}
    repository.commit({**driver, **committed, **(files or {})})
    done = subprocess.run(
        [python, "driver.py", *names],
        cwd=repository.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, done.stderr
    before = "with Experiment" in begin
    outcomes = []
    for number, line in enumerate(done.stdout.splitlines(), 1 + before):
        shown, errors, code = ast.literal_eval(line)
        folder = repository.directory / "experiments" / str(number)
        texts = (data.decode(errors="surrogateescape") for data in (shown, errors))
        outcomes.append(Outcome(*texts, code, folder))
    return outcomes


def carry_out_alone(repository: Repository, programs: Sequence[str]) -> list[Outcome]:
    """Carry out programs in an interpreter that knows nothing of us; none of them has a record."""
    return carry_out(repository, programs, begin="")


def ends_of(outcomes: Sequence[Outcome]) -> list[tuple[str, str, int]]:
    """Return what programs have shown, without our warnings, and how they ended.

    What they say of the line in which they were begun is left out.
    """
    ours = re.compile(r'(?<=driver\.py", line )\d+|meticulous: warning: .*\n')
    return [(outcome.shown, ours.sub("", outcome.errors), outcome.code) for outcome in outcomes]
