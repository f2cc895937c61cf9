"""`meticulous launch`: registered experiments are run once each, with the code of then."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from at_once import carry_out_at_once
from registered import folder_of, make_project, numbers, read, status_of
from waiting import wait_until

SLEEPER = """\
import os, signal
from meticulous import Experiment


class Sleeper(Experiment):
    number: int = 0  # @p
    waits: bool = True  # @p

    def run(self):
        with open(os.environ["LOG"], "a") as file:
            file.write(f"{self.number}\\n")
        if self.waits:
            signal.pause()
"""


@pytest.fixture
def project(repository):
    return make_project(repository)


@pytest.fixture
def meticulous(project, command):
    """Return a function that runs a command in the project and returns the finished process."""

    def run(*words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        done = command(*words, cwd=project.directory, **env)
        assert done.returncode == code, done.stdout + done.stderr
        assert "bug in meticulous" not in done.stderr
        return done

    return run


def started(project, *words: str, **env: str) -> subprocess.Popen[str]:
    """Start `meticulous launch` and return the process."""
    return subprocess.Popen(
        [sys.executable, "-m", "meticulous", "launch", *words],
        cwd=project.directory,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestHere:
    def test_all_are_run_by_number_and_a_table_tells_how_they_ended(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,500,2")
        done = meticulous("launch", "--jobs", "2", code=1)
        assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
            ["1", "SUCCESS"],
            ["2", "ERROR"],
            ["3", "SUCCESS"],
        ]
        assert "2: RuntimeError: diverged" in done.stderr
        assert "3 experiments run, 2 with success, 1 failed." in done.stderr
        assert read(folder_of(project, 3), "summary.json") == {"loss": 2.0}
        assert "first version 2.0" in (folder_of(project, 3) / "stdout").read_text()

    def test_names_globs_ids_and_conditions_choose(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,2 epochs=1,2")
        for words, run in (
            (["lr=1__epochs=1"], [1]),
            (["lr=1*"], [1, 2]),
            (["lr=2*", "1"], [1, 3, 4]),
            (["2-3"], [2, 3]),
            (["--where", "lr == 2 and epochs == 1"], [3]),
            (["lr=2*", "--where", "epochs == 2"], [4]),
        ):
            shown = meticulous("launch", *words, "--dry-run")
            assert [int(line.split()[0]) for line in shown.stdout.splitlines()] == run, words
        assert {status_of(folder_of(project, n)) for n in numbers(project)} == {"REGISTERED"}

    def test_a_name_nobody_has_is_told_with_the_nearest(self, meticulous):
        meticulous("register", "train.py", "lr=1,2")
        done = meticulous("launch", "lr=3", code=2)
        assert "lr=1" in done.stderr

    def test_without_anything_to_run_the_answer_is_no(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,2")
        meticulous("launch", "2")
        meticulous("launch", "1")
        assert "No registered experiment" in meticulous("launch", code=1).stderr
        assert "No registered experiment" in meticulous("launch", "--dry-run", code=1).stderr
        told = meticulous("launch", "1-2", code=1).stderr.splitlines()
        assert told[1] == "1 was passed over: it is SUCCESS; `meticulous reset 1` makes it new."
        assert [line.split()[0] for line in told[1:]] == ["1", "2"]

    def test_a_program_of_any_language_is_recorded_with_its_point(self, project, meticulous):
        meticulous("register", "./simulate.sh", "--defaults", "defaults.yml", "{mesh: 32}")
        meticulous("launch")
        folder = folder_of(project)
        assert status_of(folder) == "SUCCESS"
        said = (folder / "stdout").read_text()
        assert said == f"simulating --mesh 32 --solver cg\ntold by {folder}/args.json\n"
        assert read(folder, "args.json") == {"mesh": 32, "solver": "cg"}

    def test_what_lies_in_the_working_directory_replaces_no_library(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,2")
        project.write("below/click.py", "raise SystemExit(9)\n")
        words = [sys.executable, "-P", "-m", "meticulous", "launch", "1"]
        done = subprocess.run(words, cwd=project.directory / "below", check=False)
        assert done.returncode == 0
        script = ["sh", str(folder_of(project, 2) / "run.sh")]
        subprocess.run(script, cwd=project.directory / "below", check=True)

    def test_a_record_that_cannot_be_read_is_told_by_whoever_looks_for_it(
        self, project, meticulous
    ):
        meticulous("register", "train.py", "lr=1,2")
        folder_of(project, 1).joinpath("metadata.json").write_text("{broken")
        why = "metadata.json is not valid JSON: "
        assert why in meticulous("list").stdout
        assert f"|- 1  REGISTERED  {why}" in " ".join(
            meticulous("list", "--sets").stdout.split("\n")
        )
        cannot = f"1 cannot be run, since its record cannot be read: {why}"
        done = meticulous("launch", code=1)
        assert cannot in done.stderr
        assert "1 experiment run, 1 with success.\n" in done.stderr
        for words in ([], ["1"], ["--dry-run"]):
            assert cannot in meticulous("launch", *words, code=1).stderr
        told = meticulous("reset", "1", code=2).stderr
        assert f"Experiment 1 cannot be reset, since its record cannot be read: {why}" in told
        folder_of(project, 2).joinpath("metadata.json").write_text("{broken")
        assert "2 cannot be run" not in meticulous("launch", code=1).stderr

    def test_an_interpreter_that_is_gone_is_named_and_the_experiment_stays(
        self, project, meticulous
    ):
        meticulous("register", "train.py", "lr=1")
        path = folder_of(project) / "metadata.json"
        path.write_text(path.read_text().replace(sys.executable, "/no/such/python"))
        done = meticulous("launch", code=1)
        assert "/no/such/python cannot be started" in done.stderr
        assert status_of(folder_of(project)) == "REGISTERED"
        assert not (folder_of(project) / ".claimed").exists()

    def test_chosen_by_status_those_that_failed_are_run_again(self, project, meticulous):
        meticulous("register", "train.py", "lr=500")
        meticulous("launch", code=1)
        meticulous("launch", "--status", "ERROR", code=1)
        attempts = read(folder_of(project), "metadata.json")["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["ERROR", "ERROR"]


class TestAnother:
    """Experiments are handed to another command."""

    def test_a_shell_runs_them(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,2")
        meticulous("launch", "--with", "sh")
        assert status_of(folder_of(project, 2)) == "SUCCESS"

    @pytest.fixture
    def scheduler(self, tmp_path, monkeypatch):
        """A `sbatch` that keeps its words and answers as Slurm does."""
        tools = tmp_path / "tools"
        tools.mkdir()
        program = tools / "sbatch"
        program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/words\n'
            "case $* in *fail*) echo no such partition >&2; exit 1;; esac\n"
            "echo Submitted batch job 4242\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
        return tmp_path / "words"

    def test_sbatch_is_told_name_and_output_and_its_job_is_remembered(
        self, project, meticulous, scheduler
    ):
        meticulous("register", "train.py", "lr=1")
        done = meticulous("launch", "--with", "sbatch --time 1:00:00")
        assert "job 4242" in done.stdout
        folder = folder_of(project)
        assert scheduler.read_text().splitlines() == [
            *("--time", "1:00:00", "--job-name=lr=1", f"--output={folder}/slurm.out"),
            f"{folder}/run.sh",
        ]
        assert '"job-id":"4242"' in (folder / "launches.jsonl").read_text()

    def test_what_the_user_says_counts(self, project, meticulous, scheduler):
        given = ("--job-name=x --output=y", "--job-name x --output y", "-J x -o y", "-Jx -oy")
        meticulous("register", "train.py", "lr=1,2,3,4")
        for number, words in enumerate(given, 1):
            meticulous("launch", str(number), "--with", f"sbatch {words}")
        told = scheduler.read_text()
        assert told.count("run.sh") == 4
        assert "lr=" not in told.replace(str(project.directory), "")
        assert "slurm.out" not in told

    def test_what_waits_with_a_scheduler_is_handed_over_once(self, project, meticulous, scheduler):
        meticulous("register", "train.py", "lr=1")
        meticulous("launch", "--with", "sbatch")
        again = meticulous("launch", "--with", "sbatch", code=1)
        assert "handed to another command before, and not begun (1)" in again.stderr
        assert "handed to another command" in meticulous("launch", code=1).stderr
        assert scheduler.read_text().count("run.sh") == 1
        meticulous("launch", "--take-up")
        assert status_of(folder_of(project)) == "SUCCESS"

    def test_what_was_not_accepted_can_be_handed_over_again(self, project, meticulous, scheduler):
        meticulous("register", "train.py", "lr=1")
        done = meticulous("launch", "--with", "sbatch --partition fail", code=1)
        assert "no such partition" in done.stdout
        meticulous("launch", "--with", "sbatch")

    def test_a_command_that_is_not_here_is_refused_and_nothing_is_reset(self, project, meticulous):
        meticulous("register", "train.py", "lr=500")
        meticulous("launch", code=1)
        words = ("--status", "ERROR", "--with", "no-such-command --x")
        done = meticulous("launch", *words, code=2)
        assert "there is no program 'no-such-command'" in done.stderr
        assert status_of(folder_of(project)) == "ERROR"


class TestTheCode:
    def change(self, project, version: str) -> str:
        text = (project.directory / "train.py").read_text()
        return project.commit({"train.py": text.replace("first version", version)})

    def test_the_code_of_the_registration_runs_though_the_checkout_has_moved_on(
        self, project, meticulous
    ):
        recorded = project.head
        meticulous("register", "train.py", "lr=1,2")
        self.change(project, "second version")
        meticulous("launch")
        for number in (1, 2):
            folder = folder_of(project, number)
            assert (folder / "stdout").read_text() == f"first version {number}.0\n"
            assert read(folder, "metadata.json")["githead-sha"] == recorded
        places = list(Path(os.environ["XDG_CACHE_HOME"], "meticulous", "code").glob("*-0"))
        assert len(places) == 1
        assert project.git("worktree", "list").count("\n") == 1
        assert project.git("status", "--porcelain") == ""

    def test_uncommitted_changes_do_not_run_either(self, project, meticulous):
        meticulous("register", "train.py", "lr=1")
        text = (project.directory / "train.py").read_text()
        project.write("train.py", text.replace("first version", "changed"))
        meticulous("launch")
        assert (folder_of(project) / "stdout").read_text() == "first version 1.0\n"

    def test_a_script_started_by_hand_runs_the_recorded_code_too(self, project, meticulous):
        meticulous("register", "train.py", "lr=1")
        self.change(project, "second version")
        subprocess.run(["sh", str(folder_of(project) / "run.sh")], check=True, cwd="/")
        assert (folder_of(project) / "stdout").read_text() == "first version 1.0\n"

    def test_a_deleted_or_damaged_worktree_is_made_anew(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,2,3")
        self.change(project, "second version")
        meticulous("launch", "1")
        (place,) = Path(os.environ["XDG_CACHE_HOME"], "meticulous", "code").glob("*-0")
        shutil.rmtree(place)
        meticulous("launch", "2")
        (place / "project" / "train.py").write_text("raise SystemExit(9)\n")
        meticulous("launch", "3")
        assert (folder_of(project, 3) / "stdout").read_text() == "first version 3.0\n"

    def test_data_that_git_does_not_track_is_there_and_other_code_is_not(self, project, meticulous):
        program = "#!/bin/sh\n[ -e other.py ] && exit 9\ncat data/numbers\n# "  # nothing else
        project.write("reader.sh", program).chmod(0o755)
        project.commit({".gitignore": "data\nother.py\n__pycache__\n"})
        project.write("data/numbers", "1 2 3\n")
        project.write("other.py", "")
        meticulous("register", "./reader.sh")
        project.write("reader.sh", "#!/bin/sh\nexit 8\n")
        project.commit()
        meticulous("launch")
        assert (folder_of(project) / "stdout").read_text() == "1 2 3\n"

    def test_the_current_code_runs_where_that_is_wanted_and_is_recorded(self, project, meticulous):
        recorded = project.head
        meticulous("register", "train.py", "lr=1")
        present = self.change(project, "second version")
        meticulous("launch", "--code", "current")
        assert (folder_of(project) / "stdout").read_text() == "second version 1.0\n"
        metadata = read(folder_of(project), "metadata.json")
        assert metadata["githead-sha"] == present
        assert metadata["registered-commit"] == recorded

    def test_the_current_code_is_refused_with_uncommitted_changes(self, project, meticulous):
        meticulous("register", "train.py", "lr=1")
        project.write("train.py", "")
        done = meticulous("launch", "--code", "current", code=1)
        assert "uncommitted changes" in done.stderr
        assert "0 experiments run, 0 with success; 1 could not be started." in done.stderr
        assert status_of(folder_of(project)) == "REGISTERED"

    def test_a_snapshot_runs_as_it_was(self, project, meticulous):
        text = (project.directory / "train.py").read_text()
        project.write("train.py", text.replace("first version", "uncommitted"))
        meticulous("register", "train.py", "lr=1", "--dirty", "snapshot")
        project.git("checkout", "-q", "train.py")
        meticulous("launch")
        assert (folder_of(project) / "stdout").read_text() == "uncommitted 1.0\n"


class TestSignalsAndDeaths:
    @pytest.fixture
    def sleepers(self, project, meticulous, tmp_path):
        """Three registered experiments that sleep, and the file in which they say they began."""
        project.commit({"sleeper.py": SLEEPER})
        meticulous("register", "sleeper.py", "number=range(3)")
        return tmp_path / "log"

    def test_an_interrupt_ends_those_that_run_and_leaves_the_others(
        self, project, sleepers, meticulous
    ):
        process = started(project, LOG=str(sleepers))
        wait_until(sleepers.exists)
        refused = meticulous("unlink", "2", "1", code=2).stderr
        assert "Experiment 1 runs." in refused
        assert "unlinked" not in (folder_of(project, 2) / "metadata.json").read_text()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert status_of(folder_of(project, 1)) == "INTERRUPTED"
        assert status_of(folder_of(project, 2)) == "REGISTERED"
        assert "2 stay registered" in errors

    def test_of_one_that_is_left_it_is_told_that_it_stays(self, project, sleepers):
        process = started(project, "1-2", LOG=str(sleepers))
        wait_until(sleepers.exists)
        process.send_signal(signal.SIGINT)
        assert "1 stays registered" in process.communicate(timeout=60)[1]

    def test_folders_that_are_deleted_meanwhile_are_told_and_the_answer_is_no(
        self, project, sleepers
    ):
        process = started(project, "1-2", LOG=str(sleepers))
        wait_until(sleepers.exists)
        pid = read(folder_of(project), "metadata.json")["pid"]
        folders = [folder_of(project, number) for number in (1, 2)]
        shutil.rmtree(project.directory / "experiments")
        os.kill(pid, signal.SIGTERM)
        shown, errors = process.communicate(timeout=60)
        assert process.returncode == 1, errors
        for number, folder in enumerate(folders, 1):
            assert f"{number}: its folder {folder} is gone" in errors
        assert [line.split()[-1] for line in shown.splitlines()[1:]] == ["number=0", "number=1"]
        assert "another launcher" not in errors
        assert "1 experiment run, 0 with success, 1 failed; 1 could not be started." in errors

    def test_of_what_another_launcher_took_the_table_tells_how_it_ended(self, project, sleepers):
        def has_begun(number: int) -> bool:
            return sleepers.exists() and f"{number - 1}\n" in sleepers.read_text()

        def end(number: int) -> None:
            os.kill(read(folder_of(project, number), "metadata.json")["pid"], signal.SIGTERM)

        process = started(project, LOG=str(sleepers))
        wait_until(lambda: has_begun(1))
        other = started(project, "2", LOG=str(sleepers))
        wait_until(lambda: has_begun(2))
        end(1)
        wait_until(lambda: has_begun(3))
        end(2)
        other.communicate(timeout=60)
        end(3)
        shown, errors = process.communicate(timeout=60)
        assert [line.split()[:2] for line in shown.splitlines()[1:]] == [
            [str(number), "KILLED"] for number in (1, 2, 3)
        ]
        assert "2: another launcher has taken it" in errors
        assert "2 experiments run, 0 with success, 2 failed." in errors

    def test_a_killed_launcher_loses_nothing(self, project, sleepers, meticulous):
        process = started(project, LOG=str(sleepers))
        wait_until(sleepers.exists)
        process.kill()
        process.communicate()
        shown = meticulous("launch", "--dry-run").stdout
        assert [line.split()[0] for line in shown.splitlines()] == ["2", "3"]
        os.kill(read(folder_of(project), "metadata.json")["pid"], signal.SIGTERM)
        wait_until(lambda: status_of(folder_of(project)) == "KILLED")

    def test_a_died_experiment_is_reported_and_can_be_taken_up(self, project, sleepers, meticulous):
        process = started(project, "1", LOG=str(sleepers))
        wait_until(sleepers.exists)
        os.kill(read(folder_of(project), "metadata.json")["pid"], signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1, errors
        told = meticulous("launch", "--dry-run").stderr
        assert "1 experiment lost, their processes are gone (1); --take-up runs them" in told
        shown = meticulous("launch", "--take-up", "--dry-run").stdout
        assert [line.split()[0] for line in shown.splitlines()] == ["1", "2", "3"]

    def test_of_64_launchers_at_once_none_runs_what_another_runs(
        self, project, meticulous, tmp_path
    ):
        project.commit({"sleeper.py": SLEEPER})
        meticulous("register", "sleeper.py", "number=range(6)", "waits=false")
        log = tmp_path / "log"
        codes, errors = carry_out_at_once(
            *(64, ["launch"]),
            first=["launch", "--dry-run"],
            cwd=project.directory,
            LOG=str(log),
        )
        assert set(codes) <= {0, 1}
        assert sorted(log.read_text().split()) == list("012345")
        assert not [word for word in ("bug", "failed") if word in errors]
        assert {status_of(folder_of(project, n)) for n in numbers(project)} == {"SUCCESS"}


class TestUpkeep:
    def test_reset_makes_a_new_attempt_and_keeps_the_history(self, project, meticulous):
        meticulous("register", "train.py", "lr=1")
        meticulous("launch")
        meticulous("reset", "1")
        assert status_of(folder_of(project)) == "REGISTERED"
        meticulous("launch")
        metadata = read(folder_of(project), "metadata.json")
        assert [one["status"] for one in metadata["attempts"]] == ["SUCCESS", "SUCCESS"]
        assert metadata["name"] == "lr=1"

    def test_what_was_not_registered_cannot_be_reset(self, project, meticulous):
        meticulous("run", "--", "true")
        told = meticulous("reset", "1", code=2).stderr
        assert "Experiment 1 cannot be reset: it was not registered, and is no declared" in told
        assert "`meticulous reproduce 1` runs it again" in told

    def test_of_a_declared_experiment_any_run_can_be_reset_and_it_is_said(
        self, project, meticulous
    ):
        meticulous("register", "train.py", "lr=1")
        meticulous("train.py", "--lr", "0.5")
        meticulous("launch")
        told = meticulous("reset", "1", "2").stderr.splitlines()
        assert told[0] == "Registered 2 experiments anew: 1, 2. `meticulous launch` runs them."
        assert told[1:] == [
            "2 was first run without being registered; its record says what to carry out."
        ]
        meticulous("launch")
        assert status_of(folder_of(project, 2)) == "SUCCESS"
        assert len(read(folder_of(project, 2), "metadata.json")["attempts"]) == 2

    def test_unlinked_ones_are_hidden_and_not_launched(self, project, meticulous):
        meticulous("register", "train.py", "lr=1,2")
        meticulous("unlink", "lr=1")
        assert [line.split()[0] for line in meticulous("list").stdout.splitlines()] == ["id", "2"]
        assert "unlinked" in meticulous("list", "--all").stdout
        assert meticulous("launch", "--dry-run").stdout == "2  lr=2\n"
        meticulous("relink")
        assert meticulous("launch", "--dry-run").stdout == "1  lr=1\n2  lr=2\n"

    def test_clean_lists_full_paths_and_touches_nothing_else(self, project, meticulous, tmp_path):
        meticulous("register", "train.py", "lr=1,2")
        meticulous("unlink", "1")
        elsewhere = tmp_path / "elsewhere"
        (elsewhere / "1").mkdir(parents=True)
        (elsewhere / "1" / "precious").write_text("")
        done = meticulous("clean", code=2)
        assert done.stdout == f"{folder_of(project)}\n"
        assert folder_of(project).exists()
        meticulous("clean", "--yes", "--directory", str(project.directory / "experiments"))
        assert not folder_of(project).exists()
        assert (elsewhere / "1" / "precious").exists()
        told = meticulous("restore", "1").stderr
        assert folder_of(project).exists()
        assert "1 is unlinked, as before, and so not listed; `meticulous relink 1` puts" in told
        meticulous("relink", "1")
        meticulous("rm", "1")
        assert "unlinked" not in meticulous("restore", "1").stderr
        assert [line.split()[0] for line in meticulous("list").stdout.splitlines()][1:] == [
            "1",
            "2",
        ]

    def test_a_moved_directory_is_launched_where_it_is(self, project, meticulous, tmp_path):
        meticulous("register", "train.py", "lr=1")
        before = read(folder_of(project), "metadata.json")
        meticulous("move", "experiments", str(tmp_path / "moved"))
        assert not (project.directory / "experiments").exists()
        assert read(tmp_path / "moved" / "1", "metadata.json") == before
        meticulous("launch", "--directory", str(tmp_path / "moved"))
        assert status_of(tmp_path / "moved" / "1") == "SUCCESS"

    def test_a_copy_never_replaces_anything(self, project, meticulous, tmp_path):
        meticulous("register", "train.py", "lr=1")
        (tmp_path / "copies").mkdir()
        meticulous("copy", "experiments", str(tmp_path / "copies"))
        assert (tmp_path / "copies" / "experiments" / "1" / "STATUS").exists()
        done = meticulous("copy", "experiments", str(tmp_path / "copies"), code=2)
        assert "something of that name is there" in done.stderr
        for verb in ("copy", "move"):
            # Nobody would look for experiments among numbered folders.
            done = meticulous(verb, "experiments", str(tmp_path / "copies/experiments"), code=2)
            assert "it holds experiments already" in done.stderr
        assert numbers(project) == [1]
