"""Every generator is seeded, and one that nobody seeded is told, without changing the program."""

from __future__ import annotations

import importlib.util
import json
import random
import sys

import pytest
from forked_programs import RECORDED_BEFORE, carry_out
from hypothesis import given
from hypothesis import strategies as st

from meticulous import Experiment
from meticulous.errors import InvalidOptionError
from meticulous.recorder.randomness.mersenne import was_begun_from_seed

RUN = ("-m", "meticulous", "run", "--", sys.executable)
RECORDED = "from meticulous import Experiment\nexperiment = Experiment({})\n"

NOTHING_RECORDED = "from meticulous import Experiment\nExperiment.log\n"
"""Begins an interpreter in which nobody has looked at a generator yet."""


def metadata_in(folder):
    return json.loads((folder / "metadata.json").read_text())


@pytest.fixture
def told_by(repository):
    """Return a function that carries out programs, and returns of each its metadata and output."""

    def carry(*programs: str, begin: str = RECORDED_BEFORE, env: dict[str, str] | None = None):
        unset = {"PYTHONHASHSEED": "random"}
        outcomes = carry_out(repository, programs, begin, env={**unset, **(env or {})})
        for outcome in outcomes:
            assert (outcome.code, outcome.errors) == (0, "")
        return [(metadata_in(outcome.folder), outcome.shown) for outcome in outcomes]

    return carry


@pytest.fixture
def unseeded_of(told_by):
    """Return a function that carries out recorded programs, and returns what each one lacks."""

    def carry(programs, before: str = "", **options) -> dict[str, list[str]]:
        texts = [f"{before}{RECORDED}{program}\n" for program in programs]
        randomness = [facts["randomness"] for facts, _ in told_by(*texts, **options)]
        assert [facts["unknown"] for facts in randomness] == [[]] * len(texts)
        return {
            program: facts["unseeded"] for program, facts in zip(programs, randomness, strict=True)
        }

    return carry


@pytest.fixture
def run(repository):
    """Return a function that runs a program as the first experiment, and returns its metadata."""

    def run(program: str, *words: str) -> tuple[dict, str]:
        repository.commit({"program.py": program})
        done = repository.python(*words, "program.py")
        assert done.returncode == 0, done.stderr
        return metadata_in(repository.directory / "experiments" / "1"), done.stdout

    return run


def without_record() -> Experiment:
    return Experiment({}, norecord=True)


class TestSeeding:
    """`seed_everything` seeds what is loaded at once, and the rest when it is loaded."""

    def test_the_numbers_are_those_of_the_generators_own_seeding(self, told_by):
        loaded = "import random, numpy.random\n" + RECORDED
        draw = "import random, numpy\nprint(random.random(), numpy.random.random())\n"
        theirs = "random.seed(7)\nnumpy.random.seed(7)\n"
        ours = "experiment.seed_everything(7)\n"
        (_, own), (_, at_once), (facts, later), (twice, last) = told_by(
            loaded + theirs + draw,
            loaded + ours + draw,
            RECORDED + ours + draw,
            RECORDED + "experiment.seed_everything(1)\n" + ours + draw,
            begin=NOTHING_RECORDED,
        )
        assert own == at_once == later == last
        assert (facts["seed"], twice["seed"]) == (7, 7)
        assert facts["randomness"]["seeded"] == {"random": 7, "numpy": 7}
        assert facts["randomness"]["unseeded"] == []
        assert twice["randomness"]["seeds"] == [1, 7]

    def test_nothing_is_imported_for_it(self, told_by):
        names = "{'random', 'numpy', 'torch'}"
        ((_, printed),) = told_by(
            RECORDED
            + f"experiment.seed_everything()\nimport sys\nprint({names} & {{*sys.modules}})",
        )
        assert printed == "set()\n"

    def test_a_drawn_seed_is_returned_and_recorded_at_once(self, told_by):
        program = RECORDED + (
            "seed = experiment.seed_everything()\n"
            "import json\n"
            "assert seed == json.load(open(experiment.directory / 'metadata.json'))['seed']\n"
            "print(seed)\n"
        )
        (facts, printed), (other, _) = told_by(program, program)
        assert facts["seed"] == int(printed)
        assert 0 <= facts["seed"] < 2**32
        assert other["seed"] != facts["seed"]

    def test_of_very_many_seeds_the_last_is_kept(self, told_by):
        program = RECORDED + "for seed in range(300): experiment.seed_everything(seed)"
        ((facts, _),) = told_by(program)
        assert facts["seed"] == 299
        assert facts["randomness"]["seeds"] == [*range(99), 299]

    def test_without_a_record_it_seeds_all_the_same(self):
        experiment = without_record()
        assert experiment.seed_everything(7) == 7
        ours = random.random()
        random.seed(7)
        assert random.random() == ours
        assert not hasattr(experiment, "seed")

    def test_under_meticulous_run_the_seed_reaches_the_record(self, run):
        facts, printed = run(RECORDED + "print(experiment.seed_everything())\nimport random", *RUN)
        assert facts["seed"] == int(printed)
        assert facts["randomness"]["seeded"] == {"random": int(printed)}

    def test_after_the_end_and_in_a_forked_child_nothing_is_recorded(self, told_by):
        program = RECORDED + (
            "import os\n"
            "if os.fork() == 0:\n"
            "    experiment.seed_everything(5)\n"
            "    os._exit(0)\n"
            "os.wait()\n"
            "experiment.finish()\n"
            "print(experiment.seed_everything(6))\n"
        )
        ((facts, printed),) = told_by(program)
        assert printed == "6\n"
        assert "seed" not in facts
        assert facts["randomness"]["seeds"] == []

    def test_integers_of_numpy_are_seeds_too(self):
        numpy = pytest.importorskip("numpy")
        seed = without_record().seed_everything(numpy.int64(7))
        assert seed == 7
        assert type(seed) is int

    @pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "7", True, [7], float("nan")])
    def test_what_is_no_seed_is_refused_by_a_typed_error(self, seed):
        before = random.getstate()
        with pytest.raises(InvalidOptionError, match="from 0 to 4294967295"):
            without_record().seed_everything(seed)
        assert random.getstate() == before


