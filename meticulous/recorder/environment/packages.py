"""Describe the installed distributions: name, version, and where they came from, ready for pip.

They are looked up in the metadata folders along an import path that need not be this process's;
nothing is imported. Where a distribution came from is told by its `direct_url.json` (PEP 610).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from meticulous.git.remote import without_credentials
from meticulous.recorder.environment.distributions import Metadata, find_distributions

# What pip can install by name: PEP 508 names, PEP 440 versions.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
_VERSION = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*"
    r"([-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?"
    r"([-_.]?dev[-_.]?\d*)?"
    r"(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r'"channel"\s*:\s*"([^"]*)"')


def installed_packages(path: Iterable[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Look up the distributions along an import path.

    Args:
        path: Directories and archives, in the order in which modules are looked up.

    Returns:
        The packages, sorted by name, and the broken ones. A package has `name`, `version`,
        `location` (the entry of `path` that holds it) and, where that is known:

        - `editable`: the directory of an installation in place;
        - `vcs`: `name`, `url`, `commit`, `requested-revision`, `subdirectory` of an installation
          from a repository;
        - `archive`: `url` and `hash` of an installation from a file or an address;
        - `local`: the directory of an installation from a directory.

        A broken package has `name` (as far as it can be told), `location` and `reason`.
    """
    packages: dict[str, dict[str, Any]] = {}
    broken = []
    for distribution in find_distributions(path):
        location = distribution.location
        guess, in_place = _identity(distribution)
        try:
            package = _package(distribution, guess)
        except (ValueError, OSError, KeyError) as error:
            broken.append({"name": guess, "location": location, "reason": str(error)})
            continue
        try:
            package.update(_origin(distribution, in_place))
        except (ValueError, OSError, KeyError) as error:
            broken.append({"name": package["name"], "location": location, "reason": str(error)})
        key = re.sub(r"[-_.]+", "-", package["name"]).lower()
        # The first on the path is the one that is imported. But the metadata that a build left in
        # a source tree knows less than the installation that points to this tree.
        if key not in packages or _is_installation_of(package, packages[key]):
            packages[key] = package
    broken.sort(key=lambda package: (package["name"].lower(), package["location"]))
    return [packages[key] for key in sorted(packages)], broken


def add_code_states(packages: Iterable[dict[str, Any]]) -> None:
    """Add to each editable package that lies in a git repository its code state, under `git`.

    That is `commit`, `remote` (None without one), `dirty` (a line for each path that differs from
    the commit) and `subdirectory` (of the package in the repository, "" for its root); or `error`.
    """
    for package in packages:
        if "editable" not in package:
            continue
        try:
            state = _code_state(package["editable"])
        except Exception as error:
            # Git has many ways to fail, and none may cost us the other packages.
            state = {"error": str(error)}
        if state is not None:
            package["git"] = state


def requirements(packages: Iterable[dict[str, Any]], python: str = "") -> str:
    """Return the text of a requirements.txt that installs `packages` again, as far as possible.

    What no other machine can install (a directory, a file) becomes a comment that says so.

    Args:
        packages: What `installed_packages` and `add_code_states` found.
        python: The version of the interpreter, for the first line.
    """
    lines = [
        f"# The installed distributions{f' of Python {python}' if python else ''}, for",
        "# python -m pip install -r requirements.txt",
    ]
    for package in packages:
        lines.extend(_requirement(package))
    return "".join(f"{line}\n" for line in lines)


def conda_packages(prefix: str) -> list[dict[str, Any]] | None:
    """List what conda installed into `prefix`: `name`, `version`, `build`, `channel` of each.

    Returns:
        The packages sorted by name, or None where conda keeps no records.
    """
    records = os.path.join(prefix, "conda-meta")
    try:
        names = sorted(name for name in os.listdir(records) if name.endswith(".json"))
    except OSError:
        return None
    packages = []
    for name in names:
        words = name.removesuffix(".json").rsplit("-", 2)
        if len(words) == 3:
            package = dict(zip(("name", "version", "build"), words, strict=True))
            channel = _channel(os.path.join(records, name))
            packages.append({**package, "channel": channel})
    return packages


def _identity(distribution: Metadata) -> tuple[str, bool]:
    """Return what is known without the metadata: a name, and whether it runs in place."""
    location = distribution.location
    stem, kind = os.path.splitext(os.path.basename(distribution.path))
    installed = os.path.basename(location) in ("site-packages", "dist-packages")
    # Metadata in a source tree that is on the path: `setup.py develop`, or a script beside it.
    in_place = kind == ".egg-info" and not installed and os.path.isdir(location)
    return stem.partition("-")[0] or "unknown", in_place


def _package(distribution: Metadata, guess: str) -> dict[str, Any]:
    """Return name, version and location.

    Raises:
        ValueError: The metadata is incomplete; the message says how.
    """
    if guess.startswith("~"):
        raise ValueError("left over from an interrupted installation")
    text = (
        distribution.read_text("METADATA")
        or distribution.read_text("PKG-INFO")
        # An installation by distutils is one file.
        or distribution.read_text("")
    )
    if not text:
        raise ValueError("there is no METADATA")
    header: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, colon, value = line.partition(":")
        if colon and not key[:1].isspace():
            header.setdefault(key.lower(), value.strip())
        if "name" in header and "version" in header:
            break
    name, version = header.get("name"), header.get("version")
    if not name or not version:
        raise ValueError(f"METADATA gives no {'version' if name else 'name'}")
    return {"name": name, "version": version, "location": distribution.location}


