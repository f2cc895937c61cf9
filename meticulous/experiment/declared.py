"""Declared experiments: their parameters and phases, from making them to the end of a run."""

from __future__ import annotations

import os
import sys

from meticulous.declare.declaration import Declaration, declaration_of
from meticulous.declare.parameters import unshared
from meticulous.declare.tracebacks import behind
from meticulous.errors import (
    DeclarationError,
    FrozenParameterError,
    IllegalMoveError,
    NotRunnableError,
    TargetError,
)
from meticulous.folder import states, status
from meticulous.recorder.arguments.values import Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from meticulous.experiment.experiment import Experiment
    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording

FUNCTION = "_experiment_function"
"""The attribute of a class made from a function that holds the function."""

ENDED = "ENDED"
"""The phase of an experiment that has run; STATUS says how it ended."""

_MADE_BY_US = frozenset(
    (
        *("args", "default_args", "norecord", "curexpdir", "metadata"),
        *("project_directory", "experiments_directory", "repo_directory"),
    )
)
"""The attributes of every experiment; parameters of classes have other names."""


class Declared:
    """What a declared experiment knows of itself.

    Attributes:
        experiment: The experiment.
        declaration: What its class or function declares.
        phase: Where it stands: DEFAULT, DETACHED, REGISTERED, RUNNING; or "ENDED", after which
            only STATUS says how.
        given: The names of parameters whose value was given, not left to the default.
        defaults: What the parameters are by default.
        is_debug: Whether it was started with `--debug`.
    """

    def __init__(self, experiment: Experiment, declaration: Declaration) -> None:
        self.experiment = experiment
        self.declaration = declaration
        self.phase = states.DEFAULT
        self.given: set[str] = set()
        self.defaults = declaration.defaults()
        self.is_debug = False
        self._recorded: dict[str, bytes] = {}
        kind = type(experiment)
        self._inits = [vars(one)["__init__"] for one in kind.__mro__ if "__init__" in vars(one)]

    def copied_for(self, experiment: Experiment) -> Declared:
        """Return what a copy of the experiment knows of itself; its values are its own."""
        made = type(self).__new__(type(self))
        vars(made).update(vars(self), experiment=experiment)
        made.given, made.defaults = set(self.given), dict(self.defaults)
        experiment._settings = dict(experiment._settings)
        experiment.args = Arguments(experiment.args)
        return made

    @property
    def shown(self) -> str:
        """Return what `repr` shows of an experiment without a record."""
        values = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"<{self.declaration.name}({values}), {self.phase}>"

    @property
    def values(self) -> dict[str, Any]:
        """The present values, in the order of the declaration; missing ones are left out."""
        own = vars(self.experiment)
        args = self.experiment.args
        found = {}
        for name in self.declaration.parameters:
            if self._is_attribute(name) and name in own:
                found[name] = own[name]
            elif name in args:
                found[name] = args[name]
        return found

    @property
    def is_frozen(self) -> bool:
        """Whether the values are those of a record."""
        return self.phase not in (states.DEFAULT, states.DETACHED)

    def takes(self, name: str, value: Any) -> bool:
        """Set the attribute if it is a parameter, and say whether it is one.

        Raises:
            FrozenParameterError: The values are those of a record.
            ParameterError: The value has the wrong type.
        """
        if name not in self.declaration.parameters or not self._is_attribute(name):
            return False
        if not self.is_frozen and self._is_assigned_in_init():
            parameter = self.declaration.parameters[name]
            # A default: what was given counts, and what a class says that derives from this one.
            if name not in self.given and parameter.in_init:
                self.put({name: parameter.cast(value)})
                self.defaults[name] = unshared(value)
            return True
        self.update({name: value})
        return True

    def update(self, values: Mapping[str, Any]) -> None:
        """Check values and set them."""
        if self.is_frozen:
            names = ", ".join(values)
            raise FrozenParameterError(
                f"{names} of {self.declaration.name} can only be set before it is registered or "
                f"runs; it is {self.status}. Make another: "
                f"{type(self.experiment).__name__}({', '.join(f'{name}=...' for name in values)})."
            )
        present = self.values
        # Names with dots mean a part of the present value, not of the default.
        dotted = {name.partition(".")[0] for name in values if "." in name}
        base = {name: present[name] for name in dotted if name in present and name not in values}
        checked = self.declaration.check(
            self.declaration.completed({**base, **values}), partial=True
        )
        self.put(checked)
        self.given.update(checked)

    def put(self, values: Mapping[str, Any]) -> None:
        """Set values that are checked."""
        own = vars(self.experiment)
        for name, value in values.items():
            if self._is_attribute(name):
                own[name] = value
            self.experiment.args[name] = value

    def detach(self) -> None:
        """Have it run without a record."""
        states.check_move(self.declaration.name, self.status, states.DETACHED)
        self.phase = states.DETACHED

    @property
    def status(self) -> str:
        """The status: the phase, or what STATUS says of an end."""
        from meticulous.experiment.shown import status_of

        return status_of(self.experiment)

    def enter(self) -> None:
        """Begin to run."""
        experiment = self.experiment
        self.settle_phase()
        if experiment.norecord and self.phase == states.DEFAULT:
            self.phase = states.DETACHED
        if self.phase == states.DETACHED:
            self.complete()
            return
        if self.phase == status.RUNNING:
            raise states.illegal_move(self.declaration.name, status.RUNNING, status.RUNNING)
        self.complete()
        experiment._take(self._begin())
        self.phase = status.RUNNING
        self._watch_values()

    def adopt(self, recording: Recording | AttachedRecording) -> None:
        """Hold a recording that was begun for this experiment elsewhere."""
        self.complete()
        self.experiment._take(recording)
        self.phase = status.RUNNING
        self._watch_values()

    def settle_phase(self) -> None:
        """See whether the run has ended meanwhile."""
        recording = self.experiment._recording
        if self.phase == status.RUNNING and recording is not None and not recording.is_running:
            self.phase = ENDED

    def complete(self) -> None:
        """Make sure that every parameter has a value, and put them into the order declared.

        Raises:
            ParameterError: One has no value and no default; or was changed into what it cannot be.
        """
        values = self.declaration.check(self.values)
        self.experiment.args = Arguments()
        self.put(values)
        self.experiment.default_args = Arguments(self.defaults)

    def target(self) -> dict[str, Any] | None:
        """Return where the class or function is found again; None where nobody could find it."""
        try:
            return {"kind": "python", **self.declaration.target}
        except TargetError:
            return None

    def freeze(self) -> None:
        """Remember the values that are recorded, to notice what is changed in place later."""
        self._recorded = {name: _encoded(value) for name, value in self.values.items()}

    def drift(self) -> list[str]:
        """Return what values are no longer those that are recorded, as sentences."""
        return [
            f"the parameter {name} was changed in place while the run went on: recorded is "
            f"{_cut(self._recorded[name])}, it became {_cut(encoded)}"
            for name, value in self.values.items()
            if name in self._recorded and (encoded := _encoded(value)) != self._recorded[name]
        ]

    def _watch_values(self) -> None:
        if not self._recorded:
            self.freeze()
        recording = self.experiment._recording
        if recording is not None:
            recording.last_looks.append(self._warn_of_drift)

    def _warn_of_drift(self) -> None:
        recording = self.experiment._recording
        for sentence in self.drift():
            if recording is not None:
                recording.writer.warn(sentence, sentence)

    def _begin(self) -> Recording | AttachedRecording:
        """Begin the run: in a folder of its own, or again in the one that it has."""
        from meticulous.recorder.beginning import begin

        experiment = self.experiment
        if self.phase == status.REGISTERED:
            from meticulous.experiment.registration import begin_in_registered

            return begin_in_registered(self)
        settings = dict(experiment._settings)
        if self.phase == ENDED:
            place, name = os.path.split(experiment.curexpdir)
            settings.update(experiments_directory=place, experiment_id=name)
        return begin(
            experiment.args,
            experiment.default_args,
            project_directory=experiment.project_directory,
            target=self.target(),
            **settings,
        )

    def _is_attribute(self, name: str) -> bool:
        """Say whether the parameter is an attribute too; a function may have one called `log`."""
        return name not in _MADE_BY_US and not _is_ours(name)

    def _is_assigned_in_init(self) -> bool:
        code = sys._getframe(3).f_code
        return any(getattr(init, "__code__", None) is code for init in self._inits)


