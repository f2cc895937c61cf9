"""`meticulous reproduce` from the first run to the verdict: real repositories and processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from untouched import fingerprint
from waiting import wait_until
from written_records import write_record

TRAIN = """\
import argparse, json, os, sys
from meticulous import Experiment
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--data")
parser.add_argument("--out")
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser)
args = experiment.args
print("training in", os.getcwd())
loss = args["lr"] * 2
if args["data"]:
    loss += sum(json.load(open(args["data"])))
for step in range(3):
    experiment.log(loss=loss / (step + 1), step=step)
if args["out"]:
    with open(args["out"], "w") as file:
        file.write(str(loss))
experiment.summary(loss=loss)
"""

WITHOUT_ARGUMENTS = """\
from meticulous import Experiment
experiment = Experiment({})
"""


@pytest.fixture
def project(repository):
    """A repository with a program."""
    repository.commit({".gitignore": "data/\n__pycache__/\n", "train.py": TRAIN})
    return repository


@pytest.fixture
def reproduce(command):
    """Return a function that reproduces in a repository and returns what is said as JSON."""

    def run(repository, *words: str, code: int = 0, **env: str):
        done = command("reproduce", *words, "--json", cwd=repository.directory, **env)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return run


def folder(repository, number: int | str) -> Path:
    return repository.directory / "experiments" / str(number)


def read(repository, number: int | str, name: str):
    return json.loads((folder(repository, number) / name).read_text())


def record(repository, *words: str, code: int = 0, **options):
    done = repository.python(*words, **options)
    assert done.returncode == code, done.stderr
    # The surroundings are described by a process that outlives the program.
    place = repository.directory / "experiments"
    wait_until(lambda: all("environment.json" in f.read_text() for f in place.glob("*/SHA256SUMS")))


def worktrees() -> list[str]:
    place = Path(os.environ["XDG_CACHE_HOME"], "meticulous", "worktrees")
    return os.listdir(place) if place.exists() else []


def test_a_run_is_reproduced_and_the_checkout_is_not_touched(project, reproduce):
    record(project, "train.py", "--lr", "0.3", "--description", "the best", "--tag", "paper")
    project.commit({"train.py": "raise SystemExit('another program')\n"})
    project.write("train.py", "uncommitted\n")
    project.git("stash", "-q")
    before = fingerprint(project.directory, "experiments")
    original = fingerprint(folder(project, 1))
    found = reproduce(project, "1")
    assert (found["verdict"], found["reproduced_as"]) == ("IDENTICAL", "2")
    assert fingerprint(project.directory, "experiments") == before
    assert fingerprint(folder(project, 1)) == original
    assert worktrees() == []
    metadata = read(project, 2, "metadata.json")
    assert metadata["reproduces"] == "1"
    assert metadata["reproduces-uid"] == read(project, 1, "metadata.json")["uid"]
    assert metadata["githead-sha"] == read(project, 1, "metadata.json")["githead-sha"]
    assert metadata["experiment-id"] == "2"
    assert (metadata["description"], metadata["tags"]) == ("the best", ["paper"])
    assert read(project, 2, "args.json") == read(project, 1, "args.json")
    assert read(project, 2, "summary.json") == {"loss": 0.6}
    assert (folder(project, 2) / "STATUS").read_text() == "SUCCESS\n"
    document = read(project, 2, "reproduction.json")
    assert document["verdict"] == "IDENTICAL"
    assert document["reproduces"]["id"] == "1"
    assert document["code"]["commit"] == metadata["githead-sha"]


def test_what_differs_is_shown_and_makes_the_exit_code_1(command, project):
    noisy = TRAIN.replace("loss = args", "import random\nloss = random.random() + args")
    project.commit({"train.py": noisy})
    record(project, "train.py")
    done = command("reproduce", "1", cwd=project.directory)
    assert done.returncode == 1
    assert "experiment 1, reproduced as 2  DIFFERS" in done.stdout
    assert "summary loss" in done.stdout
    done = command("reproduce", "1", "--tolerance", "2", cwd=project.directory)
    assert done.returncode == 0, done.stdout
    assert "reproduced as 3  AGREES" in done.stdout


def test_a_snapshot_is_reproduced(project, reproduce):
    project.write("train.py", TRAIN.replace("* 2", "* 5"))
    project.write("new.py", "")
    record(project, "train.py", "--dirty", "snapshot")
    project.git("checkout", "-q", "train.py")
    found = reproduce(project, "1")
    assert found["verdict"] == "IDENTICAL"
    assert found["code"]["snapshot"] is True
    assert read(project, 2, "summary.json") == {"loss": 0.5}


def test_a_run_from_a_subfolder_runs_there_again(project, reproduce):
    project.commit({"sub/deep/run.py": TRAIN, "sub/deep/values.json": "[1, 2]"})
    deep = project.directory / "sub" / "deep"
    subprocess.run(
        [sys.executable, "run.py", "--data", "values.json", "--project-directory", "../.."],
        cwd=deep,
        check=True,
    )
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    assert read(project, 2, "metadata.json")["working-directory"] == "sub/deep"


def test_programs_under_meticulous_run_are_reproduced(command, project, reproduce):
    project.commit(
        {
            "plain.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n')\n"
            "print(p.parse_args().n)\n",
            "go.sh": "#!/bin/sh\necho $1 $(pwd | sed 's/.*/here/')\necho done > made.txt\n",
        }
    )
    (project.directory / "go.sh").chmod(0o755)
    project.commit(message="executable")
    for words in (
        ("python", "plain.py", "--n", "7"),
        ("sh", "go.sh", "a b"),
        ("./go.sh", "x"),
        ("python", "train.py", "--lr", "0.5"),
        ("env", "A=1", sys.executable, "-c", "import os; print(os.environ['A'])"),
    ):
        assert command("run", "--", *words, cwd=project.directory).returncode == 0
    (project.directory / "made.txt").unlink()
    for number in range(1, 6):
        found = reproduce(project, str(number))
        # What the shell wrote stands in no record, so that it could not be compared.
        assert found["verdict"] == ("AGREES" if number in (2, 3) else "IDENTICAL"), found
        new = found["reproduced_as"]
        assert read(project, new, "metadata.json")["ordinal"] == 0
        assert read(project, new, "metadata.json")["reproduces"] == str(number)
        assert read(project, new, "args.json") == read(project, number, "args.json")
        assert (
            read(project, new, "metadata.json")["command"][1:]
            == (read(project, number, "metadata.json")["command"][1:])
        )
    assert not (project.directory / "made.txt").exists()
    assert read(project, 9, "summary.json") == {"loss": 1.0}
    assert worktrees() == []


def test_of_several_experiments_of_a_program_the_one_that_is_meant_is_compared(project, reproduce):
    several = (
        "import sys\nfrom meticulous import Experiment\n"
        "for n in range(3):\n"
        "    with Experiment({'n': n}) as e:\n"
        "        e.summary(n=n)\n"
    )
    project.commit({"several.py": several})
    record(project, "several.py")
    assert [read(project, n, "metadata.json")["ordinal"] for n in (1, 2, 3)] == [1, 2, 3]
    found = reproduce(project, "2")
    assert (found["verdict"], found["reproduced_as"]) == ("IDENTICAL", "4")
    assert read(project, 4, "summary.json") == {"n": 1}
    names = sorted(os.listdir(project.directory / "experiments"))
    assert names == [".gitignore", ".numbers", "1", "2", "3", "4"]


def test_experiments_of_children_do_not_take_the_folder(project, reproduce):
    project.commit(
        {
            "child.py": "from meticulous import Experiment\n"
            "with Experiment({'child': 1}) as e:\n    e.summary(who='child')\n",
            "parent.py": "import subprocess, sys\nfrom meticulous import Experiment\n"
            "subprocess.run([sys.executable, 'child.py'], check=True)\n"
            "with Experiment({'parent': 1}) as e:\n    e.summary(who='parent')\n",
        }
    )
    record(project, "parent.py")
    assert reproduce(project, "2")["verdict"] == "IDENTICAL"
    assert read(project, 3, "summary.json") == {"who": "parent"}
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    assert read(project, 4, "summary.json") == {"who": "child"}


def test_paths_into_the_old_folder_and_the_old_checkout_lead_to_the_new_ones(project, reproduce):
    project.commit({"values.json": "[1]"})
    words = ("--experiment-id", "base", "--data", str(project.directory / "values.json"))
    for number, out in enumerate(
        ("experiments/base/loss.txt", f"{project.directory}/experiments/base/loss.txt")
    ):
        record(project, "train.py", *words, "--out", out)
        before = fingerprint(folder(project, "base"))
        found = reproduce(project, "base")
        assert found["verdict"] == "IDENTICAL", found
        new = str(number + 1)
        assert (folder(project, new) / "loss.txt").read_text() == "1.2"
        assert any("lead to the new places" in remark for remark in found["remarks"])
        assert fingerprint(folder(project, "base")) == before
        for path in sorted(folder(project, "base").iterdir()):
            path.unlink()
        folder(project, "base").rmdir()


def test_an_absolute_path_that_is_written_in_the_code_is_named(project, reproduce):
    project.commit(
        {
            "lib/helper.py": "x = 1\n",
            "hard.py": f"import sys\nsys.path.insert(0, {str(project.directory / 'lib')!r})\n"
            "import helper\nfrom meticulous import Experiment\n"
            "with Experiment({}) as e:\n    e.summary(x=helper.x)\n",
        }
    )
    record(project, "hard.py")
    project.commit({"lib/helper.py": "x = 1 + 1\n"})
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "DIFFERS"
    named = [remark for remark in found["remarks"] if "from the original checkout" in remark]
    assert len(named) == 1
    assert str(project.directory / "lib" / "helper.py") in named[0]


def test_a_project_directory_that_is_written_in_the_code_means_the_worktree(project, reproduce):
    project.commit(
        {
            "fixed.py": "from meticulous import Experiment\n"
            f"with Experiment({{}}, project_directory={str(project.directory)!r}) as e:\n"
            "    e.summary(x=1)\n"
        }
    )
    record(project, "fixed.py")
    project.commit({"later": ""})
    project.write("later", "dirty")
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    shas = [read(project, number, "metadata.json")["githead-sha"] for number in (1, 2)]
    assert shas[0] == shas[1]


def test_an_installed_project_is_imported_from_the_worktree(project, reproduce, tmp_path: Path):
    project.commit(
        {
            "src/mylib/__init__.py": "x = 1\n",
            "use.py": "import mylib\nfrom meticulous import Experiment\n"
            "with Experiment({}) as e:\n    e.summary(x=mylib.x)\n",
        }
    )
    here = os.environ["PYTHONPATH"]
    record(project, "use.py", env={"PYTHONPATH": f"{project.directory / 'src'}:{here}"})
    project.commit({"src/mylib/__init__.py": "x = 2\n"})
    found = reproduce(project, "1", PYTHONPATH=f"{project.directory / 'src'}:{here}")
    assert found["verdict"] == "IDENTICAL", found


def test_data_that_git_ignores_is_found(project, reproduce):
    project.write("data/values.json", "[1, 2, 3]")
    record(project, "train.py", "--data", "data/values.json")
    found = reproduce(project, "1")
    assert found["verdict"] == "IDENTICAL", found
    assert any("data/values.json" in remark for remark in found["remarks"])


def test_changed_and_missing_inputs_are_named(project, reproduce):
    project.write("data/values.json", "[1, 2, 3]")
    record(project, "train.py", "--data", "data/values.json")
    project.write("data/values.json", "[1, 2, 4]")
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "DIFFERS"
    assert [(one["path"], one["change"]) for one in found["inputs"]] == [
        ("data/values.json", "changed")
    ]
    (project.directory / "data" / "values.json").unlink()
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert [(one["path"], one["change"]) for one in found["inputs"]] == [
        ("data/values.json", "missing")
    ]
    assert "data/values.json" in found["reason"]


def test_a_run_that_failed_is_reproduced_by_failing_the_same_way(project, reproduce):
    project.commit({"fail.py": f"{WITHOUT_ARGUMENTS}raise SystemExit(3)\n"})
    record(project, "fail.py", code=3)
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    program = "import os\nraise KeyError if 'OTHER' in os.environ else ValueError\n"
    project.commit({"raise.py": WITHOUT_ARGUMENTS + program})
    record(project, "raise.py", code=1)
    found = reproduce(project, "3")
    assert (found["verdict"], "ValueError" in found["reason"]) == ("IDENTICAL", True)
    found = reproduce(project, "3", code=1, OTHER="1")
    assert (found["verdict"], "KeyError" in found["reason"]) == ("FAILED", True)


def test_a_run_that_now_fails_has_failed(project, reproduce):
    project.commit(
        {
            "fragile.py": f"{WITHOUT_ARGUMENTS}import os\n"
            "if not os.path.exists('/dev/null/x') and 'BREAK' in os.environ:\n"
            "    raise SystemExit(4)\n"
        }
    )
    record(project, "fragile.py")
    found = reproduce(project, "1", code=1, BREAK="1")
    assert found["verdict"] == "FAILED"
    assert (folder(project, 2) / "STATUS").read_text().startswith("ERROR\n")


def test_a_program_that_begins_no_experiment_leaves_a_readable_record(command, project, reproduce):
    project.commit({"early.py": "import os\nif 'BREAK' in os.environ: 1 / 0\n" + WITHOUT_ARGUMENTS})
    record(project, "early.py")
    found = reproduce(project, "1", code=1, BREAK="1")
    assert found["verdict"] == "FAILED"
    assert "began no experiment" in found["reason"]
    status = (folder(project, 2) / "STATUS").read_text()
    assert status.startswith("ERROR\n")
    assert "ZeroDivisionError" in status
    assert "ZeroDivisionError" in (folder(project, 2) / "stderr").read_text()
    assert command("show", "2", cwd=project.directory).returncode == 0


def test_a_commit_that_is_gone_cannot_be_reproduced_and_says_so_in_the_new_folder(
    command, project, reproduce
):
    record(project, "train.py")
    path = folder(project, 1) / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "githead-sha": "01234567" * 5}))
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert "is not here (any more)" in found["reason"]
    assert (folder(project, 2) / "STATUS").read_text().startswith("ERROR\n")
    assert read(project, 2, "reproduction.json")["verdict"] == "CANNOT"
    assert read(project, 2, "metadata.json")["reproduces"] == "1"
    assert command("show", "2", cwd=project.directory).returncode == 0
    assert worktrees() == []


def test_a_program_that_never_ends_is_ended(project, reproduce):
    endless = (
        f"{WITHOUT_ARGUMENTS}import os, signal, subprocess, time\n"
        "if 'GO' not in os.environ: subprocess.Popen(['sleep', '600'])\n"
        "if 'STUBBORN' in os.environ: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while 'GO' not in os.environ: signal.pause()\n"
    )
    project.commit({"endless.py": endless})
    record(project, "endless.py", env={"GO": "1"}, stdout=subprocess.DEVNULL, capture_output=False)
    found = reproduce(project, "1", "--timeout", "1", code=1)
    assert found["verdict"] == "FAILED"
    assert found["reason"] == "The program had not ended after 1 s."
    assert (folder(project, 2) / "STATUS").read_text().startswith("TIMEOUT\n")
    assert worktrees() == []


def test_servers_that_are_left_running_are_ended(project, reproduce):
    server = (
        f"{WITHOUT_ARGUMENTS}import subprocess\n"
        "done = subprocess.Popen(['sleep', '601'], start_new_session=True)\n"
        "experiment.summary(started=1)\n"
        "open(experiment.directory / 'pid', 'w').write(str(done.pid))\n"
    )
    project.commit({"server.py": server})
    record(project, "server.py", stdout=subprocess.DEVNULL, capture_output=False)
    os.kill(int((folder(project, 1) / "pid").read_text()), signal.SIGKILL)
    found = reproduce(project, "1", "--tolerance", "pid=ignore")
    pid = int((folder(project, 2) / "pid").read_text())
    assert any("left a process running" in remark for remark in found["remarks"])
    stat = Path(f"/proc/{pid}/stat")
    wait_until(lambda: not stat.exists() or " Z " in stat.read_text())


def test_a_program_that_reads_standard_input_is_told_that_there_is_none(command, project):
    project.commit({"ask.py": f"{WITHOUT_ARGUMENTS}experiment.summary(said=input())\n"})
    record(project, "ask.py", input="yes\n")
    done = command("reproduce", "1", cwd=project.directory)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "EOFError" in done.stdout
    assert "had a pipe as standard input; this one has none" in done.stdout


@pytest.fixture
def no_temporary_files(monkeypatch, tmp_path: Path):
    """Temporary files have a folder of their own, so that what a test writes is not one."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


