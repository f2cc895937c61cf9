"""Write the crate of an experiment in one step, as a folder or as a zip file."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass

from meticulous.errors import ExperimentRunningError, ExportError
from meticulous.folder import layout, status
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.reproduce.crate.code import describe_code, license_text
from meticulous.reproduce.crate.folder import gate_of, members
from meticulous.reproduce.crate.rocrate import Facts, write_crate
from meticulous.reproduce.repository import CodeHolder
from meticulous.reproduce.verify.files import read_listing

_NO_LICENSE = "No license is stated. Ask the authors before you use it."


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: The folder, or the zip file.
        files: How many files of the experiment it holds.
        left_out: Files that stayed behind, one sentence each.
        cleaned: The files from which secrets were taken out.
    """

    path: str
    files: int
    left_out: list[str]
    cleaned: list[str]


def export_crate(
    record: Record, holder: CodeHolder, target: str, license_named: str | None = None
) -> Exported:
    """Write an experiment as a Process Run Crate.

    The crate holds the folder of the experiment without what looks secret, and describes code,
    arguments, inputs, results, packages and times as linked data. Inputs are named, with their
    sha256, and not copied. The target appears when it is complete, or not at all.

    Args:
        record: The experiment.
        holder: The repository with its code, as `ask_repositories` returned it.
        target: The folder to be made; a zip file when its name ends in `.zip`.
        license_named: The web address or the text of the license; by default the license file of
            the commit.

    Raises:
        ExperimentRunningError: It has not ended.
        ExportError: The target exists, or cannot be written.
        MissingExtraError: The package rocrate is not installed.
    """
    if record.status in (status.RUNNING, status.REGISTERED):
        raise ExperimentRunningError(
            f"The experiment {record.id} has not ended, so that a crate of it would not be whole. "
            "Export it when it has ended."
        )
    target = os.path.abspath(target)
    _refuse_existing(target)
    gate = gate_of(record)
    found, left_out = members(record, gate)
    facts = Facts(
        record,
        Files(record.directory).mapping(layout.ENVIRONMENT),
        read_listing(record),
        describe_code(record, holder),
        found,
        license_named or _NO_LICENSE,
        None if license_named else license_text(record, holder),
        gate,
    )
    try:
        _write(facts, target)
    except OSError as error:
        said = error.strerror or str(error)
        raise ExportError(
            f"{target} cannot be written: {said}. Name a place in a folder that exists, can be "
            "written to and has room."
        ) from error
    cleaned = [
        member.name
        for member in found
        if member.cleaned is not None and member.name != layout.SUMS  # only made to fit
    ]
    return Exported(target, len(found), left_out, cleaned)


def _refuse_existing(target: str) -> None:
    if os.path.lexists(target):
        raise ExportError(
            f"{target} exists already, and nothing is overwritten. Name another place, or remove "
            "it first."
        )


def _write(facts: Facts, target: str) -> None:
    parent, name = os.path.split(target)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=parent) as temporary:
        crate = os.path.join(temporary, "crate")
        write_crate(facts, crate)
        if not name.lower().endswith(".zip"):
            _refuse_existing(target)
            os.rename(crate, target)
            return
        packed = os.path.join(temporary, "crate.zip")
        _pack(crate, packed)
        # A link fails where somebody has made the target meanwhile; a move would overwrite it.
        try:
            os.link(packed, target)
        except FileExistsError:
            _refuse_existing(target)
            raise
        except OSError:  # a file system without links
            _refuse_existing(target)
            shutil.move(packed, target)


def _pack(directory: str, path: str) -> None:
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for folder, folders, names in os.walk(directory):
            folders.sort()
            for name in sorted(names):
                inner = os.path.join(folder, name)
                archive.write(inner, os.path.relpath(inner, directory))
