"""`meticulous reproduce` on bad days: killed, a full disk, moved, copied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from recorded_runs import BEGIN, TRAIN, folder, record, worktrees
from untouched import fingerprint
from waiting import wait_until


@pytest.fixture
def listed(command):
    """Return a function that returns what `meticulous list` says of an experiment."""

    def row(repository, number: int | str):
        done = command("list", "--json", cwd=repository.directory)
        return next(one for one in json.loads(done.stdout) if one["id"] == str(number))

    return row


# Killed


def test_a_reproduction_that_was_killed_leaves_a_record_and_the_next_one_tidies_up(
    project, reproduce, command
):
    project.commit({"slow.py": f"{BEGIN}if 'SLOWLY' in os.environ: signal.pause()\nprint(1)\n"})
    record(project, "slow.py")
    before = fingerprint(project.directory, "experiments")
    for phase in ("preparing", "checking out", "running", "comparing"):
        process = subprocess.Popen(
            [sys.executable, "-m", "meticulous", "reproduce", "1"],
            cwd=project.directory,
            # Killed a little late, it waits in the program.
            env={**os.environ, **({"SLOWLY": "1"} if phase != "comparing" else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert any(phase in line for line in process.stderr)
        process.kill()
        process.communicate(timeout=60)
    reproduce(project, "1", "--timeout", "100")
    *killed, last = json.loads(command("list", "--json", cwd=project.directory).stdout)[1:]
    assert [row["status"] for row in killed[:3]] == ["LOST"] * 3
    assert killed[3]["status"] in ("LOST", "SUCCESS")
    assert [row["reproduces"] for row in (*killed, last)] == ["1"] * 5
    assert not any(row["problems"] for row in (*killed, last))
    assert worktrees() == []
    assert fingerprint(project.directory, "experiments") == before


def test_what_is_being_reproduced_is_said_to_run(project, listed, tmp_path: Path):
    waiting = f"import os, signal\nopen({str(tmp_path / 'begun')!r}, 'w').close()\n"
    waiting += "'LONG' in os.environ and signal.pause()\n"
    project.commit({"waiting.py": f"{waiting}{BEGIN}"})
    record(project, "waiting.py")
    (tmp_path / "begun").unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "reproduce", "1"],
        cwd=project.directory,
        env={**os.environ, "LONG": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until((tmp_path / "begun").exists)
    row = listed(project, 2)
    assert (row["status"], row["reproduces"]) == ("RUNNING", "1")
    process.terminate()
    process.wait(60)
    assert listed(project, 2)["status"] == "INTERRUPTED"


# What is not as it was


def test_a_script_that_moved_since_is_run_where_it_was(recorded, reproduce):
    project = recorded()
    (project.directory / "code").mkdir()
    project.git("mv", "train.py", "code/train.py")
    project.git("commit", "-qm", "moved")
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"


def test_a_branch_that_was_deleted_and_collected_cannot_be_reproduced(project, reproduce, listed):
    project.git("checkout", "-qb", "trial")
    project.commit({"trial.py": TRAIN})
    record(project, "trial.py")
    project.git("checkout", "-q", "main")
    project.git("branch", "-qD", "trial")
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    project.git("reflog", "expire", "--expire=now", "--all")
    project.git("gc", "-q", "--prune=now")
    found = reproduce(project, "1", code=1)
    assert (found["verdict"], "is not here (any more)" in found["reason"]) == ("CANNOT", True)
    row = listed(project, 3)
    assert (row["status"], row["verdict"]) == ("ERROR", "CANNOT")
    assert row["reason"]


def test_a_program_that_needs_a_terminal_gets_none_and_fails(project, reproduce):
    asks = ["open('/dev/tty').read(1)", "import getpass; getpass.getpass()", "input()"]
    program = (
        f"{BEGIN}failed = []\nfor ask in {asks} if 'ASK' in os.environ else []:\n"
        "    try: exec(ask)\n    except (OSError, EOFError): failed.append(ask)\n"
        "sys.exit(len(failed))\n"
    )
    project.commit({"ask.py": program})
    record(project, "ask.py")
    found = reproduce(project, "1", "--timeout", "100", code=1, ASK="1")
    assert found["verdict"] == "FAILED"
    assert "3" in found["reason"]


def test_a_python_without_meticulous_is_recorded_by_the_present_one(
    command, project, reproduce, tmp_path: Path
):
    project.commit({"plain.py": "import sys\nprint(sys.prefix)\n"})
    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    assert command("run", "--", python, "plain.py", cwd=project.directory).returncode == 0
    found = reproduce(project, "1", PYTHONPATH="")
    assert found["verdict"] == "IDENTICAL", found
    assert (folder(project, 2) / "stdout").read_text() == f"{tmp_path / 'bare'}\n"


# No room


@pytest.fixture
def make_disk(tmp_path: Path):
    """Return a function that makes a disk of a size in MB; only root can do that."""
    made = []

    def make(size: int) -> Path:
        place = tmp_path / f"disk-{size}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(place)]
        if subprocess.run(words, capture_output=True).returncode != 0:
            pytest.skip("no file system can be mounted here")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_too_small_for_the_worktree_is_a_reason(project, reproduce, make_disk):
    project.commit({"large.bin": "x" * 3_000_000})
    record(project, "train.py")
    before = fingerprint(project.directory, "experiments")
    place = make_disk(1)
    found = reproduce(project, "1", code=1, XDG_CACHE_HOME=str(place))
    assert found["verdict"] == "CANNOT"
    assert "no room" in found["reason"]
    assert os.listdir(place / "meticulous" / "worktrees") == []
    assert fingerprint(project.directory, "experiments") == before


def test_a_program_that_fills_the_disk_of_the_worktree_leaves_a_record(
    project, reproduce, make_disk
):
    project.commit({"fill.py": f"{BEGIN}os.posix_fallocate(os.open('big', 66), 0, 200 << 20)\n"})
    record(project, "fill.py")
    (project.directory / "big").unlink()
    place = make_disk(150)
    found = reproduce(project, "1", code=1, XDG_CACHE_HOME=str(place))
    assert found["verdict"] == "FAILED"
    assert "No space left on device" in (folder(project, 2) / "STATUS").read_text()
    assert os.listdir(place / "meticulous" / "worktrees") == []


def test_a_full_disk_of_the_experiments_is_one_message(command, recorded, make_disk):
    project = recorded()
    place = make_disk(1)
    (place / "fill").write_bytes(b"x" * (1 << 20))
    words = ["reproduce", "1", "--experiments-directory", str(place / "experiments")]
    done = command(*words, cwd=project.directory)
    assert done.returncode == 2
    assert "disk is full" in done.stderr


@pytest.mark.permissions
def test_a_folder_that_cannot_be_written_is_one_message(command, recorded):
    project = recorded()
    (project.directory / "experiments").chmod(0o555)
    done = command("reproduce", "1", cwd=project.directory)
    assert done.returncode == 2
    assert "no permission" in done.stderr


# Records from elsewhere


def test_a_record_that_was_copied_to_another_place_needs_only_its_repository(
    command, recorded, tmp_path: Path
):
    project = recorded()
    other = tmp_path / "other" / "experiments" / "1"
    shutil.copytree(folder(project, 1), other)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(project.directory), str(clone)], check=True)
    shutil.rmtree(project.directory)
    words = ["reproduce", "1", "--directory", str(other.parent), "--json"]
    done = command(*words, cwd=tmp_path / "other")
    assert done.returncode == 1, done.stdout
    assert json.loads(done.stdout)["verdict"] == "CANNOT"
    done = command(*words, "--repository", str(clone), cwd=tmp_path / "other")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["verdict"] == "IDENTICAL"


def test_broken_files_of_the_record_do_not_stop_it(recorded, reproduce):
    project = recorded()
    names = ("files.json", "SHA256SUMS", "environment.json", "metrics.jsonl")
    contents = (b"", b"[1]", b"\xff\0", b'{"inputs": 3, "outputs": {}}')
    damages = [dict.fromkeys(names, content) for content in contents]
    damages += [{name: b"{"} for name in names]
    for number, damage in enumerate(damages, 2):
        shutil.copytree(folder(project, 1), folder(project, number))
        for name, content in damage.items():
            (folder(project, number) / name).write_bytes(content)
    found = reproduce(project, f"2-{len(damages) + 1}", code=1)
    for damage, one in zip(damages, found, strict=True):
        # Three steps were logged, of which such a record tells nothing.
        expected = ("DIFFERS",) if "metrics.jsonl" in damage else ("IDENTICAL", "AGREES")
        assert one["verdict"] in expected, (damage, one)


# Odd results


def test_many_outputs_large_summaries_and_odd_names_are_compared(project, reproduce):
    program = f"""{BEGIN}