@pytest.mark.usefixtures("no_temporary_files")
@pytest.mark.parametrize("way", ["path", "link", "relative link", "relative"])
def test_what_was_written_outside_is_not_written_over_unless_that_is_allowed(
    project, reproduce, tmp_path: Path, way: str
):
    place = tmp_path / "outside"
    place.mkdir()
    if way.endswith("link"):
        (project.directory / "results").symlink_to(place if way == "link" else "../outside")
        project.commit(message="a link out of the repository")
    name = {"path": str(place), "relative": "../outside"}.get(way, "results")
    record(project, "train.py", "--out", f"{name}/out.txt")
    out = place / "out.txt"
    out.write_text("precious")
    (outlook,) = [reproduce(project, "1", "--dry-run", code=1)["obstacles"]]
    assert str(out) in outlook[0]
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert str(out) in found["reason"]
    assert "--allow-outside" in found["reason"]
    assert out.read_text() == "precious"
    assert any(
        str(out) in remark
        for remark in reproduce(project, "1", "--dry-run", "--allow-outside")["remarks"]
    )
    found = reproduce(project, "1", "--allow-outside")
    assert out.read_text() == "0.2"
    assert any(str(out) in remark for remark in found["remarks"])


def test_temporary_files_may_be_written_again(project, reproduce, tmp_path: Path):
    record(project, "train.py", "--out", str(tmp_path / "out.txt"))
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"


