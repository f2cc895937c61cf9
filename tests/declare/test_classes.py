"""The parameters of a class: which attributes are, and from where each fact of one comes."""

from __future__ import annotations

import importlib
import linecache
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import pytest

from meticulous import Param, declaration_of, param
from meticulous.declare.marks import MISSING
from meticulous.errors import DeclarationError, ParameterError


class TheBase:
    """The base of the others."""

    a: str = "h"  # @p A parameter
    b: int = 17  # @p Another parameter
    h: int = 10  # @p
    c: int = 5  # This is not a parameter
    d = 4  # see @p in docs
    e = 6  # @param no
    _f: int = 3  # @p never, with an underscore
    t = "cat"  # @p
    w = 3  # @p parameter w


class AnExperiment(TheBase):
    a: float = 0.5
    b = 128
    p: float = 0.1  # @p The p of the first

    @property
    def h(self):
        return 3


class AnotherExperiment(TheBase):
    """Another one."""

    b: int = 17  # @p b's help is another
    m: str = "Another value"  # @p The m of the second
    p: float = 0.2  # @p The p of the second


class MultipleParents(AnotherExperiment, AnExperiment):
    x: int = 1  # @p The x


ODD = '''
class Odd:
    url = "http://a?b=c#d"  # @p where: it=is #1
    layers: list[int] = [
        64,  # the first
        32,
    ]  # @p the layers
    sizes: dict[str, int] = {  # @p the sizes
        "a": 1,
    }
    text = """# @p no
    b: int = 1  # @p neither
    """
    one, two = 1, 2  # @p both
    x = 1; y = 2  # @p only the last
    long: int = 1  # @p the beginning
                   # and the end
    # a heading of what follows
    ünicode: str = "ä"  # noqa: X1  # @p ümläute  # type: ignore[a]
    e = 1  # noqa: X1  # see @p
    last: tuple[int, int] = (1,
        2)  # @p the last
'''


def line(thing: Any, name: str) -> str:
    return declaration_of(thing).parameters[name].line()


def names(thing: Any) -> list[str]:
    return list(declaration_of(thing).parameters)


class TestWhatIsAParameter:
    def test_attributes_with_the_mark_are_and_others_are_not(self):
        assert names(TheBase) == ["a", "b", "h", "t", "w"]

    def test_each_fact_is_kept_as_an_object_and_the_type_as_text_too(self):
        parameter = declaration_of(TheBase).parameters["a"]
        assert parameter.default == "h"
        assert parameter.annotation is str
        assert parameter.type_text == "str"
        assert parameter.help == "A parameter"
        assert parameter.owner == "TheBase"
        assert declaration_of(TheBase).parameters["t"].annotation is MISSING

    def test_what_is_not_stated_is_left_out_of_the_line(self):
        assert line(TheBase, "a") == "a: str='h' ~ A parameter"
        assert line(TheBase, "h") == "h: int=10"
        assert line(TheBase, "t") == "t='cat'"
        assert line(TheBase, "w") == "w=3 ~ parameter w"

    def test_a_property_or_method_in_a_nearer_class_ends_a_parameter(self):
        assert "h" not in names(AnExperiment)

        class Method(TheBase):
            def a(self): ...

        class Below(Method):
            a = "not again"

        assert "a" not in names(Method)
        assert "a" not in names(Below)

    def test_a_mark_below_a_method_begins_it_again(self):
        class Again(AnExperiment):
            h: int = 4  # @p again

        assert line(Again, "h") == "h: int=4 ~ again"

    def test_parameters_do_not_leak_into_bases_or_siblings(self):
        declaration_of(MultipleParents)
        assert "m" not in names(TheBase)
        assert "m" not in names(AnExperiment)
        assert line(TheBase, "a") == "a: str='h' ~ A parameter"

    def test_a_declaration_and_its_parameters_do_not_change(self):
        declaration = declaration_of(TheBase)
        with pytest.raises(AttributeError, match="does not change"):
            declaration.name = "x"
        with pytest.raises(AttributeError, match="does not change"):
            declaration.parameters["a"].default = "x"
        assert declaration_of(TheBase) is declaration


