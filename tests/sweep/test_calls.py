"""Sets from Python: what `register` and `launch` make of a program's own values."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from registered import folder_of, make_project, numbers, read, status_of
from waiting import wait_until

import meticulous
from meticulous.errors import (
    ConfirmationNeededError,
    DeclarationError,
    InvalidOptionError,
    NotRunnableError,
    ParameterError,
)

SCRIPT = """\
import json
import sys

import meticulous
from meticulous import any_of
from train import Train

if __name__ == "__main__":
    made = meticulous.register(
        Train, {"lr": any_of(1, 200), "model": {"width": any_of(8, 16)}}, repeats=2, purpose="look"
    )
    made += meticulous.register("train.py:Train", ["lr=3,4", "{lr: 5}"], tags="more", header="# me")
    made += meticulous.register(
        "./simulate.sh", {"mesh": any_of(32, 64)}, defaults={"mesh": 16, "solver": "cg"}
    )
    names = [one.metadata["name"] for one in made]
    outcomes = meticulous.launch(["lr=200__model.width=8*", 1, made[8], made[-1]], jobs=2)
    left = meticulous.launch("lr=3", command="sh")
    made[0].refresh()
    print(json.dumps([
        names,
        [[one.id, one.status, one.has_failed, one.remark] for one in outcomes],
        [[one.id, one.status, one.has_failed] for one in left],
        [one.id for one in meticulous.launch(["1", made[0]])],
        made[0].status,
    ]))
"""


@pytest.fixture
def project(repository):
    make_project(repository)
    repository.commit({"sets.py": SCRIPT})
    return repository


def test_a_program_registers_and_launches_what_the_commands_would(project):
    done = project.python("sets.py")
    assert done.returncode == 0, done.stderr
    names, outcomes, handed_over, again, status = json.loads(done.stdout)
    points = [f"lr={lr}__model.width={width}" for lr in (1, 200) for width in (8, 16)]
    expected = [name for point in points for name in (point, f"{point}_1")]
    assert names == [*expected, "lr=5", "lr=3", "lr=4", "mesh=32", "mesh=64"]
    failed = ["ERROR", True, "RuntimeError: diverged"]
    well = ["SUCCESS", False, ""]
    assert outcomes == [
        ["1", *well],
        *([str(number), *failed] for number in (5, 6)),
        ["9", *well],
        ["13", *well],
    ]
    assert handed_over == [["10", "SUCCESS", False]]
    assert again == []
    assert status == "SUCCESS"
    first = read(folder_of(project, 3), "metadata.json")
    assert first["description"] == "look"
    assert first["swept"] == {"lr": 1, "model": {"width": 16}}
    assert first["target"]["name"] == "Train"
    assert read(folder_of(project, 3), "args.json")["model"] == {"width": 16, "depth": 2}
    assert read(folder_of(project, 10), "metadata.json")["tags"] == ["more"]
    assert "\n# me\n" in (folder_of(project, 10) / "run.sh").read_text()
    assert "--mesh 64 --solver cg" in (folder_of(project, 13) / "stdout").read_text()
    assert status_of(folder_of(project, 2)) == "REGISTERED"


def test_what_is_wrong_makes_nothing(project, monkeypatch):
    monkeypatch.chdir(project.directory)
    with pytest.raises(ConfirmationNeededError, match="yes=True"):
        meticulous.register("./simulate.sh", "n=range(0,2000)")
    with pytest.raises(NotRunnableError, match="Bare has no run"):
        meticulous.register(type("Bare", (meticulous.Experiment,), {"__module__": __name__}))
    with pytest.raises(DeclarationError, match="dict is a class, but no subclass of Experiment"):
        meticulous.register(dict)
    with pytest.raises(ParameterError, match="mesh must be int"):
        meticulous.register("./simulate.sh", "mesh=1,x", defaults={"mesh": 16})
    with pytest.raises(ValueError, match="at least one"):
        meticulous.any_of()
    project.write("train.py", "x = 1\n")
    with pytest.raises(meticulous.DirtyRepoException, match=r'register\(\.\.\., dirty="snapshot"'):
        meticulous.register("./simulate.sh", "mesh=1")
    assert numbers(project) == []
    (made,) = meticulous.register("./simulate.sh", "mesh=1", dirty="snapshot")
    with pytest.raises(InvalidOptionError):
        meticulous.launch(made, jobs=0)
    with pytest.raises(InvalidOptionError):
        meticulous.launch(made, code="new")
    assert made.status == "REGISTERED"
    folder_of(project).joinpath("metadata.json").write_text("{")
    (outcome,) = meticulous.launch()
    assert (outcome.id, outcome.status, outcome.has_failed) == ("1", "REGISTERED", True)
    assert outcome.remark.startswith("its record cannot be read: metadata.json is cut off")


def test_ctrl_c_is_raised_where_launch_was_called(project):
    project.write("sleep.sh", "#!/bin/sh\necho begun\nexec sleep 60\n").chmod(0o755)
    project.commit()
    script = (
        "import meticulous\n"
        "try:\n"
        "    meticulous.launch(meticulous.register('./sleep.sh', 'n=1,2'))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=project.directory, stdout=subprocess.PIPE, text=True
    )
    stdout = folder_of(project) / "stdout"
    wait_until(lambda: stdout.exists() and "begun" in stdout.read_text())
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert output == "interrupted\n"
    assert [status_of(folder_of(project, n)) for n in (1, 2)] == ["INTERRUPTED", "REGISTERED"]
