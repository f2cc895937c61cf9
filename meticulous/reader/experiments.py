"""Experiments: all of a directory for programs and notebooks, and every choice of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, overload

from meticulous.errors import ExperimentNotFoundError, InvalidOptionError
from meticulous.reader.choosing.filters import parse_filter
from meticulous.reader.collection import find_record, locate, not_found
from meticulous.reader.display import USUAL_ROWS, experiments_html, experiments_text
from meticulous.reader.experiment_reader import ExperimentReader
from meticulous.reader.index import read_records, read_table
from meticulous.reader.keys import as_id, as_truths, as_whole, checked_slice
from meticulous.reader.record import Record, read_record
from meticulous.reader.series.metrics import long_columns
from meticulous.reader.table.argument_columns import args_columns
from meticulous.reader.table.columns import find_columns
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.ordering import rows_by_start
from meticulous.reader.table.table import FACTS, ID, Table

if TYPE_CHECKING:
    import pandas as pd

    from meticulous.reader.comparing.comparison import Comparison

_USUAL_FACTS = ("status", "start", "duration", "description", "tags")
"""The facts that `table` shows unless it is told otherwise."""

_ONE_BY_ONE = 64
"""Records that are read from their folders; for more, all of the directory are."""


class Experiments:
    """The experiments of a directory, in the order in which they were started, the latest last.

    They are read when they are first asked for, and again after `refresh`. A folder of which
    something cannot be read is an experiment with `problems`, never an exception.

    `experiments["12"]` and `experiments[12]` are the experiment with this id, `experiments[-1]` is
    the one started last. `experiments[-3:]`, `experiments[["3", "5"]]` and
    `experiments[df["summary.loss"] < 1]` are again `Experiments`, as what `query` and `latest`
    return.

    Args:
        project_directory: The folder in which, or above which, the experiments directory lies;
            the working directory by default. No git repository is needed.
        experiments_directory: The folder that holds the numbered folders; relative to the project
            directory. By default `experiments` is looked for.
        reader: Makes the object for one experiment from the path of its folder: a subclass of
            `ExperimentReader`.

    Raises:
        ExperimentsDirectoryError: There is no such directory.
    """

    def __init__(
        self,
        project_directory: str | os.PathLike[str] = "",
        experiments_directory: str | os.PathLike[str] | None = None,
        reader: Callable[[str], ExperimentReader] = ExperimentReader,
    ) -> None:
        self.project_directory = os.path.expanduser(os.fspath(project_directory))
        self.experiments_directory = os.path.abspath(self._locate(experiments_directory))
        self.reader = reader
        self._chosen: list[str] | None = None
        self._ids: dict[str, None] | None = None
        self._whole: Table | None = None
        self._records: dict[str, Record] = {}
        self._readers: dict[str, ExperimentReader] = {}
        self._warned: list[str] = []

    def _locate(self, directory: str | os.PathLike[str] | None) -> str:
        if directory is None or not os.fspath(directory):
            return locate(self.project_directory or None)
        given = os.path.expanduser(os.fspath(directory))
        return locate(os.path.join(self.project_directory, given))

    @property
    def ids(self) -> list[str]:
        """The ids, in the order of the start."""
        return list(self._order)

    @property
    def _order(self) -> dict[str, None]:
        """The ids as keys, in the order of the start."""
        if self._ids is None:
            table = self._read_table()
            names = [table.ids[row] for row in rows_by_start(table)]
            if self._chosen is not None:
                there = set(names)
                names = [name for name in self._chosen if name in there]
            self._ids = dict.fromkeys(names)
        return self._ids

    @property
    def records(self) -> list[Record]:
        """What the folders say, as frozen records, in the order of their start."""
        unread = {name for name in self.ids if name not in self._records}
        if len(unread) > _ONE_BY_ONE:
            found = read_records(self.experiments_directory, with_foreign=True)
            self._records.update((record.id, record) for record in found if record.id in unread)
        return [self._record(name) for name in self.ids]

    def _record(self, name: str) -> Record:
        record = self._records.get(name)
        if record is None:
            record = read_record(os.path.join(self.experiments_directory, name))
            record = self._records[name] = replace(record, id=name)
        return record

    @property
    def experiments(self) -> dict[str, ExperimentReader]:
        """The experiments by their ids, in the order of their start."""
        return {record.id: self._reader_of(record) for record in self.records}

    def refresh(self) -> Self:
        """Forget what was read, so that runs that began or ended meanwhile are seen.

        A choice of experiments stays the same choice; of those deleted meanwhile nothing is left.
        """
        self._ids = self._whole = None
        self._records, self._readers = {}, {}
        return self

    def refresh_experiments(self) -> None:
        """Forget what was read; the historic name of `refresh`."""
        self.refresh()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[ExperimentReader]:
        return iter([self._reader_of(record) for record in self.records])

    def __contains__(self, key: object) -> bool:
        if isinstance(key, ExperimentReader):
            place, name = os.path.split(key.curexpdir)
            return place == self.experiments_directory and name in self._order
        return as_id(key) in self._order

    @overload
    def __getitem__(self, key: str | int) -> ExperimentReader: ...

    @overload
    def __getitem__(self, key: slice | Iterable[Any]) -> Experiments: ...

    def __getitem__(self, key: Any) -> ExperimentReader | Experiments:
        if isinstance(key, slice):
            return self._choose(self.ids[checked_slice(key)])
        name = as_id(key)
        if name is not None:
            return self._reader_of(self._find(name))
        if isinstance(key, Iterable):
            return self._choose(self._several(key))
        raise ExperimentNotFoundError(
            f"{key!r} is no id of an experiment. An id is a text or a whole number; -1 is the "
            "experiment started last, and a slice or a list of ids gives several."
        )

    def _find(self, name: str) -> Record:
        if self._ids is None and self._chosen is None and not name.startswith("-"):
            return self._records.get(name) or find_record(self.experiments_directory, name)
        return self._record(self._resolve(name))

    def _resolve(self, name: str) -> str:
        """Return the id that is meant: itself, or counted from the latest."""
        if name in self._order:
            return name
        if name.startswith("-") and name[1:].isdecimal() and name.isascii() and len(name) < 19:
            place = len(self) - int(name[1:])
            if 0 <= place < len(self):
                return self.ids[place]
        message = not_found(self.experiments_directory, name)
        if self._chosen is not None:
            message = f"Experiment {name!r} is not among the {len(self)} chosen here. {message}"
        raise ExperimentNotFoundError(message)

    def _several(self, keys: Iterable[Any]) -> list[str]:
        labels = getattr(keys, "index", None)
        values = list(keys)
        truths = as_truths(values)
        if truths is not None:
            if labels is None or callable(labels):
                labels = self.ids
            if len(labels) != len(values):
                raise InvalidOptionError(
                    f"There are {len(values)} truth values for {len(self)} experiments. "
                    "Give one for each, in their order."
                )
            # What pandas gives is labelled; its rows may be in another order, or fewer.
            chosen = {self._resolve(str(k)) for k, v in zip(labels, truths, strict=True) if v}
            return [name for name in self.ids if name in chosen]
        names = [as_id(value) for value in values]
        if None in names:
            wrong = values[names.index(None)]
            raise ExperimentNotFoundError(
                f"{wrong!r} is no id of an experiment. An id is a text or a whole number."
            )
        return list(dict.fromkeys(self._resolve(name) for name in names if name is not None))

    def _choose(self, ids: list[str]) -> Experiments:
        chosen = object.__new__(type(self))
        vars(chosen).update(vars(self))  # what was read is shared
        chosen._chosen, chosen._ids = ids, dict.fromkeys(ids)
        return chosen

    def _reader_of(self, record: Record) -> ExperimentReader:
        reader = self._readers.get(record.id)
        if reader is None:
            reader = self._readers[record.id] = self._make_reader(record)
        return reader

    def _make_reader(self, record: Record) -> ExperimentReader:
        if self.reader is ExperimentReader:
            return ExperimentReader.of(record)
        try:
            reader = self.reader(os.path.join(str(record.directory), ""))
        except Exception as error:  # whatever a reader of somebody else may raise
            said = self._warn_of(record.id, error)
            return ExperimentReader.of(replace(record, problems=[*record.problems, said]))
        vars(reader).setdefault("record", record)
        return reader

    def _vars_of(self, reader: ExperimentReader) -> dict[str, Any]:
        try:
            return dict(reader.df_vars())
        except Exception as error:
            if self.reader is ExperimentReader:
                raise
            self._warn_of(reader.expid, error)
            return ExperimentReader.of(self._record(reader.expid)).df_vars()

    def _warn_of(self, experiment_id: str, error: Exception) -> str:
        """Tell once that the reader of somebody else failed, and return how."""
        name = getattr(self.reader, "__name__", self.reader)
        said = f"{name} cannot read it: {type(error).__name__}: {error}"
        if not self._warned:
            self._warned.append(experiment_id)
            warnings.warn(
                f"Experiment {experiment_id}: {said}. Such experiments are read by "
                "ExperimentReader instead.",
                stacklevel=3,
            )
        return said

    def latest(self, count: int = 1) -> Experiments:
        """Return those that were started last.

        Args:
            count: How many at most.

        Raises:
            InvalidOptionError: The count is no whole number, or negative.
        """
        number = as_whole(count)
        if number is None or number < 0:
            raise InvalidOptionError(f"latest({count!r}): give a whole number, 0 or more.")
        return self._choose(self.ids[max(0, len(self) - number) :])

    def query(self, expression: str) -> Experiments:
        """Return the experiments for which a filter holds.

        Args:
            expression: Such as `args.lr < 0.1 and status == 'SUCCESS'`: comparisons of columns,
                named as in `table`, joined by and, or, not. `args.` and `summary.` can be left
                out where only one column can be meant. An experiment without the value is not
                among them.

        Raises:
            InvalidQueryError: It cannot be understood, or compares what cannot be compared.
            UnknownColumnError: No experiment has a value of that name; the nearest are named.
        """
        table = self._table()
        names = [ID, *table.columns]
        matching = parse_filter(str(expression), names).matching(table)
        return self._choose(
            [name for name, holds in zip(table.ids, matching, strict=True) if holds]
        )

    def table(
        self, columns: str | Sequence[str] | None = None, args: str = "changed"
    ) -> pd.DataFrame:
        """Return the experiments as a DataFrame with flat, dotted, typed columns.

        Args:
            columns: The columns that are wanted: names (`summary.loss`, or `loss` where only one
                can be meant), what names begin with (`args`, `metadata.git`), or globs
                (`*.loss`). By default the facts, the arguments that `args` says and all results.
            args: Which arguments there are by default: "none", those that differ between the
                experiments ("changed"), those that differ from their defaults ("non-default"), or
                "all".

        Returns:
            One row an experiment in the order of the start, indexed by `id`.

        Raises:
            UnknownColumnError: A column is in none of the experiments; the nearest are named.
            InvalidOptionError: `args` has a value that is not known.
        """
        from meticulous.reader.frame import to_frame

        table = self._table()
        usual = args_columns(table, args)
        if columns is None:
            names = [*_USUAL_FACTS, *usual, *(n for n in table.columns if n.startswith("summary."))]
        else:
            wanted = [columns] if isinstance(columns, str) else list(map(str, columns))
            names = find_columns([name for name in wanted if name != ID], list(table.columns))
        return to_frame(Table(table.ids, {name: table.columns[name] for name in names}))

    def as_dataframe(self, normalize_json_values: bool = False) -> pd.DataFrame:
        """Return all that is known of the experiments as a DataFrame with levels of columns.

        Args:
            normalize_json_values: Whether nested values are unrolled into further levels; names
                with fewer are then filled up with "" in front. Otherwise there are two levels,
                and a nested value is one value.

        Returns:
            One row an experiment, indexed by `expid`: the header below "", then `args`,
            `default_args`, `metadata` and `summary`, as `ExperimentReader.df_vars` gives them.
        """
        from meticulous.reader.frame import to_grouped_frame, to_multiindex_frame

        rows = [{"expid": reader.expid, **self._vars_of(reader)} for reader in self]
        if not normalize_json_values:
            return to_grouped_frame(rows)
        # An empty object has no values, so it is no column either.
        return to_multiindex_frame(
            {name: value for name, value in row.items() if not isinstance(value, dict) or value}
            for row in rows
        )

    def metrics(self, *names: str) -> pd.DataFrame:
        """Return what the experiments logged, one below the other.

        Args:
            *names: The names that are wanted, with dots where values were nested; `*` stands for
                any letters. Lines that hold none of them are left out. All by default.

        Returns:
            One row for each line that was logged: `expid`, `step`, `time`, then the names.

        Raises:
            UnknownColumnError: None of the experiments has logged anything under a name.
        """
        from meticulous.reader.frame import series_frame

        return series_frame(long_columns({reader.expid: reader.log for reader in self}, names))

    def diff(self, a: str | int, b: str | int) -> Comparison:
        """Compare two experiments: all that their folders tell; see `compare`.

        Args:
            a: The id of the first.
            b: The id of the second.

        Raises:
            ExperimentNotFoundError: There is none with such an id.
        """
        from meticulous.reader.comparing.comparison import compare

        return compare(self[a].record, self[b].record)

    def _read_table(self) -> Table:
        if self._whole is None:
            self._whole = read_table(self.experiments_directory, with_foreign=True)
        return self._whole

    def _table(self) -> Table:
        """Return these experiments as a table of the columns that any of them has."""
        ids, table = self.ids, self._read_table()
        if ids == table.ids:
            return table
        places = {name: row for row, name in enumerate(table.ids)}
        ids = [name for name in ids if name in places]  # the others were deleted in between
        rows = [places[name] for name in ids]
        columns = {}
        for name, values in table.columns.items():
            chosen = [values[row] for row in rows]
            if name in FACTS or any(value is not MISSING for value in chosen):
                columns[name] = chosen
        return Table(ids, columns)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_whole": None}

    def _latest_records(self) -> list[Record]:
        return [self._record(name) for name in self.ids[-USUAL_ROWS:]]

    def __repr__(self) -> str:
        return experiments_text(self._latest_records(), len(self), self.experiments_directory)

    def _repr_html_(self) -> str:
        return experiments_html(self._latest_records(), len(self), self.experiments_directory)
