"""Run by Python itself at the start of a program under `meticulous run`.

`meticulous run` puts this folder first on PYTHONPATH. The module takes itself out of the way (the
children of the program start without it), lets the environment's own sitecustomize follow, and
then starts `meticulous.recorder.program.inside`. Nothing that goes wrong here may disturb the
program.
"""

import os
import sys


def _step_aside() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    before = os.environ.pop("METICULOUS_PYTHONPATH", None)
    if before is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = before
    ourselves = sys.modules.pop("sitecustomize")
    try:
        # The environment's own, now that we are off the path.
        __import__("sitecustomize")
    except ImportError:
        sys.modules["sitecustomize"] = ourselves


def _start() -> None:
    directory = os.environ.get("METICULOUS_RUN")
    if directory is None:
        return
    root = os.path.abspath(__file__)
    for _ in range(5):
        root = os.path.dirname(root)
    # The program may have another interpreter, without this package among its libraries.
    sys.path.append(root)
    try:
        from meticulous.recorder.program import inside

        inside.start(directory)
    except Exception as error:  # an interpreter too old for us, for instance
        if os.environ.get("METICULOUS_DEBUG"):
            sys.stderr.write(f"meticulous: the program is not looked into: {error!r}\n")
    finally:
        sys.path.remove(root)


_step_aside()
_start()
