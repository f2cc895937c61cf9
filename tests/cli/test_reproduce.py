"""`meticulous reproduce` from the first run to the verdict: real repositories and processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from recorded_runs import BEGIN, TRAIN, change, folder, read, record, worktrees
from untouched import fingerprint
from waiting import wait_until
from written_records import write_record


def test_a_run_is_reproduced_and_the_checkout_is_not_touched(recorded, reproduce):
    words = ("--lr", "0.3", "--data", "data/values.json", "--description", "the best")
    project = recorded(*words, "--tag", "paper", files={"values.json": "[1, 2]"})
    project.commit({"train.py": "raise SystemExit('another program')\n"})
    project.write("train.py", "uncommitted\n")
    project.git("stash", "-q")
    before = fingerprint(project.directory, "experiments")
    original = fingerprint(folder(project, 1))
    found = reproduce(project, "1")
    assert (found["verdict"], found["reproduced_as"]) == ("IDENTICAL", "2")
    assert any("data/values.json" in remark for remark in found["remarks"])
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
    assert read(project, 2, "summary.json") == {"loss": 3.6}
    assert (folder(project, 2) / "STATUS").read_text() == "SUCCESS\n"
    document = read(project, 2, "reproduction.json")
    assert document["verdict"] == "IDENTICAL"
    assert document["reproduces"]["id"] == "1"
    assert document["code"]["commit"] == metadata["githead-sha"]
    words = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    done = subprocess.run(words, cwd=folder(project, 2), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_differs_is_shown_and_makes_the_exit_code_1(command, project):
    noisy = TRAIN.replace("loss = args", "import random\nloss = random.random() + args")
    project.commit({"train.py": noisy})
    record(project, "train.py")
    done = command("reproduce", "1", cwd=project.directory)
    assert done.returncode == 1
    assert "experiment 1, reproduced as 2  DIFFERS" in done.stdout
    assert "summary loss" in done.stdout
    assert "training in" not in done.stderr
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
    words = ["run.py", "--data", "values.json", "--out", "../../experiments/1/out.txt"]
    subprocess.run(
        [sys.executable, *words, "--project-directory", "../.."],
        cwd=project.directory / "sub" / "deep",
        check=True,
        capture_output=True,
    )
    found = reproduce(project, "1")
    assert found["verdict"] == "IDENTICAL", found
    assert not any("names the original checkout" in remark for remark in found["remarks"])
    assert read(project, 2, "metadata.json")["working-directory"] == "sub/deep"
    assert (folder(project, 2) / "out.txt").read_text() == "3.2"


def test_programs_under_meticulous_run_are_reproduced(command, project):
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
        ("./go.sh", "a b"),
        ("python", "train.py", "--lr", "0.5"),
        ("env", "A=1", sys.executable, "-c", "import os; print(os.environ['A'])"),
    ):
        assert command("run", "--", *words, cwd=project.directory).returncode == 0
    (project.directory / "made.txt").unlink()
    done = command("reproduce", "1-4", "--json", cwd=project.directory)
    assert done.returncode == 0, done.stdout + done.stderr
    for number, found in enumerate(json.loads(done.stdout), 1):
        # What the shell wrote stands in no record, so that it could not be compared.
        assert found["verdict"] == ("AGREES" if number == 2 else "IDENTICAL"), found
        new = found["reproduced_as"]
        assert read(project, new, "metadata.json")["ordinal"] == 0
        assert read(project, new, "metadata.json")["reproduces"] == str(number)
        assert read(project, new, "args.json") == read(project, number, "args.json")
        assert (
            read(project, new, "metadata.json")["command"][1:]
            == (read(project, number, "metadata.json")["command"][1:])
        )
    assert not (project.directory / "made.txt").exists()
    assert read(project, 7, "summary.json") == {"loss": 1.0}
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
    record(project, "train.py", *words, "--out", f"{project.directory}/experiments/base/loss.txt")
    before = fingerprint(folder(project, "base"))
    found = reproduce(project, "base")
    assert found["verdict"] == "IDENTICAL", found
    assert (folder(project, 1) / "loss.txt").read_text() == "1.2"
    assert any("lead to the new places" in remark for remark in found["remarks"])
    assert fingerprint(folder(project, "base")) == before


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


def test_inputs_that_grew_changed_or_are_missing_are_named(recorded, reproduce):
    project = recorded("--data", "data/values.json", files={"values.json": "[1, 2, 3]"})
    path = project.write("data/values.json", "[1, 2, 3]  ")
    found = reproduce(project, "1")
    assert found["verdict"] == "IDENTICAL"
    assert found["inputs"] == [
        {"path": "data/values.json", "change": "changed", "detail": "9 bytes then, 11 now"}
    ]
    path.write_text("[1, 2, 4]")
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "DIFFERS"
    assert [(one["path"], one["change"]) for one in found["inputs"]] == [
        ("data/values.json", "changed")
    ]
    assert found["reason"].endswith("; its input data/values.json is not what it was.")
    assert "--tolerance" not in " ".join([found["reason"], *found["remarks"]])
    path.unlink()
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert [(one["path"], one["change"]) for one in found["inputs"]] == [
        ("data/values.json", "missing")
    ]
    assert "data/values.json" in found["reason"]


def test_a_run_that_failed_is_reproduced_by_failing_the_same_way(project, reproduce):
    project.commit({"fail.py": f"{BEGIN}raise SystemExit(3)\n"})
    record(project, "fail.py", code=3)
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    program = "import os\nraise KeyError if 'OTHER' in os.environ else ValueError\n"
    project.commit({"raise.py": BEGIN + program})
    record(project, "raise.py", code=1)
    found = reproduce(project, "3")
    assert (found["verdict"], "ValueError" in found["reason"]) == ("IDENTICAL", True)
    found = reproduce(project, "3", code=1, OTHER="1")
    assert (found["verdict"], "KeyError" in found["reason"]) == ("FAILED", True)


def test_a_run_that_now_fails_has_failed_and_the_reason_tells_the_exception(project, reproduce):
    project.commit({"fragile.py": f"{BEGIN}os.environ['DATA']\n"})
    record(project, "fragile.py", env={"DATA": "x"})
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "FAILED"
    assert "KeyError: 'DATA'" in found["reason"]
    assert (folder(project, 2) / "STATUS").read_text().startswith("ERROR\n")


def test_a_program_that_begins_no_experiment_leaves_a_readable_record(command, project, reproduce):
    project.commit({"early.py": "import os\nif 'BREAK' in os.environ: 1 / 0\n" + BEGIN})
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
    command, recorded, reproduce
):
    project = recorded()
    change(project, 1, "metadata.json", githead_sha="01234567" * 5)
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
        f"{BEGIN}import os, signal, subprocess, time\n"
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
        f"{BEGIN}import subprocess\n"
        "done = subprocess.Popen(['sleep', '601'], start_new_session=True)\n"
        "# One that also left its variables behind.\n"
        "subprocess.run('setsid sleep 4321 > /dev/null 2>&1 & echo $! > stray', shell=True,\n"
        "    cwd=os.getcwd(), env={'PATH': os.environ['PATH']})\n"
        "experiment.summary(started=1)\n"
        "open(experiment.directory / 'pid', 'w').write(str(done.pid))\n"
    )
    project.commit({"server.py": server})
    record(project, "server.py", stdout=subprocess.DEVNULL, capture_output=False)
    for pid in (folder(project, 1) / "pid", project.directory / "stray"):
        os.kill(int(pid.read_text()), signal.SIGKILL)
    found = reproduce(project, "1", "--tolerance", "pid=ignore")
    pid = int((folder(project, 2) / "pid").read_text())
    (remark,) = [one for one in found["remarks"] if "left 2 processes running" in one]
    assert "sleep 601" in remark
    assert "sleep 4321" in remark
    stat = Path(f"/proc/{pid}/stat")
    wait_until(lambda: not stat.exists() or " Z " in stat.read_text())
    running = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    assert ["sleep", "4321"] not in running


def test_a_program_that_reads_standard_input_is_told_that_there_is_none(
    command, project, reproduce
):
    project.commit({"ask.py": f"{BEGIN}experiment.summary(said=input())\n"})
    record(project, "ask.py", input="yes\n")
    remark = "had a pipe as standard input; this one has none"
    # Also before anything runs.
    assert any(remark in text for text in reproduce(project, "1", "--dry-run")["remarks"])
    done = command("reproduce", "1", cwd=project.directory)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "EOFError" in done.stdout
    assert remark in done.stdout


@pytest.fixture
def no_temporary_files(monkeypatch, tmp_path: Path):
    """Temporary files have a folder of their own, so that what a test writes is not one."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