def _origin(distribution: Metadata, in_place: bool) -> dict[str, Any]:
    """Return where a distribution came from; nothing for one that came from a package index.

    Raises:
        ValueError: Its direct_url.json is not what PEP 610 describes.
    """
    text = distribution.read_text("direct_url.json")
    if not text:
        return {"editable": distribution.location} if in_place else {}
    try:
        origin = json.loads(text)
        url = origin["url"]
        if "vcs_info" in origin:
            repository = origin["vcs_info"]
            vcs = {
                "name": repository["vcs"],
                "url": without_credentials(url),
                "commit": repository["commit_id"],
                "requested-revision": repository.get("requested_revision"),
                "subdirectory": origin.get("subdirectory"),
            }
            return {"vcs": vcs}
        if "dir_info" in origin:
            editable = origin["dir_info"].get("editable", False)
            if not editable and (distribution.read_text("INSTALLER") or "").strip() == "conda":
                # The directory of conda's own build, which means nothing outside of it.
                return {}
            return {"editable" if editable else "local": unquote(urlsplit(url).path)}
        archive = origin.get("archive_info") or {}
        digests = [f"{name}={value}" for name, value in (archive.get("hashes") or {}).items()]
        digest = next(iter(digests), archive.get("hash"))
        return {"archive": {"url": without_credentials(url), "hash": digest}}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"direct_url.json is not understood: {error!r}") from error


def _is_installation_of(package: dict[str, Any], tree: dict[str, Any]) -> bool:
    root = package.get("editable")
    # A source tree's metadata lies in the root or beside the code, for example in `src`.
    return root is not None and os.path.join(tree["location"], "").startswith(
        os.path.join(root, "")
    )


def _code_state(directory: str) -> dict[str, Any] | None:
    from meticulous.git.state import read_code_state
    from meticulous.git.worktree import find_root

    real = os.path.realpath(directory)
    if find_root(real) is None:
        return None
    state = read_code_state(real)
    subdirectory = os.path.relpath(real, state.directory)
    return {
        "commit": state.commit,
        "remote": state.remote,
        "dirty": list(state.dirty),
        "subdirectory": "" if subdirectory == os.curdir else subdirectory,
    }


def _requirement(package: dict[str, Any]) -> Iterator[str]:
    """Yield the lines for one package; all but the last, at most, are comments."""
    name = package["name"]
    pinned = f"{name}=={package['version']}"
    archive = package.get("archive")
    if "editable" in package:
        yield from _editable_requirement(package)
    elif "vcs" in package:
        vcs = package["vcs"]
        url, commit = vcs["url"], vcs["commit"]
        yield _checked(name, _from_repository(vcs["name"], url, commit, vcs["subdirectory"]))
    elif "local" in package:
        yield _comment(f"{pinned} was installed from the directory {package['local']}")
    elif archive is not None and not archive["url"].startswith(("http://", "https://")):
        yield _comment(f"{pinned} was installed from the file {archive['url']}")
    elif archive is not None:
        digest = f"#{archive['hash']}" if archive["hash"] else ""
        yield _checked(name, f"{archive['url'].partition('#')[0]}{digest}")
    elif _NAME.fullmatch(name) and _VERSION.fullmatch(package["version"]):
        yield pinned
    else:
        yield _comment(f"{pinned} has a name or version that pip does not take")


def _editable_requirement(package: dict[str, Any]) -> Iterator[str]:
    name, directory = package["name"], package["editable"]
    state = package.get("git") or {}
    commit, remote = state.get("commit"), state.get("remote")
    about = f"{name}=={package['version']} is installed in place from {directory}"
    if commit:
        changed = state["dirty"]
        about += f", commit {commit}{', with uncommitted changes' if changed else ''}"
    yield _comment(about)
    if commit and remote and "://" in _address(remote):
        yield _checked(
            name, _from_repository("git", _address(remote), commit, state["subdirectory"])
        )
    elif directory.isprintable() and "#" not in directory:
        yield f"-e {shlex.quote(directory)}"


def _from_repository(kind: str, url: str, commit: str, subdirectory: str | None) -> str:
    fragment = f"#subdirectory={quote(subdirectory)}" if subdirectory else ""
    return f"{kind}+{url.removeprefix(f'{kind}+').partition('#')[0]}@{commit}{fragment}"


def _address(remote: str) -> str:
    """Return a remote as an address; git also takes `user@host:path`, pip does not."""
    short = re.fullmatch(r"([^/:@\s]+@)?([^/:@\s]+):(?!//)(.+)", remote)
    return f"ssh://{short[1] or ''}{short[2]}/{short[3].lstrip('/')}" if short else remote


def _checked(name: str, address: str) -> str:
    line = f"{name} @ {address}"
    # One that pip does not understand, or with "<redacted>" in it, would spoil the whole file.
    usable = _NAME.fullmatch(name) and re.fullmatch(r"[!-;=?-~]+", address)
    return line if usable else _comment(f"{line} cannot be installed as recorded")


def _comment(text: str) -> str:
    return f"# {' '.join(text.splitlines())}"


def _channel(record: str) -> str | None:
    try:
        with open(record, encoding="utf-8", errors="replace") as file:
            # The record lists thousands of files, after the channel.
            found = _CHANNEL.search(file.read(4096))
    except OSError:
        return None
    if found is None:
        return None
    # "/t/TOKEN/" gives access to a private channel.
    return re.sub(r"/t/[^/]+(?=/)", "/t/<redacted>", without_credentials(found[1]))
