"""Describe an interpreter as the recorder would, without it having to hold this package.

The interpreter itself is only asked for what nobody else knows (its version and import path), by a
few lines that any Python 3 carries out; machine and packages are looked up from here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from meticulous.errors import EnvironmentUnavailableError
from meticulous.folder import layout
from meticulous.recorder.environment.description import collect
from meticulous.recorder.environment.variables import VARIABLE_PREFIXES, VARIABLES
from meticulous.recorder.secrets.gate import Gate

ANSWER_SECONDS = 60.0
"""After this long an interpreter that does not answer is given up."""

_PROBE = """
import sys, json
flags = sys.flags
facts = {
    "version": sys.version,
    "implementation": sys.implementation.name,
    "executable": sys.executable,
    "prefix": sys.prefix,
    "base-prefix": getattr(sys, "base_prefix", sys.prefix),
    "flags": {
        name: getattr(flags, name)
        for name in dir(flags)
        if not name.startswith(("_", "n_")) and name not in ("count", "index")
    },
    "x-options": dict(getattr(sys, "_xoptions", {})),
    "warn-options": list(sys.warnoptions),
    "file-system-encoding": sys.getfilesystemencoding(),
    "path": [entry for entry in sys.path if isinstance(entry, str)],
}
print("\\n" + json.dumps(facts))
"""
"""Prints what the recorder asks a recorded process for."""


def describe_interpreter(
    python: str,
    *,
    variables: Mapping[str, str] | None = None,
    working_directory: str | None = None,
) -> dict[str, Any]:
    """Return what environment.json would say about a program that this interpreter ran now.

    Args:
        python: The path of the interpreter.
        variables: All environment variables that the program would have; by default those of this
            process.
        working_directory: Where it would run; by default where this process does.

    Raises:
        EnvironmentUnavailableError: The interpreter cannot be started or does not answer.
    """
    variables = dict(os.environ if variables is None else variables)
    directory = working_directory or os.getcwd()
    facts = probe(python, variables)
    # The probe, being text, has the empty entry "" where a script has its own folder.
    path = [entry for entry in facts["path"] if entry]
    facts["path"] = [os.path.normpath(os.path.join(directory, entry)) for entry in path]
    facts["variables"] = chosen_of(variables)
    request = {
        "directory": os.path.join(directory, layout.ENVIRONMENT),
        "search-path": facts["path"],
        "working-directory": directory,
        "facts": facts,
    }
    described: dict[str, Any] = Gate().clean(collect(request))
    return described


def probe(python: str, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Ask an interpreter about itself: version, prefixes, flags, import path.

    Args:
        python: Its path.
        variables: The environment variables it is started with.

    Raises:
        EnvironmentUnavailableError: It cannot be started, or does not answer as Python does.
    """
    environment = {**(os.environ if variables is None else variables), "PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(
            [python, "-c", _PROBE],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            env=environment,
            cwd="/",
        )
    except FileNotFoundError as error:
        raise EnvironmentUnavailableError(
            f"The interpreter {python} cannot be started: there is no such file."
        ) from error
    except (OSError, ValueError) as error:
        raise EnvironmentUnavailableError(
            f"The interpreter {python} cannot be started: {error}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentUnavailableError(
            f"The interpreter {python} did not answer within {ANSWER_SECONDS:g} s."
        ) from error
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    try:
        facts = json.loads(lines[-1])
        if done.returncode == 0 and isinstance(facts["path"], list):
            return dict(facts)
    except (ValueError, LookupError, TypeError):
        pass
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    raise EnvironmentUnavailableError(
        f"{python} does not answer as Python does"
        f"{f': {said[-1]}' if said else f' (exit code {done.returncode})'}"
    )


def chosen_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return those of the variables that the recorder records."""
    return {
        name: variables[name]
        for name in sorted(variables)
        if name in VARIABLES or name.startswith(VARIABLE_PREFIXES)
    }


def present_interpreter() -> str:
    """Return the interpreter that runs this process.

    Raises:
        EnvironmentUnavailableError: This process is an embedded or frozen Python.
    """
    if not sys.executable:
        raise EnvironmentUnavailableError(
            "The present interpreter has no path of its own; name one to reproduce with."
        )
    return sys.executable
