"""Options that stand under headings in the help of a command."""

from __future__ import annotations

from typing import Any

import click

_LAST = "Other options"


class SectionOption(click.Option):
    """An option that knows the heading under which the help shows it."""

    def __init__(self, *words: Any, section: str = _LAST, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help shows each `SectionOption` under its heading, in order of appearance."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the help; those without a heading come last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        others: list[tuple[str, str]] = []
        for option in self.get_params(ctx):
            entry = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if entry is not None and isinstance(option, SectionOption):
                sections.setdefault(option.section, []).append(entry)
            elif entry is not None:
                others.append(entry)
        for section, entries in [*sections.items(), (_LAST, others)]:
            with formatter.section(section):
                formatter.write_dl(entries)
