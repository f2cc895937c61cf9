"""Carry out reproductions, several at once if wanted, and tell how they go."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import click
from rich.text import Text

from meticulous.cli.aligning import aligned
from meticulous.cli.rendering import Line, print_json, print_sheet, terminal
from meticulous.cli.verdicts import STYLES, verdict_line, verdict_sections
from meticulous.cli.wording import count_text, visible
from meticulous.errors import MeticulousError
from meticulous.reader import Record
from meticulous.reproduce.diagnosis import Diagnosed, reproduce_and_diagnose
from meticulous.reproduce.reproduction import (
    Attempted,
    Options,
    Outlook,
    look_ahead,
)
from meticulous.reproduce.variant import Watcher

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.2
_PREFIX = "meticulous: "


class Printer:
    """Says on standard error what is being done, and on standard output what was found.

    Args:
        as_json: Whether the findings are printed as JSON.
        as_list: Whether several were asked for, so that a table follows.
        verbose: Whether what the programs write is shown.
    """

    def __init__(self, as_json: bool, as_list: bool, verbose: bool) -> None:
        self._as_json = as_json
        self._as_list = as_list
        self._verbose = verbose
        self._lock = threading.Lock()

    def show(self, data: bytes) -> None:
        """Pass on what a program wrote."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()

    def tell(self, text: str) -> None:
        """Say what is being done."""
        with self._lock, contextlib.suppress(OSError):
            click.echo(f"{_PREFIX}{visible(text)}", err=True)

    def watcher(self, record: Record, stop: threading.Event) -> Watcher:
        """Return what looks on while a record is reproduced."""
        return Watcher(
            stop.is_set,
            lambda text: self.tell(f"experiment {record.id}: {text}"),
            self.show if self._verbose else None,
        )

    def found(self, results: Sequence[Attempted | tuple[Record, Exception]]) -> None:
        """Print all that was found, in the order of what was asked."""
        if self._as_json:
            objects = [_object(result) for result in results]
            print_json(objects if self._as_list else objects[0] if objects else None)
            return
        console = terminal()
        width = console.width if console.is_terminal else None
        for number, result in enumerate(results):
            if number:
                click.echo("\n")
            if isinstance(result, Attempted):
                document = result.reproduction.as_document()
                heading = f"experiment {result.original.id}, reproduced as {result.directory.name}"
                print_sheet(console, verdict_sections(document, heading, width))
        if self._as_list:
            click.echo("\n")
            self._table(results)

    def _table(self, results: Sequence[Attempted | tuple[Record, Exception]]) -> None:
        rows = [["id", "as", "verdict", "why"]]
        for result in results:
            if isinstance(result, Attempted):
                document = result.reproduction.as_document()
                verdict, why = document["verdict"], verdict_line(document)
                rows.append([result.original.id, result.directory.name, verdict, why])
            else:
                record, error = result
                rows.append([record.id, "-", "-", " ".join(_error_text(error).split())])
        console = terminal()
        lines = list(aligned([[visible(cell) for cell in row] for row in rows], [False] * 4))
        for number, line in enumerate(lines):
            if not console.is_terminal:
                click.echo(line.rstrip())
                continue
            style = STYLES.get(rows[number][2], "") if number else "dim"
            text = Text(line.rstrip())
            at = line.find(rows[number][2])
            text.stylize(style, at, at + len(rows[number][2]))
            text.truncate(max(20, console.width), overflow="ellipsis")
            console.print(text, soft_wrap=True)


def carry_out_all(
    records: Sequence[Record],
    options: Options,
    jobs: int,
    printer: Printer,
    wanted: Diagnosed | None = None,
) -> int:
    """Reproduce the records, `jobs` at once; return the exit code.

    The first Ctrl-C, or another signal that ends a process, ends the programs, which are recorded
    as interrupted; nothing that was made for them is left.
    """
    stop = threading.Event()
    arrived: list[int] = []
    results: dict[int, Attempted | tuple[Record, Exception]] = {}
    with _heeding(stop, arrived), ThreadPoolExecutor(jobs) as pool:
        waiting = list(enumerate(records))
        running: dict[Future[Attempted], int] = {}
        while running or (waiting and not stop.is_set()):
            while waiting and len(running) < jobs and not stop.is_set():
                number, record = waiting.pop(0)
                watcher = printer.watcher(record, stop)
                work = (record, options, watcher, wanted)
                running[pool.submit(reproduce_and_diagnose, *work)] = number
            done, _ = wait(running, _LOOK_SECONDS, FIRST_COMPLETED)
            for future in done:
                number = running.pop(future)
                results[number] = _result(records[number], future, len(records) == 1)
                _announce(results[number], printer)
    printer.found([results[number] for number in sorted(results)])
    if arrived:
        return 128 + arrived[0]
    for result in results.values():
        if not isinstance(result, Attempted) and not isinstance(result[1], MeticulousError):
            raise result[1]  # which is reported as the bug that it is
    agree = [
        isinstance(one, Attempted) and one.reproduction.is_positive for one in results.values()
    ]
    return 0 if all(agree) else 1


