"""docs/cli-reference.md is what the commands say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_reference_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "cli_reference.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run scripts/cli_reference.py"


def test_every_command_has_its_section():
    from meticulous.cli.group import COMMANDS

    text = (ROOT / "docs" / "cli-reference.md").read_text()
    for name in COMMANDS:
        assert f"\n## meticulous {name}\n\n```text\nUsage: meticulous {name} " in text