class TestInheritance:
    def test_without_the_mark_a_subclass_states_value_and_type_only(self):
        assert line(AnExperiment, "a") == "a: float=0.5 ~ A parameter"
        assert line(AnExperiment, "b") == "b: int=128 ~ Another parameter"
        assert declaration_of(AnExperiment).parameters["a"].owner == "TheBase"

    def test_with_the_mark_it_states_everything_and_is_the_owner(self):
        assert line(AnotherExperiment, "b") == "b: int=17 ~ b's help is another"
        assert declaration_of(AnotherExperiment).parameters["b"].owner == "AnotherExperiment"

    def test_each_fact_comes_from_the_first_class_of_the_mro_that_states_it(self):
        found = declaration_of(MultipleParents).parameters
        assert found["b"].line() == "b: int=17 ~ b's help is another"
        assert found["p"].line() == "p: float=0.2 ~ The p of the second"
        assert found["a"].line() == "a: float=0.5 ~ A parameter"
        assert "h" not in found

    def test_help_of_a_nearer_class_is_not_hidden_by_what_a_sibling_inherits(self):
        class Base:
            b: int = 1  # @p of the base

        class Left(Base):
            b = 2

        class Right(Base):
            b: int = 3  # @p of the right

        class Both(Left, Right):
            pass

        assert line(Both, "b") == "b: int=2 ~ of the right"

    def test_a_mark_without_help_keeps_the_help_of_the_base(self):
        class Sub(TheBase):
            b: int = 4  # @p

        assert line(Sub, "b") == "b: int=4 ~ Another parameter"
        assert declaration_of(Sub).parameters["b"].owner == "Sub"

    def test_parameters_of_base_classes_come_first_then_in_order(self):
        order = ["a", "t", "w", "p", "b", "m", "x"]
        assert [name for name in names(MultipleParents) if name in order] == [
            *("a", "t", "w"),  # TheBase
            *("b", "m", "p"),  # AnotherExperiment
            "x",
        ]
        parameters = declaration_of(MultipleParents).parameters.values()
        assert [parameter.order for parameter in parameters] == list(range(7))

    def test_a_subclass_without_a_docstring_has_that_of_its_base(self):
        assert declaration_of(AnExperiment).prose == "The base of the others."
        assert declaration_of(MultipleParents).prose == "Another one."


class TestTheSourceIsReadAsPythonReadsIt:
    def test_defaults_may_take_several_lines_and_hold_any_character(self, tmp_path, monkeypatch):
        owner = imported(tmp_path, monkeypatch, ODD).Odd
        assert [one.line() for one in declaration_of(owner).parameters.values()] == [
            "url='http://a?b=c#d' ~ where: it=is #1",
            "layers: list[int]=[64, 32] ~ the layers",
            "sizes: dict[str, int]={'a': 1} ~ the sizes",
            "one=1 ~ both",
            "two=2 ~ both",
            "y=2 ~ only the last",
            "long: int=1 ~ the beginning and the end",
            "ünicode: str='ä' ~ ümläute",
            "last: tuple[int, int]=(1, 2) ~ the last",
        ]

    def test_locals_of_methods_are_no_parameters(self):
        class Method:
            a: int = 1  # @p the a

            def run(self):
                a: str = "local"  # @p not this
                ab: str = a  # @p nor this
                return a + ab

        assert line(Method, "a") == "a: int=1 ~ the a"
        assert names(Method) == ["a"]

    def test_an_annotation_alone_is_a_parameter_that_needs_a_value(self):
        class Required:
            b: float = 1.0  # @p second
            a: int  # @p first

        assert line(Required, "a") == "a: int ~ first"
        assert declaration_of(Required).parameters["a"].required
        assert names(Required) == ["b", "a"]

    def test_of_classes_with_one_name_each_has_its_own_source(self):
        def first():
            class Same:
                a: int = 1  # @p first

                def run(self): ...

            return Same

        def second():
            class Same:
                a: int = 1  # @p second

                def run(self): ...

            return Same

        assert line(first(), "a") == "a: int=1 ~ first"
        assert line(second(), "a") == "a: int=1 ~ second"

    def test_a_class_within_one_of_its_name_has_its_own_source(self, tmp_path, monkeypatch):
        text = """
            class A:
                a: int = 1  # @p outer
                class A:
                    a: int = 2  # @p inner
                    def run(self): ...
                text = '''
            class A:
            '''
                b: int = 3  # @p behind
                def run(self): ...
            class B:
                class A:
                    a: int = 4  # @p of B
        """
        module = imported(tmp_path, monkeypatch, textwrap.dedent(text))
        assert [one.help for one in declaration_of(module.A).parameters.values()] == [
            "outer",
            "behind",
        ]
        assert line(module.A.A, "a") == "a: int=2 ~ inner"
        assert line(module.B.A, "a") == "a: int=4 ~ of B"

    def test_without_source_only_what_comments_say_is_missing(self):
        space: dict[str, Any] = {"param": param, "__name__": "nowhere"}
        source = "class Typed:\n    a: int = 1  # @p lost\n    b: float = param(0.5, help='kept')\n"
        exec(source, space)
        assert declaration_of(space["Typed"]).help_text() == textwrap.dedent(
            """\
            Parameters:

                Typed
                -----
                b: float=0.5 ~ kept"""
        )

    def test_source_that_does_not_fit_any_more_is_no_error(self, tmp_path, monkeypatch):
        module = imported(tmp_path, monkeypatch, "class A:\n    a: int = 1  # @p it\n")
        (tmp_path / f"{module.__name__}.py").write_text("class A:\n    b: int = (  # @p\n")
        assert names(module.A) == []

    def test_source_in_another_encoding_is_read(self, tmp_path, monkeypatch):
        text = "# -*- coding: latin-1 -*-\nclass A:\n    a: int = 1  # @p für alle\n"
        module = imported(tmp_path, monkeypatch, text.encode("latin-1"))
        assert line(module.A, "a") == "a: int=1 ~ für alle"

    @pytest.mark.parametrize(
        "text",
        [
            "class A:\n    if True:\n        a: int = 1  # @p it\n",
            "class A:\n    try: 1 / 0\n    except Exception:\n        a: int = 1  # @p it\n",
            "class  A ( object ) :  a: int = 1  # @p it",
            "class A:\r\n\ta: int = 1  # @p it\r\n\r\n\tdef run(self): ...\r\n",
            "@(lambda owner: owner)\nclass A(\n    object\n):\n\n    a: int = 1  # @p it\n",
        ],
    )
    def test_the_form_of_the_class_does_not_matter(self, tmp_path, monkeypatch, text):
        assert line(imported(tmp_path, monkeypatch, text).A, "a") == "a: int=1 ~ it"


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> ModuleType:
    """Import a text as a module of its own."""
    name = f"declared_{folder.name.replace('-', '_')}"
    data = text if isinstance(text, bytes) else text.encode()
    (folder / f"{name}.py").write_bytes(data)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


