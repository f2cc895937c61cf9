"""What a program under diagnosis finds: the same random numbers each time, and other processors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import meticulous.reproduce.diagnosis as diagnosis

ON_START = Path(diagnosis.__file__).parent / "on_start"

DRAWS = """\
import random, secrets, uuid
import numpy
print(random.random(), random.Random().random(), uuid.uuid4(), secrets.token_hex(4))
print(numpy.random.rand(), numpy.random.default_rng().random(), numpy.random.RandomState().rand())
"""

TORCH = """\
def manual_seed(seed): print("seeded with", seed)
def use_deterministic_algorithms(wanted, warn_only): print("deterministic", wanted, warn_only)
class backends:
    class cudnn: pass
"""

WATCHED = """\
from meticulous.recorder.randomness import watch
seen = watch.Observation(None)
import random, torch
print(random.random(), torch.backends.cudnn.deterministic)
"""


def run(code: str, settings: object, *places: Path) -> str:
    """What a program prints for which this is held still."""
    path = os.pathsep.join(map(str, [ON_START, *places, os.environ["PYTHONPATH"]]))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "METICULOUS_TRIAL": json.dumps(settings)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_every_generator_gives_the_same_numbers_for_the_same_seed_and_others_for_another():
    first, second, other = (run(DRAWS, {"seed": seed}) for seed in (0, 0, 1))
    assert first == second
    assert not set(first.split()) & set(other.split())


def test_a_seed_of_the_program_is_left_alone():
    code = "import random\nrandom.seed(7)\nprint(random.random(), random.Random(8).random())"
    assert run(code, {"seed": 0}) == run(code, {})


def test_a_library_of_tensors_is_seeded_and_made_deterministic_when_it_is_imported(tmp_path):
    (tmp_path / "torch.py").write_text(TORCH)
    said = run("import torch", {"seed": 3, "kernels": True}, tmp_path)
    assert said == "seeded with 3\ndeterministic True True\n"


def test_the_recorder_sees_the_generators_all_the_same(tmp_path):
    (tmp_path / "torch.py").write_text(TORCH)
    settings = {"seed": 3, "kernels": True}
    assert run(WATCHED, settings, tmp_path) == run(WATCHED, settings, tmp_path)
    assert "seeded with 3\n" in run(WATCHED, settings, tmp_path)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only some systems tell")
def test_a_program_sees_as_many_processors_as_then():
    code = (
        "import os, multiprocessing\n"
        "print(os.cpu_count(), multiprocessing.cpu_count(), len(os.sched_getaffinity(0)))"
    )
    assert run(code, {"cores": [64, 12]}) == "64 64 12\n"


def test_the_sitecustomize_of_the_environment_follows(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.followed = True\n")
    assert run("print(followed)", {"seed": 0}, tmp_path) == "True\n"
