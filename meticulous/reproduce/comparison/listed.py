"""Which outputs two runs left, and which of one belongs to which of the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from meticulous.folder import layout
from meticulous.reader.files import Files
from meticulous.reproduce.comparison.normal_text import normalize_name
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.comparison.tally import A_CACHE
from meticulous.reproduce.passing import is_cached, is_temporary
from meticulous.reproduce.verdict import TEMPORARY

_REPOSITORY = "repository"
FOLDER = "experiment"
"""What files.json says of a file that lies in the folder of the experiment."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a run wrote.

    Attributes:
        where: "experiment", "repository" or "elsewhere".
        path: Where it is to be found now, in the folder or the checkout; otherwise as recorded.
        size: Bytes; None when unknown.
        sha256: Its recorded hash; None when there is none.
        unhashed: Why there is none; "" when that is not said.
        exists: Whether it lies in the folder, or in the checkout as far as its list tells.
    """

    where: str
    path: str
    size: int | None
    sha256: str | None
    unhashed: str = ""
    exists: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """An output of the recorded run and that of the reproduction; None where one has none.

    Attributes:
        name: Its path in the record.
        recorded: The file then.
        reproduced: The file now.
        remark: What is to be said of the pair itself.
        decides: Whether it is a result; False for what lies among temporary files.
        is_known: Whether both runs could have listed it; otherwise nothing is known of the other.
    """

    name: str
    recorded: Output | None
    reproduced: Output | None
    remark: str = ""
    decides: bool = True
    is_known: bool = True


def pair_outputs(recorded: str, reproduced: str, places: Places) -> Iterator[Pair]:
    """Yield the outputs of both runs, each with its like, in the order of their names.

    Where only one of the runs has a files.json, nothing can be known of what it lists outside its
    folder about the other run. Names that hold a time, a process
    number or the experiment's id are taken for the same when all else in them is.
    """
    listed = [_listed(folder) for folder in (recorded, reproduced)]
    found = [
        _found(recorded, listed[0] or {}, places.recorded.root, is_private=False),
        _found(reproduced, listed[1] or {}, places.reproduced.root, is_private=True),
    ]
    if listed[0] is not None:
        # What is in the folder and not in its list was put there after the end of the run.
        for key in found[0].keys() - listed[0].keys() - found[1].keys():
            del found[0][key]
    lists_both = None not in listed
    renamed = _renamed(found[0], found[1], places)
    taken = set(renamed.values())
    for key in sorted({*found[0], *found[1]}):
        if key in taken:
            continue
        where, name = key
        one, other = found[0].get(key), found[1].get(renamed.get(key, key))
        is_outside = where != FOLDER
        if is_outside and not lists_both:
            remark = "only one of the runs has a list of what it wrote outside its folder"
            yield Pair(name, one, other, remark, not is_temporary(name), is_known=False)
            continue
        if is_outside and (one is None or other is None) and is_temporary(name):
            yield Pair(name, one, other, TEMPORARY, decides=False)
            continue
        remark = f"named {renamed[key][1]} now" if key in renamed else ""
        if is_outside and is_cached(name):
            yield Pair(name, one, other, A_CACHE, decides=False)
        else:
            yield Pair(name, one, other, remark)


def _listed(folder: str) -> dict[Key, Mapping[str, Any]] | None:
    """Return the outputs in files.json by place and path; None when there is no such list."""
    entries = Files(folder).mapping(layout.FILES).get("outputs")
    if not isinstance(entries, list):
        return None
    return {
        (str(entry.get("in", FOLDER)), entry["path"]): entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("path"), str)
    }


def count_unlisted(folder: str) -> int:
    """Return how many files a run wrote, or may have, beyond those that its files.json lists."""
    content = Files(folder).mapping(layout.FILES)
    # Older lists do not tell inputs from outputs.
    count = content.get("not-listed-outputs", content.get("not-listed"))
    return count if type(count) is int and count > 0 else 0


def _found(
    folder: str, entries: Mapping[Key, Mapping[str, Any]], root: Path | None, *, is_private: bool
) -> dict[Key, Output]:
    """Return the outputs of a run by place and path.

    Args:
        folder: The folder of the experiment.
        entries: What its files.json lists.
        root: The root of the checkout in which it ran; None when unknown.
        is_private: Whether nobody but the run wrote into that checkout.
    """
    lying = {(FOLDER, os.path.relpath(path, folder)): path for path in _walk(folder)}
    outputs = {}
    for key in {*entries, *lying}:
        where, name = key
        if where == FOLDER and (name in layout.OWN_FILES or _is_by_product(name)):
            continue
        entry = entries.get(key, {})
        path = lying.get(key, name)
        # What is listed and hidden is an output too, though nothing hidden is looked for.
        if where == FOLDER and key not in lying and _is_inside(folder, name):
            path = os.path.join(folder, name)
        exists = where == FOLDER and os.path.isabs(path) and os.path.lexists(path)
        if where == _REPOSITORY and root is not None and _is_inside(str(root), name):
            inside = os.path.join(root, name)
            exists = os.path.lexists(inside) and (is_private or _may_be_it(inside, entry))
            path = inside if exists else path
        size, sha256 = entry.get("size"), entry.get("sha256")
        output = Output(
            where,
            path,
            _size_of(path) if exists else size if type(size) is int else None,
            sha256 if isinstance(sha256, str) else None,
            str(entry.get("unhashed") or ""),
            exists,
        )
        # A file that the program removed again before its end is no result.
        if output.exists or output.size is not None or output.sha256 is not None:
            outputs[key] = output
    return outputs


def _walk(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(os.path.abspath(folder)):
        kept = [name for name in sorted(folders) if not name.startswith(".")]
        links = [name for name in kept if os.path.islink(os.path.join(place, name))]
        folders[:] = [name for name in kept if name not in links]
        for name in names + links:
            if not name.startswith("."):
                yield os.path.join(place, name)


def _is_by_product(name: str) -> bool:
    return name.endswith(".pyc") or "__pycache__" in name.split(os.sep)


def _may_be_it(path: str, entry: Mapping[str, Any]) -> bool:
    """Say whether a file may still be the one that was listed; with a hash that shows later."""
    if isinstance(entry.get("sha256"), str):
        return True
    try:
        status = os.stat(path)
        changed = datetime.fromisoformat(str(entry.get("modified"))).timestamp()
    except (OSError, ValueError):
        return False
    return status.st_size == entry.get("size") and abs(status.st_mtime - changed) < 1


def _is_inside(folder: str, name: str) -> bool:
    path = os.path.normpath(os.path.join(folder, name))
    return path.startswith(os.path.join(os.path.normpath(folder), ""))


def _size_of(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _renamed(one: Mapping[Key, Any], other: Mapping[Key, Any], places: Places) -> dict[Key, Key]:
    """Return what files that only one run has are called in the other, where that is certain."""
    gone = _by_general_name(one.keys() - other.keys(), places.recorded)
    come = _by_general_name(other.keys() - one.keys(), places.reproduced)
    return {
        keys[0]: come[general][0]
        for general, keys in gone.items()
        if len(keys) == 1 and len(come.get(general, ())) == 1
    }


def _by_general_name(keys: set[Key], place: Place) -> dict[Key, list[Key]]:
    found: dict[Key, list[Key]] = {}
    for where, name in sorted(keys):
        general = normalize_name(name, place)
        if general != name:
            found.setdefault((where, general), []).append((where, name))
    return found