MEMO = """\
import json, os, sys
from meticulous import Experiment
experiment = Experiment({})
memo = sys.argv[1]
if not os.path.exists(memo):
    with open(memo, "w") as file:
        json.dump(0.5, file)
with open(memo) as file:
    experiment.summary(loss=json.load(file))
"""


def test_what_the_original_wrote_is_no_evidence(project, reproduce, tmp_path: Path):
    project.commit({"memo.py": MEMO})
    memo = tmp_path / "memo.json"
    record(project, "memo.py", str(memo))
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert found["reason"].startswith(f"It read what the original wrote: {memo}")
    assert f"It read what the original wrote: {memo}." in found["remarks"]
    memo.unlink()
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"


LINKED = """\
import json, os, random, sys
from meticulous import Experiment
experiment = Experiment({})
memo, way = sys.argv[1:]
own = os.path.join(experiment.directory, "result.json")
if not os.path.exists(memo):
    with open(memo, "w") as file:
        json.dump(random.random(), file)
{"link": os.link, "symlink": os.symlink}[way](memo, own)
"""

OLD_RECORD = """\
import glob, json, os, random
from meticulous import Experiment
experiment = Experiment({})
old = glob.glob(os.path.join(os.path.dirname(experiment.directory), "*", "summary.json"))
loss = json.load(open(old[0]))["loss"] if old else random.random()
experiment.summary(loss=loss)
"""


