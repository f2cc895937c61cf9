"""Run by Python itself at the start of a program under `meticulous run`, and of its children.

`meticulous run` puts this folder first on PYTHONPATH. The module takes itself out of the way (the
program finds its path and its variables as they would be without us; only the environment that its
children inherit still names this folder), lets the environment's own sitecustomize follow, and
then starts `meticulous.recorder.program.inside`; in the children only what sees which files they
open. Nothing that goes wrong here may disturb the program, nor any Python that it starts, however
old: hence no annotations.
"""

import os
import sys


def _step_aside():  # type: ignore[no-untyped-def]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    given = os.environ.get("PYTHONPATH", "")
    others = [entry for entry in given.split(os.pathsep) if entry != here]
    if others:
        os.environ["PYTHONPATH"] = os.pathsep.join(others)
    else:
        os.environ.pop("PYTHONPATH", None)
    # For the children, past `os.environ`.
    os.putenv("PYTHONPATH", given)
    ourselves = sys.modules.pop("sitecustomize")
    try:
        # The environment's own, now that we are off the path.
        __import__("sitecustomize")
    except ImportError:
        sys.modules["sitecustomize"] = ourselves


def _start():  # type: ignore[no-untyped-def]
    root = os.path.abspath(__file__)
    for _ in range(5):
        root = os.path.dirname(root)
    # The program may have another interpreter, without this package among its libraries.
    sys.path.append(root)
    try:
        # Set for the program, which takes it away before it starts a child.
        if "METICULOUS_TERMINALS" in os.environ:
            from meticulous.recorder.program import inside

            inside.start(os.environ["METICULOUS_RUN"])
        elif os.path.exists(os.path.join(os.environ["METICULOUS_EXPERIMENT"], ".opened")):
            _follow()  # type: ignore[no-untyped-call]
    except Exception:  # an interpreter too old for us, for instance
        if os.environ.get("METICULOUS_DEBUG"):
            error = sys.exc_info()[1]
            sys.stderr.write("meticulous: the program is not looked into: {!r}\n".format(error))  # noqa: UP032
    finally:
        sys.path.remove(root)
        os.environ.pop("METICULOUS_TERMINALS", None)


def _follow():  # type: ignore[no-untyped-def]
    before = set(sys.modules)
    try:
        from meticulous.recorder.files import opened

        opened.follow(os.environ["METICULOUS_EXPERIMENT"])
    finally:
        # What the child imports itself is its own affair.
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "meticulous":
                del sys.modules[name]


_step_aside()  # type: ignore[no-untyped-call]
if "METICULOUS_EXPERIMENT" in os.environ:
    _start()  # type: ignore[no-untyped-call]
