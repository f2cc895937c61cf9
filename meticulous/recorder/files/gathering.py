"""What a run has read and written, put together from its journal and its folder."""

from __future__ import annotations

import os
import stat

from meticulous.folder import layout
from meticulous.recorder.files import tracker
from meticulous.recorder.files.journal import identity_of, read_journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from meticulous.recorder.files.journal import Identity, Sighting

OPENED, DECLARED, ARGUMENT, LOADED = "opened", "declared", "argument", "loaded"
"""How a file was found, as files.json says it."""


class Input:
    """A file that the run read.

    Attributes:
        found: How it was found.
        identity: What it was when it was first seen; None when that is not known.
        digest: Its SHA-256, where it was taken before the program changed the file.
        path: Where it is now, after it was moved.
    """

    __slots__ = ("digest", "found", "identity", "path")

    def __init__(self, path: str, identity: Identity | None, found: str = OPENED) -> None:
        self.path = path
        self.identity = identity
        self.found = found
        self.digest: str | None = None


class Output:
    """A file that the run may have written.

    Attributes:
        found: How it was found.
        before: What it was before; it is no output where it still is that.
    """

    __slots__ = ("before", "found")

    def __init__(self, found: str = OPENED, before: Identity | None = None) -> None:
        self.found = found
        self.before = before


class RunFiles:
    """The files of a run.

    Args:
        directory: The experiment's folder.

    Attributes:
        inputs: By path, in the order in which they were first seen.
        outputs: The same.
        unlisted: How many files were seen beyond the limit.
        unlisted_outputs: How many of these were written.
        missing: Declared outputs that are not there.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.inputs: dict[str, Input] = {}
        self.outputs: dict[str, Output] = {}
        self.unlisted = 0
        self.unlisted_outputs = 0
        self.missing: list[str] = []
        self._made: set[str] = set()
        self._moved_inputs: dict[str, Input] = {}
        self._declared: dict[str, None] = {}
        self._arguments: dict[str, Identity | None] = {}

    def gather(self, code: Iterable[str] = (), foreign_code: Iterable[str] = ()) -> None:
        """Take in the journal and the folder as they are now.

        Args:
            code: Files that were loaded as code; the commit holds them, they are no inputs.
            foreign_code: Those of them that neither a commit nor a package holds; inputs.

        Raises:
            OSError: The journal cannot be read.
        """
        for sighting in read_journal(self.directory):
            self._takers[sighting.role](self, sighting)
        self._drop_code(code)
        for path in foreign_code:
            self.inputs.setdefault(path, Input(path, None, LOADED))
        for path, before in self._arguments.items():
            self._settle_argument(path, before)
        for path in self._declared:
            found = [*files_below(path)]
            for file in found:
                self.outputs.setdefault(file, Output()).found = DECLARED
            if not found and not os.path.isdir(path):
                self.missing.append(path)
        for path in files_below(self.directory):
            name = os.path.relpath(path, self.directory)
            if os.sep in name or not layout.is_own(name):
                self.outputs.setdefault(path, Output())
        self._drop_outputs_that_are_none()
        self._keep_within_limit()

    def _read(self, sighting: Sighting) -> None:
        if sighting.path not in self._made:
            self.inputs.setdefault(sighting.path, Input(sighting.path, sighting.identity))

    def _written(self, sighting: Sighting) -> None:
        if sighting.role == tracker.WRITTEN:
            self._made.add(sighting.path)
        self.outputs.setdefault(sighting.path, Output(OPENED, sighting.identity))

    def _moved(self, sighting: Sighting) -> None:
        source, target = sighting.path, sighting.further
        if os.path.isdir(target):
            self._folder_moved(source, target)
            return
        self._made.add(target)
        known = self._moved_inputs.pop(source, None) or self.inputs.get(source)
        if known is not None and known.path == source:
            self._input_moved(known, target)
        moved = self.outputs.pop(source, Output())
        self.outputs[target] = Output(moved.found, sighting.identity)

    def _folder_moved(self, source: str, target: str) -> None:
        inside = source.rstrip("/") + "/"
        for known in self.inputs.values():
            if known.path.startswith(inside):
                self._input_moved(known, target + known.path[len(source) :])
        for path in [path for path in self.outputs if path.startswith(inside)]:
            self.outputs[target + path[len(source) :]] = self.outputs.pop(path)
        for path in files_below(target):
            self._made.add(path)
            self.outputs.setdefault(path, Output())

    def _input_moved(self, known: Input, target: str) -> None:
        known.path = target
        self._moved_inputs[target] = known

    def _hashed(self, sighting: Sighting) -> None:
        known = self.inputs.get(sighting.path)
        if known is not None and known.identity == sighting.identity:
            known.digest = sighting.further

    def _declared_input(self, sighting: Sighting) -> None:
        known = self.inputs.setdefault(sighting.path, Input(sighting.path, sighting.identity))
        known.found = DECLARED

    def _declared_output(self, sighting: Sighting) -> None:
        self._declared[sighting.path] = None

    def _argument(self, sighting: Sighting) -> None:
        self._arguments[sighting.path] = sighting.identity

    def _unlisted(self, sighting: Sighting) -> None:
        self.unlisted += 1
        self.unlisted_outputs += sighting.role == tracker.UNLISTED_OUTPUT

    _takers: dict[str, Callable[[RunFiles, Sighting], None]] = {  # noqa: RUF012 - a constant
        tracker.READ: _read,
        tracker.WRITTEN: _written,
        tracker.UPDATED: _written,
        tracker.MOVED: _moved,
        tracker.HASHED: _hashed,
        tracker.DECLARED_INPUT: _declared_input,
        tracker.DECLARED_OUTPUT: _declared_output,
        tracker.ARGUMENT: _argument,
        tracker.UNLISTED: _unlisted,
        tracker.UNLISTED_OUTPUT: _unlisted,
    }

    def _settle_argument(self, path: str, before: Identity | None) -> None:
        now = _regular(path)
        if now is not None and now != before:
            self.outputs.setdefault(path, Output(ARGUMENT))
        elif before is not None and path not in self._made:
            self.inputs.setdefault(path, Input(path, before, ARGUMENT))

    def _drop_code(self, code: Iterable[str]) -> None:
        names: dict[str, list[str]] = {}
        for file in code:
            names.setdefault(os.path.basename(file), []).append(file)
        for path, known in [*self.inputs.items()]:
            namesakes = names.get(os.path.basename(path), ()) if known.found == OPENED else ()
            # Only now, for links are followed one folder after the other.
            if any(os.path.realpath(file) == os.path.realpath(path) for file in namesakes):
                del self.inputs[path]

    def _drop_outputs_that_are_none(self) -> None:
        for path, output in [*self.outputs.items()]:
            now = _regular(path)
            unchanged = output.found != DECLARED and now == output.before
            if now is None or unchanged:
                del self.outputs[path]

    def _keep_within_limit(self) -> None:
        for files in (self.inputs, self.outputs):
            for path in [*files][tracker.LIMIT :]:
                del files[path]
                self.unlisted += 1
                self.unlisted_outputs += files is self.outputs


def files_below(path: str) -> Iterator[str]:
    """Yield the file itself, or every regular file in a folder, at most the limit and one more."""
    if _regular(path) is not None:
        yield path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = os.path.join(folder, name)
            if _regular(file) is None:
                continue
            count += 1
            yield file
            if count > tracker.LIMIT:
                return


def _regular(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return identity_of(found) if stat.S_ISREG(found.st_mode) else None
