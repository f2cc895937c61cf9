"""Two experiments beside each other: what differs in what went in and in what came out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meticulous.folder import layout, status
from meticulous.reader.comparing import display as comparison_display
from meticulous.reader.comparing.differences import Difference, Section, compare_values
from meticulous.reader.comparing.outputs import RECORDED, compare_inputs, compare_outputs
from meticulous.reader.comparing.surroundings import UNCOMMITTED, lasting_facts, package_versions
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.reader.table.flattening import MISSING

SECTIONS = (
    *("status", "command", "args", "code", "environment", "packages"),
    *("inputs", "summary", "outputs"),
)
"""The parts of a comparison, in their order."""

RESULTS = ("status", "summary", "outputs")
"""The sections that say what came out; the others say what went in."""

FILES_UNKNOWN = "which files differ is not known"
"""Begins the remark on two commits that no repository was asked about, or knew."""


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """What two records have in common and what not.

    Attributes:
        a: The first record.
        b: The second.
        sections: The compared parts by name, in the order of `SECTIONS`.
        problems: What could not be read of either, one sentence each.
    """

    a: Record
    b: Record
    sections: dict[str, Section]
    problems: list[str]

    @property
    def differs(self) -> bool:
        """Whether anything is known to differ."""
        return any(self.sections.values())

    @property
    def differences(self) -> Iterator[tuple[str, Difference]]:
        """All differences, each with the name of its section."""
        for name, section in self.sections.items():
            for difference in section.differences:
                yield name, difference

    def __getitem__(self, name: str) -> Section:
        """Return a section by its name."""
        return self.sections[name]

    def __repr__(self) -> str:
        return comparison_display.text(self)

    def _repr_html_(self) -> str:
        return comparison_display.html(self)


def compare(
    a: Record,
    b: Record,
    changed_code: Mapping[str, str] | None = None,
    only: Collection[str] = SECTIONS,
    why_unknown: str = f"{FILES_UNKNOWN}: no repository was asked",
) -> Comparison:
    """Compare two experiments, whatever state their folders are in.

    What differs between any two runs is left out: times, durations, process numbers, free memory.
    What only one record knows anything about is unknown, not different.

    Args:
        a: The first experiment.
        b: The second.
        changed_code: The files in which the code of the two differs, each with a few words on the
            change, where somebody could ask a repository; None where only the names of the
            commits are known.
        only: The sections wanted.
        why_unknown: What to remark where commits differ and `changed_code` is None.
    """
    files_a, files_b = Files(a.directory), Files(b.directory)
    environment_a, environment_b = (
        files.mapping(layout.ENVIRONMENT) for files in (files_a, files_b)
    )
    recorded_a, recorded_b = files_a.mapping(RECORDED), files_b.mapping(RECORDED)
    makers = {
        "status": lambda: compare_values("status", _ending(a), _ending(b)),
        "command": lambda: _compare_commands(a, b),
        "args": lambda: compare_values("args", a.args, b.args),
        "code": lambda: _compare_code(a, b, changed_code, why_unknown),
        "environment": lambda: _compare_environments(a, b, environment_a, environment_b),
        "packages": lambda: _compare_packages(environment_a, environment_b),
        "inputs": lambda: compare_inputs(recorded_a, recorded_b),
        "summary": lambda: compare_values("summary", a.summary, b.summary),
        "outputs": lambda: compare_outputs(
            str(a.directory), str(b.directory), recorded_a, recorded_b
        ),
    }
    sections = {name: _with_progress(makers[name](), a, b) for name in SECTIONS if name in only}
    return Comparison(
        a,
        b,
        sections,
        [f"{a.id}: {problem}" for problem in a.problems + files_a.problems]
        + [f"{b.id}: {problem}" for problem in b.problems + files_b.problems],
    )


def code_of(record: Record) -> str | None:
    """Return the commit that holds the code that ran: the snapshot if there is one."""
    sha = record.metadata.get("git-snapshot") or record.metadata.get("githead-sha")
    return sha if isinstance(sha, str) and sha else None


def _ending(record: Record) -> dict[str, Any]:
    facts = {"status": record.status, "reason": record.reason or None}
    for key in ("exit-code", "signal"):
        facts[key] = record.metadata.get(key)
    return {key: value for key, value in facts.items() if value is not None}


def _compare_commands(a: Record, b: Record) -> Section:
    key = "original-command"
    if not (a.metadata.get(key) and b.metadata.get(key)):
        key = "command"
    facts = [
        {
            name: record.metadata[source]
            for name, source in (
                ("command", key),
                ("working-directory", "working-directory"),
                ("project-directory", "project-directory"),
                ("seed", "seed"),
            )
            if record.metadata.get(source) is not None
        }
        for record in (a, b)
    ]
    # Older recorders do not tell the folders; that is no difference.
    shared = facts[0].keys() & facts[1].keys() | {"command", "seed"}
    return compare_values(
        "command", *({name: fact[name] for name in fact if name in shared} for fact in facts)
    )


def _compare_code(
    a: Record, b: Record, changed: Mapping[str, str] | None, why_unknown: str
) -> Section:
    shas = code_of(a), code_of(b)
    if None in shas:
        which = a.id if shas[0] is None else b.id
        return Section("code", unknown=f"experiment {which} does not tell its commit")
    differences: list[Difference] = []
    remarks: list[str] = []
    same = 0
    if shas[0] == shas[1]:
        same = 1
    elif changed is not None and not changed:
        same = 1
        remarks.append("the commits are not the same, but hold the same files")
    else:
        differences += _commits(a, b)
        for path, change in (changed or {}).items():
            differences.append(Difference(path, MISSING, MISSING, change))
        remarks += [why_unknown] if changed is None else []
    own_a, own_b = (_uncommitted(record) for record in (a, b))
    if own_a != own_b:
        differences.append(Difference("loaded, but not in the commit", own_a, own_b))
    elif own_a:
        remarks.append(f"both loaded code that is not in their commit: {', '.join(own_a)}")
    return Section("code", differences, same, remarks)


def _commits(a: Record, b: Record) -> Iterator[Difference]:
    for label, key in (("commit", "githead-sha"), ("snapshot", "git-snapshot")):
        one, other = (record.metadata.get(key) or MISSING for record in (a, b))
        if one != other:
            yield Difference(label, one, other)


def _uncommitted(record: Record) -> list[str]:
    names = record.metadata.get("git-untracked-sources")
    return [str(name) for name in names] if isinstance(names, list) else []


def _compare_environments(
    a: Record, b: Record, one: Mapping[str, Any], other: Mapping[str, Any]
) -> Section:
    facts = [lasting_facts(one, a.metadata), lasting_facts(other, b.metadata)]
    unknown = ""
    if not one or not other:
        shared = facts[0].keys() & facts[1].keys()
        facts = [{name: fact[name] for name in shared} for fact in facts]
        which = a.id if not one else b.id
        unknown = f"experiment {which} has no {layout.ENVIRONMENT}"
    section = compare_values("environment", *facts)
    return Section("environment", section.differences, section.same, section.remarks, unknown)


def _compare_packages(one: Mapping[str, Any], other: Mapping[str, Any]) -> Section:
    versions = [package_versions(one), package_versions(other)]
    if versions[0] is None or versions[1] is None:
        return Section("packages", unknown="the packages of both are not known")
    section, same = Section("packages"), 0
    unsure = []
    for name in sorted({*versions[0], *versions[1]}):
        was, became = versions[0].get(name, MISSING), versions[1].get(name, MISSING)
        if was == became:
            same += 1
            unsure += [name] if UNCOMMITTED in str(was) else []
        else:
            section.differences.append(Difference(name, was, became))
    remark = f"{', '.join(unsure)}: {UNCOMMITTED} in both, which may not be the same"
    return Section("packages", section.differences, same, [remark] if unsure else [])


def _with_progress(section: Section, a: Record, b: Record) -> Section:
    """Add to results that they are not final while an experiment runs."""
    running = [record.id for record in (a, b) if record.status == status.RUNNING]
    if section.name not in ("summary", "outputs") or not running:
        return section
    remark = f"not final: {' and '.join(dict.fromkeys(running))} still running"
    return Section(
        section.name, section.differences, section.same, [*section.remarks, remark], section.unknown
    )
