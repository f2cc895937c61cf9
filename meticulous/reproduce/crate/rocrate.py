"""Describe a run with the package rocrate, which is imported here and nowhere else."""

from __future__ import annotations

import io
import json
import mimetypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from meticulous.errors import MissingExtraError
from meticulous.folder import layout, status
from meticulous.folder.plain import plain
from meticulous.reader.record import Record
from meticulous.recorder.secrets.gate import Gate
from meticulous.reproduce.crate.code import Code
from meticulous.reproduce.crate.folder import DESCRIPTIONS, Member
from meticulous.reproduce.repository import command_of
from meticulous.reproduce.verify.files import EXPERIMENT, Listed, Listing, digest_of

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
"""The profile that a crate conforms to: Process Run Crate, on RO-Crate 1.1."""

_VERSION = "1.1"

_TERMS = {
    name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("environment", "sha256")
}
"""Terms of the profile that the context of RO-Crate 1.1 does not have."""

_ENDS = {
    status.SUCCESS: "CompletedActionStatus",
    status.UNKNOWN: None,
}
"""What schema.org calls the end of a run; every other end is a failure."""

_FORMATS = {
    layout.STATUS: "text/plain",
    layout.STDOUT: "text/plain",
    layout.STDERR: "text/plain",
    layout.SUMS: "text/plain",
    layout.METRICS: "application/jsonl",
    layout.NOTES: "application/jsonl",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a crate is made from.

    Attributes:
        record: The experiment.
        environment: All of environment.json.
        listing: What files.json says; None where there is none.
        code: The code that ran.
        members: The files of the folder.
        license: A web address, or a sentence.
        license_file: Name and text of the license of the code; None where there is none.
        gate: What takes secrets out of every value.
    """

    record: Record
    environment: Mapping[str, Any]
    listing: Listing | None
    code: Code
    members: list[Member]
    license: str
    license_file: tuple[str, bytes] | None
    gate: Gate


def write_crate(facts: Facts, directory: str) -> None:
    """Write a crate into a folder, which is created.

    Raises:
        MissingExtraError: The package rocrate is not installed.
        OSError: A file cannot be read or written.
    """
    _Crate(facts).write(directory)


class _Crate:
    """The entities of one crate, added one after the other."""

    def __init__(self, facts: Facts) -> None:
        try:
            from rocrate.model import ContextEntity  # type: ignore[import-untyped]
            from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]
        except ImportError as error:
            raise MissingExtraError(
                "A crate is written by the package rocrate, which is not installed. "
                "`pip install 'meticulous-ml[crate]'` installs it."
            ) from error
        self._entity = ContextEntity
        self.facts = facts
        self.crate = ROCrate(version=_VERSION)
        self.crate.metadata.extra_terms.update(_TERMS)
        self._describe_root()
        files = {member.name: self._add_file(member) for member in facts.members}
        self._add_license()
        action = self._add_action(files)
        self.crate.root_dataset["mentions"] = action

    def write(self, directory: str) -> None:
        self.crate.write(directory)

    def _add(self, identifier: str, kind: str | list[str], **properties: Any) -> Any:
        """Add an entity that is no file; what is None is left out, and no value holds a secret."""
        known = {name: value for name, value in properties.items() if value is not None}
        cleaned = self.facts.gate.clean(known)
        return self.crate.add(
            self._entity(self.crate, identifier, properties={"@type": kind, **cleaned})
        )

    def _describe_root(self) -> None:
        record = self.facts.record
        profile = self._add(PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
        root = self.crate.root_dataset
        root["conformsTo"] = profile
        name = f"Experiment {record.id}: {self.facts.code.name}"
        told = record.description or (
            f"A run of {self.facts.code.name}, recorded by meticulous, which ended with "
            f"{record.status}."
        )
        root["name"] = self.facts.gate.clean_text(name)
        root["description"] = self.facts.gate.clean_text(told)
        uid = record.metadata.get("uid")
        if isinstance(uid, str):
            root["identifier"] = f"urn:uuid:{uid}"
        if record.tags:
            root["keywords"] = self.facts.gate.clean_text(", ".join(record.tags))

    def _add_file(self, member: Member) -> Any:
        properties = {
            "name": member.name,
            "encodingFormat": _format_of(member.name),
            "description": DESCRIPTIONS.get(member.name),
        }
        source: Any = member.path
        if member.cleaned is None:
            stat = os.stat(member.path)
            properties["contentSize"] = str(stat.st_size)
            properties["sha256"] = digest_of(member.path)
            properties["dateModified"] = _moment(datetime.fromtimestamp(stat.st_mtime, UTC))
        else:
            source = io.BytesIO(member.cleaned)
            properties["contentSize"] = str(len(member.cleaned))
            told = properties["description"] or member.name
            remark = "renewed for" if member.name == layout.SUMS else "secrets were taken out of"
            properties["description"] = f"{told}; {remark} this copy"
        known = {name: value for name, value in properties.items() if value is not None}
        return self.crate.add_file(source, dest_path=member.name, properties=known)

    def _add_license(self) -> None:
        facts, root = self.facts, self.crate.root_dataset
        if facts.license_file is not None:
            name, text = facts.license_file
            described = {
                "name": name,
                "description": "the license of the code",
                "encodingFormat": "text/plain",
            }
            root["license"] = self.crate.add_file(
                io.BytesIO(text), dest_path=self._free_name(name), properties=described
            )
        elif facts.license.startswith(("https://", "http://")):
            root["license"] = self._add(
                facts.license, "CreativeWork", name=facts.license, description="the license"
            )
        else:
            root["license"] = self._add(
                "#license", "CreativeWork", name="license", description=facts.license
            )

    def _free_name(self, name: str) -> str:
        """Return a name in the crate that no file of the experiment has."""
        taken = {member.name for member in self.facts.members}
        while name in taken:
            name = f"code-{name}"
        return name

    def _add_action(self, files: Mapping[str, Any]) -> Any:
        record = self.facts.record
        ended = _ENDS.get(record.status, "FailedActionStatus")
        failed = ended == "FailedActionStatus"
        reason = record.cause or next(iter(reversed(record.reason.splitlines())), record.status)
        command = self.facts.gate.clean_words(command_of(record))
        action = self._add(
            f"#run-{quote(record.id)}",
            "CreateAction",
            name=f"Run {record.id} of {self.facts.code.name}",
            description=" ".join(command) or "a recorded run",
            startTime=_moment(record.start),
            endTime=_moment(record.end),
            error=reason if failed else None,
        )
        if ended is not None:
            action["actionStatus"] = f"http://schema.org/{ended}"
        action["instrument"] = self._add_code(files)
        if agent := self._agent():
            action["agent"] = self.crate.root_dataset["author"] = agent
        action["object"] = [*self._arguments(), *self._files_elsewhere("input")]
        action["result"] = [
            *(entity for name, entity in files.items() if name not in _ABOUT_THE_RUN),
            *self._files_elsewhere("output"),
            *self._results(),
        ]
        action["environment"] = list(self._variables())
        for name in ("object", "result", "environment"):
            if not action.get(name):
                del action[name]
        return action

    def _add_code(self, files: Mapping[str, Any]) -> Any:
        code = self.facts.code
        needs = [self._python()]
        if layout.REQUIREMENTS in files:
            needs.append(files[layout.REQUIREMENTS])
        entity = self._add(
            code.identifier,
            ["SoftwareSourceCode", "SoftwareApplication"],
            name=code.name,
            description=code.message or None,
            version=code.version,
            url=code.identifier if code.identifier.startswith("https:") else code.repository,
            codeRepository=code.repository,
            programmingLanguage="Python" if code.name.endswith(".py") else None,
            isBasedOn=code.parent,
        )
        entity["softwareRequirements"] = [each for each in needs if each is not None]
        return entity

    def _python(self) -> Any:
        told = self.facts.environment.get("python")
        version = told.get("version") if isinstance(told, dict) else None
        version = version or self.facts.record.metadata.get("python")
        if not isinstance(version, str):
            return None
        address = "https://www.python.org/"
        return self._add(
            "#python", "SoftwareApplication", name="Python", version=version, url=address
        )

    def _agent(self) -> Any:
        user = self.facts.record.metadata.get("user")
        if not isinstance(user, str) or not user:
            return None
        return self._add(f"#user-{quote(user)}", "Person", name=user)

    def _arguments(self) -> Iterator[Any]:
        record = self.facts.record
        for name, value in self.facts.gate.clean(record.args).items():
            default = record.default_args.get(name)
            told = f"by default {_text(default)}" if name in record.default_args else None
            yield self._value("argument", name, value, told)

    def _results(self) -> Iterator[Any]:
        for name, value in self.facts.record.summary.items():
            yield self._value("result", name, value)

    def _variables(self) -> Iterator[Any]:
        variables = self.facts.environment.get("variables")
        for name, value in variables.items() if isinstance(variables, dict) else ():
            yield self._value("variable", name, value)

    def _value(self, kind: str, name: str, value: Any, told: str | None = None) -> Any:
        cleaned = self.facts.gate.clean({name: value})[name]
        shown = cleaned if isinstance(cleaned, str | int | float | bool) else _text(cleaned)
        return self._add(
            f"#{kind}-{quote(name, safe='')}",
            "PropertyValue",
            name=name,
            value=shown,
            description=told,
        )

    def _files_elsewhere(self, kind: str) -> Iterator[Any]:
        """Yield the files that were read or written, and do not lie in the folder."""
        listing = self.facts.listing
        if listing is None:
            return
        for file in listing.inputs if kind == "input" else listing.outputs:
            if file.place != EXPERIMENT:
                yield self._file_elsewhere(kind, file)

    def _file_elsewhere(self, kind: str, file: Listed) -> Any:
        # No data entity, for it is not in the crate: what is known lets it be recognised.
        return self._add(
            f"#{kind}-{quote(file.path, safe='')}",
            "CreativeWork",
            name=file.path,
            description=f"an {kind} in the {file.place}, which is not part of this crate"
            if file.place != "elsewhere"
            else f"an {kind} elsewhere on the machine, which is not part of this crate",
            sha256=file.sha256,
            contentSize=None if file.size is None else str(file.size),
        )


_ABOUT_THE_RUN = (layout.ARGS, layout.DEFAULT_ARGS, layout.ENVIRONMENT, layout.REQUIREMENTS)
"""Files that describe what went into the run; the others came out of it."""


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _format_of(name: str) -> str:
    guessed = mimetypes.guess_type(Path(name).name)[0]
    return _FORMATS.get(name) or guessed or "application/octet-stream"


def _text(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False)
