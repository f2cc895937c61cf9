"""`meticulous completion`: let a shell complete what is typed."""

from __future__ import annotations

import click

from meticulous.cli.completion import SHELLS

_EXAMPLES = """\b
For good, write one of these into the file that your shell reads at its start:
  eval "$(meticulous completion bash)"        ~/.bashrc
  eval "$(meticulous completion zsh)"         ~/.zshrc
  meticulous completion fish | source         ~/.config/fish/config.fish
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, options, ids, columns and metrics."""
    from meticulous.cli.completion import script

    click.echo(script(context.find_root().command, shell))