@pytest.mark.parametrize("way", ["link", "symlink", "old record"])
def test_a_result_that_is_only_linked_or_taken_from_the_old_record_is_no_evidence(
    project, reproduce, tmp_path: Path, way: str
):
    project.commit({"linked.py": LINKED, "old.py": OLD_RECORD})
    memo = tmp_path / "memo.json"
    record(project, *(["old.py"] if way == "old record" else ["linked.py", str(memo), way]))
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    name = folder(project, 1) / "summary.json" if way == "old record" else "result.json"
    assert found["reason"].startswith(f"It read what the original wrote: {name}")


@pytest.mark.parametrize("way", ["committed link", "relative path", "file beside"])
def test_inputs_that_are_reached_through_the_outside_are_found(
    project, reproduce, tmp_path: Path, way: str
):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.json").write_text("[1, 2]")
    (tmp_path / "beside.json").write_text("[1, 2]")
    (project.directory / "link").symlink_to("../data")
    project.commit(message="a link out of the repository")
    names = {
        "committed link": "link/x.json",
        "relative path": "../data/x.json",
        "file beside": "../beside.json",
    }
    record(project, "train.py", "--data", names[way])
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    assert sorted(os.listdir(tmp_path / "data")) == ["x.json"]
    assert worktrees() == []