class TestReproducing:
    """A run that is done again gets the seeds that were drawn for it then."""

    def test_only_seeds_that_were_drawn_are_handed_over(self, repository, tmp_path):
        program = RECORDED + (
            "print(experiment.seed_everything(), experiment.seed_everything(5))\n"
            "print(Experiment({}).seed_everything() in (11, 12))\n"
        )
        repository.commit({"program.py": program})
        claimed = repository.directory / "experiments" / "7"
        claimed.mkdir(parents=True)
        order = {
            "directory": str(claimed),
            "ordinal": 1,
            "elsewhere": str(tmp_path / "elsewhere"),
            "seeds": [11, 12],
        }
        env = {"METICULOUS_REPRODUCTION": json.dumps(order)}
        done = repository.python("program.py", env=env, check=True)
        facts = metadata_in(claimed)
        assert facts["experiment-id"] == "7"
        assert facts["randomness"]["seeds"] == [11, 5]
        assert done.stdout == "11 5\nFalse\n"


class TestShowing:
    """`meticulous show` tells the seed, and what had none."""

    def test_the_seed_and_the_generators_without_one(self, repository, run):
        run(RECORDED + "experiment.seed_everything(7)\nimport random\nrandom.Random()\n")
        shown = repository.python("-m", "meticulous", "show", "1").stdout.splitlines()
        told = [line.split(maxsplit=1) for line in shown if line.split()[:1] != []]
        assert ["seed", "7"] in told
        assert ["unseeded", "random.Random at program.py:5"] in told


class TestDeterminism:
    """The record says which flags decide whether the same seed gives the same numbers."""

    def test_the_hash_seed_is_told_as_it_was_at_the_start(self, repository):
        program = RECORDED + "import os\nos.environ['PYTHONHASHSEED'] = '5'"
        repository.commit({"program.py": program})
        told = []
        for number, seed in enumerate(("random", "3", "0"), 1):
            repository.python("program.py", env={"PYTHONHASHSEED": seed}, check=True)
            facts = metadata_in(repository.directory / "experiments" / str(number))
            determinism = facts["randomness"]["determinism"]
            told.append((determinism["PYTHONHASHSEED"], determinism["hash-randomization"]))
        assert told == [(None, True), ("3", False), ("0", False)]

    def test_what_was_asked_for_is_recorded_and_a_workspace_that_is_set_stays(self, told_by):
        program = RECORDED + "experiment.seed_everything(7, deterministic=True)"
        is_set = "import os\nos.environ['CUBLAS_WORKSPACE_CONFIG'] = ':16:8'\n"
        told = [
            facts["randomness"]["determinism"] for facts, _ in told_by(program, is_set + program)
        ]
        assert [facts["wanted"] for facts in told] == [True, True]
        assert [facts["CUBLAS_WORKSPACE_CONFIG"] for facts in told] == [":4096:8", ":16:8"]


