"""What an audit looks at: the record of an experiment, what its folder holds, and its relatives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from meticulous.folder import layout, status
from meticulous.folder.plain import plain
from meticulous.reader.files import Files
from meticulous.reader.program import program_of
from meticulous.reader.record import Record
from meticulous.reproduce.repository import CodeHolder, code_of
from meticulous.reproduce.verify.files import Listing

_SEED = re.compile(r"(.*[_.-])?seed", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """An experiment under audit.

    Attributes:
        record: The experiment.
        holder: The repository with its code.
        relatives: What is known of all experiments of the directory together.
        listing: What files.json says; None where there is none.
        uncommitted: The files it read in the repository that its commit does not hold; None where
            nobody could be asked.
    """

    record: Record
    holder: CodeHolder
    relatives: Relatives
    listing: Listing | None = None
    uncommitted: frozenset[str] | None = None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """All of environment.json; empty when there is none that can be read."""
        return Files(self.record.directory).mapping(layout.ENVIRONMENT)

    def part(self, name: str) -> dict[str, Any]:
        """Return a part of environment.json; empty when it could not be found out."""
        value = self.environment.get(name)
        return value if isinstance(value, dict) and "error" not in value else {}


class Relatives:
    """What other experiments of a directory say about one: repetitions and reproductions.

    Args:
        records: All experiments of the directory.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._repetitions: dict[str, list[Any]] = {}
        self._reproductions: dict[str, list[Record]] = {}
        for record in records:
            original = record.metadata.get("reproduces-uid") or record.metadata.get("reproduces")
            if original is not None:
                self._reproductions.setdefault(str(original), []).append(record)
            elif record.status == status.SUCCESS:
                self._repetitions.setdefault(_configuration(record), []).append(seed_of(record))

    def seeds(self, record: Record) -> tuple[int, int]:
        """Return how many successful runs had its code and arguments, and with how many seeds.

        A run without a seed counts as one with a seed of its own.
        """
        seeds = self._repetitions.get(_configuration(record), [])
        return len(seeds), len({_text(seed) for seed in seeds if seed is not None}) + sum(
            seed is None for seed in seeds
        )

    def reproductions(self, record: Record) -> list[Record]:
        """Return the experiments that ran it again."""
        by_uid = self._reproductions.get(str(record.metadata.get("uid")), [])
        by_id = self._reproductions.get(record.id, [])
        return [*by_uid, *(each for each in by_id if not each.metadata.get("reproduces-uid"))]


def seed_of(record: Record) -> Any:
    """Return the seed of a run, from its record or its arguments; None when there is none."""
    recorded = record.metadata.get("seed")
    if recorded is not None:
        return recorded
    return next(
        (
            value
            for name, value in record.args.items()
            if _SEED.fullmatch(name) and value is not None
        ),
        None,
    )


def seed_argument(record: Record) -> str | None:
    """Return the name of the argument that holds the seed, or None."""
    return next((name for name in record.args if _SEED.fullmatch(name)), None)


def _configuration(record: Record) -> str:
    """Return what two runs share that differ in nothing but the seed."""
    args: Mapping[str, Any] = record.args
    without = {name: value for name, value in args.items() if not _SEED.fullmatch(name)}
    return _text([code_of(record), program_of(record.metadata), without])


def _text(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True)