def test_an_input_that_is_too_far_outside_is_named(make_repository, reproduce, tmp_path: Path):
    (tmp_path / "x.json").write_text("[1, 2]")
    (tmp_path / "a" / "b").mkdir(parents=True)
    deep = make_repository("a/b/deep")
    deep.commit({"train.py": TRAIN})
    record(deep, "train.py", "--data", "../../../x.json")
    found = reproduce(deep, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert "../../../x.json leads out of the repository" in found["reason"]


def test_a_committed_link_to_an_ignored_folder_is_no_obstacle(project, reproduce):
    (project.directory / "data").mkdir()
    (project.directory / "data" / "x.json").write_text("[1, 2]")
    (project.directory / "link").symlink_to("data")
    project.commit(message="a link into the ignored folder")
    record(project, "train.py", "--data", "link/x.json")
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"


def test_a_bug_that_one_experiment_meets_does_not_lose_the_others(command, project, tmp_path: Path):
    record(project, "train.py")
    record(project, "train.py", "--lr", "0.2")
    broken = read(project, 1, "metadata.json")
    broken["original-command"] += ["a\0b"]
    (folder(project, 1) / "metadata.json").write_text(json.dumps(broken))
    done = command("reproduce", "1-2", cwd=project.directory)
    assert done.returncode == 3, done.stderr
    assert "experiment 2, reproduced as 4  IDENTICAL" in done.stdout
    assert "this is a bug in meticulous" in done.stderr
    assert "experiment 1: a bug in meticulous: ValueError" in done.stderr


def test_an_input_that_the_run_itself_wrote_over_is_named(project, reproduce):
    counting = (
        f"{WITHOUT_ARGUMENTS}count = int(open('data/count').read())\n"
        "open('data/count', 'w').write(str(count + 1))\nexperiment.summary(count=count)\n"
    )
    project.commit({"count.py": counting})
    project.write("data/count", "10")
    record(project, "count.py")
    (change,) = reproduce(project, "1", "--dry-run")["inputs"]
    assert (change["path"], change["change"]) == ("data/count", "missing")
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert "Inputs are missing: data/count." in found["reason"]
    assert "FileNotFoundError" in found["reason"]


def test_the_reason_of_a_failure_tells_the_exception(project, reproduce):
    project.commit({"fragile.py": f"{WITHOUT_ARGUMENTS}import os\nos.environ['DATA']\n"})
    record(project, "fragile.py", env={"DATA": "x"})
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert "KeyError: 'DATA'" in found["reason"]


def test_a_recorded_pipe_is_remarked_before_anything_runs(project, reproduce):
    record(project, "train.py", input="yes\n")
    for words in (["--dry-run"], []):
        remarks = reproduce(project, "1", *words)["remarks"]
        assert any("had a pipe as standard input; this one has none" in text for text in remarks)


@pytest.mark.parametrize("words", [("python", "-"), ("python",), ("sh",), ("sh", "-s")])
def test_a_program_that_was_piped_in_cannot_be_run_again(project, reproduce, words):
    run = [sys.executable, "-m", "meticulous", "run", "--", *words]
    subprocess.run(run, cwd=project.directory, input=b"echo = 1\n", check=False, timeout=60)
    found = reproduce(project, "1", "--dry-run", code=1)
    assert any("came from standard input" in text for text in found["obstacles"])


def test_a_record_that_was_altered_is_remarked(project, reproduce):
    record(project, "train.py")
    (folder(project, 1) / "summary.json").write_text('{"loss": 0.3}\n')
    for words, code in ((["--dry-run"], 0), ([], 1)):
        remarks = reproduce(project, "1", *words, code=code)["remarks"]
        assert any("changed since the end: summary.json" in text for text in remarks)


def test_a_value_for_an_option_that_the_record_does_not_lack_is_a_mistake(command, project):
    record(project, "train.py")
    done = command("reproduce", "1", "--set", "foo=1", cwd=project.directory)
    assert done.returncode == 2
    assert "--set foo" in done.stderr
    assert not folder(project, 2).exists()


def test_packages_that_differ_are_listed_and_those_that_came_besides_are_counted(command, project):
    record(project, "train.py")
    path = folder(project, 1) / "environment.json"
    environment = json.loads(path.read_text())
    names = [each["name"] for each in environment["packages"] if each["name"] != "meticulous-ml"]
    kept = [each for each in environment["packages"] if each["name"] not in names[:3]]
    environment["packages"] = [*kept, {"name": "gone", "version": "1.0"}]
    environment["packages"].append({"name": "gone-too", "version": "2.0"})
    path.write_text(json.dumps(environment))
    done = command("reproduce", "1", cwd=project.directory)
    assert "3 more than then" in done.stdout
    assert "packages gone" in done.stdout
    assert not any(f"packages {name} " in done.stdout for name in names[:3])
    done = command("reproduce", "1", "--dry-run", "--environment", "match", cwd=project.directory)
    assert done.returncode == 1
    assert "\\n" not in done.stdout
    assert "The packages of experiment 1 are not here:\n" in done.stdout


def test_an_interpreter_that_is_not_there_is_named(project, reproduce):
    record(project, "train.py")
    found = reproduce(project, "1", "--python", "/nonexistent/python", code=1)
    assert found["verdict"] == "CANNOT"
    assert "/nonexistent/python" in found["reason"]
    assert "no such file" in found["reason"].lower()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_worktree_and_a_record_that_says_so(project, number: int, tmp_path):
    waiting = (
        f"{WITHOUT_ARGUMENTS}import os, signal\n"
        f"open({str(tmp_path / 'begun')!r}, 'w').close()\n"
        "while 'GO' not in os.environ: signal.pause()\n"
    )
    project.commit({"waiting.py": waiting})
    record(project, "waiting.py", env={"GO": "1"})
    (tmp_path / "begun").unlink()
    before = fingerprint(project.directory, "experiments")
    process = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "reproduce", "1"],
        cwd=project.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "begun").exists)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert "CANNOT" in output
    assert "It was interrupted." in output
    assert worktrees() == []
    assert (folder(project, 2) / "STATUS").read_text().startswith("INTERRUPTED\n")
    assert fingerprint(project.directory, "experiments") == before


