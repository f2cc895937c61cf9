"""Functions as experiments: the first argument receives the experiment, others are parameters."""

from __future__ import annotations

from meticulous.declare.declaration import declaration_of
from meticulous.errors import DeclarationError
from meticulous.experiment.declared import FUNCTION
from meticulous.experiment.experiment import Experiment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def experiment_class(function: Callable[..., Any]) -> type[Experiment]:
    """Return the class of the experiments that carry out a function.

    It has the name and docstring of the function; each value is also an attribute, unless every
    experiment has something else of that name.

    Raises:
        DeclarationError: The function has no argument for the experiment, or takes `*args` or
            `**kwargs`.
    """
    declaration = declaration_of(function)

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        values = {name: self.args[name] for name in declaration.parameters}
        return function(self, *args, **{**values, **kwargs})

    run.__doc__ = function.__doc__
    body = {
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "__qualname__": getattr(function, "__qualname__", declaration.name),
        "run": run,
        FUNCTION: staticmethod(function),
    }
    return type(declaration.name, (Experiment,), body)


def main(target: Callable[..., Any], argv: Sequence[str] | None = None) -> Any:
    """Run a function, or a declared experiment, as a program that is recorded.

    The last line of a script: `meticulous.main(evaluate)`.

    Args:
        target: A function whose first argument receives the experiment, or a class.
        argv: The words of the command line; `sys.argv[1:]` by default.

    Returns:
        What the function returns; the folder with `--register`.
    """
    kind = as_class(target)
    return kind.main(argv)


def as_class(target: Any) -> type[Experiment]:
    """Return the class of a target: itself, or the one for a function.

    Raises:
        DeclarationError: It is another class, or a function that can be no experiment.
    """
    if not isinstance(target, type):
        return experiment_class(target)
    if not issubclass(target, Experiment):
        raise DeclarationError(
            f"{target.__name__} is a class, but no subclass of Experiment; derive it from "
            "Experiment, or give a function whose first argument receives the experiment."
        )
    return target