place = str(experiment.directory)
os.makedirs(os.path.join(place, "d\u00e9\\n\u00f1"))
for number in range(100):
    open(os.path.join(place, "d\u00e9\\n\u00f1", f"{{number}}\\n.txt"), "w").write(str(number))
open(os.fsencode(place) + b"/\\xff.bin", "wb").write(b"1")
experiment.summary(a=float("nan"), b=float("-inf"), c=-0.0, **{{f"k{{n}}": n for n in range(999)}})
experiment.log(step=0, loss=float("nan"))
"""
    project.commit({"odd.py": program})
    record(project, "odd.py")
    found = reproduce(project, "1")
    assert found["verdict"] == "IDENTICAL", found["reason"]
    assert "outputs are identical" in found["reason"]


def test_what_no_record_lists_is_not_called_identical(project, reproduce):
    write = "os.system('echo 1 > results.txt; mkdir logs; touch logs/a .hidden')\n"
    project.commit({"shell.py": f"{TRAIN}{write}open('listed.txt', 'w').write('1')\n"})
    record(project, "shell.py")
    found = reproduce(project, "1")
    assert found["verdict"] == "AGREES"
    assert "logs/a" in found["reason"]
    assert "results.txt" in found["reason"]
    assert ".hidden" in found["reason"]


def test_flags_of_determinism_that_changed_are_drift(project, reproduce):
    program = f"{BEGIN}import random\nexperiment.seed_everything(1)\nprint(random.random())\n"
    project.commit({"seeded.py": program})
    record(project, "seeded.py", env={"PYTHONHASHSEED": "0"})
    path = folder(project, 1) / "metadata.json"
    facts = json.loads(path.read_text())
    facts["randomness"]["determinism"]["torch.deterministic"] = True
    path.write_text(json.dumps(facts))
    found = reproduce(project, "1")
    drift = [one for one in found["drift"] if one["kind"] == "determinism"]
    assert [(one["name"], one["recorded"]) for one in drift] == [("torch.deterministic", True)]


def test_another_order_of_the_experiments_of_a_program_is_seen(project, reproduce):
    program = """\
import os
from meticulous import Experiment
for seed in (1, 2) if "BACKWARDS" not in os.environ else (2, 1):
    with Experiment({"seed": seed}) as experiment:
        experiment.summary(loss=1.0)
"""
    project.commit({"several.py": program})
    record(project, "several.py")
    found = reproduce(project, "1", code=1, BACKWARDS="1")
    assert (found["verdict"], "args.seed" in found["reason"]) == ("DIFFERS", True)
