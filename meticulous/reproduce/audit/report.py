"""An audit: every item answered for every experiment, and what follows for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from meticulous.errors import MeticulousError
from meticulous.folder import status
from meticulous.git.reachability import held_files
from meticulous.reader.record import Record
from meticulous.reproduce.answers import NO, OUTCOMES, UNKNOWN, Answer
from meticulous.reproduce.audit import code, data, randomness, surroundings
from meticulous.reproduce.audit.criteria import CRITERIA, SOURCES
from meticulous.reproduce.audit.subject import Relatives, Subject
from meticulous.reproduce.repository import CodeHolder, code_of
from meticulous.reproduce.verify.files import REPOSITORY, read_listing

_ANSWERING: dict[str, Callable[[Subject], Answer]] = {
    "commit": code.commit,
    "published": code.on_remote,
    "sources": code.sources,
    "readme": code.readme,
    "license": code.license_file,
    "command": code.command,
    "arguments": code.arguments,
    "description": code.description,
    "unattended": code.unattended,
    "packages": surroundings.packages,
    "installable": surroundings.installable,
    "hardware": surroundings.hardware,
    "compute": surroundings.compute,
    "seed": randomness.seed,
    "seeded": randomness.seeded,
    "repetitions": randomness.repetitions,
    "inputs": data.inputs,
    "data": data.data,
    "outputs": data.outputs,
    "success": data.success,
    "results": data.results,
    "reproduced": data.reproduced,
}


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """One experiment.

    Attributes:
        id: Its id.
        directory: Its folder.
        status: How it ended.
        hardware: What it ran on, in a few words; "" when unknown.
        duration: Seconds it took; None when unknown.
        answers: One for each of `CRITERIA`.
    """

    id: str
    directory: str
    status: str
    hardware: str
    duration: float | None
    answers: dict[str, Answer]


@dataclass(frozen=True, slots=True)
class Compute:
    """What was computed on one kind of machine.

    Attributes:
        hardware: The kind of machine; "" for unknown.
        runs: How many experiments ran there.
        hours: How long they took together.
        hours_without_success: What of it went into runs that did not end with success.
        unmeasured: Of how many it is unknown how long they took.
    """

    hardware: str
    runs: int
    hours: float
    hours_without_success: float
    unmeasured: int


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would help, and how many experiments.

    Attributes:
        criterion: The item.
        runs: How many experiments fail it.
        remedy: What to do; of several the one that helps most of them.
    """

    criterion: str
    runs: int
    remedy: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The answers for a set of experiments.

    Attributes:
        runs: The experiments.
    """

    runs: list[AuditedRun]

    @property
    def passes(self) -> bool:
        """Whether nothing stands in the way: no item is answered with no."""
        return not self.remedies

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many experiments have which answer, by item."""
        found = {}
        for criterion in CRITERIA:
            outcomes = Counter(run.answers[criterion.name].outcome for run in self.runs)
            found[criterion.name] = {outcome: outcomes[outcome] for outcome in OUTCOMES}
        return found

    @property
    def remedies(self) -> list[Remedy]:
        """What stands in the way, what concerns most experiments first."""
        found = []
        for criterion in CRITERIA:
            answers = [(run, run.answers[criterion.name]) for run in self.runs]
            remedies = Counter(
                _for_all(answer.remedy, run.id) if len(self.runs) > 1 else answer.remedy
                for run, answer in answers
                if answer.outcome == NO
            )
            if remedies:
                best = remedies.most_common(1)[0][0]
                found.append(Remedy(criterion.name, remedies.total(), best))
        return sorted(found, key=lambda remedy: -remedy.runs)

    @property
    def checklists(self) -> dict[str, dict[str, list[str]]]:
        """Which items are in the way of each question and badge of the checklists.

        By its name, such as "ACM available", the items that an experiment answers with no, and
        those that none does but one with unknown.
        """
        counts = self.counts
        found: dict[str, dict[str, list[str]]] = {}
        for criterion in CRITERIA:
            outcomes = counts[criterion.name]
            for source in criterion.sources:
                items = found.setdefault(source, {NO: [], UNKNOWN: []})
                if outcomes[NO]:
                    items[NO].append(criterion.name)
                elif outcomes[UNKNOWN]:
                    items[UNKNOWN].append(criterion.name)
        return dict(sorted(found.items(), key=lambda each: _place(each[0])))

    @property
    def compute(self) -> list[Compute]:
        """What was computed where, most hours first."""
        kinds: dict[str, list[AuditedRun]] = {}
        for run in self.runs:
            kinds.setdefault(run.hardware, []).append(run)
        found = [
            Compute(
                hardware,
                len(runs),
                _hours(runs),
                _hours(run for run in runs if run.status != status.SUCCESS),
                sum(run.duration is None for run in runs),
            )
            for hardware, runs in kinds.items()
        ]
        return sorted(found, key=lambda each: -each.hours)

    def as_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        counts = self.counts
        return {
            "passes": self.passes,
            "experiments": len(self.runs),
            "compute": [asdict(each) for each in self.compute],
            "total_hours": sum(each.hours for each in self.compute),
            "criteria": [
                {**asdict(criterion), "sources": list(criterion.sources), **counts[criterion.name]}
                for criterion in CRITERIA
            ],
            "checklists": self.checklists,
            "remedies": [asdict(remedy) for remedy in self.remedies],
            "runs": [
                {
                    "id": run.id,
                    "directory": run.directory,
                    "status": run.status,
                    "hardware": run.hardware or None,
                    "duration": run.duration,
                    "answers": {name: asdict(answer) for name, answer in run.answers.items()},
                }
                for run in self.runs
            ],
            "sources": {
                name: {"title": title, "url": url} for name, (title, url) in SOURCES.items()
            },
        }


