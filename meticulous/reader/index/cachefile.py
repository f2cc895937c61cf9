"""Files in the user's cache directory: each is whole and of this version, or it is not there."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from meticulous.folder.writing import write_atomically

VERSION = 1
"""Of everything that is kept; a file of another version is passed over and written anew."""

_NAME = "meticulous"

_MAGIC = b"meticulous cache\n"

_LEFT = 3600.0
"""Seconds after which a temporary file is no longer one that is being written."""


def load(directory: str, kind: str) -> tuple[dict[str, Any], list[memoryview]] | None:
    """Return what was kept about an experiments directory: the header and the blocks of bytes.

    None when there is nothing, or nothing that can be used: it cannot be read, is damaged, or was
    written by another version or about another directory.

    Args:
        directory: The experiments directory.
        kind: What is kept.
    """
    path = _path(directory, kind)
    if path is None:
        return None
    try:
        data = _content(path)
        header, blocks = _opened(data)
    except (OSError, ValueError, TypeError, KeyError, MemoryError):
        return None
    return (header, blocks) if header.get("about") == _about(directory) else None


def _content(path: str) -> bytes:
    # A named pipe in the place of the file must not make the reader wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("this is not a file")
        return file.read()


def save(
    directory: str, kind: str, header: dict[str, Any], blocks: Sequence[bytes | memoryview]
) -> None:
    """Keep something about an experiments directory; when that is not possible, do nothing.

    Args:
        directory: The experiments directory.
        kind: What is kept; it replaces what was kept under this word before.
        header: JSON values.
        blocks: Blocks of bytes.
    """
    path = _path(directory, kind)
    if path is None:
        return
    sizes = [len(block) for block in blocks]
    try:
        head = orjson.dumps({**header, "about": _about(directory), "sizes": sizes})
        body = b"".join([len(head).to_bytes(8, "little"), head, *blocks])
        data = b"".join([_MAGIC, zlib.crc32(body).to_bytes(4, "little"), body])
        # Others need not know what was run here.
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        is_new = not os.path.exists(path)
        write_atomically(path, data)
        if is_new:  # seldom, so that those who only read are not held up
            _forget_vanished(os.path.dirname(path))
    except (OSError, TypeError, ValueError, MemoryError):
        return


def _forget_vanished(place: str) -> None:
    """Remove what is kept about directories that are there no more, and what a kill left behind."""
    with os.scandir(place) as entries:
        paths = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
    for path in paths:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, IndexError):
            is_left = path.endswith(".tmp") and time.time() - os.stat(path).st_mtime > _LEFT
            if is_left or not os.path.lexists(_directory_of(path)):
                os.unlink(path)


def _directory_of(path: str) -> bytes:
    """Return the directory that a file is about."""
    with open(path, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("this is no such file")
        _, length = file.read(4), int.from_bytes(file.read(8), "little")
        return bytes.fromhex(orjson.loads(file.read(length))["about"][2])


def join_names(names: Iterable[str]) -> bytes:
    """Return names of files as one block; any name can be kept, also an undecodable one."""
    return "\0".join(names).encode(sys.getfilesystemencoding(), "surrogateescape")


def split_names(block: memoryview) -> list[str]:
    """Return the names that `join_names` joined."""
    text = str(block, sys.getfilesystemencoding(), "surrogateescape")
    return text.split("\0") if text else []


def _opened(data: bytes) -> tuple[dict[str, Any], list[memoryview]]:
    view = memoryview(data)
    start = len(_MAGIC)
    body = view[start + 4 :]
    if data[:start] != _MAGIC or zlib.crc32(body) != int.from_bytes(
        view[start : start + 4], "little"
    ):
        raise ValueError("the file is damaged")
    length = int.from_bytes(body[:8], "little")
    header = orjson.loads(body[8 : 8 + length])
    blocks = []
    position = 8 + length
    for size in header["sizes"]:
        blocks.append(body[position : position + size])
        position += size
    return header, blocks


def _about(directory: str) -> list[Any]:
    """Return what must be the same for something kept to be of use."""
    real = os.path.realpath(directory)
    # A name may hold bytes that no JSON text can.
    return [VERSION, sys.byteorder, os.fsencode(real).hex()]


def _path(directory: str, kind: str) -> str | None:
    """Return where something about a directory is kept; None when there is no place for it."""
    place = _place()
    if not os.path.isabs(place):
        return None
    real = os.path.realpath(directory)
    return os.path.join(place, f"{zlib.crc32(os.fsencode(real)):08x}.{kind}")


def _place() -> str:
    """Return the user's cache directory; anything but an absolute path when there is none."""
    if sys.platform == "linux":
        # The same as platformdirs.user_cache_dir, whose import takes as long as reading a list.
        given = os.environ.get("XDG_CACHE_HOME", "")
        return os.path.join(
            given if os.path.isabs(given) else os.path.expanduser("~/.cache"), _NAME
        )
    with contextlib.suppress(Exception):  # without a home directory it may raise anything
        from platformdirs import user_cache_dir

        return user_cache_dir(_NAME)
    return ""