def test_two_reproductions_at_once_do_not_disturb_each_other(project):
    record(project, "train.py")
    words = [sys.executable, "-m", "meticulous", "reproduce", "1"]
    both = [
        subprocess.Popen(words, cwd=project.directory, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert {read(project, n, "reproduction.json")["verdict"] for n in (2, 3)} == {"IDENTICAL"}
    assert worktrees() == []


def test_several_are_reproduced_at_once_with_a_table_at_the_end(command, project):
    project.commit(
        {
            "noise.py": "import random\nfrom meticulous import Experiment\n"
            "with Experiment({}) as e:\n    e.summary(x=random.random())\n"
        }
    )
    for lr in ("0.1", "0.2"):
        record(project, "train.py", "--lr", lr)
    record(project, "noise.py")
    done = command("reproduce", "1-3", "--jobs", "2", cwd=project.directory)
    assert done.returncode == 1, done.stderr
    table = done.stdout.split("\n\n\n")[-1].splitlines()
    assert table[0].split() == ["id", "as", "verdict", "why"]
    assert [line.split()[0] for line in table[1:]] == ["1", "2", "3"]
    assert [line.split()[2] for line in table[1:]] == ["IDENTICAL", "IDENTICAL", "DIFFERS"]
    done = command(
        "reproduce", "--all", "--filter", "args.lr == 0.2", "--json", cwd=project.directory
    )
    assert done.returncode == 0, done.stderr
    assert [one["id"] for one in json.loads(done.stdout)] == ["2"]


def test_a_dry_run_does_nothing_and_says_what_stands_in_the_way(command, project):
    record(project, "train.py", "--lr", "0.3")
    done = command("reproduce", "1", "--dry-run", cwd=project.directory)
    assert done.returncode == 0, done.stderr
    assert "train.py --lr 0.3" in done.stdout
    assert project.head in done.stdout
    path = folder(project, 1) / "metadata.json"
    facts = json.loads(path.read_text())
    facts["original-command"] = ["python", "-m", "ipykernel_launcher", "-f", "x.json"]
    path.write_text(json.dumps(facts))
    done = command("reproduce", "1", "--dry-run", "--json", cwd=project.directory)
    assert done.returncode == 1
    assert "notebook" in json.loads(done.stdout)["obstacles"][0]
    assert sorted(os.listdir(project.directory / "experiments"))[-1] == "1"


def test_a_secret_is_given_again(project, reproduce):
    secret = "hunter2hunter2"
    program = (
        "import argparse\nfrom meticulous import Experiment\n"
        "p = argparse.ArgumentParser()\np.add_argument('--token')\n"
        "e = Experiment.from_parser(p)\ne.summary(length=len(e.args['token']))\n"
    )
    project.commit({"secret.py": program})
    for number, words in enumerate((["--token", secret], [f"--token={secret}"])):
        record(project, "secret.py", *words)
        original = str(3 * number + 1)
        found = reproduce(project, original, code=1)
        assert found["verdict"] == "CANNOT"
        assert "--set token=VALUE" in found["reason"]
        assert reproduce(project, original, "--set", f"token={secret}")["verdict"] == "IDENTICAL"
    for path in (project.directory / "experiments").rglob("*"):
        assert not path.is_file() or secret not in path.read_text()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["python", "-m", "ipykernel_launcher", "-f", "k.json"], "notebook"),
        (["python"], "standard input or was typed in"),
        (["python", "/usr/bin/ipython"], "interactive session"),
        (["python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()"], "parent"),
        (["python", "gone.py"], "The script gone.py is not in the recorded code"),
    ],
)
def test_what_no_command_line_can_start_again_cannot_be_reproduced(
    project, reproduce, words: list[str], reason: str
):
    write_record(
        project.directory / "experiments",
        "1",
        metadata={
            "githead-sha": project.head,
            "original-command": words,
            "command": words[1:],
            "working-directory": ".",
        },
    )
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert reason in found["reason"]


