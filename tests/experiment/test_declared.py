"""Declared experiments as objects: their parameters, when they are recorded, what they may be."""

from __future__ import annotations

import copy
import inspect
import json
from pathlib import Path
from typing import Literal

import pytest

from meticulous import Experiment
from meticulous.errors import (
    DeclarationError,
    FrozenParameterError,
    IllegalMoveError,
    NotRunnableError,
    ParameterError,
    UnknownParameterError,
)


class Train(Experiment):
    """Train a classifier."""

    lr: float = 0.1  # @p learning rate
    epochs: int = 3  # @p passes over the data
    optimiser: Literal["sgd", "adam"] = "sgd"  # @p
    sizes: list[int] = [64, 32]  # noqa: RUF012  # @p widths

    def run(self, factor: float = 1.0, fail: bool = False):
        self.summary(loss=self.lr * factor)
        if fail:
            raise RuntimeError("diverged")
        return self.epochs


class Block(Experiment):
    """Has parameters and no run."""

    x: list = [3, 2, 4]  # noqa: RUF012  # @p


class FromInit(Experiment):
    """Declares in __init__."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.a: str = "h"  # @p a letter
        self.scratch = 5

    def run(self):
        return self.a


class Overriding(FromInit):
    """Says in the class what the base says in its __init__."""

    a: str = "over"


class Historic(Experiment):
    """Derives from Experiment for reasons of its own, as programs for meticulous-ml do."""

    def __init__(self, args, **options):
        super().__init__(args, **options)
        self.status = "mine"
        self.start = 7

    def run(self):
        return self.args.lr


def read(folder, name):
    return json.loads(Path(folder, name).read_text())


@pytest.fixture
def options(repository):
    """Settings that record into the repository and leave pytest's streams alone."""
    return {"project_directory": repository.directory, "capture": "none"}


def folders(repository) -> list[str]:
    place = repository.directory / "experiments"
    return sorted(p.name for p in place.iterdir() if p.name[0] != ".") if place.exists() else []