class TestAssignmentsInInit:
    class Init:
        """Declared while it is made."""

        z: int = 0  # @p in the class

        def __init__(self, size=3):
            super().__init__()
            self.a: str = "h"  # @p A parameter
            self.c = 5
            if size:
                self.size: int = size  # @p the argument's default
            self.total = 2 * 8  # @p computed
            b = 7  # @p no
            self.needed: int  # @p must be given
            self.left, self.right = 1, 2  # @p both
            try:
                self.tried = 1  # @p in a try
            except ValueError:
                raise
            del b

    class Below(Init):
        a: float = 0.5

    def test_they_declare_parameters_of_their_class(self):
        lines = [one.line() for one in declaration_of(self.Init).parameters.values()]
        assert lines == [
            "z: int=0 ~ in the class",
            "a: str='h' ~ A parameter",
            "size: int=3 ~ the argument's default",
            "total=16 ~ computed",
            "needed: int ~ must be given",
            "left=1 ~ both",
            "right=2 ~ both",
            "tried=1 ~ in a try",
        ]
        assert declaration_of(self.Init).parameters["a"].in_init
        assert not declaration_of(self.Init).parameters["z"].in_init

    def test_they_are_defaults_so_a_subclass_overrides_them(self):
        assert line(self.Below, "a") == "a: float=0.5 ~ A parameter"
        assert not declaration_of(self.Below).parameters["a"].in_init

    def test_a_default_that_only_init_knows_is_an_error_that_says_so(self):
        class Unknown:
            def __init__(self):
                n = 3
                self.a: int = n + 1  # @p

        with pytest.raises(DeclarationError, match=r"Unknown.a.*only known there.*attribute"):
            declaration_of(Unknown)