def audit(
    records: Sequence[Record],
    holders: dict[str, CodeHolder],
    relatives: Iterable[Record] | None = None,
) -> Audit:
    """Answer every item for every experiment, from the records and the repository alone.

    Git is asked once for all of them, and nobody else.

    Args:
        records: The experiments.
        holders: What `ask_repositories` returned for them.
        relatives: All experiments among which repetitions and reproductions are looked for; by
            default the records themselves.
    """
    known = Relatives(records if relatives is None else relatives)
    subjects = [
        Subject(record, holders[str(record.directory.parent)], known, read_listing(record))
        for record in records
    ]
    return Audit([_audited(subject) for subject in _with_uncommitted(subjects)])


def _audited(subject: Subject) -> AuditedRun:
    record = subject.record
    return AuditedRun(
        record.id,
        str(record.directory),
        record.status,
        surroundings.hardware_text(subject),
        record.duration,
        {criterion.name: _ANSWERING[criterion.name](subject) for criterion in CRITERIA},
    )


def _with_uncommitted(subjects: list[Subject]) -> list[Subject]:
    """Find out which inputs are not in the commits, by one question for each repository."""
    wanted: dict[str, set[tuple[str, str]]] = {}
    for subject in subjects:
        root = subject.holder.root
        if root is not None:
            wanted.setdefault(root, set()).update(_inputs_by_commit(subject))
    held: dict[str, set[tuple[str, str]]] = {}
    for root, pairs in wanted.items():
        try:
            held[root] = held_files(root, pairs)
        except MeticulousError:
            continue
    found = []
    for subject in subjects:
        known = held.get(subject.holder.root or "")
        if known is not None:
            missing = _inputs_by_commit(subject) - known
            subject = replace(subject, uncommitted=frozenset(path for _, path in missing))
        found.append(subject)
    return found


def _inputs_by_commit(subject: Subject) -> set[tuple[str, str]]:
    commit = code_of(subject.record)
    presence = subject.holder.presence(commit)
    if commit is None or presence is None or not presence.is_here or subject.listing is None:
        return set()
    return {(commit, file.path) for file in subject.listing.inputs if file.place == REPOSITORY}


def _place(source: str) -> tuple[int, int, str]:
    """Return what the items of checklists are sorted by: their list, and number or name."""
    checklist, _, item = source.partition(" ")
    return list(SOURCES).index(checklist), int(item) if item.isdecimal() else 0, item


def _for_all(remedy: str, run_id: str) -> str:
    """Return the remedy for one experiment as it is for any."""
    return " ".join("ID" if word == run_id else word for word in remedy.split(" "))


def _hours(runs: Iterable[AuditedRun]) -> float:
    return sum(run.duration or 0.0 for run in runs) / 3600