def declaration_for(kind: type) -> Declaration:
    """Return what a class declares, or the function that it was made from.

    Raises:
        DeclarationError: It cannot be understood, or a parameter has a name that is taken.
    """
    declaration = declaration_of(getattr(kind, FUNCTION, kind))
    if not hasattr(kind, FUNCTION):
        for name in declaration.parameters:
            if name in _MADE_BY_US or _is_ours(name):
                raise DeclarationError(
                    f"The parameter {name} of {kind.__name__} has the name of something that every "
                    f"experiment has; call it otherwise, such as {name}_."
                )
    return declaration


def call(experiment: Experiment, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an experiment, recorded, and return what its `run` returns."""
    if not is_runnable(type(experiment)):
        raise not_runnable(type(experiment))
    if experiment._declared is None:
        raise IllegalMoveError(
            f"{type(experiment).__name__} was given its arguments when it was made, and is "
            "recorded since; call its run() instead."
        )
    experiment.__enter__()
    with Entered(experiment):
        return experiment.run(*args, **kwargs)


class Entered:
    """The rest of a `with` block of an experiment that has been entered, with nothing but `run`."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def __enter__(self) -> None:
        """Do nothing: entering may fail in ways that are the user's mistakes, running may not."""

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if error is not None:
            # The record tells of the user's code, to which our frames only led.
            error.__traceback__ = traceback = behind(traceback)
        return self._experiment.__exit__(kind, error, traceback)


def is_runnable(kind: type) -> bool:
    """Say whether a class has a `run` of its own."""
    from meticulous.experiment.lifecycle import Lifecycle

    return getattr(kind, "run", None) is not Lifecycle.run


def not_runnable(kind: type) -> NotRunnableError:
    """Return the error for a class without `run`."""
    name = kind.__name__
    return NotRunnableError(
        f"{name} has no run, so it cannot be run. Write `def run(self):` into class {name}, "
        f"or record what you do in a block: `with {name}() as experiment:`."
    )


def _is_ours(name: str) -> bool:
    from meticulous.experiment.experiment import Experiment as Base
    from meticulous.experiment.facts import fact

    member = getattr(Base, name, None)
    return member is not None and not isinstance(member, fact)


def _encoded(value: Any) -> bytes:
    from meticulous.folder.encoding import encode_document
    from meticulous.folder.plain import plain

    return encode_document(plain(value))


def _cut(data: bytes) -> str:
    text = " ".join(data.decode("utf-8", "replace").split())
    return text if len(text) <= 100 else f"{text[:100]}..."