class TestMaking:
    """Made from parameters, recorded later."""

    def test_it_is_not_recorded_yet(self, repository, options):
        train = Train(lr=0.2, **options)
        assert (train.lr, train.epochs, train.status) == (0.2, 3, "DEFAULT")
        assert folders(repository) == []
        assert repr(train).startswith("<Train(lr=0.2, epochs=3")

    def test_an_unknown_name_is_an_error_with_the_nearest(self, options):
        with pytest.raises(UnknownParameterError, match="epochs"):
            Train(epoch=3, **options)

    @pytest.mark.parametrize(
        ("name", "value"), [("lr", "high"), ("epochs", 1.5), ("optimiser", "lbfgs")]
    )
    def test_a_wrong_type_is_an_error_that_names_all_three(self, options, name, value):
        with pytest.raises(ParameterError, match=name) as caught:
            Train(**{name: value}, **options)
        assert str(value) in str(caught.value)

    @pytest.mark.parametrize(
        "mistake",
        [
            lambda train: type(train)(lrr=0.1),
            lambda train: setattr(train, "lr", "fast"),
            lambda train: train.update(lr="fast"),
        ],
    )
    def test_the_traceback_of_a_mistake_stays_in_the_users_code(self, options, mistake):
        train = Train(**options)
        with pytest.raises(ParameterError) as caught:
            mistake(train)
        frames = [str(entry.path) for entry in caught.traceback]
        assert sum(Path(frame).parts[-2] in ("declare", "kinds") for frame in frames) == 0

    def test_an_integer_becomes_the_float_that_is_declared(self, options):
        assert repr(Train(lr=1, **options).lr) == "1.0"

    def test_values_are_copies(self, options):
        given = [1, 2]
        train = Train(sizes=given, **options)
        train.sizes += [3]
        other = Train(**options)
        other.sizes.append(9)
        assert (given, Train.sizes, train.sizes) == ([1, 2], [64, 32], [1, 2, 3])

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
    def test_a_copy_of_an_experiment_has_values_of_its_own(self, options, copied):
        train = Train(**options)
        other = copied(train)
        other.lr = 0.7
        assert (train.lr, train.args["lr"], other.lr, other.args["lr"]) == (0.1, 0.1, 0.7, 0.7)
        train.epochs = 9
        assert other.epochs == 3
        other()
        assert (train.status, other.status) == ("DEFAULT", "SUCCESS")

    def test_setting_checks_and_arguments_follow(self, options):
        train = Train(**options)
        train.lr = 3
        train.update({"epochs": 7}, optimiser="adam")
        assert dict(train.args) == {"lr": 3.0, "epochs": 7, "optimiser": "adam", "sizes": [64, 32]}
        with pytest.raises(ParameterError):
            train.epochs = "many"
        with pytest.raises(UnknownParameterError):
            train.update(lrr=1)

    def test_other_attributes_are_free(self, options):
        train = Train(**options)
        train.model = object()
        with train:
            train.model = None

    def test_what_the_record_says_cannot_be_set(self, options):
        train = Train(**options)
        for name in ("status", "purpose", "description", "messages", "version", "user", "host"):
            with pytest.raises(AttributeError, match=f"Property {name} cannot be set"):
                setattr(train, name, "x")

    def test_an_assignment_in_init_is_a_default(self, options):
        assert FromInit(**options).a == "h"
        assert FromInit(a="given", **options).a == "given"
        assert Overriding(**options).a == "over"
        made = FromInit(**options)
        assert (made.scratch, dict(made.args)) == (5, {"a": "h"})

    def test_parameters_called_as_something_of_ours_are_refused(self, options):
        class Wrong(Experiment):
            log: int = 3  # @p

            def run(self):
                pass

        with pytest.raises(DeclarationError, match="log_"):
            Wrong(**options)

    def test_parameters_may_be_called_as_a_setting_or_a_fact(self, repository, options):
        class Named(Experiment, parameters="annotated"):
            tags: str = "a"
            start: int = 0
            user: str = "me"

            def run(self):
                return self.tags, self.start, self.user

        assert Named(tags="b", start=2, **options)() == ("b", 2, "me")
        assert read(repository.directory / "experiments/1", "metadata.json")["tags"] == []

    def test_the_docstring_shows_the_parameters(self):
        assert Train.__doc__ is not None
        assert Train.__doc__.startswith("Train a classifier.\n\nParameters:")
        assert "lr: float=0.1 ~ learning rate" in Train.__doc__

    def test_help_shows_the_parameters_and_not_the_settings_of_recording(self):
        assert str(inspect.signature(Train)) == (
            "(*, lr: float = 0.1, epochs: int = 3, optimiser: Literal['sgd', 'adam'] = 'sgd', "
            "sizes: list[int] = [64, 32], **settings)"
        )
        assert str(inspect.signature(FromInit)) == "(*args, **kwargs)"
        assert "experiments_directory" in inspect.signature(Experiment).parameters

    def test_without_arguments_the_base_itself_cannot_be_made(self):
        with pytest.raises(TypeError, match="missing the arguments"):
            Experiment()


class TestHistoricSubclasses:
    """Subclasses that are given their arguments are recorded at once, as they always were."""

    def test_one_with_an_init_of_its_own(self, options):
        with Historic({"lr": 3}, **options) as run:
            assert run.run() == 3
            assert (run.status, run.start) == ("mine", 7)
            assert read(run.directory, "args.json") == {"lr": 3}

    def test_declared_ones_are_not_given_a_mapping(self, options):
        with pytest.raises(TypeError, match="by name"):
            Train({"lr": 0.2}, **options)

    def test_unknown_keywords_are_an_error_as_before(self, options):
        with pytest.raises(TypeError, match="unexpected keyword argument 'lr'"):
            Experiment({}, lr=3, **options)


