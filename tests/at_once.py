"""One `meticulous` command line, carried out by many processes at the same moment.

They are forked from an interpreter that has imported what they need, so that they meet in what is
tested, and not in the import of modules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def carry_out_at_once(
    count: int, words: Sequence[str], *, first: Sequence[str], cwd: Path, **env: str
) -> tuple[list[int], str]:
    """Carry out `meticulous WORDS...` `count` times at once; return the exit codes and the errors.

    Args:
        count: How many processes.
        words: The command line of each.
        first: A command line that is carried out before, once, for what it imports.
        cwd: Their working directory.
        env: Variables in addition to those of this process.
    """
    done = subprocess.run(
        [sys.executable, __file__, str(count), json.dumps(list(first)), json.dumps(list(words))],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def _carry_out(count: int, first: list[str], words: list[str]) -> list[int]:
    from meticulous.cli import main

    main(first)
    gate, opened = os.pipe()
    processes = []
    for _ in range(count):
        process = os.fork()
        if process == 0:
            os.close(opened)
            os.read(gate, 1)  # which ends, for all at once, when nobody can write any more
            os._exit(main(words))
        processes.append(process)
    os.close(opened)
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]


if __name__ == "__main__":
    number, before, line = sys.argv[1:]
    print(json.dumps(_carry_out(int(number), json.loads(before), json.loads(line))))
