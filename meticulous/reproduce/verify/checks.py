"""The checks of `meticulous verify`, in their order, and what they found for one experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meticulous.reader.record import Record
from meticulous.reproduce.answers import NO, OUTCOMES, Answer
from meticulous.reproduce.repository import CodeHolder
from meticulous.reproduce.verify.code import (
    check_commit,
    check_kept,
    check_published,
    check_sources,
    check_tree,
)
from meticulous.reproduce.verify.files import check_inputs, check_outputs, read_listing
from meticulous.reproduce.verify.pins import Index, check_pins
from meticulous.reproduce.verify.seal import check_seal

CHECKS = {
    "commit": "the repository holds the commit or snapshot that ran",
    "kept": "a ref keeps it from being collected as garbage",
    "remote": "a branch of a remote holds it",
    "tree": "it is whole, and the working tree had no other changes",
    "sources": "no code was loaded that it does not hold",
    "inputs": "the files that were read are as they were",
    "outputs": "the files that were written are as they were",
    "packages": "the recorded packages can be installed",
    "record": "the record has not been altered since the run ended",
}
"""What is checked, and the claim of each check."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying an experiment gave.

    Attributes:
        id: Its id.
        directory: Its folder.
        status: How it ended.
        answers: One for each of `CHECKS`.
        problems: What cannot be read of its folder.
    """

    id: str
    directory: Path
    status: str
    answers: dict[str, Answer]
    problems: list[str]

    @property
    def holds(self) -> bool:
        """Whether no check says no."""
        return all(answer.outcome != NO for answer in self.answers.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many checks came out how."""
        found = [answer.outcome for answer in self.answers.values()]
        return {outcome: found.count(outcome) for outcome in OUTCOMES}

    def as_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "id": self.id,
            "directory": str(self.directory),
            "status": self.status,
            "holds": self.holds,
            "problems": self.problems,
            "checks": [
                {
                    "check": name,
                    "claim": CHECKS[name],
                    "outcome": answer.outcome,
                    "evidence": answer.evidence,
                    "remedy": answer.remedy or None,
                }
                for name, answer in self.answers.items()
            ],
        }


def verify(
    records: Iterable[Record],
    holders: dict[str, CodeHolder],
    online: bool = False,
    index: Index | None = None,
) -> Iterator[Verification]:
    """Yield what is still so of each record; nothing is run and nothing is changed.

    Args:
        records: The experiments.
        holders: What `ask_repositories` returned for them.
        online: Whether remotes are asked.
        index: Asks package indexes; None when they are not to be asked.
    """
    for record in records:
        holder = holders[str(record.directory.parent)]
        listing = read_listing(record)
        answers = {
            "commit": check_commit(record, holder),
            "kept": check_kept(record, holder),
            "remote": check_published(record, holder, online),
            "tree": check_tree(record, holder),
            "sources": check_sources(record),
            "inputs": check_inputs(record, holder, listing),
            "outputs": check_outputs(record, holder, listing),
            "packages": check_pins(record, index),
            "record": check_seal(record),
        }
        yield Verification(
            record.id, record.directory, record.status, answers, list(record.problems)
        )