class TestMarksInCode:
    class Marked:
        lr: Annotated[float, Param("learning rate", gt=0)] = 0.1
        epochs: int = param(10, help="passes", ge=1, le=100)
        needed: int = param(help="must be given")
        layers: list[int] = param([1, 2], ge=1)
        mode = param("a", choices=["a", "b"])
        plain: float = 0.3

    def test_they_need_no_comment(self):
        assert [one.line() for one in declaration_of(self.Marked).parameters.values()] == [
            "lr: float=0.1 ~ learning rate",
            "epochs: int=10 ~ passes",
            "needed: int ~ must be given",
            "layers: list[int]=[1, 2]",
            "mode='a'",
        ]

    def test_the_class_holds_the_default_itself(self):
        assert self.Marked.epochs == 10
        assert not hasattr(self.Marked, "needed")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"lr": 0}, "lr must be more than 0; it is 0.0."),
            ({"epochs": 0}, "epochs must be at least 1; it is 0."),
            ({"epochs": 101}, "epochs must be at most 100; it is 101."),
            ({"layers": [1, 0]}, "layers must be at least 1; it is 0."),
            ({"mode": "c"}, "mode must be one of 'a', 'b'; 'c' is a str."),
        ],
    )
    def test_their_bounds_hold(self, values, message):
        with pytest.raises(ParameterError) as caught:
            declaration_of(self.Marked).check(values, partial=True)
        assert str(caught.value) == message

    def test_a_subclass_keeps_the_bounds(self):
        class Sub(self.Marked):
            epochs = 20

        with pytest.raises(ParameterError, match="epochs must be at most 100"):
            declaration_of(Sub).check({"epochs": 101}, partial=True)

    def test_a_switch_takes_all_annotated_attributes(self):
        class All(TheBase):
            _parameters_from = "annotated"
            one: int = 1
            two: str
            three = 3
            _four: int = 4
            five: ClassVar[int] = 5

            def six(self) -> int: ...

        class Below(All):
            seven: Literal["a"] = "a"

        assert names(All) == ["a", "b", "h", "t", "w", "one", "two"]
        assert names(Below)[-1] == "seven"


class TestTypesAsText:
    def test_they_are_resolved_where_they_can_be(self, tmp_path, monkeypatch):
        module = imported(
            tmp_path,
            monkeypatch,
            textwrap.dedent(
                """
                from __future__ import annotations
                from typing import TYPE_CHECKING, Annotated, List, Optional
                from meticulous import Param
                if TYPE_CHECKING:
                    from decimal import Decimal
                class A:
                    a: Decimal = 1  # @p
                    b: Optional[List["Size"]] = None  # @p
                    c: list[Size] = []  # @p
                    d: "Size" = 2  # @p
                    e: list[Decimal] = []  # @p
                    f: Decimal | np.array[Decimal] | None = None  # @p
                    g: Annotated[Decimal, Param("resolved in part")] = 1
                    h: list["Nowhere"] = []  # @p
                Size = int
                """
            ),
        )
        found = declaration_of(module.A).parameters
        assert found["a"].annotation is MISSING
        assert [one.type_text for one in found.values()] == [
            "Decimal",
            "list[int] | None",
            "list[int]",
            "int",
            "list[Decimal]",
            "Decimal | np.array[Decimal] | None",
            "Decimal",
            "list[Nowhere]",
        ]
        assert found["g"].help == "resolved in part"
        assert found["a"].cast("whatever") == "whatever"
        assert found["e"].cast(["whatever"]) == ["whatever"]
        with pytest.raises(ParameterError, match="e must be"):
            found["e"].cast(1)
        with pytest.raises(ParameterError, match=r"c\[0\] must be int"):
            found["c"].cast(["x"])
        with pytest.raises(ParameterError, match=r"b\[0\] must be int"):
            found["b"].cast(["x"])


class TestExperiments:
    """Subclasses of Experiment itself, which has attributes and annotations of its own."""

    def test_only_what_the_subclass_declares_counts(self, tmp_path, monkeypatch):
        text = '''
            from meticulous import Experiment

            class Base(Experiment, parameters="annotated"):
                """Train a classifier."""
                lr: float = 0.1

            class Train(Base):
                epochs: int = 10  # @p passes over the data
                def run(self): ...

            class Bare(Experiment):
                def run(self): ...
        '''
        module = imported(tmp_path, monkeypatch, textwrap.dedent(text))
        declaration = declaration_of(module.Train)
        assert declaration.prose == "Train a classifier."
        assert [one.line() for one in declaration.parameters.values()] == [
            "lr: float=0.1",
            "epochs: int=10 ~ passes over the data",
        ]
        assert declaration_of(module.Train(lr=1)) is declaration
        assert declaration_of(module.Bare).parameters == {}
        assert declaration_of(module.Bare).prose == ""

    def test_the_cells_of_a_notebook_are_source_too(self):
        file, text = (
            "/tmp/ipykernel_1/2.py",
            "class Cell:\n    a: int = 1  # @p it\n    def run(self): ...\n",
        )
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, file, "exec"), space)
        assert line(space["Cell"], "a") == "a: int=1 ~ it"