@pytest.mark.usefixtures("no_temporary_files")
def test_what_was_written_outside_is_not_written_over_unless_that_is_allowed(
    project, reproduce, tmp_path: Path
):
    place = tmp_path / "outside"
    place.mkdir()
    (project.directory / "link").symlink_to(place)
    (project.directory / "relative-link").symlink_to("../outside")
    project.commit(message="links out of the repository")
    for name in (place, "link", "relative-link", "../outside"):
        record(project, "train.py", "--out", f"{name}/out.txt")
    out = place / "out.txt"
    out.write_text("precious")
    for outlook in reproduce(project, "1-4", "--dry-run", code=1):
        assert str(out) in outlook["obstacles"][0]
    for found in reproduce(project, "1-4", code=1):
        assert found["verdict"] == "CANNOT"
        assert str(out) in found["reason"]
        assert "--allow-outside" in found["reason"]
    assert out.read_text() == "precious"
    for outlook in reproduce(project, "1-4", "--dry-run", "--allow-outside"):
        assert any(str(out) in remark for remark in outlook["remarks"])
    found = reproduce(project, "2", "--allow-outside")
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
memo = sys.argv[1]
if not os.path.exists(memo):
    with open(memo, "w") as file:
        json.dump(random.random(), file)
for name, way in (("linked", os.link), ("pointed", os.symlink)):
    way(memo, os.path.join(experiment.directory, name))
