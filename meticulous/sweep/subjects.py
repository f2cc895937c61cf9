"""What a set of experiments carries out: a class, a function, or a program of any language."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meticulous.sweep.known_targets import project_of, resolve
from meticulous.sweep.points import read_sweeps

if TYPE_CHECKING:
    from meticulous.declare.declaration import Declaration
    from meticulous.sweep.tree import Sweep


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be carried out, before any values are known.

    Attributes:
        declaration: Its parameters.
        target: What the metadata say of it.
        main_script: Its file, None where there is none.
        project: A folder in the repository of its code, where that is another one than here.
    """

    declaration: Declaration
    target: Mapping[str, Any]
    main_script: str | None
    project: str = ""


def is_python_target(text: str) -> bool:
    """Say whether a text names a Python class or function, and not a program."""
    from meticulous.declare.targets import parse_target
    from meticulous.errors import TargetError

    try:
        parse_target(text)
    except TargetError:
        # What is neither a program is more likely a mistyped target.
        import shutil

        return shutil.which(text) is None and not os.path.exists(text) and ":" in text
    return True


def python_subject(target: Any, *, is_anywhere: bool = False) -> Subject:
    """Return a class or function, or what a text such as `train.py:Train` names, as a subject.

    Args:
        target: The class, the function or the text.
        is_anywhere: Whether it is meant to be found from outside of its repository, too.

    Raises:
        TargetError: It cannot be found or loaded; has the traceback of its module.
        NotRunnableError: It is a class without a `run`, which nobody could carry out.
        DeclarationError: It does not declare its parameters in a way that can be understood.
    """
    from meticulous.declare.targets import load_target
    from meticulous.experiment.declared import declaration_for, is_runnable, not_runnable
    from meticulous.experiment.functions import as_class

    text = target if isinstance(target, str) else ""
    thing = load_target(target) if text else target
    kind = as_class(thing)
    if not is_runnable(kind):
        raise not_runnable(kind)
    declaration = declaration_for(kind)
    description = declaration.target
    named = {"text": text} if text else {}
    main_script = description.get("file") or _file_of(declaration.thing)
    project = project_of(description) if is_anywhere else ""
    return Subject(declaration, {"kind": "python", **named, **description}, main_script, project)


def program_subject(
    words: Sequence[str], defaults: Mapping[str, Any], sweeps: Sequence[str | Sweep]
) -> Subject:
    """Return a program of any language as a subject.

    Args:
        words: The program and the words it is always given; see `program.program_target`.
        defaults: Its parameters and their defaults.
        sweeps: Their names are the parameters where there are no defaults.

    Raises:
        ProgramNotFoundError: The program cannot be started.
        ParameterError: A placeholder names no parameter.
    """
    from meticulous.recorder.program.command import Command
    from meticulous.recorder.program.startable import check_startable
    from meticulous.sweep.program import program_declaration, program_target

    command = Command(words)
    check_startable(command)
    given = [name for sweep in read_sweeps(sweeps) for name in sweep.names]
    name = os.path.splitext(os.path.basename(words[0]))[0]
    declaration = program_declaration(name, defaults, given)
    target = program_target(words, list(declaration.parameters))
    return Subject(declaration, target, command.main_file)


def subject_of(
    target: Any,
    sweeps: Sequence[str | Sweep],
    *,
    defaults: Mapping[str, Any] | None = None,
    words: Sequence[str] = (),
) -> Subject:
    """Return what a target is: a class, a function, what a text names, or a program.

    Args:
        target: A class or function; or `file.py:name`, `module:name`, `file.py`, a known name; or
            a program.
        sweeps: What is to be varied: the parameters of a program without defaults.
        defaults: The parameters of a program and their defaults; None where it may be none.
        words: What a program is always told; only a program has such words.

    Raises:
        TargetError: It cannot be found or loaded; has the traceback of its module.
        NotRunnableError: It is a class without a `run`, which nobody could carry out.
        DeclarationError: It does not declare its parameters in a way that can be understood.
        ProgramNotFoundError: The program cannot be started.
        ParameterError: A placeholder in the words names no parameter.
    """
    if not isinstance(target, str):
        return python_subject(target)
    meant = resolve(target)
    if defaults is None and not words and is_python_target(meant):
        return python_subject(meant, is_anywhere=meant != target or os.path.isabs(meant))
    return program_subject((meant, *words), defaults or {}, sweeps)


def _file_of(thing: Any) -> str | None:
    file = getattr(sys.modules.get(getattr(thing, "__module__", "")), "__file__", None)
    return file if isinstance(file, str) else None
