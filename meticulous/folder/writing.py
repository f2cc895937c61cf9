"""Write files so that neither a reader nor a crash ever meets half of one."""

from __future__ import annotations

import contextlib
import itertools
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

_serial = itertools.count()


def write_available(descriptor: int, data: ReadableBuffer) -> tuple[int, OSError | None]:
    """Write as many bytes of `data` as the file takes; return their number and what stopped it."""
    rest = memoryview(data)
    total = 0
    try:
        while total < len(rest):
            total += os.write(descriptor, rest[total:] if total else rest)
    except OSError as error:
        return total, error
    return total, None


def write_counting(descriptor: int, data: ReadableBuffer, written: list[int]) -> None:
    """Write once and append to `written` how many bytes that took, in one step with the write.

    A signal's handler that raises finds both done or neither: between a call in Python and the use
    of its result it could come in between.

    Raises:
        OSError: Nothing was written.
    """
    written.extend(map(os.write, (descriptor,), (data,)))


def write_all(descriptor: int, data: ReadableBuffer) -> None:
    """Write every byte of `data`, however many calls that takes.

    Raises:
        OSError: The file system refused; some of the bytes may have been written.
    """
    _, error = write_available(descriptor, data)
    if error is not None:
        raise error


def write_atomically(path: str, data: bytes) -> None:
    """Replace the file at `path` by `data` in one step.

    The bytes go to a unique temporary name in the same folder, which then takes the place of the
    file. They are not forced to the disk: a power cut costs the last second, never the old content.

    Raises:
        OSError: The file could not be written; it is then unchanged and nothing is left behind.
    """
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.{os.getpid()}.{next(_serial)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def file_behind(descriptor: int) -> tuple[int, int] | None:
    """Return what identifies the file a descriptor means now; None when it means none."""
    try:
        found = os.fstat(descriptor)
    except OSError as error:
        if error.errno is None:  # raised by a signal's handler of the program
            raise
        return None
    return found.st_dev, found.st_ino


def open_to_append(path: str) -> int:
    """Open a file for reading and appending; its descriptor is none of the three standard ones.

    In a process that was started without one of those, the next open file would get its number.

    Raises:
        OSError: The file cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    if descriptor > 2:
        return descriptor
    import fcntl

    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


def write_even_on_a_full_disk(path: str, data: bytes) -> None:
    """Replace an existing file of a few bytes, in its own block when there is no room for another.

    On a full disk the replacement is not atomic, holds at most 512 bytes of `data`, and line feeds
    fill up to the length of what was there.

    Raises:
        OSError: Not even this is possible.
    """
    try:
        write_atomically(path, data)
    except OSError:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            os.pwrite(descriptor, data[:512].ljust(size, b"\n"), 0)
        finally:
            os.close(descriptor)


def open_lines(path: str) -> int:
    """Open a file of lines for appending and return its descriptor.

    A last line torn by a crash is mended first: completed when only its newline is missing,
    cut off otherwise, so that it can never become a torn line in the middle. While others have the
    file open for appending, what looks torn may be a line they are writing; then nothing is mended.

    Raises:
        OSError: The file cannot be opened.
    """
    descriptor = open_to_append(path)
    try:
        if _lock(descriptor, alone=True):
            _mend_last_line(descriptor)
        _lock(descriptor, alone=False)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, alone: bool) -> bool:
    """Lock the file until it is closed, for us alone if nobody has it; say if that succeeded."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError:
        return True  # some network file systems have no locks
    return True


@contextlib.contextmanager
def exclusively(directory: str, patience: float) -> Iterator[bool]:
    """Hold the folder's lock; what is yielded says whether it could be had.

    Args:
        directory: The folder of the experiment.
        patience: Seconds to wait for it. It is not to be had where the file system has no locks.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        yield _lock_patiently(descriptor, patience)
    finally:
        os.close(descriptor)


def _lock_patiently(descriptor: int, patience: float) -> bool:
    import fcntl

    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        except OSError:
            return False


def append_line(path: str, line: bytes) -> None:
    """Append one complete line to the file at `path`, which is created when missing.

    Raises:
        OSError: The file could not be written; it is then as before.
    """
    is_new = not os.path.lexists(path)
    descriptor = open_lines(path)
    try:
        append_whole(descriptor, line)
    except OSError:
        if is_new and os.fstat(descriptor).st_size == 0:
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def append_whole(descriptor: int, data: bytes) -> None:
    """Append all of `data` or nothing; what only a part of was written is cut off again.

    It stays where another process has appended behind it in the meantime.

    Raises:
        OSError: The file could not be written.
    """
    before = os.fstat(descriptor).st_size
    written, error = write_available(descriptor, data)
    if error is not None:
        if written and os.fstat(descriptor).st_size == before + written:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, before)
        raise error


def _mend_last_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    start = size
    torn = b""
    while start > 0 and b"\n" not in torn:
        step = min(start, 65536)
        start -= step
        torn = os.pread(descriptor, step, start) + torn
    torn = torn.rpartition(b"\n")[2]
    if _is_json(torn):
        write_all(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, size - len(torn))


def _is_json(text: bytes) -> bool:
    """Say whether this is one JSON object, strictly: no NaN, nothing but UTF-8."""
    import json

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(text.decode("utf-8"), parse_constant=refuse), dict)
    except (ValueError, RecursionError):
        return False
