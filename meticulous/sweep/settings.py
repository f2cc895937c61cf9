"""Settings of the user and of a project, in files that people may edit: TOML, read when needed.

The user's are in `meticulous/config.toml` in the configuration folder (XDG_CONFIG_HOME, usually
~/.config), those of a project in `meticulous.toml` at the root of its repository. A project's count
more. Nothing is written unless somebody asks for it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meticulous.errors import SettingError
from meticulous.folder.writing import exclusively, write_atomically
from meticulous.git.worktree import find_root
from meticulous.sweep import code_choices

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    Attributes:
        default: Its value where nothing is set.
        help: What it is, for people.
        read: Makes a value of a text of the command line.
        expected: What a value is, for messages.
    """

    default: Any
    help: str
    read: Callable[[str], Any]
    expected: str


def _text(text: str) -> str:
    return text


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _code(text: str) -> str:
    if text not in code_choices.CHOICES:
        raise ValueError(text)
    return text


KEYS = {
    "header": Key(
        "", "A file whose lines go to the head of each run.sh.", _text, "the path of a file"
    ),
    "jobs": Key(
        1, "How many experiments `meticulous launch` runs at a time.", _count, "a number from 1"
    ),
    "with": Key(
        "", "A command that `meticulous launch` hands each run.sh to.", _text, "a command"
    ),
    "code": Key(
        code_choices.RECORDED,
        "Which code is run: that of the registration, or what is checked out.",
        _code,
        " or ".join(code_choices.CHOICES),
    ),
}  # fmt: skip
"""Every setting there is."""

USER, PROJECT, DEFAULT = "user", "project", "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting with its present value.

    Attributes:
        name: Its name.
        value: Its value.
        level: Where that stands: `USER`, `PROJECT`, or `DEFAULT`.
        path: The file it stands in; None for a default.
    """

    name: str
    value: Any
    level: str
    path: str | None


def header_lines() -> str:
    """Return the lines for the head of each run.sh that the setting `header` names, "" for none.

    Raises:
        SettingError: A file of settings cannot be read.
        HeaderError: The file cannot be read.
    """
    from meticulous.recorder.run_script import read_header

    path = setting("header")
    return read_header(os.path.expanduser(path)) if path else ""


def setting(name: str, directory: str = "") -> Any:
    """Return the value of a setting, as it counts in a folder.

    Raises:
        SettingError: There is none of this name, or a file with settings cannot be read.
    """
    return find_setting(name, directory).value


def find_setting(name: str, directory: str = "") -> Setting:
    """Return a setting and where it stands; see `setting`."""
    key = _known(name)
    for level in (PROJECT, USER):
        path = settings_file(level, directory)
        values = _read(path)
        if name in values:
            value = _checked(name, str(values[name]))
            if name == "header" and value:
                # A path in a project counts from there, wherever it is used.
                value = os.path.join(os.path.dirname(path), os.path.expanduser(value))
            return Setting(name, value, level, path)
    return Setting(name, key.default, DEFAULT, None)


def all_settings(directory: str = "") -> list[Setting]:
    """Return all settings as they count in a folder."""
    return [find_setting(name, directory) for name in KEYS]


def settings_file(level: str, directory: str = "") -> str:
    """Return the path of the file with the settings of the user or of the project."""
    if level == USER:
        return os.path.join(configuration_folder(), "config.toml")
    here = os.path.realpath(directory or os.getcwd())
    return os.path.join(find_root(here) or here, "meticulous.toml")


def configuration_folder() -> str:
    """Return the folder with what the user has configured."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # As the specification wants it, a relative one does not count.
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "meticulous")


def set_setting(name: str, text: str, level: str, directory: str = "") -> Setting:
    """Write a setting into its file; what else stands there stays as it is.

    Raises:
        SettingError: There is none of this name, the value does not fit, or the file cannot be read
            or written.
    """
    value = _checked(name, text)
    if name == "header" and value:
        path = os.path.abspath(os.path.expanduser(value))
        if not os.path.isfile(path):
            raise SettingError(f"There is no header file {value}; nothing was set.")
        value = path
        if level == PROJECT:
            value = os.path.relpath(path, os.path.dirname(settings_file(level, directory)))
    _change(name, value, settings_file(level, directory))
    return find_setting(name, directory)


def unset_setting(name: str, level: str, directory: str = "") -> bool:
    """Remove a setting from its file; say whether it stood there.

    Raises:
        SettingError: There is none of this name, or the file cannot be read or written.
    """
    _known(name)
    path = settings_file(level, directory)
    if name not in _read(path):
        return False
    _change(name, None, path)
    return True


def _known(name: str) -> Key:
    key = KEYS.get(name)
    if key is None:
        import difflib

        near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingError(
            f"There is no setting {name!r}.{hint} The settings are {', '.join(KEYS)}."
        )
    return key


def _checked(name: str, text: str) -> Any:
    key = _known(name)
    try:
        return key.read(text)
    except ValueError:
        raise SettingError(f"{text!r} is no value for {name}: it is {key.expected}.") from None


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingError(f"The settings in {path} cannot be read: {error}.") from None
    for name, value in found.items():
        try:
            _checked(name, str(value))
        except SettingError as error:
            raise SettingError(f"{path}: {error}") from None
    return found


def _change(name: str, value: Any, path: str) -> None:
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, exist_ok=True)
        with exclusively(directory, _PATIENCE):
            wanted = {**_read(path), name: value}
            if value is None:
                del wanted[name]
            text = _edited(_lines(path), name, value)
            if tomllib.loads(text) != wanted:
                raise SettingError(f"{path} is written in a way that only you can edit; do so.")
            write_atomically(path, text.encode("utf-8"))
    except OSError as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(f"{path} cannot be written: {error.strerror or error}.") from None


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _edited(lines: list[str], name: str, value: Any) -> str:
    assignment = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")
    new = [] if value is None else [f"{name} = {_toml(value)}"]
    place = next((n for n, line in enumerate(lines) if assignment.match(line)), len(lines))
    changed = [*lines[:place], *new, *lines[place + 1 :]]
    return "".join(f"{line}\n" for line in changed)


def _toml(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    import json

    # JSON's texts are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
