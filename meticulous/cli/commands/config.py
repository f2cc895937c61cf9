"""`meticulous config`: read and write settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from meticulous.sweep.settings import Setting

_EXAMPLES = """\b
Settings:
  header  a file whose lines go to the head of each run.sh
  jobs    how many experiments `meticulous launch` runs at a time
  with    a command that `meticulous launch` hands each run.sh to
  code    recorded or current: which code `meticulous launch` runs

\b
Examples:
  meticulous config list
  meticulous config set jobs 4
  meticulous config set header slurm-header.txt --project
  meticulous config unset jobs
"""

_SETTINGS = {"help_option_names": ["-h", "--help"]}

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _level_options(command: Decorated) -> Decorated:
    for name, text in (("project", "of this project"), ("user", "of the user")):
        command = click.option(f"--{name}", "level", flag_value=name, help=f"The settings {text}.")(
            command
        )
    return command


@click.group(context_settings=_SETTINGS, epilog=_EXAMPLES)
def config() -> None:
    """Read and write settings: those of the user, and those of a project, which count more.

    They stand in meticulous/config.toml in the configuration folder (XDG_CONFIG_HOME), and in
    meticulous.toml at the root of the repository. Both may be edited.
    """


@config.command("get", context_settings=_SETTINGS)
@click.argument("name")
def get(name: str) -> None:
    """Print the value of a setting."""
    from meticulous.sweep.settings import setting

    click.echo(setting(name))


@config.command("set", context_settings=_SETTINGS)
@click.argument("name")
@click.argument("value")
@_level_options
def set_(name: str, value: str, level: str | None) -> None:
    """Write a setting; that of the user unless --project is given."""
    from meticulous.sweep.settings import USER, set_setting, settings_file

    level = level or USER
    set_setting(name, value, level)
    click.echo(f"Set {name} in {settings_file(level)}.", err=True)


@config.command("unset", context_settings=_SETTINGS)
@click.argument("name")
@_level_options
def unset(name: str, level: str | None) -> int:
    """Remove a setting; that of the user unless --project is given."""
    from meticulous.sweep.settings import USER, settings_file, unset_setting

    level = level or USER
    if unset_setting(name, level):
        click.echo(f"Removed {name} from {settings_file(level)}.", err=True)
        return 0
    click.echo(f"{name} does not stand in {settings_file(level)}.", err=True)
    return 1


@config.command("list", context_settings=_SETTINGS)
def list_() -> None:
    """List all settings, with where they stand."""
    from meticulous.cli.aligning import aligned
    from meticulous.sweep.settings import all_settings

    rows = [["name", "value", "from"]]
    rows += [[one.name, _text(one), one.path or one.level] for one in all_settings()]
    for line in aligned(rows, [False] * 3):
        click.echo(line)


def _text(one: Setting) -> str:
    from meticulous.cli.wording import ABSENT, visible

    return visible(str(one.value)) if one.value != "" else ABSENT
