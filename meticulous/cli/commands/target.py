"""`meticulous target`: short names for classes and functions."""

from __future__ import annotations

import click

_EXAMPLES = """\b
Examples:
  meticulous target add train train.py:Train
  meticulous register train "{lr: 0.1 | 0.2}"
  meticulous target list
"""

_SETTINGS = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_SETTINGS, epilog=_EXAMPLES)
def target() -> None:
    """Give classes and functions short names, by which `meticulous register` knows them anywhere.

    Each name is a file in meticulous/targets in the configuration folder (XDG_CONFIG_HOME).
    """


@target.command("add", context_settings=_SETTINGS)
@click.argument("name")
@click.argument("target")
def add(name: str, target: str) -> None:
    """Let NAME stand for TARGET: file.py:name, module:name, or file.py."""
    from meticulous.cli.wording import visible
    from meticulous.sweep.known_targets import add_target

    known = add_target(name, target)
    click.echo(f"{known.name} is {visible(known.target)} now.", err=True)


@target.command("list", context_settings=_SETTINGS)
def list_() -> None:
    """List the names and what they stand for."""
    from meticulous.cli.aligning import aligned
    from meticulous.cli.wording import visible
    from meticulous.sweep.known_targets import known_targets

    known = known_targets()
    if not known:
        click.echo("No target has a name yet; `meticulous target add NAME TARGET`.", err=True)
        return
    rows = [["name", "target"], *([one.name, visible(one.target)] for one in known)]
    for line in aligned(rows, [False, False]):
        click.echo(line)


@target.command("remove", context_settings=_SETTINGS)
@click.argument("name")
def remove(name: str) -> None:
    """Forget NAME."""
    from meticulous.sweep.known_targets import remove_target

    remove_target(name)
    click.echo(f"{name} is forgotten.", err=True)
