"""The parameters of dataclasses, of models of pydantic and of configurations of OmegaConf."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

import pytest

from meticulous import Param, declaration_of, param
from meticulous.errors import ParameterError, UnknownParameterError


@dataclass
class Optimiser:
    lr: float = 0.1  # @p learning rate
    momentum: Annotated[float, Param("how much is kept", ge=0, lt=1)] = 0.9


@dataclass
class Model:
    """A network."""

    width: int
    layers: list[int] = field(default_factory=lambda: [1, 2], metadata={"help": "the sizes"})
    name: str = param("net", help="what it is called")
    computed: int = field(default=0, init=False)
    optimiser: Optimiser = field(default_factory=Optimiser)


class Train:
    model: Model = Model(3, optimiser=Optimiser(lr=0.5))  # @p the model
    other: Model | None = None  # @p
    options: dict[str, object] = {"a": 1, "b": {"c": 2}}  # @p  # noqa: RUF012


def lines(thing) -> list[str]:
    return [parameter.line() for parameter in declaration_of(thing).parameters.values()]


def test_the_fields_of_a_dataclass_are_parameters():
    assert lines(Model) == [
        "width: int",
        "layers: list[int]=[1, 2] ~ the sizes",
        "name: str='net' ~ what it is called",
        "optimiser: Optimiser=Optimiser(lr=0.1, momentum=0.9)",
    ]
    assert lines(Optimiser)[0] == "lr: float=0.1 ~ learning rate"
    assert declaration_of(Model).prose == "A network."
    assert declaration_of(Optimiser).prose == ""


def test_the_values_of_an_object_are_its_defaults():
    assert lines(Optimiser(lr=0.5))[0] == "lr: float=0.5 ~ learning rate"


class TestNested:
    def test_a_mapping_becomes_an_object_completed_by_the_default(self):
        values = declaration_of(Train).check({"model": {"layers": (4,)}})
        assert values["model"] == Model(3, [4], optimiser=Optimiser(lr=0.5))
        assert values["other"] is None

    def test_a_dotted_name_means_one_field(self):
        values = declaration_of(Train).check(
            {"model.optimiser.momentum": 0, "other.width": 4, "options.b.c": 3}, partial=True
        )
        assert values == {
            "model": Model(3, optimiser=Optimiser(0.5, 0.0)),
            "other": Model(4),
            "options": {"a": 1, "b": {"c": 3}},
        }

    def test_dotted_names_add_to_a_whole(self):
        check = declaration_of(Train).check
        assert check({"model": Model(9), "model.name": "x"})["model"] == Model(9, name="x")
        assert check({"options.a": 2, "options": {"x": 0}})["options"] == {"x": 0, "a": 2}

    def test_the_default_is_not_shared(self):
        first = declaration_of(Train).check({"model.name": "x"})
        first["model"].layers.append(3)
        first["model"].optimiser.lr = 0
        assert declaration_of(Train).defaults()["model"] == Model(3, optimiser=Optimiser(0.5))

    def test_flattened_names_have_the_defaults_of_the_object(self):
        flat = dict(declaration_of(Train).flattened())
        assert list(flat) == [
            *("model.width", "model.layers", "model.name"),
            *("model.optimiser.lr", "model.optimiser.momentum"),
            *("other.width", "other.layers", "other.name"),
            *("other.optimiser.lr", "other.optimiser.momentum"),
            "options",
        ]
        assert flat["model.width"].default == 3
        assert flat["model.optimiser.lr"].default == 0.5
        assert flat["other.width"].required

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"model.widht": 1}, "no parameter 'model.widht'; the nearest: model.width"),
            ({"model": {"widht": 1}}, "it has no field 'widht'"),
            ({"model.width": "x"}, "model.width must be int; 'x' is a str."),
            ({"model": {"optimiser": {"lr": "x"}}}, "model.optimiser.lr must be float"),
            ({"model.optimiser.momentum": 1}, "momentum must be less than 1; it is 1.0."),
            ({"other": {"name": "x"}}, "its field 'width' has no value"),
            ({"model": None}, "model must be Model; it is None."),
        ],
    )
    def test_an_error_names_the_field(self, values, message):
        with pytest.raises(ParameterError) as caught:
            declaration_of(Train).check(values)
        assert message in str(caught.value)


def test_a_class_may_have_fields_of_its_own_type():
    assert [name for name, _ in declaration_of(Node).flattened()] == ["value", "next"]
    values = declaration_of(Node).check({"next": {"next": {"value": 3}}})
    assert values["next"] == Node(0, Node(3))


@dataclass
class Node:
    value: int = 0
    next: Node | None = None


class TestPydantic:
    @pytest.fixture
    def model(self):
        pydantic = pytest.importorskip("pydantic")

        class Schedule(pydantic.BaseModel):
            """When."""

            steps: int = pydantic.Field(10, ge=1, description="how many")
            warmup: float
            names: list[str] = pydantic.Field(default_factory=lambda: ["a"])

            @pydantic.model_validator(mode="after")
            def _fits(self):
                if self.warmup > self.steps:
                    raise ValueError("warmup takes longer than all")
                return self

        return Schedule

    def test_the_fields_of_a_model_are_parameters(self, model):
        assert lines(model) == [
            "steps: int=10 ~ how many",
            "warmup: float",
            "names: list[str]=['a']",
        ]
        assert declaration_of(model).prose == "When."

    def test_it_may_be_nested_and_its_own_checks_count(self, model):
        def run(experiment, schedule: model = model(warmup=1)):  # noqa: B008
            pass

        run.__annotations__["schedule"] = model
        declaration = declaration_of(run)
        assert declaration.check({"schedule.steps": 5})["schedule"] == model(steps=5, warmup=1)
        with pytest.raises(ParameterError, match=r"schedule.steps must be at least 1"):
            declaration.check({"schedule.steps": 0})
        with pytest.raises(ParameterError, match="warmup takes longer"):
            declaration.check({"schedule": {"warmup": 11}})


class TestOmegaConf:
    @pytest.fixture
    def configuration(self):
        omegaconf = pytest.importorskip("omegaconf")

        @dataclass
        class Schema:
            lr: float = 0.1
            name: str | None = None
            steps: int = dataclasses.field(default=omegaconf.MISSING)

        return omegaconf.OmegaConf.merge(
            omegaconf.OmegaConf.structured({"typed": Schema}),
            {"width": 8, "double": "${width}", "needed": "???"},
        )

    def test_the_entries_are_parameters(self, configuration):
        declaration = declaration_of(configuration)
        assert declaration.check({"needed": 1, "typed.lr": 1})["double"] == 8
        with pytest.raises(ParameterError, match="needed of config has no value"):
            declaration.check({})
        with pytest.raises(UnknownParameterError, match="nearest: width"):
            declaration.check({"widht": 1})

    def test_one_is_a_value_of_a_parameter_and_its_entries_have_types(self):
        omegaconf = pytest.importorskip("omegaconf")
        default = omegaconf.OmegaConf.create({"lr": 0.1, "model": {"width": 8, "depth": 2}})

        def run(experiment, settings=default, layers=omegaconf.OmegaConf.create([1, 2])):  # noqa: B008
            pass

        declaration = declaration_of(run)
        assert [name for name, _ in declaration.flattened()] == [
            *("settings.lr", "settings.model", "layers")
        ]
        checked = declaration.check({"settings": {"model": {"depth": 3}}, "layers": [4]})
        assert type(checked["settings"]) is type(default)
        assert checked["settings"] == {"lr": 0.1, "model": {"width": 8, "depth": 3}}
        assert checked["layers"] == [4]
        assert declaration.check({"settings.lr": 1})["settings"].lr == 1.0
        assert default.lr == 0.1
        with pytest.raises(ParameterError, match=r"settings\.lr must be float; 'x' is a str"):
            declaration.check({"settings": {"lr": "x"}})
        with pytest.raises(ParameterError, match="settings must be DictConfig; it has no entry"):
            declaration.check({"settings": {"lrr": 1}})
        with pytest.raises(UnknownParameterError, match=r"nearest: settings\.lr"):
            declaration.check({"settings.lrr": 1})
        parameter = declaration.parameters["settings"]
        assert parameter.parse(parameter.render(default)) == default
