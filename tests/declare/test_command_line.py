"""The command line of a declaration: its options, its help, and what it refuses."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest

from meticulous import Experiment, declaration_of, param
from meticulous.declare.command_line import Request, parser_of, request_of
from meticulous.errors import InvalidYamlError, UnknownParameterError


class Mode(Enum):
    FAST = "f"
    SLOW = "s"


@dataclass
class Model:
    width: int = 8  # @p units of a layer
    bias: bool = True


class Base:
    """Train a classifier, 100% of it.

    At length.
    """

    lr: float = 0.1  # @p learning rate, in %
    batch_size: int = 32  # @p


class Train(Base):
    layers: list[int] = [64]  # @p the sizes  # noqa: RUF012
    use_amp: bool = False  # @p half precision
    mode: Mode = Mode.FAST  # @p
    optimiser: Literal["sgd", "adam"] | None = None  # @p
    checkpoint: Path = param(help="where it begins")
    model: Model = Model(width=16)  # @p
    options: dict[str, int] = {"a": 1, "b": 2}  # @p  # noqa: RUF012
    every: datetime.timedelta = datetime.timedelta(minutes=1)  # @p
    name: str = "x"  # @p


def request(*words: str, thing=Train) -> Request:
    declaration = declaration_of(thing)
    return request_of(declaration, parser_of(declaration).parse_args(list(words)))


def values(*words: str, thing=Train) -> dict:
    return declaration_of(thing).check(request(*words, thing=thing).values, partial=True)


def refused(capsys: pytest.CaptureFixture[str], *words: str, thing=Train) -> str:
    with pytest.raises(SystemExit) as caught:
        request(*words, thing=thing)
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1].partition("error: ")[2]


class TestOptions:
    def test_nothing_given_is_nothing_asked_for(self):
        found = request()
        assert found.values == {}
        assert (found.register, found.debug, found.restart) == (False, False, None)

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("--lr 1", {"lr": 1.0}),
            ("--lr=1e-3", {"lr": 0.001}),
            ("--lr -1", {"lr": -1.0}),
            ("--lr -1e-3", {"lr": -0.001}),
            ("--layers -1,2", {"layers": [-1, 2]}),
            ("--batch-size 3", {"batch_size": 3}),
            ("--batch_size 3", {"batch_size": 3}),
            ("--layers 64,32", {"layers": [64, 32]}),
            ("--layers [64,32]", {"layers": [64, 32]}),
            ("--layers=", {"layers": []}),
            ("--use-amp", {"use_amp": True}),
            ("--no-use-amp", {"use_amp": False}),
            ("--no-use_amp", {"use_amp": False}),
            ("--mode SLOW", {"mode": Mode.SLOW}),
            ("--mode s", {"mode": Mode.SLOW}),
            ("--optimiser adam", {"optimiser": "adam"}),
            ("--optimiser null", {"optimiser": None}),
            ("--checkpoint a/b", {"checkpoint": Path("a/b")}),
            ("--model.width 4", {"model": Model(4)}),
            ("--no-model.bias", {"model": Model(16, False)}),
            ("--options {a:\xa05}", {"options": {"a": 5, "b": 2}}),
            ("--every 1h30m", {"every": datetime.timedelta(hours=1.5)}),
            ("--name null", {"name": "null"}),
        ],
    )
    def test_each_parameter_has_one(self, words, expected):
        assert values(*words.split(" ")) == expected

    def test_the_last_of_several_counts(self):
        assert values("--lr", "1", "--lr", "2") == {"lr": 2.0}

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("--lr x", "argument --lr: must be float; 'x' is none"),
            ("--mode x", "argument --mode: must be one of FAST, SLOW; 'x' is none of them"),
            ("--layers 1,x", "argument --layers: [1] must be int; 'x' is none"),
            ("--lrr 1", "unrecognized arguments: --lrr 1 (the nearest: --lr)"),
            ("--batchsize=1", "(the nearest: --batch-size)"),
            ("--lay 1", "(the nearest: --layers)"),
            ("--model.widht 1", "(the nearest: --model.width"),
            ("1", "unrecognized arguments: 1"),
            ("--lr", "argument --lr: expected one argument"),
        ],
    )
    def test_a_mistake_is_told_as_argparse_does_with_the_nearest_name(self, capsys, words, message):
        assert message in refused(capsys, *words.split())

    def test_names_of_ours_that_a_parameter_has_are_offered_otherwise(self):
        class Taken:
            register: int = 1  # @p
            help: str = "x"  # @p
            no_a: int = 1  # @p
            a: bool = False  # @p
            u: int = 1  # @p
            update: str = ""  # @p

        found = request(
            *("--register", "2", "--meticulous-register", "--help", "me", "--no-a", "3"),
            *("--a", "yes", "--u", "4", "-u", "{update: x}"),
            thing=Taken,
        )
        assert found.register
        expected = {"register": 2, "help": "me", "no_a": 3, "a": True, "u": 4, "update": "x"}
        assert found.values == expected

    def test_a_function_has_a_command_line_too(self):
        def evaluate(experiment, split: str = "test", *, k: int):
            pass

        assert values("--split", "a", "--k", "3", thing=evaluate) == {"split": "a", "k": 3}

    def test_the_options_of_the_recorder_go_beside_them(self):
        parser = parser_of(declaration_of(Train))
        Experiment.add_argument_group(parser)
        namespace = parser.parse_args(["--lr", "1", "--description", "first", "--tag", "a"])
        assert request_of(declaration_of(Train), namespace).values == {"lr": 1.0}
        assert (
            Experiment.extract_meticulous_args(parser, ["--description", "x"])["description"] == "x"
        )


class TestUpdates:
    def test_they_are_yaml_text_or_files_in_order_and_options_count_most(self, tmp_path):
        base = tmp_path / "base.yml"
        base.write_text("lr: 0.5\nbatch_size: 8\nmode: SLOW\n_status: registered\n")
        found = values(
            *("-u", "{lr: 0.2, name: first}", str(base), "--name", "last"),
            *("-u", "name: second, batch_size: 9".replace(", ", "\n")),
        )
        assert found == {"lr": 0.5, "batch_size": 9, "mode": Mode.SLOW, "name": "last"}

    def test_mappings_may_be_given_in_part(self):
        assert values("-u", "{options: {a: 5}}", "--update", "{options: {c: 6}}") == {
            "options": {"a": 5, "b": 2, "c": 6}
        }
        assert values("-u", "{model: {bias: false}}", "--model.width", "3") == {
            "model": Model(3, False)
        }
        assert values("-u", "{model.width: 3}") == {"model": Model(3)}

    def test_nothing_is_carried_out(self, tmp_path):
        mark = tmp_path / "mark"
        with pytest.raises(InvalidYamlError):
            request("-u", f"{{lr: !!python/object/apply:os.system ['touch {mark}']}}")
        assert not mark.exists()

    @pytest.mark.parametrize(
        ("word", "message"),
        [
            ("{lr: 0.1", "the text of -u is not valid YAML, line 1"),
            ("missing.yml", "-u 'missing.yml': there is no such file"),
            ("[1, 2]", "-u '[1, 2]': there is no such file"),
            ("{1: 2}", "the name 1 is a int"),
        ],
    )
    def test_what_cannot_be_read_says_what_it_was_taken_for(self, word, message):
        with pytest.raises(InvalidYamlError) as caught:
            request("-u", word)
        assert message in str(caught.value)

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path):
        file = tmp_path / "broken.yml"
        file.write_text("lr: 0.1\n  x: [")
        with pytest.raises(
            InvalidYamlError, match=r"the file .*broken.yml is not valid YAML, line 2"
        ):
            request("-u", str(file))
        file.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InvalidYamlError, match=r"broken.yml cannot be read"):
            request("-u", str(file))

    def test_an_unknown_name_is_told_with_the_nearest(self):
        with pytest.raises(UnknownParameterError, match="nearest: batch_size"):
            request("-u", "{batchsize: 3}")


def test_what_else_can_be_asked():
    found = request("--register", "--debug", "--restart", "12")
    assert (found.register, found.debug, found.restart) == (True, True, "12")


HELP = """\
usage: train.py [--PARAMETER VALUE ...] [options]

