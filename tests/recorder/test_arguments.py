from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.recorder.arguments.values import Arguments


def test_values_are_items_and_attributes():
    args = Arguments(lr=0.1, name="x")
    assert args["lr"] == args.lr == 0.1
    assert vars(args) == {"lr": 0.1, "name": "x"} == args
    assert "lr" in args
    assert {**args} == {"lr": 0.1, "name": "x"}


def test_what_is_written_one_way_is_seen_the_other_way():
    args = Arguments()
    args.lr = 1
    args["epochs"] = 2
    assert (args["lr"], args.epochs) == (1, 2)
    del args.lr
    assert args == {"epochs": 2}


def test_json_writes_it_as_an_object():
    assert json.loads(json.dumps(Arguments(lr=0.1, layers=[1, 2]))) == {"lr": 0.1, "layers": [1, 2]}


@pytest.mark.parametrize("name", ["items", "keys", "values", "copy", "get", "pop", "update"])
def test_an_argument_named_like_a_dict_method_wins_and_the_dict_goes_on_working(name):
    args = Arguments({name: "mine", "lr": 1})
    plain = {name: "mine", "lr": 1}
    assert getattr(args, name) == "mine"
    assert args == plain
    assert dict(args) == plain
    assert {**args} == plain
    assert json.dumps(dict(args)) == json.dumps(plain)
    for copied in (pickle.loads(pickle.dumps(args)), copy.copy(args), copy.deepcopy(args)):
        assert type(copied) is Arguments
        assert copied == plain
        assert getattr(copied, name) == "mine"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_pickled_in_every_protocol(protocol):
    args = pickle.loads(pickle.dumps(Arguments(lr=0.1), protocol))
    assert type(args) is Arguments
    assert args.lr == 0.1
    args.lr = 2
    assert args["lr"] == 2


def test_a_deep_copy_shares_nothing_and_follows_cycles():
    args = Arguments(layers=[1])
    args.itself = args
    copied = copy.deepcopy(args)
    copied.layers.append(2)
    assert args.layers == [1]
    assert copied.itself is copied


def test_copy_returns_arguments_of_their_own():
    args = Arguments(lr=1)
    copied = args.copy()
    copied.lr = 2
    assert type(copied) is Arguments
    assert args.lr == 1


def test_its_repr_reads_like_a_call():
    assert repr(Arguments(lr=0.1, name="x")) == "Arguments(lr=0.1, name='x')"
    assert repr(Arguments({"a b": 1, 2: 3, "c": 4})) == "Arguments(c=4, **{'a b': 1, 2: 3})"
    assert repr(Arguments()) == "Arguments()"


def test_a_missing_attribute_names_the_nearest_arguments():
    args = Arguments(learning_rate=1, epochs=2)
    with pytest.raises(AttributeError, match=r"no argument 'learning_rat'; .*: learning_rate$"):
        _ = args.learning_rat
    with pytest.raises(AttributeError, match="'zzz'; there are: learning_rate, epochs"):
        _ = args.zzz
    with pytest.raises(AttributeError, match="none at all"):
        _ = Arguments().zzz


def test_the_error_of_a_missing_attribute_can_be_sent_to_another_process():
    with pytest.raises(AttributeError) as caught:
        _ = Arguments(epochs=2).epoch
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_missing_attribute_can_have_a_default():
    args = Arguments(lr=1)
    assert getattr(args, "resume", None) is None
    assert not hasattr(args, "resume")


def test_only_a_message_that_is_shown_costs_an_import():
    code = (
        "import sys; from meticulous.recorder.arguments.values import Arguments;"
        "getattr(Arguments(a=1), 'b', None);"
        "assert not {'difflib', 'argparse', 're', 'typing'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.integers())))
def test_any_names_survive_copying_and_pickling(values):
    args = Arguments(values)
    assert args == values
    assert pickle.loads(pickle.dumps(args)) == copy.copy(args) == copy.deepcopy(args) == values
    assert vars(pickle.loads(pickle.dumps(args))) == values
    repr(args)
