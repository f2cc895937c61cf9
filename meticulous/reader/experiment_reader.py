"""ExperimentReader: one experiment for programs and notebooks, read when it is asked for."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from meticulous.errors import ExperimentFileNotFoundError, ExperimentNotFoundError
from meticulous.folder import layout
from meticulous.reader.collection import is_record
from meticulous.reader.contents import Contents, read_contents
from meticulous.reader.record import Record, read_record
from meticulous.reader.series.metrics import MetricsLog, long_columns, read_metrics

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd


class ExperimentReader:
    """One experiment, read back from its folder.

    Nothing is read before it is asked for, and nothing twice before it is refreshed.

    A subclass may set attributes in its constructor; they become columns of
    `Experiments.as_dataframe`. It may override `df_vars` to choose these columns, `open` to find
    files elsewhere, and `refresh_status` and `refresh_summary`, which set the attributes `status`
    and `status_message`, and `summary`.

    Args:
        curexpdir: The folder of the experiment, wherever it lies now; it may be read-only.

    Raises:
        ExperimentNotFoundError: There is no experiment in this folder.

    Attributes:
        curexpdir: The absolute path of the folder, as text.
        expid: The name of the folder: a number, or a name its user chose.
    """

    _is_loading = False

    def __init__(self, curexpdir: str | os.PathLike[str]) -> None:
        self.curexpdir = os.path.abspath(os.path.expanduser(os.fspath(curexpdir)))
        self.expid = os.path.basename(self.curexpdir)
        if "\0" in self.curexpdir or not os.path.isdir(self.curexpdir):
            raise ExperimentNotFoundError(f"There is no folder {self.curexpdir!r}. {_WAY_OUT}")
        if not is_record(self.curexpdir):
            raise ExperimentNotFoundError(
                f"The folder {self.curexpdir} is no experiment: it holds none of {layout.STATUS}, "
                f"{layout.METADATA} and {layout.ARGS}. {_WAY_OUT}"
            )

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return a reader of what was read already; its folder may be gone meanwhile.

        The constructors of subclasses are not called.
        """
        reader = cls.__new__(cls)
        reader.curexpdir = str(record.directory)
        reader.expid = record.id
        reader.record = record
        return reader

    @cached_property
    def record(self) -> Record:
        """What the folder said when it was first asked, or last refreshed."""
        return read_record(self.curexpdir)

    @cached_property
    def status(self) -> str:
        """How it ended or that it runs: a word of STATUS, or LOST or UNKNOWN."""
        self._load(self.refresh_status)
        return str(vars(self).get("status", self.record.status))

    @cached_property
    def status_message(self) -> str:
        """The last line of what STATUS says besides, usually the error; "" when nothing."""
        self._load(self.refresh_status)
        return str(vars(self).get("status_message", ""))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The results; NaN and the infinities are floats."""
        self._load(self.refresh_summary)
        summary: dict[str, Any] = vars(self).get("summary", self.record.summary)
        return summary

    @cached_property
    def args(self) -> dict[str, Any]:
        """The arguments."""
        return self.record.args

    @cached_property
    def default_args(self) -> dict[str, Any]:
        """What the arguments would have been by default."""
        return self.record.default_args

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """All of metadata.json."""
        return self.record.metadata

    @property
    def id(self) -> str:
        """The name of the folder, as `expid`."""
        return self.expid

    @property
    def directory(self) -> Path:
        """The folder, as `curexpdir`."""
        return Path(self.curexpdir)

    @property
    def sha(self) -> str | None:
        """The commit that HEAD was at; None when the record does not say."""
        sha = self.metadata.get("githead-sha")
        return sha if isinstance(sha, str) else None

    @property
    def start_time(self) -> str | None:
        """When it began, as it stands in metadata.json; `start` is the same as a datetime."""
        text = self.metadata.get("start-time")
        return text if isinstance(text, str) else None

    @property
    def start(self) -> datetime | None:
        """When it began; None when unknown."""
        return self.record.start

    @property
    def end(self) -> datetime | None:
        """When it ended; None while it runs, and when nobody saw its end."""
        return self.record.end

    @property
    def duration(self) -> float | None:
        """Seconds it took or had taken when it was read; None when unknown."""
        return self.record.duration

    @property
    def heartbeat(self) -> datetime | None:
        """When STATUS was last touched; None when there is none."""
        return self.record.heartbeat

    @property
    def reason(self) -> str:
        """What STATUS says besides the word: a traceback, an exit code, a signal."""
        return self.record.reason

    @property
    def cause(self) -> str | None:
        """What is known about why it is LOST; None for all others."""
        return self.record.cause

    @property
    def description(self) -> str:
        """What its user wrote about it."""
        return self.record.description

    @property
    def tags(self) -> list[str]:
        """The words it was marked with."""
        return self.record.tags

    @property
    def changed_args(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, or have none."""
        return self.record.changed_args

    @property
    def warnings(self) -> list[str]:
        """What the recorder had to warn about."""
        return self.record.warnings

    @property
    def problems(self) -> list[str]:
        """What could not be read of the record, one sentence each; empty for a sound folder."""
        return self.record.problems

    @cached_property
    def contents(self) -> Contents:
        """What lies in the folder besides: environment, notes and the list of files."""
        return read_contents(self.curexpdir)

    @property
    def environment(self) -> dict[str, Any]:
        """All of environment.json; empty when it is missing."""
        return self.contents.environment

    @property
    def notes(self) -> list[dict[str, Any]]:
        """The notes, each with `time`, `author` and `text`."""
        return self.contents.notes

    @property
    def stdout(self) -> str:
        """What the program and its children wrote to standard output so far."""
        return self._text(layout.STDOUT)

    @property
    def stderr(self) -> str:
        """What the program and its children wrote to standard error so far."""
        return self._text(layout.STDERR)

    @cached_property
    def log(self) -> MetricsLog:
        """What it logged, without pandas: the rows, and each name as a series."""
        return read_metrics(self.curexpdir)

    def log_frame(self, *names: str) -> pd.DataFrame:
        """Return what it logged as a DataFrame: one row a line, with `step` and `time` in front.

        Args:
            *names: The names that are wanted, with dots where values were nested; lines that hold
                none of them are left out. All by default.

        Raises:
            UnknownColumnError: Nothing was logged under one of the names.
        """
        from meticulous.reader.frame import series_frame

        return series_frame(long_columns({self.expid: self.log}, names, with_ids=False))

    def df_vars(self) -> dict[str, Any]:
        """Return what `Experiments.as_dataframe` shows of this experiment.

        Values are columns of their own; those in `args`, `default_args`, `metadata`, `summary`
        and further mappings are columns below that name. Attributes that a subclass has set are
        among them.
        """
        command = self.metadata.get("command")
        if isinstance(command, list):
            command = " ".join(map(str, command))
        own = {
            name: value
            for name, value in vars(self).items()
            if not name.startswith("_") and name not in _KNOWN
        }
        return {
            "expid": self.expid,
            "curexpdir": self.curexpdir,
            "sha": self.sha,
            "start_time": self.start_time,
            "status": self.status,
            "status_message": self.status_message,
            **own,
            "args": self.args,
            "default_args": self.default_args,
            "metadata": {**self.metadata, "command": command},
            "summary": self.summary,
        }

    def open(
        self, file: str | os.PathLike[str], mode: str = "r", *args: Any, **kwargs: Any
    ) -> IO[Any]:
        """Open a file as the built-in `open` does, with relative paths in the folder.

        Raises:
            ExperimentFileNotFoundError: There is no such file; the message names those there are.
            OSError: Whatever else the built-in raises.
        """
        path = os.path.join(self.curexpdir, os.fspath(file))
        try:
            return builtins.open(path, mode, *args, **kwargs)
        except FileNotFoundError as error:
            raise ExperimentFileNotFoundError(self._missing(os.fspath(file))) from error

    def refresh(self) -> Self:
        """Forget what was read, so that what is asked for next is read anew."""
        for name in _KNOWN - {"curexpdir", "expid"}:
            vars(self).pop(name, None)
        return self

    def refresh_status(self) -> None:
        """Read STATUS again, and what depends on it, into `status` and `status_message`."""
        record = self._latest_record()
        self.status = record.status
        lines = record.reason.splitlines()
        self.status_message = lines[-1] if lines else ""

    def refresh_summary(self) -> None:
        """Read the results again into `summary`."""
        self.summary = self._latest_record().summary

    def _load(self, refresh: Callable[[], None]) -> None:
        """Let a `refresh` method set its attributes for the first time, with what is read."""
        was_loading, self._is_loading = self._is_loading, True
        try:
            refresh()
        finally:
            self._is_loading = was_loading

    def _latest_record(self) -> Record:
        if not self._is_loading:
            self.record = read_record(self.curexpdir)
        return self.record

    def _text(self, name: str) -> str:
        try:
            with self.open(name, "rb") as file:
                return bytes(file.read()).decode("utf-8", "replace")
        except OSError:
            return ""

    def _missing(self, name: str) -> str:
        there = [entry.name for entry in read_contents(self.curexpdir).entries]
        if not there:
            return f"The experiment in {self.curexpdir} is gone or empty, so it has no {name!r}."
        named = ", ".join(there[:_NAMED_FILES]) + (", ..." if len(there) > _NAMED_FILES else "")
        return f"Experiment {self.expid} has no file {name!r}. It has: {named}"

    def __repr__(self) -> str:
        from meticulous.reader.display import reader_line

        return reader_line(self)

    def __str__(self) -> str:
        from meticulous.reader.display import reader_text

        return reader_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython without HTML: in full, but on one line in a list of several.
        printer.text(repr(self) if cycle or printer.indentation else str(self))

    def _repr_html_(self) -> str:
        from meticulous.reader.display import reader_html

        return reader_html(self)


_NAMED_FILES = 12

_WAY_OUT = "`Experiments(experiments_directory=...)` shows the experiments of a directory."

_KNOWN = {"curexpdir", "expid"} | {
    name for name, member in vars(ExperimentReader).items() if isinstance(member, cached_property)
}
