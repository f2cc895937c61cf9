"""Targets: name a class or function in a text, load it, and describe one so that it is found."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from meticulous.errors import TargetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

_FORMS = "write file.py:name, module:name, or file.py where it declares one thing"


@dataclass(frozen=True)
class Target:
    """A class or function, by name.

    Attributes:
        place: The path of a file, or the dotted name of a module.
        name: The name within it, dotted for a nested class; "" where there is only one.
    """

    place: str
    name: str = ""

    @property
    def is_file(self) -> bool:
        """Whether `place` is the path of a file."""
        return self.place.endswith(".py")

    def __str__(self) -> str:
        return f"{self.place}:{self.name}" if self.name else self.place


def parse_target(text: str) -> Target:
    """Return what `file.py:name`, `module:name` or `file.py` names.

    Raises:
        TargetError: The text has none of these forms.
    """
    place, colon, name = text.rpartition(":")
    if colon and place and _is_dotted(name) and (place.endswith(".py") or _is_dotted(place)):
        return Target(place, name)
    if text.endswith(".py"):
        return Target(text)
    raise TargetError(f"{text!r} names no class or function; {_FORMS}.")


def load_target(target: str | Target) -> Any:
    """Import the module of a target and return the class or function.

    The folder of a file is put in front of `sys.path`, as running the file would. Its module has
    the name of the file, never `__main__`, so that what stands under `if __name__ == "__main__"` is
    not carried out. A module that is loaded already is not loaded again.

    Raises:
        TargetError: There is no such file, module or name, or no single one; or it is neither a
            subclass of Experiment nor a function; or the module fails, and the message has its
            traceback.
    """
    if isinstance(target, str):
        target = parse_target(target)
    return _chosen(_load_file(target) if target.is_file else _load_module(target), target)


def load_described(description: Mapping[str, str]) -> Any:
    """Return the class or function that `describe` described, perhaps in another process.

    Raises:
        TargetError: As in `load_target`.
    """
    import_path = description.get("import-path")
    if import_path and import_path not in sys.path:
        sys.path.insert(0, import_path)
    place = description.get("file") or description.get("module", "")
    return load_target(Target(place, description.get("name", "")))


def describe(thing: Any) -> dict[str, str]:
    """Return where a class or function is found again by another process.

    Returns:
        `name`, and `file` (absolute) for what a script or `load_target` loaded, or `module`; and
        `import-path`, the folder that must be on `sys.path`, unless it is one of installed
        packages.

    Raises:
        TargetError: It is made within a function, or typed in, so that nobody can find it.
    """
    name = getattr(thing, "__qualname__", None)
    if name is None:
        thing = type(thing)
        name = thing.__qualname__
    if "<" in name:
        raise TargetError(
            f"{name} is made within a function, where no other process finds it; "
            "define it at the top of a module."
        )
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    module_name = getattr(spec, "name", thing.__module__)
    is_main = thing.__module__ == "__main__"
    if (is_main and (spec is None or module_name == "__main__")) or thing.__module__ in _loaded:
        if not isinstance(file, str) or not os.path.isfile(file):
            raise TargetError(
                f"{name} is not defined in a file, so no other process finds it; "
                "save it as one, such as train.py."
            )
        file = os.path.abspath(file)
        return {"file": file, "name": name, "import-path": _folder(file)}
    found = {"module": module_name, "name": name}
    import_path = _import_path(module_name, file)
    return {**found, "import-path": import_path} if import_path else found


_loaded: dict[str, str] = {}
"""Name of a module -> the file that `load_target` made it from."""


def declared_in(module: ModuleType) -> dict[str, Any]:
    """Return what a module itself declares as experiments: name -> class or function.

    These are the subclasses of Experiment that have a `run`, or where there are none with one, all;
    and the functions whose first argument is annotated as an Experiment.
    """
    from meticulous.declare.classes import is_experiment
    from meticulous.declare.functions import takes_experiment

    own = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    }
    classes = {
        name: value
        for name, value in own.items()
        if isinstance(value, type) and is_experiment(value)
    }
    runnable = {name: value for name, value in classes.items() if _has_run(value)}
    functions = {
        name: value
        for name, value in own.items()
        if not isinstance(value, type) and callable(value) and takes_experiment(value)
    }
    return {**(runnable if runnable or functions else classes), **functions}


def _has_run(owner: type) -> bool:
    from meticulous.declare.classes import is_ours

    return any("run" in vars(one) for one in owner.__mro__ if not is_ours(one))


def _chosen(module: ModuleType, target: Target) -> Any:
    if not target.name:
        declared = declared_in(module)
        if len(declared) == 1:
            return next(iter(declared.values()))
        if not declared:
            raise _declares_nothing(target, "Its code was carried out for that, unrecorded")
        names = ", ".join(f"{target.place}:{name}" for name in declared)
        raise TargetError(f"{target.place} declares several experiments; choose one of {names}.")
    value: Any = module
    for part in target.name.split("."):
        if not hasattr(value, part):
            raise TargetError(f"{target.place} has no {target.name!r}{_nearest(module, target)}.")
        value = getattr(value, part)
    if not _can_be_carried_out(value):
        raise _no_experiment(module, target, value)
    return value


def _can_be_carried_out(value: Any) -> bool:
    from meticulous.declare.classes import is_experiment, is_ours
    from meticulous.declare.functions import innermost

    if isinstance(value, type):
        return is_experiment(value) and not is_ours(value)
    return callable(value) and hasattr(innermost(value), "__code__")


def _no_experiment(module: ModuleType, target: Target, value: Any) -> TargetError:
    """Return the error for a name that stands for something else, with those that do not."""
    named = [getattr(value, key, None) for key in ("__module__", "__qualname__")]
    what = f"a value of the type {type(value).__name__}"
    if all(isinstance(part, str) for part in named):
        is_own = named[0] == module.__name__
        kind = "class" if isinstance(value, type) else "object"
        what = f"a {kind}" if is_own else f"{'.'.join(map(str, named))}, which is imported there"
    names = ", ".join(f"{target.place}:{name}" for name in declared_in(module))
    found = f"What can be run is {names}" if names else f"{target.place} declares no experiment"
    return TargetError(
        f"{target} is {what}, and no experiment: neither a subclass of Experiment nor a function. "
        f"{found}."
    )


def _declares_nothing(target: Target, what_happened: str) -> TargetError:
    import shlex

    return TargetError(
        f"{target.place} declares no experiment: no subclass of Experiment, and no function whose "
        f"first argument is annotated as one. {what_happened}. Name what is meant, as in "
        f"{target.place}:name; or record it as a program, with `meticulous run -- python "
        f"{shlex.quote(target.place)}`."
    )


def _nearest(module: ModuleType, target: Target) -> str:
    import difflib

    declared = list(declared_in(module))
    own = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    ]
    near = difflib.get_close_matches(target.name, own, n=3, cutoff=0.5) or declared
    return f"; the nearest: {', '.join(near)}" if near else ""


def _load_file(target: Target) -> ModuleType:
    path = os.path.abspath(os.path.expanduser(target.place))
    if not os.path.isfile(path):
        raise TargetError(f"There is no file {target.place}{_other_files(path)}.")
    present = _present(path, target.name)
    if present is not None:
        return present
    if not target.name:
        from meticulous.declare.candidates import can_declare

        if not can_declare(path):
            raise _declares_nothing(target, "It was not run")
    import importlib.util

    name = _free_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{target.place} is no file that Python can import.")
    module = importlib.util.module_from_spec(spec)
    folder = _folder(path)
    sys.path.insert(0, folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        sys.path.remove(folder)
        _refuse(target, error)
    _loaded[name] = path
    return module


def _load_module(target: Target) -> ModuleType:
    import importlib

    here = os.getcwd()
    # As `python -m` does.
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(target.place)
    except ModuleNotFoundError as error:
        if error.name and f"{target.place}.".startswith(f"{error.name}."):
            raise TargetError(
                f"There is no module {error.name} that could be imported from {here}; {_FORMS}."
            ) from None
        _refuse(target, error)
    except BaseException as error:
        _refuse(target, error)
    raise AssertionError("unreachable")


def _refuse(target: Target, error: BaseException) -> None:
    """Raise the error that says why the module of a target cannot be imported."""
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        raise error
    if isinstance(error, SystemExit):
        raise TargetError(
            f"{target.place} cannot be imported: it ended itself (exit code {error.code}). What it "
            'shall only do as a program belongs under if __name__ == "__main__".'
        ) from None
    from meticulous.declare.tracebacks import shown

    text = shown(error).rstrip("\n")
    raise TargetError(f"{target.place} cannot be imported:\n\n{text}") from None


def _present(path: str, name: str) -> ModuleType | None:
    """Return the module that was loaded from a file already."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or os.path.abspath(file) != path:
            continue
        # The program that is running may not have come so far as to define it.
        if module.__name__ != "__main__" or (name and hasattr(module, name.partition(".")[0])):
            return module
    return None


