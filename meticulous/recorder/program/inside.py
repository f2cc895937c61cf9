"""Inside a Python program under `meticulous run`: what only the program's own process can see.

The first command line that argparse reads becomes the arguments of the record; the files of the
loaded modules are reported at the end; on a terminal, output is line by line, as it would be
without us. Everything is handed over to the recording process (see `attached`).
"""

from __future__ import annotations

import atexit
import os
import sys

from meticulous.folder import layout
from meticulous.recorder.files import opened
from meticulous.recorder.program import attached
from meticulous.recorder.program.lines import write_line_by_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def start(directory: str) -> None:
    """Begin to look at this process for the record in `directory`."""
    owner = os.getpid()

    def report() -> None:
        if os.getpid() == owner:
            attached.tell_randomness(directory)
            opened.unwatch_all()

    atexit.register(report)
    opened.follow(directory)
    attached.observe_randomness()
    _describe(directory)
    words = os.environ.pop(layout.TERMINALS_VARIABLE, "").split(",")
    write_line_by_line(words, are_joined=attached.JOINED in words)
    sys.meta_path.insert(0, _ArgparseFinder(directory))


def _describe(directory: str) -> None:
    """Describe the surroundings of this interpreter, which need not be the recording one's."""
    from meticulous.recorder.environment.collector import start_collecting
    from meticulous.recorder.secrets.gate import Gate

    start_collecting(directory, Gate())
    attached.tell(directory, python=sys.version.split()[0])


class _ArgparseFinder:
    """Waits for argparse to be imported, then has its first reading of a command line reported."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "argparse":
            return None
        import importlib.util

        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_watch(module: ModuleType) -> None:
            execute(module)
            _watch_first_parse(module, self._directory)

        spec.loader.exec_module = execute_and_watch  # type: ignore[method-assign]
        return spec


def _watch_first_parse(argparse: Any, directory: str) -> None:
    """Report the first complete reading of a command line by any parser of this process."""
    parser_class = argparse.ArgumentParser
    original = parser_class.parse_known_args
    owner = os.getpid()
    depth = 0

    def parse_known_args(parser: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal depth
        depth += 1
        try:
            answer = original(parser, *args, **kwargs)
        finally:
            depth -= 1
        if depth == 0 and os.getpid() == owner and parser_class.parse_known_args is ours:
            namespace, unknown = answer
            _report(parser, namespace, directory)
            # A parser that leaves words to others is often followed by the one that reads all.
            if not unknown:
                parser_class.parse_known_args = original
        return answer

    ours = parser_class.parse_known_args = parse_known_args


def _report(parser: Any, namespace: Any, directory: str) -> None:
    from meticulous.folder.plain import plain
    from meticulous.recorder.arguments.options import take_options
    from meticulous.recorder.arguments.parsing import parser_defaults

    if attached.is_attached():
        return
    try:
        values = dict(vars(namespace))
        take_options(parser, values)
        defaults = parser_defaults(parser, namespace)
    except Exception as error:  # a parser of an unusual kind must not disturb the program
        attached.tell(directory, warnings=[f"the arguments could not be read: {error!r}"])
        return
    attached.tell(directory, args=plain(values), default_args=plain(defaults))