OF_THE_STANDARD_LIBRARY = {
    "import random": [],
    "import random; random.random()": ["random"],
    "import random; random.seed(0); random.random()": [],
    "import random; random.seed('words'); random.random()": [],
    "import random; random.random(); random.seed(0)": [],
    "import random; random.seed(); random.random()": ["random"],
    "import random; random.seed(1); random.seed(); random.random()": ["random"],
    "import random; random.setstate(random.Random(3).getstate()); random.random()": [],
    "import random; random.Random(0).random()": [],
    "import random; random.Random().random()": ["random.Random"],
    "import random; r = random.Random(); r.seed(3)": [],
    "import random; random.SystemRandom().random()": [],
    "import random, pickle; pickle.loads(pickle.dumps(random.Random(3)))": [],
    "import random, copy; copy.deepcopy(random.Random(3))": [],
    "import tempfile; tempfile.mkdtemp()": [],
    "import uuid, secrets, os; uuid.uuid4(); secrets.token_hex(); os.urandom(3)": [],
}

WHILE_NUMPY_IS_IMPORTED = {
    "import numpy": [],
    "import numpy.random": [],
    "import numpy; numpy.random.rand()": ["numpy"],
    "import numpy; numpy.random.seed(0); numpy.random.rand()": [],
    "from numpy.random import default_rng as make\nmake(seed=None)": ["numpy.random.Generator"],
}

OF_NUMPY = {
    "numpy.random.rand()": ["numpy"],
    "numpy.random.seed(0); numpy.random.rand()": [],
    "numpy.random.seed([1, 2]); numpy.random.rand()": [],
    "s = numpy.random.RandomState(3).get_state()\n"
    "numpy.random.set_state(s); numpy.random.rand()": [],
    "numpy.random.default_rng(0).random()": [],
    "numpy.random.default_rng().random()": ["numpy.random.Generator"],
    "from numpy.random import Generator, PCG64; Generator(PCG64())": ["numpy.random.Generator"],
    "numpy.random.RandomState(3).random()": [],
    "from numpy.random import RandomState as Old\nOld(\n    None\n)": ["numpy.random.Generator"],
    "from functools import partial; partial(numpy.random.RandomState, 3)()": [],
    "numpy.random.seed()": ["numpy.random.Generator"],
    "import copy, pickle; rng = numpy.random.default_rng(3)\n"
    "copy.deepcopy(rng); pickle.loads(pickle.dumps(rng)); rng.spawn(3)": [],
}