Train a classifier, 100% of it.

At length.

parameters of Base:
  --lr float            learning rate, in % (default: 0.1)
  --batch-size int      (default: 32)

parameters of Train:
  --layers list[int]    the sizes (default: [64])
  --use-amp, --no-use-amp
                        half precision (default: False)
  --mode {FAST,SLOW}    (default: Mode.FAST)
  --optimiser {sgd,adam,null}
                        (default: None)
  --checkpoint Path     where it begins (required)
  --model.width int     units of a layer (default: 16)
  --model.bias, --no-model.bias
                        (default: True)
  --options dict[str, int]
                        (default: {'a': 1, 'b': 2})
  --every timedelta     (default: 0:01:00)
  --name str            (default: 'x')

options:
  -h, --help            show this and exit
  -u, --update YAML [YAML ...]
                        set parameters from YAML text such as '{lr: 0.2}', or
                        from a YAML or JSON file; later ones count more, and
                        options count most
  --register            do not run; leave a registered experiment, which
                        meticulous launch runs later
  --debug               call the debug() of the experiment first, which may
                        make it small
  --restart ID          run the registered or ended experiment ID again, with
                        its parameters
"""


def test_the_help_shows_types_defaults_and_help(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert parser_of(declaration_of(Train), prog="train.py").format_help() == HELP


@pytest.mark.parametrize("columns", ["20", "400", "x", None])
def test_the_help_fits_every_width(monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert "learning" in parser_of(declaration_of(Train)).format_help()
