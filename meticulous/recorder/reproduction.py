"""What `meticulous reproduce` tells its program: which experiment goes into which folder."""

from __future__ import annotations

import os

from meticulous.folder import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class Order:
    """What is wanted of the experiments of a program.

    Attributes:
        directory: The folder for the one that is to be reproduced; claimed, and empty.
        original: The folder of the one that is reproduced, whose arguments a registered one takes.
        ordinal: Which of its process it is, from 1; 0 for the one of `meticulous run` itself.
        command: The digest of the command line of that process; see `digest_of`.
        elsewhere: The experiments directory for all others.
        roots: The folder of the code then, and that of now, for each place it may be looked for.
        facts: What the metadata are to say: `reproduces`, `reproduces-uid`.
        description: That of the original, for an experiment without one.
        tags: Those of the original.
        seeds: Those that `seed_everything` gave or drew then, in their order.
        may_write_outside: Whether the program may write into the original checkout.
        is_registered: Whether a registered program is reproduced, whose arguments stand in a file.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.directory = str(content["directory"])
        self.original = str(content.get("original") or "")
        self.ordinal = int(content.get("ordinal", 1))
        self.command = content.get("command")
        self.elsewhere = str(content["elsewhere"])
        self.roots = [(str(old), str(new)) for old, new in content.get("roots", ())]
        keys = ("reproduces", "reproduces-uid")
        self.facts: dict[str, Any] = {key: content[key] for key in keys if key in content}
        self.description = str(content.get("description") or "")
        self.tags = [str(tag) for tag in content.get("tags") or ()]
        self.seeds = [int(seed) for seed in content.get("seeds") or ()]
        self.may_write_outside = bool(content.get("may-write-outside"))
        self.is_registered = bool(content.get("registered"))

    def mapped(self, path: str) -> str:
        """Return where a path in the old code lies in the present one; others stay as they are."""
        for old, new in self.roots:
            if path == old or path.startswith(old.rstrip(os.sep) + os.sep):
                return os.path.normpath(os.path.join(new, os.path.relpath(path, old)))
        return path

    def registered_args(self, words: Sequence[str]) -> tuple[Any, Any] | None:
        """Return arguments and defaults of the registered program that is reproduced.

        Args:
            words: The command line that is to be run.

        Returns:
            None where these words are none of a registered program, or its record is not there.
        """
        if not self.is_registered or digest_of(words) != self.command:
            return None
        from meticulous.errors import UnreadableRecordError
        from meticulous.folder.encoding import decode_document

        found = []
        for name in (layout.ARGS, layout.DEFAULT_ARGS):
            try:
                with open(os.path.join(self.original, name), "rb") as file:
                    found.append(self._placed(decode_document(file.read())))
            except (OSError, UnreadableRecordError):
                return None
        return found[0], found[1]

    def _placed(self, value: Any) -> Any:
        """Return a value with the paths in it that lead into the old folder or the old code."""
        if isinstance(value, dict):
            return {key: self._placed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._placed(inner) for inner in value]
        if not isinstance(value, str) or not os.path.isabs(value):
            return value
        if value == self.original or value.startswith(self.original + os.sep):
            return self.directory + value[len(self.original) :]
        return self.mapped(value)

    def old_files(self, files: Iterable[str]) -> list[str]:
        """Return which of the files lie in the old code, installed libraries left out."""
        return sorted(
            {
                file
                for file in files
                if os.path.isabs(file)
                and self.mapped(file) != file
                and "/site-packages/" not in file
                and "/lib/python" not in file
            }
        )

    def take(self, ordinal: int, words: Sequence[str]) -> bool:
        """Say whether an experiment is the one that is to be reproduced; only once, of all.

        A program may start others that record as well; these have another command line.
        """
        if ordinal != self.ordinal:
            return False
        if ordinal and self.command is not None and digest_of(words) != self.command:
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            os.close(os.open(f"{self.elsewhere}.taken", flags, 0o600))
        except OSError:
            return False
        return True


def digest_of(words: Sequence[str]) -> str:
    """Return what tells a command line from others, whatever its interpreter is called.

    The words themselves may hold secrets, and be longer than a variable can be.
    """
    import hashlib

    text = "\0".join(list(words)[1:]).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def find_order() -> Order | None:
    """Return what this process was told; None where it is no reproduction."""
    text = os.environ.get(layout.REPRODUCTION_VARIABLE)
    if not text:
        return None
    import json

    try:
        return Order(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


_counted = (-1, 0)


def next_ordinal() -> int:
    """Return the number of the experiment that begins: 1 for the first one of this process."""
    global _counted
    pid = os.getpid()
    count = _counted[1] + 1 if _counted[0] == pid else 1
    _counted = (pid, count)
    return count