class TestUnseeded:
    """A generator that was used and never seeded is told; one that the program seeded is not."""

    LOADED = "import random\nfrom random import seed, setstate\nimport numpy\n"
    USED = "\nrandom.random(); numpy.random.rand()"

    def test_of_the_standard_library(self, unseeded_of):
        assert unseeded_of(OF_THE_STANDARD_LIBRARY) == OF_THE_STANDARD_LIBRARY

    def test_of_a_numpy_that_the_program_imports(self, unseeded_of):
        pytest.importorskip("numpy")
        assert unseeded_of(WHILE_NUMPY_IS_IMPORTED) == WHILE_NUMPY_IS_IMPORTED

    def test_of_a_numpy_that_is_loaded(self, unseeded_of):
        pytest.importorskip("numpy")
        begin = f"import numpy\n{RECORDED_BEFORE}"
        assert unseeded_of(OF_NUMPY, "import numpy\n", begin=begin) == OF_NUMPY

    def test_what_happened_before_the_recording_is_seen_in_the_state(self, told_by):
        pytest.importorskip("numpy")
        before = {
            "": ["random", "numpy"],
            "seed(3); numpy.random.seed(3)": [],
            "seed(3); numpy.random.seed(3); random.random(); numpy.random.rand(9)": [],
            "seed(3); numpy.random.seed(3); [random.random() for _ in range(3000)]": [],
        }
        programs = [f"{self.LOADED}{first}\n{RECORDED}{self.USED}" for first in before]
        told = told_by(*programs, begin=f"import numpy, random\n{NOTHING_RECORDED}")
        assert [facts["randomness"]["unseeded"] for facts, _ in told] == [*before.values()]
        assert [facts["randomness"]["unknown"] for facts, _ in told] == [[]] * len(before)

    @pytest.mark.parametrize(
        ("program", "told"),
        [
            ("", ["random", "numpy"]),
            (
                "seed(3); numpy.random.seed(3); numpy.random.default_rng(); random.Random()",
                ["numpy.random.Generator", "random.Random"],
            ),
        ],
    )
    def test_the_same_under_meticulous_run(self, run, program, told):
        pytest.importorskip("numpy")
        facts, _ = run(self.LOADED + program + self.USED, *RUN)
        assert facts["randomness"]["unseeded"] == told
        assert facts["randomness"]["unknown"] == []

    def test_functions_that_were_imported_by_name_are_seen_too(self, unseeded_of):
        pytest.importorskip("numpy")
        program = "seed(3); numpy.random.seed(3)" + self.USED
        assert unseeded_of([program], self.LOADED, begin=NOTHING_RECORDED) == {program: []}

    def test_what_cannot_be_seen_is_said_to_be_unknown(self, told_by):
        program = (
            "import random\nrandom.seed(3)\n"
            "for _ in range(10000): random.random()\n" + RECORDED + "random.random()"
        )
        ((facts, _),) = told_by(program, begin=NOTHING_RECORDED)
        assert facts["randomness"]["unseeded"] == []
        assert facts["randomness"]["unknown"] == ["random"]

    def test_the_places_in_the_program_are_told(self, told_by):
        program = RECORDED + "import random\n\nrandoms = [random.Random() for _ in range(99)]\n"
        ((facts, _),) = told_by(program)
        assert facts["randomness"]["unseeded-at"] == {"random.Random": ["program1.py:5"]}

    def test_each_recording_tells_of_its_own_time(self, repository, run):
        program = (
            "import random\nfrom meticulous import Experiment\n"
            "with Experiment({}):\n"
            "    random.random()\n"
            "    with Experiment({}):\n"
            "        random.Random()\n"
            "with Experiment({}):\n"
            "    pass\n"
        )
        run(program)
        folders = [repository.directory / "experiments" / number for number in "123"]
        assert [metadata_in(folder)["randomness"]["unseeded"] for folder in folders] == [
            ["random", "random.Random"],
            ["random.Random"],
            [],
        ]

    def test_a_module_of_the_same_name_does_no_harm(self, repository, run):
        repository.commit({"torch.py": "seed = 3\n", "random.py": "seed = 4\n"})
        program = (
            "import torch\n" + RECORDED + "import random\n"
            "print(torch.seed, random.seed, experiment.seed_everything(7))"
        )
        facts, printed = run(program)
        assert printed == "3 4 7\n"
        assert facts["randomness"]["seeded"] == {}
        assert "warnings" not in facts


class TestTheProgramIsNotChanged:
    """Watching changes nothing that a program can see of the modules."""

    def test_functions_stay_the_same_objects(self, told_by):
        program = (
            "import inspect, pickle, random\n"
            "def look():\n"
            "    return (random.seed, random.Random.seed, random.setstate, random.Random,\n"
            "            random.Random.__mro__, inspect.signature(random.seed),\n"
            "            inspect.signature(random.Random.setstate), random.seed.__doc__,\n"
            "            random.Random.seed.__qualname__)\n"
            "before = look()\n"
            + RECORDED
            + "print(look() == before, before[0].__self__ is random._inst)\n"
            "same = pickle.loads(pickle.dumps(random.Random(3))).random()\n"
            "print(same == random.Random(3).random())\n"
            "print(pickle.loads(pickle.dumps(random.Random.seed)) is before[1])\n"
        )
        ((_, printed),) = told_by(program, begin=NOTHING_RECORDED)
        assert printed == "True True\nTrue\nTrue\n"

    def test_errors_are_the_same(self, told_by):
        program = (
            "import random\n"
            "for wrong in (lambda: random.seed([]), lambda: random.setstate(3),\n"
            "              lambda: random.seed(1, 2, 3)):\n"
            "    try:\n"
            "        wrong()\n"
            "    except (TypeError, ValueError) as error:\n"
            "        print(type(error).__name__, error)\n"
        )
        (_, recorded), (_, plain) = told_by(
            RECORDED + program, program + RECORDED, begin=NOTHING_RECORDED
        )
        assert recorded == plain
        assert recorded.count("Error ") == 3

    def test_subclasses_loaders_and_what_is_left_without_our_modules_work_as_before(self, told_by):
        subclass = RECORDED + (
            "import random\n"
            "class Loaded(random.Random):\n"
            "    __hash__ = None\n"
            "    def seed(self, a=None, version=2):\n"
            "        super().seed(a, version)\n"
            "    def random(self):\n"
            "        return 0.25\n"
            "print(Loaded().random(), Loaded(3).choice([1, 2, 3, 4]))\n"
        )
        loader = RECORDED + (
            "import importlib.util, random\n"
            "print(vars(random.__spec__.loader).keys(), random.__spec__ is not None)\n"
            "importlib.reload(random)\n"
            "print(importlib.util.find_spec('random').name)\n"
        )
        without_us = RECORDED + (
            "import random, sys\n"
            "for name in [name for name in sys.modules if name.startswith('meticulous')]:\n"
            "    del sys.modules[name]\n"
            "random.seed(3)\n"
            "print(random.random())\n"
        )
        assert [printed for _, printed in told_by(subclass, loader, without_us)] == [
            "0.25 1\n",
            "dict_keys(['name', 'path']) True\nrandom\n",
            f"{random.Random(3).random()}\n",
        ]


