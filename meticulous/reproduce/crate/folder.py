"""Which files of an experiment's folder go into a crate, and what they hold without secrets."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from meticulous.errors import UnreadableRecordError
from meticulous.folder import layout
from meticulous.folder.encoding import decode_document, encode_document
from meticulous.folder.hashing import parse_sums, sha256_of_bytes, sum_line
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.recorder.secrets.gate import Gate
from meticulous.reproduce.verify.files import digest_of

DESCRIPTIONS = {
    layout.ARGS: "the arguments of the program",
    layout.DEFAULT_ARGS: "the arguments as they are by default",
    layout.METADATA: "code, command, times and process of the run",
    layout.STATUS: "how the run ended",
    layout.STDOUT: "what the program wrote to its standard output",
    layout.STDERR: "what the program wrote to its standard error",
    layout.SUMMARY: "the results",
    layout.METRICS: "series that were logged over steps",
    layout.ENVIRONMENT: "interpreter, packages, hardware and variables",
    layout.REQUIREMENTS: "the installed packages, pinned, for pip install -r",
    layout.NOTES: "remarks",
    layout.FILES: "the files that were read and written, with their sha256",
    layout.SUMS: "the sha256 of the files of the recorder at the end of the run",
    layout.REPRODUCTION: "how the results compare with those of the run that was repeated",
}
"""What the recorder's own files hold."""

_DOCUMENTS = (
    layout.ARGS,
    layout.DEFAULT_ARGS,
    layout.METADATA,
    layout.SUMMARY,
    layout.ENVIRONMENT,
    layout.FILES,
    layout.REPRODUCTION,
)
_TEXTS = (layout.STATUS, layout.STDOUT, layout.STDERR, layout.NOTES, layout.REQUIREMENTS)

_RESERVED = ("ro-crate-metadata.json", "ro-crate-preview.html", "ro-crate-preview_files")

_BLOCK = 2**20
"""Bytes that are searched for secrets at a time."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the folder.

    Attributes:
        name: Its path in the folder, with slashes.
        path: Where it lies.
        cleaned: What it holds without the secrets in it; None where there are none.
    """

    name: str
    path: str
    cleaned: bytes | None = None


def gate_of(record: Record) -> Gate:
    """Return a gate that knows the secrets that show in the record."""
    gate = Gate()
    gate.learn(record.args)
    for key in ("command", "original-command"):
        words = record.metadata.get(key)
        if isinstance(words, list):
            gate.learn_words([str(word) for word in words])
    return gate


def members(record: Record, gate: Gate) -> tuple[list[Member], list[str]]:
    """Return the files of the folder, by name, and why others stay behind, one sentence each.

    Hidden files, what is no file, links that lead out of the folder, and names that are no text
    stay behind. Secrets that the recorder let pass, as in output, are taken out.
    """
    found, left_out = [], []
    inside = os.path.join(os.path.realpath(record.directory), "")
    for name, path in _walk(str(record.directory)):
        reason = _why_not(name, path, inside)
        if reason is None:
            found.append(Member(name, path, _cleaned(record, name, gate)))
        else:
            left_out.append(f"{name!r} {reason}")
    found.sort(key=lambda member: member.name)
    return _with_true_sums(found), left_out


def _walk(directory: str) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*names, *links):
            if not name.startswith("."):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, directory).replace(os.sep, "/"), path


def _why_not(name: str, path: str, inside: str) -> str | None:
    if name in _RESERVED:
        return "has a name that the crate needs itself"
    if not name.isprintable():
        return "has a name that is no text"
    if os.path.islink(path) and not os.path.realpath(path).startswith(inside):
        return "is a link that leads out of the folder"
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not stat.S_ISREG(mode):
        return "is not a file"
    return None if os.access(path, os.R_OK) else "cannot be read: Permission denied"


def _cleaned(record: Record, name: str, gate: Gate) -> bytes | None:
    if name not in _DOCUMENTS and name not in _TEXTS:
        return None
    content = Files(record.directory).read(name)
    if content is None:
        return None
    data = _clean_document(content.data, gate) if name in _DOCUMENTS else content.data
    if data is None:
        return None
    if name in _TEXTS:
        data = _clean_text(data, gate)
    return data if data != content.data else None


def _clean_document(data: bytes, gate: Gate) -> bytes | None:
    try:
        value: Any = decode_document(data)
    except UnreadableRecordError:
        return _clean_text(data, gate)
    cleaned = gate.clean(value)
    return None if cleaned == value else encode_document(cleaned)


def _clean_text(data: bytes, gate: Gate) -> bytes:
    blocks = []
    start = 0
    while start < len(data):
        # A secret does not reach over the end of a line.
        end = data.find(b"\n", start + _BLOCK)
        end = len(data) if end < 0 else end + 1
        text = data[start:end].decode("utf-8", "surrogateescape")
        blocks.append(gate.clean_text(text).encode("utf-8", "surrogateescape"))
        start = end
    return b"".join(blocks)


def _with_true_sums(found: list[Member]) -> list[Member]:
    """Renew the digests of the files from which secrets were taken out.

    A digest that did not fit before is left as it is: the file had been altered already.
    """
    place = next((number for number, each in enumerate(found) if each.name == layout.SUMS), None)
    cleaned = {each.name: each for each in found if each.cleaned is not None}
    if place is None or not cleaned:
        return found
    with open(found[place].path, "rb") as file:
        sums = parse_sums(file.read())
    for name, member in cleaned.items():
        if member.cleaned is not None and sums.get(name) == digest_of(member.path):
            sums[name] = sha256_of_bytes(member.cleaned)
    data = b"".join(sum_line(digest, name) for name, digest in sums.items())
    found[place] = replace(found[place], cleaned=data)
    return found
