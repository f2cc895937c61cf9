"""Carry out programs one after another, each in a fork of one interpreter.

A fork has streams, modules and an end of its own, as an interpreter that was started anew, and
costs a tenth of it. Where the interpreter has recorded an experiment before, its forks share the
description of the surroundings too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import Repository

RECORDED_BEFORE = "from meticulous import Experiment\nwith Experiment({}): pass\n"
"""What an interpreter carries out first, so that starting further experiments costs little."""

_DRIVER = """\
import os, runpy, sys
{begin}
# In a folder of their own: where a folder of the import path changes, nothing is shared.
for name in sys.argv[1:]:
    out, err = (
        os.open(f"shown/{{name}}.{{kind}}", os.O_WRONLY | os.O_CREAT) for kind in ("out", "err")
    )
    pid = os.fork()
    if pid == 0:
        os.dup2(out, 1), os.dup2(err, 2)
        os.close(out), os.close(err)
        sys.argv = [name]
        runpy.run_path(name, run_name="__main__")
        sys.exit()
    os.close(out), os.close(err)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """What a program has shown, and how it ended.

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
) -> list[Outcome]:
    """Carry out programs, one after another, and return how each of them went.

    Args:
        repository: Where they are committed, as program1.py and so on.
        programs: Their texts.
        begin: What the interpreter carries out before it is forked.
        files: What is committed besides.
        env: Environment variables that differ.
    """
    names = [f"program{number}.py" for number in range(1, len(programs) + 1)]
    texts = dict(zip(names, programs, strict=True))
    driver = {"driver.py": _DRIVER.format(begin=begin), "shown/.gitignore": "*\n"}
    repository.commit({**driver, **texts, **(files or {})})
    done = repository.python("driver.py", *names, env=env)
    assert done.returncode == 0, done.stderr
    before = "with Experiment" in begin
    outcomes = []
    for number, (name, code) in enumerate(zip(names, done.stdout.split(), strict=True), 1):
        shown, errors = (
            (repository.directory / "shown" / f"{name}.{kind}").read_text()
            for kind in ("out", "err")
        )
        folder = repository.directory / "experiments" / str(number + before)
        outcomes.append(Outcome(shown, errors, int(code), folder))
    return outcomes
