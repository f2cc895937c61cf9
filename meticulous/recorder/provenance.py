"""Which of the loaded code cannot be found in the recorded commit."""

from __future__ import annotations

import os
import sys

from meticulous.errors import MeticulousError
from meticulous.recorder.reproduction import find_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meticulous.recorder.opening import OpenRecord
    from meticulous.recorder.writer import RecordWriter


_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
"""How the folders are called that package installers write to."""


def loaded_files() -> list[str]:
    """Return the files of all modules that this process has loaded."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    # A program read from standard input calls its file "<stdin>"; torch names files that are none.
    return [
        file
        for file in files
        if isinstance(file, str) and (os.path.isabs(file) or os.path.exists(file))
    ]


def imported_modules(files: Iterable[str]) -> list[str]:
    """Return the top-level modules among these files that installed packages brought, sorted."""
    names = set()
    for file in files:
        for folder in _INSTALLED:
            _, found, inside = file.rpartition(folder)
            if found:
                # An extension module has more than one ending.
                names.add(inside.partition(os.sep)[0].partition(".")[0])
                break
    return sorted(names)


def note_loaded_code(
    writer: RecordWriter, record: OpenRecord, files: Iterable[str], started: float
) -> None:
    """Write into the metadata, and tell the user, which loaded code is not in the commit.

    Args:
        writer: The writer of the record.
        record: Tells the repository and the commit (or snapshot).
        files: The files of the modules that the program loaded.
        started: When the run started, in seconds since the epoch.
    """
    files = list(files)
    if files:
        # No program that could tell has loaded nothing at all.
        writer.metadata["imported-modules"] = imported_modules(files)
    order = find_order()
    if order is not None:
        _note_original(writer, order.old_files(files))
    try:
        untracked, changed = _compare(record, files, started)
    except (MeticulousError, OSError) as error:
        writer.warn("the code check", f"the loaded code could not be compared: {error}")
        return
    if record.foreign_script is not None:
        untracked = [record.foreign_script, *untracked]
    writer.metadata["git-untracked-sources"] = untracked
    if untracked:
        writer.warn(
            "untracked sources",
            f"this run used code that is not in the recorded commit: {', '.join(untracked)}; "
            "it cannot be reproduced from git alone. Add these files to git (a snapshot holds them "
            "too), or name their repository with project_directory.",
        )
    if changed:
        writer.warn(
            "changed sources",
            f"code was changed while the program ran: {', '.join(changed)}; "
            "what was loaded may differ from the recorded commit.",
        )


def _note_original(writer: RecordWriter, loaded: list[str]) -> None:
    from meticulous.recorder.files import guarding

    facts = {"loaded-from-original": loaded, "kept-from-writing": guarding.refused()}
    writer.metadata.update({key: files for key, files in facts.items() if files})


def _compare(
    record: OpenRecord, files: Iterable[str], started: float
) -> tuple[list[str], list[str]]:
    repository, commit = record.code.directory, record.commit
    inside = repository.rstrip(os.sep) + os.sep
    paths = sorted({path for path in _real_paths(files) if path.startswith(inside)})
    if not paths:
        return [], []
    from meticulous.git.sources import changed_sources, untracked_sources

    # Git has been asked about the main script at the start; a program of one file asks nothing.
    known = inside + record.code.script if record.code.script else None
    others = [path for path in paths if path != known]
    untracked = untracked_sources(repository, commit, others) if others else []
    changed = changed_sources(repository, commit, paths, started)
    return untracked, [path for path in changed if path not in untracked]


def _real_paths(files: Iterable[str]) -> Iterator[str]:
    """Yield the files with no link left in their paths.

    Each folder is looked at once: a program that uses torch has loaded a thousand files.
    """
    folders: dict[str, str] = {}
    for file in files:
        folder, name = os.path.split(file)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        path = os.path.join(folders[folder], name)
        yield os.path.realpath(path) if os.path.islink(path) else path
