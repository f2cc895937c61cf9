"""Lay out one experiment in full: as sections of labelled lines, or as one object."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from meticulous.cli.grid import STATUS_STYLES
from meticulous.cli.launches import launch_lines
from meticulous.cli.rendering import Line
from meticulous.cli.verdicts import reproduction_lines
from meticulous.cli.wording import (
    age_text,
    count_text,
    duration_text,
    moment_text,
    size_text,
    value_text,
    visible,
)
from meticulous.folder import layout, status
from meticulous.reader import Contents, Record
from meticulous.reader.comparing.surroundings import package_versions
from meticulous.reader.progress import progress_text, read_progress
from meticulous.reader.verdicts import read_verdict

_REASON_LINES = 8
"""How much of a traceback is shown: its end, where the exception is."""

_MOST_LINES = 24
"""Lines of a section that are shown where long ones are cut."""

_LONGEST_TEXT = 240
"""Characters of a value that are shown where long ones are cut."""


def as_object(record: Record, contents: Contents) -> dict[str, Any]:
    """Return everything about an experiment, for programs."""
    metrics = contents.metrics
    return {
        "id": record.id,
        "directory": str(record.directory),
        "status": record.status,
        "reason": record.reason,
        "cause": record.cause,
        "start": record.start.isoformat() if record.start else None,
        "end": record.end.isoformat() if record.end else None,
        "duration": record.duration,
        "heartbeat": record.heartbeat.isoformat() if record.heartbeat else None,
        "description": record.description,
        "tags": record.tags,
        "args": record.args,
        "default_args": record.default_args,
        "changed_args": record.changed_args,
        "summary": record.summary,
        "metrics": dataclasses.asdict(metrics) if metrics else None,
        "metadata": record.metadata,
        "reproduction": read_verdict(record.directory),
        "environment": contents.environment,
        "warnings": record.warnings,
        "notes": contents.notes,
        "launches": contents.launches,
        "files": [dataclasses.asdict(entry) for entry in contents.entries],
        "problems": record.problems + contents.problems,
    }


def sections(
    record: Record, contents: Contents, cut: bool = False, everything: bool = False
) -> Iterator[list[Line]]:
    """Yield the sections of an experiment that have something to say, in their order.

    Args:
        record: The experiment.
        contents: What its folder holds besides.
        cut: Whether long sections and long values are cut, with a remark.
        everything: Whether tracebacks are shown from their beginning, and the packages one by one.
    """
    for section in (
        _head(record),
        _problems(record.problems + contents.problems),
        _facts(record),
        _reason(record, None if everything else _REASON_LINES),
        launch_lines(contents.launches),
        reproduction_lines(read_verdict(record.directory)),
        _code(record.metadata),
        _args(record),
        _values("summary", record.summary),
        _metrics(contents),
        _environment(contents.environment),
        _packages(contents.environment) if everything else (),
        _texts("warnings", record.warnings, "yellow"),
        _notes(contents.notes),
        _files(contents),
    ):
        lines = list(section)
        if lines:
            yield _shortened(lines) if cut else lines


def _shortened(lines: list[Line]) -> list[Line]:
    if len(lines) > _MOST_LINES:
        # What was given stands before what is as by default, if there is no room for both.
        lines = [lines[0], *sorted(lines[1:], key=lambda line: not line.label.startswith("* "))]
    shown = [_fitting(line) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        hidden = f"... and {len(lines) - _MOST_LINES:,} more; --all shows them"
        shown.append(Line("", Text(hidden, style="dim")))
    return shown


def _fitting(line: Line) -> Line:
    if line.text is None or len(line.text) <= _LONGEST_TEXT:
        return line
    text = line.text[: _LONGEST_TEXT - 3]
    return line._replace(text=text.append(f"... {len(line.text):,} characters", style="dim"))


def _head(record: Record) -> Iterator[Line]:
    style = STATUS_STYLES.get(record.status, "")
    yield Line(
        "",
        Text.assemble("experiment ", (visible(record.id), "bold"), "  ", (record.status, style)),
        is_indented=False,
    )
    if record.description:
        for text in record.description.splitlines():
            yield Line("", Text(visible(text), style="italic"), is_indented=False)


def _reason(record: Record, most: int | None) -> Iterator[Line]:
    if record.cause:
        yield Line("why it is lost")
        yield Line("", Text(visible(record.cause), style="magenta"))
    if not record.reason:
        return
    lines = record.reason.splitlines()
    yield Line("how it ended" if record.status in status.FINAL else "what STATUS says")
    if most is not None and len(lines) > most:
        hidden = count_text(len(lines) - most, "more line")
        yield Line("", Text(f"... {hidden} in {layout.STATUS}", style="dim"))
        lines = lines[-most:]
    for line in lines:
        yield Line("", Text(visible(line), style="red" if line is lines[-1] else ""))


def _facts(record: Record) -> Iterator[Line]:
    metadata = record.metadata
    now = datetime.now().astimezone()
    yield Line("folder", Text(visible(str(record.directory))))
    source = metadata.get("imported-from")
    if isinstance(source, dict):
        yield Line("imported", Text(visible(f"from {source.get('path')} ({source.get('format')})")))
    elif record.is_foreign:
        yield Line("recorded", Text("by xmen; `meticulous import xmen DIR` makes it one of ours"))
    command = metadata.get("original-command") or metadata.get("command")
    if command:
        yield Line("command", Text(_words(command)))
    if record.start:
        age = age_text(record.start, now)
        yield Line("started", Text(f"{moment_text(record.start)}, {age}"))
    if record.end:
        yield Line("ended", Text(moment_text(record.end)))
    if record.duration is not None:
        so_far = " so far" if record.status == status.RUNNING else ""
        yield Line("duration", Text(f"{duration_text(record.duration)}{so_far}"))
    if record.status in (status.RUNNING, status.LOST):
        progress = read_progress(record.directory)
        if progress is not None:
            yield Line("progress", Text(progress_text(progress, now)))
    attempts = metadata.get("attempts")
    if isinstance(attempts, list) and len(attempts) > 1:
        yield Line("attempts", Text(f"{len(attempts)}, it was resumed"))
    for label, key in (("exit code", "exit-code"), ("signal", "signal")):
        if metadata.get(key) and not record.reason.startswith(label):
            yield Line(label, Text(value_text(metadata[key])))
    process = [
        f"{label} {value_text(metadata[key])}"
        for label, key in (("host", "host"), ("user", "user"), ("pid", "pid"))
        if metadata.get(key) is not None
    ]
    if process:
        yield Line("process", Text(", ".join(process)))
    yield from _random_numbers(metadata)
    if record.tags:
        yield Line("tags", Text(visible(", ".join(record.tags))))


def _random_numbers(metadata: Mapping[str, Any]) -> Iterator[Line]:
    if metadata.get("seed") is not None:
        yield Line("seed", Text(value_text(metadata["seed"])))
    facts = _part(metadata, "randomness")
    places = _part(facts, "unseeded-at")
    for label, key in (("unseeded", "unseeded"), ("seeded?", "unknown")):
        names = facts.get(key)
        if isinstance(names, list) and names:
            text = ", ".join(_with_places(str(name), places.get(name)) for name in names)
            yield Line(label, Text(visible(text), style="yellow"))


def _with_places(name: str, places: Any) -> str:
    if not isinstance(places, list) or not places:
        return name
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{name} at {places[0]}{more}"


def _code(metadata: Mapping[str, Any]) -> Iterator[Line]:
    sha = metadata.get("githead-sha")
    if not sha:
        return
    yield Line("code")
    subject = str(metadata.get("githead-message") or "").strip().partition("\n")[0]
    yield Line("commit", Text.assemble((_short(sha), "yellow"), f" {visible(subject)}"))
    if "git-branch" in metadata:
        branch = metadata["git-branch"]
        yield Line("branch", Text(visible(str(branch)) if branch else "none, the head is detached"))
    if metadata.get("git-remote"):
        yield Line("remote", Text(visible(str(metadata["git-remote"]))))
    if metadata.get("git-snapshot"):
        yield Line(
            "snapshot",
            Text.assemble((_short(metadata["git-snapshot"]), "yellow"), " of uncommitted changes"),
        )
    untracked = metadata.get("git-untracked-sources")
    if untracked:
        names = ", ".join(map(str, untracked)) if isinstance(untracked, list) else str(untracked)
        yield Line("untracked", Text(f"{visible(names)} (not in the commit)", style="yellow"))


def _args(record: Record) -> Iterator[Line]:
    if not record.args:
        return
    yield Line("args")
    changed = record.changed_args if record.default_args else {}
    for name, value in record.args.items():
        mark = "* " if name in changed else "  "
        text = Text.assemble((value_text(value), "bold cyan" if name in changed else ""))
        if name in changed and name in record.default_args:
            text.append(f"  [default {value_text(record.default_args[name])}]", style="dim")
        yield Line(f"{mark if changed else ''}{visible(name)}", text)


def _values(title: str, values: Mapping[str, Any]) -> Iterator[Line]:
    if values:
        yield Line(title)
    for name, value in values.items():
        yield Line(visible(name), Text(value_text(value)))


def _metrics(contents: Contents) -> Iterator[Line]:
    metrics = contents.metrics
    if metrics is None:
        return
    yield Line(f"metrics, the last values of {count_text(metrics.lines, 'line')}")
    earlier = metrics.earlier
    # What belongs to the last step stands together, directly below it.
    for name in sorted(metrics.last, key=lambda name: name in earlier):
        if name != "time":
            text = Text(value_text(metrics.last[name]))
            if name in earlier:
                text.append(f"  at step {value_text(earlier[name])}", style="dim")
            yield Line(visible(name), text)


def _environment(environment: Mapping[str, Any]) -> Iterator[Line]:
    facts = {label: text for label, text in _environment_facts(environment) if text}
    if facts:
        yield Line("environment")
    for label, text in facts.items():
        yield Line(label, Text(visible(text)))


def _environment_facts(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    python, system = _part(environment, "python"), _part(environment, "platform")
    virtual, cpu = _part(environment, "virtual-environment"), _part(environment, "cpu")
    kind = "" if virtual.get("kind") == "none" else virtual.get("kind")
    yield "python", _joined(_words_of(python, "implementation", "version"), kind)
    kernel = _words_of(system, "system", "release")
    yield "platform", _joined(system.get("distribution"), kernel, system.get("machine"))
    cores = cpu.get("available-cores")
    yield "cpu", _joined(cpu.get("model"), f"{value_text(cores)} cores" if cores else None)
    total = _part(environment, "memory").get("total")
    yield "memory", size_text(total) if isinstance(total, int) else ""
    yield "gpu", _joined(*_cards(environment))
    packages = environment.get("packages")
    if isinstance(packages, list):
        yield "packages", f"{len(packages)}, pinned in {layout.REQUIREMENTS}"
    yield "scheduler", _joined(_part(environment, "scheduler").get("name"))
    container = _part(environment, "container")
    yield "container", _joined(container.get("kind"), container.get("image"))


def _packages(environment: Mapping[str, Any]) -> Iterator[Line]:
    versions = package_versions(environment)
    if versions:
        yield Line("packages")
    for name, version in (versions or {}).items():
        yield Line(visible(name), Text(visible(version)))


def _cards(environment: Mapping[str, Any]) -> Iterator[str]:
    cards = environment.get("gpus")
    if not isinstance(cards, list) or not cards:
        return
    names = [str(card.get("name")) for card in cards if isinstance(card, dict)]
    for name in dict.fromkeys(names):
        yield f"{names.count(name)} x {name}"
    if environment.get("driver-version"):
        yield f"driver {environment['driver-version']}"


def _texts(title: str, texts: list[str], style: str) -> Iterator[Line]:
    if texts:
        yield Line(title)
    for text in texts:
        yield Line("", Text(visible(text), style=style))


def _problems(problems: list[str]) -> Iterator[Line]:
    yield from _texts("problems of this folder", problems, "red")


def _notes(notes: list[dict[str, Any]]) -> Iterator[Line]:
    if notes:
        yield Line("notes")
    for note in notes:
        when = str(note.get("time") or "").partition(".")[0].replace("T", " ")
        yield Line(
            visible(when),
            Text.assemble(
                (f"{visible(str(note.get('author')))}: ", "dim"), visible(str(note.get("text")))
            ),
        )


def _files(contents: Contents) -> Iterator[Line]:
    if contents.entries:
        yield Line("files")
    for entry in contents.entries:
        files = f" in {count_text(entry.files, 'file')}" if entry.name.endswith("/") else ""
        yield Line(visible(entry.name), Text(f"{size_text(entry.size)}{files}", style="dim"))


def _words(command: Any) -> str:
    if isinstance(command, list):
        return visible(shlex.join(map(str, command)))
    return visible(str(command))


def _short(sha: Any) -> str:
    return visible(str(sha)[:10])


def _part(environment: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = environment.get(name)
    return part if isinstance(part, dict) else {}


def _words_of(part: Mapping[str, Any], *names: str) -> str:
    return " ".join(str(part[name]) for name in names if part.get(name))


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)
