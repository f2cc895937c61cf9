"""What declaring costs those who do not use it, and those who only ask for help."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["argparse", "ast", "dataclasses", "inspect", "ruamel.yaml", "tokenize", "typing"]


def loaded_by(program: str) -> set[str]:
    """Return which heavy modules a program loads, besides those the interpreter begins with."""
    watch = f"import sys\nbefore = set(sys.modules)\n{program}\n"
    watch += f"print(*[name for name in {HEAVY!r} if name in sys.modules and name not in before])"
    done = subprocess.run(
        [sys.executable, "-c", watch], capture_output=True, text=True, check=True, cwd="/"
    )
    return set(done.stdout.split())


def test_marks_load_nothing():
    assert loaded_by("from meticulous import Experiment, Param, param") == set()


def test_a_declared_class_costs_nothing_until_its_parameters_are_asked_for():
    program = (
        "from meticulous import Experiment, param\n"
        "class Train(Experiment):\n"
        "    lr: float = param(0.1, help='learning rate')\n"
        "    def run(self): ...\n"
        "import meticulous.declare.marks\n"
        "assert 'meticulous.declare.declaration' not in sys.modules\n"
    )
    assert loaded_by(program) == set()


@pytest.mark.parametrize("comment", ["", "  # @p rate"])
def test_the_help_of_plain_parameters_needs_no_slow_modules(tmp_path, comment):
    (tmp_path / "train.py").write_text(f"class Train:\n    lr: float = 0.1{comment}\n")
    program = (
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from train import Train\n"
        "from meticulous.declare.command_line import parser_of\n"
        "from meticulous.declare.declaration import declaration_of\n"
        "parser_of(declaration_of(Train)).format_help()\n"
    )
    needed = {"argparse", "ast"} if comment else {"argparse"}
    assert loaded_by(program) == needed
