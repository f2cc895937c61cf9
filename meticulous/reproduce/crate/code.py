"""What a crate says about the code that ran: where its commit is published, and its license."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from meticulous.errors import MeticulousError
from meticulous.git.changes import list_files, read_objects
from meticulous.reader.program import program_of
from meticulous.reader.record import Record
from meticulous.reproduce.repository import CodeHolder, code_of, is_snapshot, web_address

_COMMIT_PATHS = {
    "github.com": "tree",
    "codeberg.org": "src/commit",
    "gitlab.com": "-/tree",
    "bitbucket.org": "src",
}
"""Where hosts show the files of a commit; others are asked as GitLab is."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code that ran.

    Attributes:
        identifier: The web address of the commit; "#" and its name where there is none.
        repository: The web address of the repository; None where it has none.
        version: The name of the commit or snapshot; None when the record has none.
        parent: The commit below the snapshot; None where no snapshot was taken.
        name: The program.
        message: The first line of the commit's message.
    """

    identifier: str
    repository: str | None
    version: str | None
    parent: str | None
    name: str
    message: str


def describe_code(record: Record, holder: CodeHolder) -> Code:
    """Return what the record, and for the remote the repository, say about the code."""
    metadata = record.metadata
    version = code_of(record)
    recorded = metadata.get("git-remote")
    remote = recorded if isinstance(recorded, str) else holder.remote[1] if holder.remote else None
    address = web_address(remote) if remote else None
    name = program_of(metadata) or "program"
    message = str(metadata.get("githead-message") or "").strip().partition("\n")[0]
    parent = str(metadata.get("githead-sha") or "") or None
    if version is None:
        return Code("#program", address, None, None, name, message)
    if is_snapshot(record) or address is None:
        kind = "snapshot" if is_snapshot(record) else "commit"
        below = parent if is_snapshot(record) else None
        return Code(f"#{kind}-{quote(version)}", address, version, below, name, message)
    return Code(commit_address(address, version), address, version, None, name, message)


def commit_address(repository: str, commit: str) -> str:
    """Return where the files of a commit are shown, for the web address of its repository."""
    host = repository.removeprefix("https://").partition("/")[0]
    return f"{repository}/{_COMMIT_PATHS.get(host, '-/tree')}/{quote(commit)}"


def license_text(record: Record, holder: CodeHolder) -> tuple[str, bytes] | None:
    """Return name and text of the license file of the commit; None where there is none."""
    commit = code_of(record)
    presence = holder.presence(commit)
    if commit is None or presence is None or presence.license is None or holder.root is None:
        return None
    try:
        found = list_files(holder.root, commit).get(presence.license)
        if found is None:  # a folder with several of them
            return None
        return presence.license, read_objects(holder.root, [found])[found]
    except (MeticulousError, KeyError):
        return None
