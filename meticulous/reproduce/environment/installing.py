"""Have uv or pip make an environment and fill it; what fails is told package by package."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from meticulous.errors import EnvironmentUnavailableError
from meticulous.recorder.ending.signals import held
from meticulous.recorder.secrets.gate import Gate
from meticulous.reproduce.environment.pins import NotInstalled, Pin

_LONGEST_SECONDS = 3600.0
"""After this long an installation is given up."""

_ELSEWHERE = re.compile(
    r"(PIP|UV)_(TARGET|PREFIX|ROOT|USER|PYTHON|CONSTRAINT|BUILD_CONSTRAINT|OVERRIDE|REQUIREMENT"
    r"|REQUIRE_HASHES|REQUIRE_VIRTUALENV|SYSTEM_PYTHON|BREAK_SYSTEM_PACKAGES|DRY_RUN|REPORT"
    r"|PYTHON_VERSION|PLATFORM|ABI|IMPLEMENTATION|QUIET|VERBOSE|LOG|NO_DEPS|RESOLUTION)"
    r"|PYTHON(PATH|HOME|STARTUP|INSPECT|OPTIMIZE|WARNINGS)|VIRTUAL_ENV|CONDA_PREFIX|__PYVENV.*"
)
"""Variables by which packages would land elsewhere, or be others."""

_NO_NETWORK = re.compile(
    r"error sending request|dns error|failed to lookup|network is (unreachable|down)"
    r"|connection (refused|reset|error)|could not connect|connect error|timed out"
    r"|temporary failure in name resolution|max retries exceeded|newconnectionerror"
    r"|failed to fetch",
    re.IGNORECASE,
)

_OFFLINE_SECONDS = 30.0
"""So long is looked for what can be had without the network, once it has failed."""

_ADVICE = re.compile(
    r"\s*(hint|help|note|\[notice\]|warning|\[end of output\]|╰─▶\s*hint)\b.*", re.IGNORECASE
)
"""Lines of an error message that give no reason."""

_ORNAMENT = re.compile(r"^\W*(error|warning|cause|caused by|x|├─▶|╰─▶)\s*:?\s*", re.IGNORECASE)

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Installer:
    """A program that installs packages.

    Attributes:
        name: "uv" or "pip".
        words: How its command begins.
    """

    name: str
    words: tuple[str, ...]


def find_installers() -> list[Installer]:
    """Return what can install packages here, the better first; empty when nothing can."""
    found = []
    uv = _find_uv()
    if uv is not None:
        found.append(Installer("uv", (uv,)))
    if sys.executable and importlib.util.find_spec("pip") is not None:
        # Its own options hold for it: the environment that is filled need not have any pip.
        found.append(Installer("pip", (sys.executable, "-m", "pip")))
    return found


def no_installer() -> EnvironmentUnavailableError:
    """Return the error that says that nothing here installs packages."""
    return EnvironmentUnavailableError(
        "Neither uv nor pip is here, so no environment can be made. Install uv "
        "(pip install 'meticulous-ml[reproduce]', or https://docs.astral.sh/uv), or run in the "
        "present environment: --environment current"
    )


def make_empty(
    installers: Sequence[Installer], python: str, directory: str, lock: int | None = None
) -> str:
    """Make a virtual environment without packages and return the path of its interpreter.

    Args:
        installers: What may make it, the better first.
        python: The interpreter beneath it.
        directory: Where; it must not exist.
        lock: A descriptor that the programs hold open as long as they live.

    Raises:
        EnvironmentUnavailableError: It cannot be made.
    """
    reason: str | None = "there is nothing to make it with"
    for installer in installers:
        if installer.name == "uv":
            words = [*installer.words, "venv", "--quiet", "--no-project", "--python", python]
            words += ["--no-config", directory]
        else:
            words = [python, "-I", "-m", "venv", "--without-pip", directory]
        reason = _run(words, time.monotonic() + _LONGEST_SECONDS, lock)
        if reason is None:
            return os.path.join(directory, "bin", "python")
        shutil.rmtree(directory, ignore_errors=True)
    raise EnvironmentUnavailableError(
        f"No virtual environment of {python} can be made in {directory}: {reason}"
    )


def install(
    installers: Sequence[Installer],
    python: str,
    pins: Sequence[Pin],
    *,
    constraints: Iterable[Pin] | None = None,
    lock: int | None = None,
) -> list[NotInstalled]:
    """Install packages into an environment, as many as can be.

    A record names every package, so nothing but the named is installed; a set that no resolver
    would accept is installed as it was. What one installer cannot install the next one tries, since
    each has its own configuration of package indexes.

    Args:
        installers: What may install, the better first.
        python: The interpreter of the environment.
        pins: The packages.
        constraints: With these, what the packages need is installed too, in these versions.
        lock: A descriptor that the programs hold open as long as they live.

    Returns:
        What could not be installed, and why; empty when everything was.
    """
    with tempfile.TemporaryDirectory(prefix="meticulous-pins-") as scratch:
        options = ["--no-deps"]
        if constraints is not None:
            options = ["-c", _write_lines(scratch, "constraints.txt", constraints)]

        def command(installer: Installer) -> list[str]:
            return [*_install_words(installer, python), *options]

        return _with_each(
            installers, pins, command, scratch, time.monotonic() + _LONGEST_SECONDS, lock
        )


def installable(
    pins: Sequence[Pin],
    python: str | None = None,
    *,
    installers: Sequence[Installer] | None = None,
) -> list[NotInstalled]:
    """Ask the package indexes which packages could not be installed any more; installs nothing.

    Args:
        pins: The packages.
        python: For which interpreter; by default the one of this process.
        installers: What asks, the better first; by default what is found here.

    Raises:
        EnvironmentUnavailableError: There is nothing to ask with.
    """
    installers = find_installers() if installers is None else installers
    if not installers:
        raise no_installer()
    with tempfile.TemporaryDirectory(prefix="meticulous-pins-") as scratch:

        def command(installer: Installer) -> list[str]:
            return [*_ask_words(installer, python or sys.executable, scratch), "--no-deps"]

        return _with_each(
            installers, pins, command, scratch, time.monotonic() + _LONGEST_SECONDS, None
        )


def _with_each(
    installers: Sequence[Installer],
    pins: Sequence[Pin],
    command: Callable[[Installer], list[str]],
    scratch: str,
    end: float,
    lock: int | None,
) -> list[NotInstalled]:
    """Give the pins to the first installer, what fails to the next; return what fails with all."""
    left = list(pins)
    reasons: dict[Pin, str] = {}
    for installer in installers:
        words = command(installer)

        def attempt(some: Sequence[Pin], offline: bool, words: Sequence[str] = words) -> str | None:
            file = _write_lines(scratch, "pins.txt", some)
            return _run([*words, "-r", file], end, lock, scratch, offline)

        failed = failing(left, attempt, end)
        for pin, reason in failed.items():
            reasons.setdefault(pin, reason)
        left = list(failed)
    return [NotInstalled(pin.line, reasons[pin]) for pin in left]


def failing(
    pins: Sequence[Pin], attempt: Callable[[Sequence[Pin], bool], str | None], end: float
) -> dict[Pin, str]:
    """Find those that fail, by what is said or else by halves, so that it takes few attempts.

    Args:
        pins: All of them.
        attempt: Tries some, without the network if its second argument says so; returns None
            when all of them succeeded, else the reason why not.
        end: When to stop, by the monotonic clock.

    Returns:
        The failing ones with their reasons, in their order.
    """
    failed: dict[Pin, str] = {}
    unreachable = ""
    waiting: list[Sequence[Pin]] = [pins] if pins else []
    while waiting:
        some = waiting.pop()
        if time.monotonic() >= end:
            failed.update(dict.fromkeys(some, unreachable or "not tried: the time was up"))
            continue
        reason = attempt(some, bool(unreachable))
        if reason is None:
            continue
        if not unreachable and _NO_NETWORK.search(reason):
            # Waiting for the network once is enough; what lies in a cache is still found.
            unreachable = reason
            end = min(end, time.monotonic() + _OFFLINE_SECONDS)
            waiting.append(some)
        elif len(some) == 1:
            failed[some[0]] = unreachable or reason
        else:
            waiting += _split(some, reason)
    return {pin: failed[pin] for pin in pins if pin in failed}


def _split(pins: Sequence[Pin], reason: str) -> list[Sequence[Pin]]:
    """Divide pins of which some fail: by the one that the reason names, else in the middle."""
    named = [pin for pin in pins if _names(reason, pin.name)]
    if len(named) == 1:
        return [[pin for pin in pins if pin is not named[0]], named]
    half = len(pins) // 2
    return [pins[half:], pins[:half]]


def _names(reason: str, name: str) -> bool:
    if not name:
        return False
    spelled = re.escape(name).replace(r"\-", "[-_.]+")
    return re.search(rf"(?<![\w.-]){spelled}(?![\w-])", reason, re.IGNORECASE) is not None


def _install_words(installer: Installer, python: str) -> list[str]:
    if installer.name == "uv":
        return [*installer.words, "pip", "install", "--quiet", "--python", python]
    return [*installer.words, "--python", python, "install", "--quiet", "--no-input"]


def _ask_words(installer: Installer, python: str, scratch: str) -> list[str]:
    target = os.path.join(scratch, "target")
    if installer.name == "uv":
        words = ["pip", "install", "--quiet", "--dry-run", "--python", python]
        return [*installer.words, *words, "--target", target]
    words = ["--python", python, "install", "--quiet", "--no-input", "--dry-run"]
    return [*installer.words, *words, "--ignore-installed", "--target", target]


def _write_lines(folder: str, name: str, pins: Iterable[Pin]) -> str:
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{pin.line}\n" for pin in pins)
    return path


def _run(
    words: Sequence[str],
    end: float,
    lock: int | None = None,
    folder: str | None = None,
    offline: bool = False,
) -> str | None:
    """Carry out a command; return None when it succeeded, else why not, in one line."""
    process = None
    try:
        # An interrupt between the start and the moment that we know of it would leave it running.
        with held():
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder or tempfile.gettempdir(),
                env=_variables(os.environ, offline),
                # Builds start programs of their own: all of them end with the group.
                start_new_session=True,
                # As long as one of them lives, nobody else believes the environment abandoned.
                pass_fds=() if lock is None else (lock,),
            )
        output, _ = process.communicate(timeout=max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "given up: it took too long"
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be started: {error}"
    finally:
        if process is not None and process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode == 0:
        return None
    return reason_of(output.decode("utf-8", "replace")) or f"exit code {process.returncode}"


def reason_of(output: str) -> str:
    """Return the line of an installer's error message that says why, free of secrets."""
    lines = [line for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if not _ADVICE.match(line)] or lines[:1]
    if not reasons:
        return ""
    # What could not be reached is said first, and why at the end; pip ends with what it wanted.
    unreachable = [line for line in lines if _NO_NETWORK.search(line)]
    told = dict.fromkeys([unreachable[0], unreachable[-1]]) if unreachable else reasons[-1:]
    text = ": ".join(_ORNAMENT.sub("", line.strip()) for line in told)
    return Gate().clean_text(text)[:_LONGEST_REASON]


def _variables(present: Mapping[str, str], offline: bool) -> dict[str, str]:
    variables = {name: value for name, value in present.items() if not _ELSEWHERE.fullmatch(name)}
    variables |= {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        "PIP_NO_INPUT": "1",
        "PIP_RETRIES": "1",
        "PIP_NO_COLOR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        # A repository that wants a password is a reason, not a prompt.
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_SSH_COMMAND": f"{present.get('GIT_SSH_COMMAND', 'ssh')} -o BatchMode=yes",
    }
    variables.pop("FORCE_COLOR", None)
    if offline:
        variables |= {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    return variables


def _find_uv() -> str | None:
    places = [os.path.dirname(sys.executable or ""), sysconfig.get_path("scripts")]
    with contextlib.suppress(KeyError):
        places.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    for place in filter(None, places):
        path = os.path.join(place, "uv")
        if os.access(path, os.X_OK):
            return path
    return shutil.which("uv")