@pytest.mark.parametrize("status", ["KILLED", "INTERRUPTED", "TIMEOUT"])
def test_a_run_that_was_cut_short_has_no_result_to_reproduce(project, reproduce, status: str):
    write_record(
        project.directory / "experiments",
        "1",
        metadata={"githead-sha": project.head},
        STATUS=f"{status}\n",
    )
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert status in found["reason"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Name the experiments to reproduce"),
        (["9"], "There is no experiment '9'"),
        (["1", "--all"], "not both"),
        (["1", "--tolerance", "loss=often"], "loss=often"),
        (["1", "--set", "x"], "NAME=VALUE"),
        (["1", "--repository", "/"], "No git repository was found"),
        (["1", "--tolerence", "1"], "--tolerance"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_recorded(
    command, project, words: list[str], message: str
):
    write_record(project.directory / "experiments", "1", metadata={"githead-sha": project.head})
    done = command("reproduce", *words, cwd=project.directory)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(project.directory / "experiments") == ["1"]


def test_what_still_runs_is_not_reproduced(command, project):
    program = f"{WITHOUT_ARGUMENTS}import sys\nprint('begun', flush=True)\nsys.stdin.read()\n"
    project.commit({"hold.py": program})
    process = subprocess.Popen(
        [sys.executable, "hold.py"],
        cwd=project.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    done = command("reproduce", "1", cwd=project.directory)
    process.communicate("")
    assert done.returncode == 2
    assert "still running" in done.stderr
    assert not folder(project, 2).exists()


def test_a_kept_worktree_is_named(project, reproduce):
    record(project, "train.py")
    found = reproduce(project, "1", "--keep")
    kept = next(one for one in found["remarks"] if "is kept: " in one).partition("is kept: ")[2]
    assert (Path(kept) / "train.py").read_text() == TRAIN


def test_records_of_the_original_recorder_are_reproduced(project, reproduce):
    write_record(
        project.directory / "experiments",
        "1",
        args={"lr": 0.2, "data": None, "out": None},
        default_args={"lr": 0.1, "data": None, "out": None},
        metadata={
            "githead-sha": project.head,
            "original-command": ...,
            "format": ...,
            "exit-code": ...,
        },
        summary={"loss": 0.4},
    )
    found = reproduce(project, "1", code=1)
    assert [one["outcome"] for one in found["findings"] if one["part"] == "summary"] == ["same"]


def test_it_may_be_recorded_elsewhere(project, reproduce, tmp_path: Path):
    record(project, "train.py")
    place = tmp_path / "others"
    found = reproduce(project, "1", "--experiments-directory", str(place))
    assert found["directory"] == str(place / "1")
    assert not folder(project, 2).exists()
    inside = project.directory / "sub" / "runs"
    reproduce(project, "1", "--experiments-directory", "sub/runs")
    assert (inside / "1" / "STATUS").exists()
    assert project.git("status", "--porcelain") == ""


def test_the_output_of_the_program_is_shown_when_it_is_wanted(command, project):
    record(project, "train.py")
    quiet = command("reproduce", "1", cwd=project.directory)
    assert "training in" not in quiet.stderr
    loud = command("reproduce", "1", "--verbose", cwd=project.directory)
    assert "training in" in loud.stderr
    assert "training in" not in loud.stdout.split("remarks")[0]


def test_a_repository_that_git_does_not_trust_cannot_be_used(project, reproduce):
    if os.getuid():
        pytest.skip("only root can give files away")
    record(project, "train.py")
    for path in (project.directory / ".git", project.directory):
        os.chown(path, 12345, 12345)
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert "safe.directory" in found["reason"]


def test_list_show_and_diff_tell_the_verdict(command, project, reproduce):
    record(project, "train.py")
    reproduce(project, "1")
    listed = command("list", cwd=project.directory).stdout.splitlines()
    assert listed[0].split()[-2:] == ["reproduces", "verdict"]
    assert listed[2].split()[-2:] == ["1", "IDENTICAL"]
    rows = json.loads(command("list", "--json", cwd=project.directory).stdout)
    assert [(row.get("reproduces"), row.get("verdict")) for row in rows] == [
        (None, None),
        ("1", "IDENTICAL"),
    ]
    chosen = command("list", "--filter", "verdict == 'IDENTICAL'", cwd=project.directory)
    assert len(chosen.stdout.splitlines()) == 2
    shown = command("show", "2", cwd=project.directory).stdout
    assert "reproduction of experiment 1\n  verdict  IDENTICAL\n" in shown
    shown = json.loads(command("show", "2", "--json", cwd=project.directory).stdout)
    assert shown["reproduction"]["verdict"] == "IDENTICAL"
    differing = command("diff", "1", "2", "--only", "summary", cwd=project.directory)
    assert differing.returncode == 0
    assert differing.stdout.startswith("2 reproduces 1: IDENTICAL. ")


def test_the_new_folder_keeps_its_digests_true(project, reproduce):
    record(project, "train.py")
    reproduce(project, "1")
    words = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    done = subprocess.run(words, cwd=folder(project, 2), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_resumed_run_and_a_distributed_one_are_remarked(project, reproduce):
    record(project, "train.py", "--experiment-id", "base")
    record(project, "train.py", "--experiment-id", "base", env={"WORLD_SIZE": "4"})
    path = folder(project, "base") / "environment.json"
    facts = json.loads(path.read_text())
    facts["variables"]["WORLD_SIZE"] = "4"
    path.write_text(json.dumps(facts))
    found = reproduce(project, "base")
    # Each start has logged all steps, of which the last ones count.
    assert found["verdict"] == "IDENTICAL"
    remarks = " ".join(found["remarks"])
    assert "resumed (2 starts)" in remarks
    assert "one of 4 processes" in remarks


def test_a_module_and_a_forked_experiment_are_reproduced(project, reproduce):
    project.commit(
        {
            "package/__init__.py": "",
            "package/train.py": "from meticulous import Experiment\n"
            "with Experiment({}) as e:\n    e.summary(name=__name__)\n",
            "fork.py": "import multiprocessing, sys\nfrom meticulous import Experiment\n"
            "def work(n):\n"
            "    with Experiment({'n': n}) as e:\n        e.summary(n=n)\n"
            "child = multiprocessing.get_context('fork').Process(target=work, args=(7,))\n"
            "child.start()\nchild.join()\n",
        }
    )
    record(project, "-m", "package.train")
    record(project, "fork.py")
    for number in ("1", "2"):
        found = reproduce(project, number)
        assert found["verdict"] == "IDENTICAL", found
    assert read(project, 4, "summary.json") == {"n": 7}


def test_recorded_variables_are_given_again(project, reproduce):
    project.commit(
        {
            "variables.py": "import os\nfrom meticulous import Experiment\n"
            "with Experiment({}) as e:\n"
            "    e.summary(threads=os.environ.get('OMP_NUM_THREADS'), hash=hash('a'))\n"
        }
    )
    record(project, "variables.py", env={"OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "5"})
    found = reproduce(project, "1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    assert found["verdict"] == "IDENTICAL", found
    assert read(project, 2, "summary.json")["threads"] == "3"


def test_another_interpreter_may_be_named(project, reproduce, tmp_path: Path):
    record(project, "train.py")
    link = tmp_path / "bin" / "python9"
    link.parent.mkdir()
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    # From where the command is given, not from the worktree.
    found = reproduce(project, "1", "--python", os.path.relpath(link, project.directory))
    assert found["environment"]["python"] == str(link)
    found = reproduce(project, "1", "--python", "/no/such/python", code=1)
    assert found["verdict"] == "CANNOT"


def test_a_repository_that_moved_is_found_where_its_records_are(project, reproduce):
    record(project, "train.py", "--data", str(project.write("data/v.json", "[1]")))
    moved = project.directory.with_name("moved")
    project.directory.rename(moved)
    project.directory = moved
    found = reproduce(project, "1")
    assert found["verdict"] == "IDENTICAL", found


def test_it_does_not_matter_where_it_is_started(command, project, tmp_path: Path):
    project.commit({"go.sh": "#!/bin/sh\npwd > /dev/null\necho gone\n"})
    (project.directory / "go.sh").chmod(0o755)
    project.commit(message="executable")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert command("run", "--", "./go.sh", cwd=project.directory).returncode == 0
    words = ["run", "--project-directory", str(project.directory), "--", "sh", "-c", "echo x"]
    done = command(*words, cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    for number in ("1", "2"):
        done = command("reproduce", str(folder(project, number)), cwd=elsewhere)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "IDENTICAL" in done.stdout
    assert os.listdir(elsewhere) == []


def test_a_missing_module_names_the_interpreter_that_had_it(project, reproduce, tmp_path: Path):
    project.commit({"needs.py": f"{WITHOUT_ARGUMENTS}import only_there\n"})
    library = tmp_path / "library"
    library.mkdir()
    (library / "only_there.py").write_text("")
    link = tmp_path / "python"
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    record(project, "needs.py", env={"PYTHONPATH": f"{library}:{os.environ['PYTHONPATH']}"})
    path = folder(project, 1) / "environment.json"
    facts = json.loads(path.read_text())
    facts["python"]["executable"] = str(link)
    path.write_text(json.dumps(facts))
    (library / "only_there.py").unlink()
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert any(f"--python {link}" in remark for remark in found["remarks"]), found["remarks"]