def _free_name(path: str) -> str:
    """Return a name for the module of a file that no other module has, or would want."""
    stem = os.path.splitext(os.path.basename(path))[0]
    taken = stem in sys.modules or stem in sys.stdlib_module_names or stem == "meticulous"
    if stem.isidentifier() and not taken:
        return stem
    import zlib

    words = "".join(letter if letter.isalnum() else "_" for letter in stem)
    return f"_{words}_{zlib.crc32(os.fsencode(path)):08x}"


def _folder(path: str) -> str:
    """Return the folder that Python puts on `sys.path` when it runs a file."""
    return os.path.dirname(os.path.realpath(path))


def _import_path(module: str, file: Any) -> str:
    """Return the folder from which a module was imported; "" where nothing need be on the path."""
    if not isinstance(file, str):
        return ""
    parts = module.split(".")
    stem = os.path.splitext(os.path.abspath(file))[0]
    if os.path.basename(stem) == "__init__":
        stem = os.path.dirname(stem)
    tail = os.sep + os.path.join(*parts)
    is_installed = any(name in stem for name in ("site-packages", "dist-packages"))
    # Where names and folders differ, something else than a folder on the path found the module.
    return "" if is_installed or not stem.endswith(tail) else stem[: -len(tail)]


def _other_files(path: str) -> str:
    import difflib

    try:
        files = sorted(name for name in os.listdir(os.path.dirname(path)) if name.endswith(".py"))
    except OSError:
        return ""
    near = difflib.get_close_matches(os.path.basename(path), files, n=3, cutoff=0.5)
    return f"; the nearest: {', '.join(near)}" if near else ""


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))