class TestRunning:
    """A call, and a with block, record one run."""

    def test_a_call_records_arguments_defaults_and_target(self, repository, options):
        train = Train(lr=0.5, purpose="why", tags=["t"], **options)
        assert train(factor=2) == 3
        assert train.status == "SUCCESS"
        assert read(train.directory, "args.json")["lr"] == 0.5
        assert read(train.directory, "default_args.json")["lr"] == 0.1
        metadata = read(train.directory, "metadata.json")
        assert (metadata["description"], metadata["tags"]) == ("why", ["t"])
        assert metadata["target"]["name"] == "Train"
        assert (train.purpose, train.messages) == ("why", {"loss": 1.0})
        assert train.start.startswith(metadata["start-time"])
        assert train.version["commit"] == repository.head

    def test_an_exception_is_recorded_and_goes_on(self, options):
        train = Train(**options)
        with pytest.raises(RuntimeError, match="diverged"):
            train(fail=True)
        assert train.status == "ERROR"
        assert "RuntimeError: diverged" in (train.directory / "STATUS").read_text()

    def test_a_block_is_the_run(self, options):
        with Block(**options) as run:
            run.summary(sum=sum(run.x), max=max(run.x), min=min(run.x))
            assert run.status == "RUNNING"
        assert run.status == "SUCCESS"
        assert run.messages == {"sum": 9, "max": 4, "min": 2}
        run.summary(sum=float("inf"))
        assert run.messages["sum"] == float("inf")

    def test_a_second_run_is_a_second_attempt_in_the_same_record(self, options):
        train = Train(**options)
        train()
        with pytest.raises(RuntimeError):
            train(fail=True)
        with train:
            pass
        attempts = read(train.directory, "metadata.json")["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["SUCCESS", "ERROR", "SUCCESS"]
        assert read(train.directory, "metadata.json")["target"]["name"] == "Train"

    def test_it_cannot_run_within_itself(self, options):
        with Train(**options) as train, pytest.raises(IllegalMoveError, match="RUNNING"):
            train()

    def test_without_run_nothing_is_recorded(self, repository, options):
        with pytest.raises(NotRunnableError, match="def run"):
            Block(**options)()
        assert folders(repository) == []

    def test_a_value_that_is_missing_is_named_before_anything_is_recorded(
        self, repository, options
    ):
        def evaluate(experiment: Experiment, checkpoint: Path, split: str = "test"):
            return checkpoint

        kind = Experiment.from_function(evaluate)
        with pytest.raises(ParameterError, match="checkpoint"):
            kind(**options)()
        assert folders(repository) == []
        assert kind(checkpoint="a.pt", **options)() == Path("a.pt")

    def test_detached_it_runs_and_leaves_nothing(self, repository, options):
        train = Train(**options).detach()
        assert train() == 3
        train.lr = 0.9
        assert (train(), train.status) == (3, "DETACHED")
        assert folders(repository) == []

    def test_what_has_run_cannot_be_detached(self, options):
        train = Train(**options)
        train()
        with pytest.raises(IllegalMoveError, match=r"SUCCESS.*DETACHED"):
            train.detach()

    def test_print_shows_the_record_and_the_parameters(self, options):
        train = Train(lr=0.25, **options)
        train()
        lines = str(train).splitlines()
        assert lines[0] == "status: SUCCESS"
        assert lines[-5:] == [
            "parameters:",
            "  lr: 0.25",
            "  epochs: 3",
            "  optimiser: sgd",
            "  sizes: [64, 32]",
        ]

    def test_print_shows_a_path_as_one_writes_it(self, options):
        def look(experiment, data: Path = Path("a b")):
            pass

        assert str(Experiment.from_function(look)(**options)).endswith("\n  data: a b")

    def test_notes_are_there_at_once(self, options):
        with Train(**options) as train:
            train.note("odd")
            assert train.notes == ["odd"]


class TestFrozen:
    """What is recorded is what ran."""

    @pytest.mark.parametrize("error", [AttributeError, ValueError, FrozenParameterError])
    def test_parameters_do_not_change_once_there_is_a_record(self, options, error):
        train = Train(**options)
        with train:
            with pytest.raises(error):
                train.lr = 9
            with pytest.raises(error):
                train.update(lr=9)
        with pytest.raises(error):
            train.lr = 9
        assert train.lr == 0.1

    def test_what_is_changed_in_place_is_told_and_the_record_stands(self, options, capsys):
        with Train(**options) as train:
            train.sizes.append(5)
        assert read(train.directory, "args.json")["sizes"] == [64, 32]
        (warning,) = read(train.directory, "metadata.json")["warnings"]
        assert "sizes was changed in place" in warning
        assert "[64, 32, 5]" in warning
        assert "sizes was changed" in capsys.readouterr().err


class TestFunctions:
    """Functions are experiments too."""

    def test_the_class_has_name_docstring_and_parameters(self, options):
        def evaluate(
            experiment: Experiment,
            a: str = "Hello",  # the first
            # argument
            log: int = 3,
        ):
            """Evaluate it."""
            experiment.summary(a=a, log=log)
            return a, log, experiment.args.log

        kind = Experiment.from_function(evaluate)
        assert kind.__name__ == "evaluate"
        assert kind.__doc__ is not None
        assert "a: str='Hello' ~ the first argument" in kind.__doc__
        made = kind(a="Bye", log=4, **options)
        made.foo = 1
        assert made() == ("Bye", 4, 4)
        assert read(made.directory, "args.json") == {"a": "Bye", "log": 4}

    def test_one_without_an_argument_for_the_experiment_is_refused(self):
        with pytest.raises(DeclarationError):
            Experiment.from_function(lambda: None)
