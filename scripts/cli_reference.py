#!/usr/bin/env python3
"""Write docs/cli-reference.md from the commands themselves; with --check only compare.

The exit code is 0 when the file is up to date, or has been written; 1 when it is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "cli-reference.md"

sys.path.insert(0, str(ROOT))

from meticulous.cli.group import COMMANDS, meticulous  # noqa: E402

WIDTH = 96

_HEAD = """\
# The command line

Every command with all of its options, as `meticulous COMMAND --help` prints them. This file is
written by `scripts/cli_reference.py`; `meticulous` and `python -m meticulous` are the same.

The exit code is 0 when it is done, 1 when the answer is no, 2 for a mistake that you can put right,
3 for a bug in meticulous, 130 after an interrupt; that of `meticulous run` is the program's own.
"""


def reference() -> str:
    """Return the text of the file."""
    return "\n".join((_HEAD, *_sections()))


def _sections() -> Iterator[str]:
    with _context(meticulous, None) as context:
        yield _section("meticulous", context)
        for name in COMMANDS:
            command = meticulous.get_command(context, name)
            assert command is not None
            with _context(command, context) as inner:
                yield _section(f"meticulous {name}", inner)
                if isinstance(command, click.Group):
                    for part in command.commands.values():
                        with _context(part, inner) as innermost:
                            yield _section(f"meticulous {name} {part.name}", innermost)


def _context(command: click.Command, parent: click.Context | None) -> click.Context:
    name = command.name if parent else "meticulous"
    settings = {**command.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    return click.Context(command, parent=parent, info_name=name, **settings)


def _section(title: str, context: click.Context) -> str:
    return f"## {title}\n\n```text\n{context.get_help().rstrip()}\n```\n"


def main(words: Sequence[str]) -> int:
    """Write the file, or compare it, and return the exit code."""
    if words not in ([], ["--check"]):
        print("usage: scripts/cli_reference.py [--check]", file=sys.stderr)
        return 2
    text = reference()
    if words:
        is_current = REFERENCE.exists() and REFERENCE.read_text(encoding="utf-8") == text
        print(f"{REFERENCE.relative_to(ROOT)} is {'up to date' if is_current else 'out of date'}")
        return 0 if is_current else 1
    REFERENCE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
