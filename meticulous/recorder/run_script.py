"""The script run.sh of a registered experiment, which any shell or scheduler takes."""

from __future__ import annotations

import os
import shlex

from meticulous.errors import HeaderError

_SHEBANG = "#!/bin/sh"

_BODY = r"""
# Carries out the experiment in whose folder this file lies: {what}
# For any shell, from any directory: sh run.sh, sbatch run.sh, screen -dm sh run.sh

uid={uid}
python=${{METICULOUS_PYTHON:-{python}}}

is_here() {{
    [ -f "$1/metadata.json" ] && grep -q "$uid" "$1/metadata.json"
}}

folder=$(CDPATH='' cd -- "$(dirname -- "$0")" 2>/dev/null && pwd -P)
if ! is_here "$folder" && [ -n "${{SLURM_JOB_ID:-}}" ]; then
    # Slurm starts a copy that lies elsewhere, and knows where this file is.
    script=$(scontrol show job "$SLURM_JOB_ID" 2>/dev/null | sed -n 's/^ *Command=//p')
    folder=$(dirname -- "$script")
fi
if ! is_here "$folder"; then
    folder={folder}
fi
if ! is_here "$folder"; then
    echo "run.sh: the folder of this experiment is not found: neither around this script nor at" \
        "$folder. Start the run.sh that lies in it." >&2
    exit 2
fi
if ! command -v "$python" >/dev/null 2>&1; then
    echo "run.sh: the interpreter $python is not on this machine ($(hostname))." \
        "Name another one: METICULOUS_PYTHON=/path/to/python sh run.sh" >&2
    exit 2
fi
if ! "$python" -P -c 'import meticulous' 2>/dev/null; then
    echo "run.sh: $python has no package meticulous on this machine ($(hostname))." \
        "Install it there (pip install meticulous-ml), or name another interpreter:" \
        "METICULOUS_PYTHON=/path/to/python sh run.sh" >&2
    exit 2
fi
exec "$python" -P -m meticulous execute --code "${{METICULOUS_CODE_CHOICE:-recorded}}" "$folder"
"""


def read_header(path: str) -> str:
    """Return the lines of a header file, such as `#SBATCH --time 1:00:00`.

    Raises:
        HeaderError: It cannot be read, or is no text.
    """
    try:
        with open(path, encoding="utf-8", newline=None) as file:
            header = file.read()
    except OSError as error:
        raise HeaderError(
            f"The header file {path} cannot be read: {error.strerror or error}. Nothing was "
            "registered."
        ) from None
    except ValueError:
        header = "\0"
    if "\0" in header:
        raise HeaderError(f"The header file {path} is no text (UTF-8). Nothing was registered.")
    return header


class RunScript:
    """Writes run.sh for the experiments of a set.

    Args:
        header: Lines that come after the first one, or "". Where they begin with `#!`, their first
            line is the first one of the script.
        interpreter: The Python to carry the experiment out with.
    """

    def __init__(self, header: str, interpreter: str) -> None:
        first, rest = _SHEBANG, header
        if header.startswith("#!"):
            first, _, rest = header.partition("\n")
        self._head = "\n".join(filter(None, (first, rest.rstrip("\n"))))
        self._python = shlex.quote(interpreter)

    def content(self, uid: str, name: str, folder: str) -> bytes:
        """Return the script of one experiment.

        Args:
            uid: Its uid, by which the script knows its folder again.
            name: Its readable name.
            folder: Where it lies now, for schedulers that start a copy of the script.
        """
        experiment_id = os.path.basename(folder)
        # A comment ends with its line, whatever the folder is called.
        what = "".join(letter for letter in f"{experiment_id} ({name})" if letter.isprintable())
        body = _BODY.format(
            what=what, uid=shlex.quote(uid), python=self._python, folder=shlex.quote(folder)
        )
        return os.fsencode(f"{self._head}\n{body}")