"""

OLD_RECORD = """\
import glob, json, os, random
from meticulous import Experiment
experiment = Experiment({})
old = glob.glob(os.path.join(os.path.dirname(experiment.directory), "*", "summary.json"))
loss = json.load(open(old[0]))["loss"] if old else random.random()
experiment.summary(loss=loss)
"""


def test_a_result_that_is_only_linked_or_taken_from_the_old_record_is_no_evidence(
    project, reproduce, tmp_path: Path
):
    project.commit({"linked.py": LINKED, "old.py": OLD_RECORD})
    record(project, "old.py")
    record(project, "linked.py", str(tmp_path / "memo.json"))
    from_old, linked = reproduce(project, "1-2", code=1)
    read_again = "It read what the original wrote: "
    assert (from_old["verdict"], linked["verdict"]) == ("CANNOT", "CANNOT")
    assert from_old["reason"].startswith(f"{read_again}{folder(project, 1) / 'summary.json'}")
    for name in ("linked", "pointed"):
        assert name in linked["reason"].removeprefix(read_again).partition(".")[0]


def test_inputs_that_are_reached_through_the_outside_or_through_links_are_found(
    project, reproduce, tmp_path: Path
):
    program = f"{BEGIN}experiment.summary(sum=sum(float(open(n).read()) for n in sys.argv[1:]))\n"
    project.write("sum.py", program)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("1")
    (tmp_path / "data" / "y").write_text("20")
    (tmp_path / "beside").write_text("300")
    project.write("data/ignored", "4000")
    (project.directory / "link").symlink_to("../data")
    (project.directory / "inner").symlink_to("data")
    project.commit(message="links out of the repository, and into an ignored folder")
    record(project, "sum.py", "link/x", "../data/y", "../beside", "inner/ignored")
    assert reproduce(project, "1")["verdict"] == "IDENTICAL"
    assert read(project, 2, "summary.json") == {"sum": 4321}
    assert sorted(os.listdir(tmp_path / "data")) == ["x", "y"]
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


def test_a_bug_that_one_experiment_meets_does_not_lose_the_others(command, recorded):
    project = recorded()
    shutil.copytree(folder(project, 1), folder(project, 2))
    words = read(project, 1, "metadata.json")["original-command"]
    change(project, 1, "metadata.json", original_command=[*words, "a\0b"])
    done = command("reproduce", "1-2", cwd=project.directory)
    assert done.returncode == 3, done.stderr
    assert "experiment 2, reproduced as 4  IDENTICAL" in done.stdout
    assert "this is a bug in meticulous" in done.stderr
    assert "experiment 1: a bug in meticulous: ValueError" in done.stderr


def test_an_input_that_the_run_itself_wrote_over_is_named(project, reproduce):
    counting = (
        f"{BEGIN}count = int(open('data/count').read())\n"
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


@pytest.mark.parametrize("words", [("python", "-"), ("sh", "-s")])
def test_a_program_that_was_piped_in_cannot_be_run_again(project, reproduce, words):
    run = [sys.executable, "-m", "meticulous", "run", "--", *words]
    subprocess.run(run, cwd=project.directory, input=b"echo = 1\n", check=False, timeout=60)
    # As it is recorded of a program that was given no "-" by itself.
    shutil.copytree(folder(project, 1), folder(project, 2))
    facts = read(project, 1, "metadata.json")
    change(project, 2, "metadata.json", command=facts["command"][:-1])
    change(project, 2, "metadata.json", original_command=facts["original-command"][:-1])
    for found in reproduce(project, "1-2", "--dry-run", code=1):
        assert any("came from standard input" in text for text in found["obstacles"])


def test_a_record_that_was_altered_is_remarked(recorded, reproduce):
    project = recorded()
    (folder(project, 1) / "summary.json").write_text('{"loss": 0.3}\n')
    for words, code in ((["--dry-run"], 0), ([], 1)):
        remarks = reproduce(project, "1", *words, code=code)["remarks"]
        assert any("changed since the end: summary.json" in text for text in remarks)


def test_a_value_for_an_option_that_the_record_does_not_lack_is_a_mistake(command, recorded):
    project = recorded()
    done = command("reproduce", "1", "--set", "foo=1", cwd=project.directory)
    assert done.returncode == 2
    assert "--set foo" in done.stderr
    assert not folder(project, 2).exists()


def test_packages_that_differ_are_listed_and_those_that_came_besides_are_counted(command, recorded):
    project = recorded()
    packages = read(project, 1, "environment.json")["packages"]
    names = [each["name"] for each in packages if each["name"] != "meticulous-ml"]
    kept = [each for each in packages if each["name"] not in names[:3]]
    gone = [{"name": "gone", "version": "1.0"}, {"name": "gone-too", "version": "2.0"}]
    change(project, 1, "environment.json", packages=[*kept, *gone])
    done = command("reproduce", "1", cwd=project.directory)
    assert "3 more than then" in done.stdout
    assert "packages gone" in done.stdout
    assert not any(f"packages {name} " in done.stdout for name in names[:3])
    done = command("reproduce", "1", "--dry-run", "--environment", "match", cwd=project.directory)
    assert done.returncode == 1
    assert "\\n" not in done.stdout
    assert "The packages of experiment 1 are not here:\n" in done.stdout


def test_an_interrupt_leaves_no_worktree_and_a_record_that_says_so(project, tmp_path):
    waiting = (
        f"{BEGIN}open({str(tmp_path / 'begun')!r}, 'w').close()\n"
        "while 'GO' not in os.environ: signal.pause()\n"
    )
    project.commit({"waiting.py": waiting})
    record(project, "waiting.py", env={"GO": "1"})
    before = fingerprint(project.directory, "experiments")
    for new, number in enumerate((signal.SIGINT, signal.SIGTERM), 2):
        (tmp_path / "begun").unlink()
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
        assert (folder(project, new) / "STATUS").read_text().startswith("INTERRUPTED\n")
        assert fingerprint(project.directory, "experiments") == before


def test_two_reproductions_at_once_do_not_disturb_each_other(recorded):
    project = recorded()
    words = [sys.executable, "-m", "meticulous", "reproduce", "1"]
    both = [
        subprocess.Popen(words, cwd=project.directory, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert {read(project, n, "reproduction.json")["verdict"] for n in (2, 3)} == {"IDENTICAL"}
    assert worktrees() == []


def test_several_are_reproduced_at_once_with_a_table_at_the_end(command, recorded):
    project = recorded("--lr", "0.2")
    project.commit(
        {
            "noise.py": "import random\nfrom meticulous import Experiment\n"
            "with Experiment({}) as e:\n    e.summary(x=random.random())\n"
        }
    )
    record(project, "train.py", "--lr", "0.1")
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
    assert [one["id"] for one in json.loads(done.stdout)] == ["1"]


def test_a_dry_run_does_nothing_and_says_what_stands_in_the_way(command, recorded):
    project = recorded("--lr", "0.2")
    done = command("reproduce", "1", "--dry-run", cwd=project.directory)
    assert done.returncode == 0, done.stderr
    assert "train.py --lr 0.2" in done.stdout
    assert project.head in done.stdout
    assert "  0 differences of the surroundings\n" in done.stdout
    packages = read(project, 1, "environment.json")["packages"]
    change(project, 1, "environment.json", packages=packages[1:])
    done = command("reproduce", "1", "--dry-run", cwd=project.directory)
    assert "  1 difference of the surroundings\n" in done.stdout
    words = ["python", "-m", "ipykernel_launcher", "-f", "x.json"]
    change(project, 1, "metadata.json", original_command=words)
    done = command("reproduce", "1", "--dry-run", "--json", cwd=project.directory)
    assert done.returncode == 1
    assert "notebook" in json.loads(done.stdout)["obstacles"][0]
    assert sorted(os.listdir(project.directory / "experiments"))[-1] == "1"


def test_a_secret_is_given_again(project, reproduce):
    secret, other = "hunter2hunter2", "xyzzyxyzzy"
    program = (
        "import argparse\nfrom meticulous import Experiment\n"
        "p = argparse.ArgumentParser()\np.add_argument('--token')\np.add_argument('--api-key')\n"
        "e = Experiment.from_parser(p)\n"
        "e.summary(length=len(e.args['token']) + len(e.args['api_key']))\n"
    )
    project.commit({"secret.py": program})
    record(project, "secret.py", "--token", secret, f"--api-key={other}")
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert "--set token=VALUE --set api-key=VALUE" in found["reason"]
    given = ("--set", f"token={secret}", "--set", f"api-key={other}")
    assert reproduce(project, "1", *given)["verdict"] == "IDENTICAL"
    for path in (project.directory / "experiments").rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert secret not in text
        assert other not in text


def test_what_no_command_line_can_start_again_cannot_be_reproduced(project, reproduce):
    starts = {
        ("python", "-m", "ipykernel_launcher", "-f", "k.json"): "notebook",
        ("python",): "standard input or was typed in",
        ("python", "/usr/bin/ipython"): "interactive session",
        ("python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()"): "parent",
        ("python", "gone.py"): "The script gone.py is not in the recorded code",
    }
    for number, words in enumerate(starts, 1):
        metadata = {
            "githead-sha": project.head,
            "original-command": words,
            "command": words[1:],
            "working-directory": ".",
        }
        write_record(project.directory / "experiments", str(number), metadata=metadata)
    for found, reason in zip(reproduce(project, "1-5", code=1), starts.values(), strict=True):
        assert found["verdict"] == "CANNOT"
        assert reason in found["reason"]


def test_a_run_that_was_cut_short_has_no_result_to_reproduce(project, reproduce):
    for status in ("KILLED", "INTERRUPTED", "TIMEOUT"):
        write_record(
            project.directory / "experiments",
            status,
            metadata={"githead-sha": project.head},
            STATUS=f"{status}\n",
        )
    for found in reproduce(project, "KILLED", "INTERRUPTED", "TIMEOUT", code=1):
        assert found["verdict"] == "CANNOT"
        assert found["id"] in found["reason"]


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
    program = f"{BEGIN}import sys\nprint('begun', flush=True)\nsys.stdin.read()\n"
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


def test_the_worktree_may_be_kept_and_the_output_shown(command, recorded):
    project = recorded()
    done = command("reproduce", "1", "--keep", "--verbose", cwd=project.directory)
    assert "training in" in done.stderr
    assert "training in" not in done.stdout.split("remarks")[0]
    remarks = read(project, 2, "reproduction.json")["remarks"]
    kept = next(one for one in remarks if "is kept: " in one).partition("is kept: ")[2]
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


def test_it_may_be_recorded_elsewhere(recorded, reproduce, tmp_path: Path):
    project = recorded()
    place = tmp_path / "others"
    found = reproduce(project, "1", "--experiments-directory", str(place))
    assert found["directory"] == str(place / "1")
    assert not folder(project, 2).exists()
    inside = project.directory / "sub" / "runs"
    reproduce(project, "1", "--experiments-directory", "sub/runs")
    assert (inside / "1" / "STATUS").exists()
    assert project.git("status", "--porcelain") == ""


def test_a_repository_that_git_does_not_trust_cannot_be_used(recorded, reproduce):
    if os.getuid():
        pytest.skip("only root can give files away")
    project = recorded()
    for path in (project.directory / ".git", project.directory):
        os.chown(path, 12345, 12345)
    found = reproduce(project, "1", code=1)
    assert found["verdict"] == "CANNOT"
    assert "safe.directory" in found["reason"]


def test_list_show_and_diff_tell_the_verdict(command, recorded, reproduce):
    project = recorded()
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

    for content in (b"", b"[]", b'{"verdict": [1], "findings": 3, "inputs": [4], "reason": {}}'):
        (folder(project, 2) / "reproduction.json").write_bytes(content)
        for words in (["show", "2"], ["show", "2", "--json"], ["diff", "1", "2"], ["audit", "1"]):
            done = command(*words, cwd=project.directory)
            assert done.returncode in (0, 1), done.stderr
            assert "Traceback" not in done.stderr
            assert "bug" not in done.stderr


def test_a_resumed_run_and_a_distributed_one_are_remarked(project, reproduce):
    program = (
        "import os\nfrom meticulous import Experiment\n"
        "with Experiment({}, experiment_id='base') as e:\n    for step in range(5):\n"
        "        if step == int(os.environ.get('STOP', 9)): raise ValueError\n"
        "        e.log(step=step, loss=step / 2)\n"
    )
    project.commit({"steps.py": program})
    record(project, "steps.py", code=1, env={"STOP": "3"})
    record(project, "steps.py", env={"WORLD_SIZE": "4"})
    variables = read(project, "base", "environment.json")["variables"]
    change(project, "base", "environment.json", variables={**variables, "WORLD_SIZE": "4"})
    assert len((folder(project, "base") / "metrics.jsonl").read_text().splitlines()) == 8
    found = reproduce(project, "base")
    # Steps that were logged twice count once.
    assert found["verdict"] == "IDENTICAL", found
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


def test_another_interpreter_may_be_named(recorded, reproduce, tmp_path: Path):
    project = recorded()
    link = tmp_path / "bin" / "python9"
    link.parent.mkdir()
    link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    link.chmod(0o755)
    # From where the command is given, not from the worktree.
    found = reproduce(project, "1", "--python", os.path.relpath(link, project.directory))
    assert found["environment"]["python"] == str(link)
    found = reproduce(project, "1", "--python", "/no/such/python", code=1)
    assert found["verdict"] == "CANNOT"
    assert "/no/such/python" in found["reason"]
    assert "no such file" in found["reason"].lower()


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
    folders = [str(folder(project, number)) for number in (1, 2)]
    done = command("reproduce", *folders, cwd=elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    for number in (1, 2):
        assert f"experiment {number}, reproduced as {number + 2}  IDENTICAL" in done.stdout
    assert os.listdir(elsewhere) == []


def test_a_missing_module_names_the_interpreter_that_had_it(project, reproduce, tmp_path: Path):
    project.commit({"needs.py": f"{BEGIN}import only_there\n"})
    library = tmp_path / "library"
    library.mkdir()
    (library / "only_there.py").write_text("")
    link = tmp_path / "python"
    link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
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
