"""Fetches one commit from a remote into a private repository: no prompt, no endless wait."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meticulous.errors import CommitNotFoundError
from meticulous.git.changes import is_there
from meticulous.git.command import git_environment
from meticulous.git.fetched import FETCHED, Fetched
from meticulous.git.remote import without_credentials

_TRANSPORTS = "file:git:http:https:ssh"
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Remote:
    """A place to fetch from.

    Attributes:
        url: Its URL; may hold credentials.
        settings: Settings of git that apply to it, such as a proxy; may hold secrets.
    """

    url: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The URL without what could be a secret, for messages and records."""
        return without_credentials(self.url)


def fetch_commit(
    root: str,
    commit: str,
    remotes: Sequence[Remote],
    *,
    seconds: float,
    is_stopped: Callable[[], bool] = lambda: False,
) -> str:
    """Fetch a commit into the repository at `root`; return the name of the remote that had it.

    Only the commit itself is asked for, without its history. Some servers give only what a branch
    or tag holds; from these everything is fetched. What was fetched is kept (see `fetched`), and
    the next time taken from there.

    Raises:
        CommitNotFoundError: No remote has it or can be reached; says why for each.
    """
    problems = []
    for remote in remotes:
        if Fetched(remote.name).give(root, commit):
            return remote.name
    for remote in remotes:
        problem = _fetch(root, commit, remote, seconds, is_stopped)
        if problem is None:
            Fetched(remote.name).keep(root, commit, quiet_environment())
            return remote.name
        problems.append(f"{remote.name}: {problem}")
    raise CommitNotFoundError(_not_found(commit, problems))


def quiet_environment(settings: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the environment for a git that may use the network but must never ask anybody."""
    environment = git_environment()
    ssh = dict(settings).get("core.sshcommand")
    command = environment.get("GIT_SSH_COMMAND") or ssh or "ssh"
    environment.update(
        # `false` and not nothing: without a program git would ask on the terminal.
        GIT_ASKPASS="false",
        SSH_ASKPASS="false",
        SSH_ASKPASS_REQUIRE="never",
        GCM_INTERACTIVE="never",
        GIT_ALLOW_PROTOCOL=environment.get("GIT_ALLOW_PROTOCOL", _TRANSPORTS),
        GIT_LFS_SKIP_DOWNLOAD_ERRORS="1",
    )
    if "GIT_SSH" not in environment:
        environment["GIT_SSH_COMMAND"] = f"{command} -oBatchMode=yes -oConnectTimeout=20"
    # In the environment nobody else can read what may be a password.
    count = _count(environment.get("GIT_CONFIG_COUNT"))
    for number, (key, value) in enumerate(settings, count):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    environment["GIT_CONFIG_COUNT"] = str(count + len(settings))
    return environment


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0


def _fetch(
    root: str, commit: str, remote: Remote, seconds: float, is_stopped: Callable[[], bool]
) -> str | None:
    """Try one remote; return what was in the way, None when the commit is here."""
    if _is_helper(remote.url):
        return "its URL names a program to run instead of a place, which is not done"
    deadline = time.monotonic() + seconds
    wanted = ("--depth=1", remote.url, f"{commit}:{FETCHED}/{commit}")
    everything = (remote.url, f"+refs/*:{FETCHED}/all/*")
    problem = "nothing was tried"
    for words in (wanted, everything):
        said = _run(root, words, remote, deadline, is_stopped)
        if said is None and is_there(root, commit):
            return None
        problem = said or "it does not have the commit"
        if said is not None and not _refuses_names(said):
            break
    return problem


def _run(
    root: str,
    words: Sequence[str],
    remote: Remote,
    deadline: float,
    is_stopped: Callable[[], bool],
) -> str | None:
    command = ["git", "-C", root, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]
    command += ["--no-auto-maintenance", "--no-recurse-submodules", *words]
    # A session of its own has no terminal on which anything could ask for a password.
    process = subprocess.Popen(
        command,
        env=quiet_environment(remote.settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        while True:
            try:
                _, errors = process.communicate(timeout=_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if is_stopped():
                    return "it was interrupted"
                if time.monotonic() > deadline:
                    return "it did not answer in time"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return None if process.returncode == 0 else _reason(errors.decode("utf-8", "replace"), remote)


def _refuses_names(said: str) -> bool:
    """Say whether a server answered, but not to a commit by its name."""
    words = ("not our ref", "unadvertised object", "Server does not allow", "remote ref")
    return any(word in said for word in words)


def _is_helper(url: str) -> bool:
    """Say whether git would start a program that the URL names (`ext::sh -c ...`)."""
    scheme, separator, _ = url.partition("::")
    return bool(separator) and "/" not in scheme


def _reason(errors: str, remote: Remote) -> str:
    """Return what git said, in one line, without credentials."""
    text = errors.replace(remote.url, remote.name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for word in ("could not read Username", "could not read Password", "Authentication failed"):
        if any(word in line for line in lines):
            return "it wants a user and a password, and nobody is asked for one here"
    for line in lines:
        if "Permission denied (" in line or "Host key verification failed" in line:
            return f"ssh is not let in ({line})"
    words = ("ssh: ", "fatal: ", "error: ", "remote: ")
    told = [line for line in lines if line.startswith(words)] or lines
    return " ".join(told[:2]) if told else "git failed without a word"


def _not_found(commit: str, problems: Sequence[str]) -> str:
    message = f"The commit {commit[:10]} is not here (any more)"
    if not problems:
        return (
            f"{message}, and no remote is known that it could be fetched from. Name a clone that "
            "has it with --repository."
        )
    tried = "; ".join(problem.rstrip(".") for problem in problems)
    return (
        f"{message} and could not be fetched from {tried}. Fetch it yourself "
        f"(git fetch REMOTE {commit}), or name a clone that has it with "
        "--repository."
    )