def print_outlooks(
    records: Sequence[Record], options: Options, as_json: bool, as_list: bool
) -> int:
    """Print what reproducing the records would do; return 1 if something stands in the way."""
    outlooks = [look_ahead(record, options) for record in records]
    if as_json:
        objects = [_outlook_object(outlook) for outlook in outlooks]
        print_json(objects if as_list else objects[0])
    else:
        console = terminal()
        for number, outlook in enumerate(outlooks):
            if number:
                click.echo("\n")
            print_sheet(console, _outlook_sections(outlook))
    return int(any(outlook.obstacles for outlook in outlooks))


@contextlib.contextmanager
def _heeding(stop: threading.Event, arrived: list[int]) -> Iterator[None]:
    """Turn the signals that end a process into a wish that all threads heed."""

    def heed(number: int, frame: object) -> None:
        del frame
        if not arrived:
            arrived.append(number)
        stop.set()

    before = {number: signal.signal(number, heed) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _result(
    record: Record, future: Future[Attempted], is_alone: bool
) -> Attempted | tuple[Record, Exception]:
    try:
        return future.result()
    except Exception as error:
        if is_alone:
            raise
        # A bug that one of them meets does not take the others with it.
        return record, error


def _announce(result: Attempted | tuple[Record, Exception], printer: Printer) -> None:
    if isinstance(result, Attempted):
        verdict = result.reproduction.verdict
        name = result.directory.name
        printer.tell(f"experiment {result.original.id}: {verdict}, recorded as {name}")
    else:
        printer.tell(f"experiment {result[0].id}: {_error_text(result[1])}")


def _object(result: Attempted | tuple[Record, Exception]) -> dict[str, Any]:
    if isinstance(result, Attempted):
        return {
            "id": result.original.id,
            "reproduced_as": result.directory.name,
            "directory": str(result.directory),
            **result.reproduction.as_document(),
        }
    record, error = result
    return {"id": record.id, "reproduced_as": None, "error": _error_text(error)}


def _error_text(error: Exception) -> str:
    if isinstance(error, MeticulousError):
        return str(error)
    return f"a bug in meticulous: {type(error).__name__}: {error}"


def _outlook_sections(outlook: Outlook) -> Iterator[list[Line]]:
    head = f"experiment {visible(outlook.original.id)} "
    head += "cannot be reproduced" if outlook.obstacles else "would be reproduced"
    yield [Line("", Text(head, style="bold"), is_indented=False)]
    facts = [(label, text) for label, text in _outlook_facts(outlook) if text]
    yield [Line("how"), *(Line(label, Text(visible(text))) for label, text in facts)]
    for title, texts in (
        ("what stands in the way", outlook.obstacles),
        ("inputs", [f"{one.path}: {one.change}, {one.detail}" for one in outlook.inputs]),
        ("remarks", outlook.remarks),
    ):
        lines = [line for text in texts for line in text.splitlines()]
        if lines:
            yield [Line(title), *(Line("", Text(visible(line))) for line in lines)]


def _outlook_facts(outlook: Outlook) -> Iterator[tuple[str, str]]:
    if outlook.command is not None:
        yield "command", shlex.join(outlook.command.words)
    if outlook.code is not None:
        kind = "snapshot" if outlook.code.is_snapshot else "commit"
        source = outlook.code.source
        yield kind, outlook.code.commit
        yield "repository", (source.root or source.common) if source is not None else "none"
    if outlook.interpreter is not None:
        yield "python", outlook.interpreter.python
        count = count_text(len(outlook.interpreter.drift), "difference")
        yield "drift", f"{count} of the surroundings"


def _outlook_object(outlook: Outlook) -> dict[str, Any]:
    facts = dict(_outlook_facts(outlook))
    return {
        "id": outlook.original.id,
        **{key: facts.get(key) for key in ("repository", "python")},
        "command": list(outlook.command.words) if outlook.command else None,
        "commit": outlook.code.commit if outlook.code else None,
        "obstacles": list(outlook.obstacles),
        "inputs": [
            {"path": one.path, "change": one.change, "detail": one.detail} for one in outlook.inputs
        ],
        "remarks": list(outlook.remarks),
    }