class TestTorch:
    """The same for torch, where it is installed.

    Its import takes seconds, so forks inherit it.
    """

    EQUAL = (
        "import torch\n"
        "ours = torch.rand(3)\n"
        "theirs = torch.rand(3, generator=torch.Generator().manual_seed(7))\n"
        "print(torch.equal(ours, theirs))\n"
    )

    @pytest.fixture(autouse=True)
    def _installed(self):
        if importlib.util.find_spec("torch") is None:
            pytest.skip("torch is not installed")

    def test_of_a_torch_that_was_loaded_before(self, repository):
        draws = {
            "pass": [],
            "torch.rand(3)": ["torch"],
            "torch.rand(3, generator=torch.Generator().manual_seed(3))": [],
            "torch.set_rng_state(torch.Generator().get_state()); torch.rand(3)": [],
        }
        blocks = [f"with Experiment({{}}): {draw}\n" for draw in draws]
        programs = [
            f"import torch\n{RECORDED}torch.manual_seed(3); torch.rand(3)",
            f"import torch\ntorch.manual_seed(2**32 - 1)\n{RECORDED}torch.rand(3)",
            f"{RECORDED}experiment.seed_everything(7)\n{self.EQUAL}",
            "".join(["import torch\nfrom meticulous import Experiment\n", *blocks]),
        ]
        outcomes = carry_out(repository, programs, f"import torch\n{NOTHING_RECORDED}")
        assert [(outcome.code, outcome.errors) for outcome in outcomes] == [(0, "")] * 4
        assert outcomes[2].shown == "True\n"
        folders = [repository.directory / "experiments" / str(n + 1) for n in range(7)]
        told = [metadata_in(folder)["randomness"] for folder in folders]
        assert [facts["unseeded"] for facts in told] == [[], [], [], *draws.values()]
        assert told[2]["seeded"]["torch"] == 7

    def test_of_a_torch_that_the_program_imports(self, run):
        facts, printed = run(
            f"{RECORDED}experiment.seed_everything(7, deterministic=True)\n{self.EQUAL}"
        )
        assert printed == "True\n"
        assert facts["randomness"]["seeded"]["torch"] == 7
        assert facts["randomness"]["unseeded"] == []
        determinism = facts["randomness"]["determinism"]
        assert determinism["torch.deterministic"] is True
        assert determinism["cudnn.deterministic"] is True
        assert determinism["cudnn.benchmark"] is False
        assert determinism["torch.threads"] >= 1


SEEDS = st.one_of(st.integers(), st.text(), st.floats(), st.binary(max_size=300))


@given(SEEDS, st.integers(0, 4000))
def test_a_seed_is_seen_in_a_state_that_was_used_since(seed, draws):
    generator = random.Random(seed)
    for _ in range(draws):
        generator.random()
    assert was_begun_from_seed(generator.getstate()[1]) is True


@given(st.integers(0, 2000))
def test_a_state_of_the_system_is_never_taken_for_a_seed(draws):
    generator = random.Random()
    for _ in range(draws):
        generator.getrandbits(32)
    assert was_begun_from_seed(generator.getstate()[1]) is (None if draws else False)
