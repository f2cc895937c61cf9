"""Every generator is seeded, and one that nobody seeded is told, without changing the program."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous import Experiment
from meticulous.errors import InvalidOptionError
from meticulous.recorder.randomness.mersenne import was_begun_from_seed

RUN = ("-m", "meticulous", "run", "--", sys.executable)
RECORDED = "from meticulous import Experiment\nexperiment = Experiment({})\n"


@pytest.fixture
def metadata_of(repository):
    """Return a function that runs a program and returns its metadata and what it printed."""
    serial = iter(range(1, 100))

    def run(program: str, *words: str, env: dict[str, str] | None = None, under=()):
        name = f"program{next(serial)}.py"
        repository.commit({name: program})
        unset = {"PYTHONHASHSEED": "random", "PYTHONUNBUFFERED": ""}
        done = repository.python(*under, name, *words, env={**unset, **(env or {})})
        assert done.returncode == 0, done.stderr
        folders = sorted(Path(repository.directory, "experiments").iterdir())
        number = max(int(folder.name) for folder in folders if folder.name.isdigit())
        folder = repository.directory / "experiments" / str(number)
        return json.loads((folder / "metadata.json").read_text()), done.stdout

    return run


@pytest.fixture
def unseeded_of(metadata_of):
    """Return a function that runs a program, recorded in either way, and returns what it lacks."""

    def run(program: str, before: str = "", under=()):
        facts, _ = metadata_of(before + ("" if under else RECORDED) + program, under=under)
        assert facts["randomness"]["unknown"] == []
        return facts["randomness"]["unseeded"]

    return run


def unseeded_in(repository, *numbers: int) -> list[list[str]]:
    folders = [repository.directory / "experiments" / str(number) for number in numbers]
    texts = [(folder / "metadata.json").read_text() for folder in folders]
    return [json.loads(text)["randomness"]["unseeded"] for text in texts]


def without_record() -> Experiment:
    return Experiment({}, norecord=True)


class TestSeeding:
    """`seed_everything` seeds what is loaded at once, and the rest when it is loaded."""

    LOADED = "import random, numpy.random\n"
    DRAW = "import random, numpy\nprint(random.random(), numpy.random.random())\n"

    def test_the_numbers_are_those_of_the_generators_own_seeding(self, metadata_of):
        _, ours = metadata_of(
            self.LOADED + RECORDED + "experiment.seed_everything(7)\n" + self.DRAW
        )
        theirs = "random.seed(7)\nnumpy.random.seed(7)\n"
        _, own = metadata_of(self.LOADED + RECORDED + theirs + self.DRAW)
        assert ours == own

    def test_what_is_imported_later_is_seeded_then(self, metadata_of):
        _, loaded = metadata_of(
            self.LOADED + RECORDED + "experiment.seed_everything(7)\n" + self.DRAW
        )
        facts, later = metadata_of(RECORDED + "experiment.seed_everything(7)\n" + self.DRAW)
        assert later == loaded
        assert facts["seed"] == 7
        assert facts["randomness"]["seeded"] == {"random": 7, "numpy": 7}
        assert facts["randomness"]["unseeded"] == []

    def test_nothing_is_imported_for_it(self, metadata_of):
        names = "{'random', 'numpy', 'torch'}"
        _, printed = metadata_of(
            RECORDED
            + f"experiment.seed_everything()\nimport sys\nprint({names} & {{*sys.modules}})"
        )
        assert printed == "set()\n"

    def test_a_drawn_seed_is_returned_and_recorded(self, metadata_of):
        facts, printed = metadata_of(RECORDED + "print(experiment.seed_everything())")
        assert facts["seed"] == int(printed)
        assert 0 <= facts["seed"] < 2**32
        other, _ = metadata_of(RECORDED + "experiment.seed_everything()")
        assert other["seed"] != facts["seed"]

    def test_a_drawn_seed_is_on_disk_at_once(self, metadata_of):
        program = RECORDED + (
            "seed = experiment.seed_everything()\n"
            "import json\n"
            "print(seed == json.load(open(experiment.directory / 'metadata.json'))['seed'])\n"
        )
        assert metadata_of(program)[1] == "True\n"

    def test_the_last_seed_counts_and_all_are_recorded(self, metadata_of):
        program = RECORDED + "experiment.seed_everything(1)\nexperiment.seed_everything(2)\n"
        facts, printed = metadata_of(program + self.DRAW)
        assert facts["seed"] == 2
        assert facts["randomness"]["seeds"] == [1, 2]
        assert printed == metadata_of(RECORDED + "experiment.seed_everything(2)\n" + self.DRAW)[1]

    def test_of_very_many_seeds_the_last_is_kept(self, metadata_of):
        program = RECORDED + "for seed in range(1000): experiment.seed_everything(seed)"
        facts, _ = metadata_of(program)
        assert facts["seed"] == 999
        assert facts["randomness"]["seeds"] == [*range(99), 999]

    def test_without_a_record_it_seeds_all_the_same(self):
        experiment = without_record()
        assert experiment.seed_everything(7) == 7
        ours = random.random()
        random.seed(7)
        assert random.random() == ours
        assert not hasattr(experiment, "seed")

    def test_under_meticulous_run_the_seed_reaches_the_record(self, metadata_of):
        facts, printed = metadata_of(
            RECORDED + "print(experiment.seed_everything())\nimport random", under=RUN
        )
        assert facts["seed"] == int(printed)
        assert facts["randomness"]["seeded"] == {"random": int(printed)}

    def test_after_the_end_and_in_a_forked_child_nothing_is_recorded(self, metadata_of):
        program = RECORDED + (
            "import os\n"
            "if os.fork() == 0:\n"
            "    experiment.seed_everything(5)\n"
            "    os._exit(0)\n"
            "os.wait()\n"
            "experiment.finish()\n"
            "print(experiment.seed_everything(6))\n"
        )
        facts, printed = metadata_of(program)
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

    def test_only_seeds_that_were_drawn_are_handed_over(self, repository, metadata_of, tmp_path):
        program = RECORDED + (
            "print(experiment.seed_everything(), experiment.seed_everything(5))\n"
            "print(Experiment({}).seed_everything() in (11, 12))\n"
        )
        claimed = repository.directory / "experiments" / "7"
        claimed.mkdir(parents=True)
        order = {
            "directory": str(claimed),
            "ordinal": 1,
            "elsewhere": str(tmp_path / "elsewhere"),
            "seeds": [11, 12],
        }
        facts, printed = metadata_of(program, env={"METICULOUS_REPRODUCTION": json.dumps(order)})
        assert facts["experiment-id"] == "7"
        assert facts["randomness"]["seeds"] == [11, 5]
        assert printed == "11 5\nFalse\n"


class TestShowing:
    """`meticulous show` tells the seed, and what had none."""

    def test_the_seed_and_the_generators_without_one(self, repository, metadata_of):
        program = RECORDED + "experiment.seed_everything(7)\nimport random\nrandom.Random()\n"
        metadata_of(program)
        shown = repository.python("-m", "meticulous", "show", "1").stdout.splitlines()
        told = [line.split(maxsplit=1) for line in shown if line.split()[:1] != []]
        assert ["seed", "7"] in told
        assert ["unseeded", "random.Random at program1.py:5"] in told


class TestDeterminism:
    """The record says which flags decide whether the same seed gives the same numbers."""

    def test_the_hash_seed_is_told_as_it_was_at_the_start(self, metadata_of):
        program = RECORDED + "import os\nos.environ['PYTHONHASHSEED'] = '5'"
        free, _ = metadata_of(program)
        fixed, _ = metadata_of(program, env={"PYTHONHASHSEED": "3"})
        zero, _ = metadata_of(program, env={"PYTHONHASHSEED": "0"})
        told = [
            (facts["randomness"]["determinism"][key])
            for facts in (free, fixed, zero)
            for key in ("PYTHONHASHSEED", "hash-randomization")
        ]
        assert told == [None, True, "3", False, "0", False]

    def test_what_was_asked_for_is_recorded(self, metadata_of):
        program = RECORDED + "experiment.seed_everything(7, deterministic=True)"
        facts, _ = metadata_of(program)
        assert facts["randomness"]["determinism"]["wanted"] is True
        assert facts["randomness"]["determinism"]["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"

    def test_a_workspace_that_is_set_stays(self, metadata_of):
        program = RECORDED + "experiment.seed_everything(7, deterministic=True)"
        facts, _ = metadata_of(program, env={"CUBLAS_WORKSPACE_CONFIG": ":16:8"})
        assert facts["randomness"]["determinism"]["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


class TestUnseeded:
    """A generator that was used and never seeded is told; one that the program seeded is not."""

    BEFORE = "import random\nfrom random import seed, setstate\nimport numpy\n"

    @pytest.mark.parametrize(
        ("program", "told"),
        [
            ("import random", []),
            ("import random; random.random()", ["random"]),
            ("import random; random.seed(0); random.random()", []),
            ("import random; random.seed('words'); random.random()", []),
            ("import random; random.random(); random.seed(0)", []),
            ("import random; random.seed(); random.random()", ["random"]),
            ("import random; random.seed(1); random.seed(); random.random()", ["random"]),
            ("import random; random.setstate(random.Random(3).getstate()); random.random()", []),
            ("import random; random.Random(0).random()", []),
            ("import random; random.Random().random()", ["random.Random"]),
            ("import random; r = random.Random(); r.seed(3)", []),
            ("import random; random.SystemRandom().random()", []),
            ("import random, pickle; pickle.loads(pickle.dumps(random.Random(3)))", []),
            ("import random, copy; copy.deepcopy(random.Random(3))", []),
            ("import tempfile; tempfile.mkdtemp()", []),
            ("import uuid, secrets, os; uuid.uuid4(); secrets.token_hex(); os.urandom(3)", []),
        ],
    )
    def test_of_the_standard_library(self, unseeded_of, program, told):
        assert unseeded_of(program) == told

    @pytest.mark.parametrize(
        ("program", "told"),
        [
            ("import numpy", []),
            ("import numpy.random", []),
            ("import numpy; numpy.random.rand()", ["numpy"]),
            ("import numpy; numpy.random.seed(0); numpy.random.rand()", []),
            ("import numpy; numpy.random.seed([1, 2]); numpy.random.rand()", []),
            (
                "import numpy; s = numpy.random.RandomState(3).get_state()\n"
                "numpy.random.set_state(s); numpy.random.rand()",
                [],
            ),
            ("import numpy; numpy.random.default_rng(0).random()", []),
            ("import numpy; numpy.random.default_rng().random()", ["numpy.random.Generator"]),
            (
                "from numpy.random import Generator, PCG64; Generator(PCG64())",
                ["numpy.random.Generator"],
            ),
            ("import numpy; numpy.random.RandomState(3).random()", []),
            (
                "from numpy.random import RandomState as Old\nOld(\n    None\n)",
                ["numpy.random.Generator"],
            ),
            (
                "from functools import partial; from numpy.random import RandomState\n"
                "partial(RandomState, 3)()",
                [],
            ),
            (
                "from numpy.random import default_rng as make\nmake(seed=None)",
                ["numpy.random.Generator"],
            ),
            (
                "import numpy; numpy.random.seed()",
                ["numpy.random.Generator"],
            ),
            (
                "import copy, pickle, numpy; rng = numpy.random.default_rng(3)\n"
                "copy.deepcopy(rng); pickle.loads(pickle.dumps(rng)); rng.spawn(3)",
                [],
            ),
        ],
    )
    def test_of_numpy(self, unseeded_of, program, told):
        pytest.importorskip("numpy")
        assert unseeded_of(program) == told

    @pytest.mark.parametrize(
        ("before", "told"),
        [
            ("", ["random", "numpy"]),
            ("seed(3); numpy.random.seed(3)", []),
            ("seed(3); numpy.random.seed(3); random.random(); numpy.random.rand(9)", []),
            ("seed(3); numpy.random.seed(3); [random.random() for _ in range(3000)]", []),
        ],
    )
    def test_what_happened_before_the_recording_is_seen_in_the_state(
        self, unseeded_of, before, told
    ):
        pytest.importorskip("numpy")
        program = "random.random(); numpy.random.rand()"
        assert unseeded_of(program, f"{self.BEFORE}{before}\n") == told

    @pytest.mark.parametrize(
        ("program", "told"),
        [
            ("", ["random", "numpy"]),
            ("seed(3); numpy.random.seed(3)", []),
            (
                "seed(3); numpy.random.seed(3); numpy.random.default_rng(); random.Random()",
                ["numpy.random.Generator", "random.Random"],
            ),
        ],
    )
    def test_the_same_under_meticulous_run(self, unseeded_of, program, told):
        pytest.importorskip("numpy")
        used = "\nrandom.random(); numpy.random.rand()"
        assert unseeded_of(program + used, self.BEFORE, RUN) == told

    def test_functions_that_were_imported_by_name_are_seen_too(self, unseeded_of):
        pytest.importorskip("numpy")
        program = "seed(3); numpy.random.seed(3); random.random(); numpy.random.rand()"
        assert unseeded_of(program, self.BEFORE) == []

    def test_what_cannot_be_seen_is_said_to_be_unknown(self, metadata_of):
        program = (
            "import random\nrandom.seed(3)\n"
            "for _ in range(10000): random.random()\n" + RECORDED + "random.random()"
        )
        facts, _ = metadata_of(program)
        assert facts["randomness"]["unseeded"] == []
        assert facts["randomness"]["unknown"] == ["random"]

    def test_the_places_in_the_program_are_told(self, metadata_of):
        program = RECORDED + "import random\n\nrandoms = [random.Random() for _ in range(99)]\n"
        facts, _ = metadata_of(program)
        assert facts["randomness"]["unseeded-at"] == {"random.Random": ["program1.py:5"]}

    def test_each_recording_tells_of_its_own_time(self, repository, metadata_of):
        program = (
            "import random\nfrom meticulous import Experiment\n"
            "with Experiment({}):\n"
            "    random.random()\n"
            "    with Experiment({}):\n"
            "        random.Random()\n"
            "with Experiment({}):\n"
            "    pass\n"
        )
        metadata_of(program)
        assert unseeded_in(repository, 1, 2, 3) == [
            ["random", "random.Random"],
            ["random.Random"],
            [],
        ]

    def test_a_module_of_the_same_name_does_no_harm(self, repository, metadata_of):
        repository.commit({"torch.py": "seed = 3\n", "random.py": "seed = 4\n"})
        program = (
            "import torch\n" + RECORDED + "import random\n"
            "print(torch.seed, random.seed, experiment.seed_everything(7))"
        )
        facts, printed = metadata_of(program)
        assert printed == "3 4 7\n"
        assert facts["randomness"]["seeded"] == {}
        assert "warnings" not in facts


class TestTheProgramIsNotChanged:
    """Watching changes nothing that a program can see of the modules."""

    def test_functions_stay_the_same_objects(self, metadata_of):
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
        assert metadata_of(program)[1] == "True True\nTrue\nTrue\n"

    def test_errors_are_the_same(self, metadata_of):
        program = RECORDED + (
            "import random\n"
            "for wrong in (lambda: random.seed([]), lambda: random.setstate(3),\n"
            "              lambda: random.seed(1, 2, 3)):\n"
            "    try:\n"
            "        wrong()\n"
            "    except (TypeError, ValueError) as error:\n"
            "        print(type(error).__name__, error)\n"
        )
        plain = program.replace(RECORDED, "")
        recorded = metadata_of(program)[1]
        assert recorded == metadata_of(plain + RECORDED)[1]
        assert recorded.count("Error ") == 3

    def test_subclasses_work_as_before(self, metadata_of):
        program = RECORDED + (
            "import random\n"
            "class Loaded(random.Random):\n"
            "    __hash__ = None\n"
            "    def seed(self, a=None, version=2):\n"
            "        super().seed(a, version)\n"
            "    def random(self):\n"
            "        return 0.25\n"
            "print(Loaded().random(), Loaded(3).choice([1, 2, 3, 4]))\n"
        )
        assert metadata_of(program)[1] == "0.25 1\n"

    def test_the_loader_of_a_module_is_left_as_it_was(self, metadata_of):
        program = RECORDED + (
            "import importlib.util, random\n"
            "print(vars(random.__spec__.loader).keys(), random.__spec__ is not None)\n"
            "importlib.reload(random)\n"
            "print(importlib.util.find_spec('random').name)\n"
        )
        assert metadata_of(program)[1] == "dict_keys(['name', 'path']) True\nrandom\n"

    def test_it_works_without_our_modules(self, metadata_of):
        program = RECORDED + (
            "import random, sys\n"
            "for name in [name for name in sys.modules if name.startswith('meticulous')]:\n"
            "    del sys.modules[name]\n"
            "random.seed(3)\n"
            "print(random.random())\n"
        )
        assert metadata_of(program)[1] == f"{random.Random(3).random()}\n"


class TestTorch:
    """The same for torch, where it is installed."""

    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("torch")

    @pytest.mark.parametrize(
        ("program", "told"),
        [
            ("import torch", []),
            ("import torch; torch.rand(3)", ["torch"]),
            ("import torch; torch.manual_seed(3); torch.rand(3)", []),
            ("import torch; torch.set_rng_state(torch.Generator().get_state()); torch.rand(3)", []),
            ("import torch; torch.rand(3, generator=torch.Generator().manual_seed(3))", []),
        ],
    )
    def test_an_unseeded_generator_is_told(self, unseeded_of, program, told):
        assert unseeded_of(program) == told

    @pytest.mark.parametrize(
        ("before", "told"), [("", ["torch"]), ("torch.manual_seed(2**32 - 1)", [])]
    )
    def test_what_happened_before_the_recording(self, unseeded_of, before, told):
        assert unseeded_of("torch.rand(3)", f"import torch\n{before}\n") == told

    @pytest.mark.parametrize("loaded", ["", "import torch\n"])
    def test_everything_is_seeded_and_asked_to_repeat(self, metadata_of, loaded):
        program = (
            loaded
            + RECORDED
            + (
                "experiment.seed_everything(7, deterministic=True)\n"
                "import torch\n"
                "ours = torch.rand(3)\n"
                "theirs = torch.rand(3, generator=torch.Generator().manual_seed(7))\n"
                "print(torch.equal(ours, theirs))\n"
            )
        )
        facts, printed = metadata_of(program)
        assert printed == "True\n"
        assert facts["randomness"]["seeded"]["torch"] == 7
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
