"""`meticulous register`: sets of experiments that are all made, or none, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from registered import folder_of, make_project, numbers, read, status_of
from waiting import wait_until


@pytest.fixture
def project(repository):
    return make_project(repository)


@pytest.fixture
def register(project, command):
    """Return a function that registers in the project and returns the finished process."""

    def run(*words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        done = command("register", *words, cwd=project.directory, **env)
        assert done.returncode == code, done.stdout + done.stderr
        assert code == 0 or "bug in meticulous" not in done.stderr
        return done

    return run


class TestASet:
    def test_each_point_is_a_numbered_folder_like_any_other(self, project, register):
        done = register("train.py:Train", "{lr: 1 | 2, optimiser: sgd | adam}", "--purpose", "look")
        assert done.stdout.splitlines() == [
            "1  lr=1__optimiser=sgd",
            "2  lr=1__optimiser=adam",
            "3  lr=2__optimiser=sgd",
            "4  lr=2__optimiser=adam",
        ]
        folder = folder_of(project, 3)
        assert status_of(folder) == "REGISTERED"
        defaults = {
            "lr": 0.1,
            "epochs": 2,
            "optimiser": "sgd",
            "model": {"width": 8, "depth": 2},
        }
        assert read(folder, "default_args.json") == defaults
        assert read(folder, "args.json") == {**defaults, "lr": 2.0}
        metadata = read(folder, "metadata.json")
        assert metadata["githead-sha"] == project.head
        assert metadata["description"] == "look"
        assert metadata["name"] == "lr=2__optimiser=sgd"
        assert metadata["swept"] == {"lr": 2, "optimiser": "sgd"}
        assert metadata["interpreter"] == sys.executable
        assert metadata["target"] == {
            "kind": "python",
            "text": "train.py:Train",
            "file": "train.py",
            "name": "Train",
            "import-path": ".",
        }
        assert not {"pid", "start-time", "end-time"} & set(metadata)
        assert project.git("status", "--porcelain") == ""

    def test_values_are_cast_and_dictionaries_given_in_part_are_completed(self, project, register):
        register("train.py", "{lr: 1, model: {width: 16 | 32}}")
        assert read(folder_of(project, 2), "args.json")["model"] == {"width": 32, "depth": 2}
        assert read(folder_of(project, 2), "args.json")["lr"] == 1.0
        assert read(folder_of(project, 2), "metadata.json")["name"] == "lr=1__model.width=32"

    def test_short_words_are_one_sweep_together_and_texts_one_each(self, project, register):
        done = register("train.py", "lr=1,2", "epochs=3,4", "{lr: 9}")
        assert [line.split()[1] for line in done.stdout.splitlines()] == [
            "lr=9",
            *("lr=1__epochs=3", "lr=1__epochs=4", "lr=2__epochs=3", "lr=2__epochs=4"),
        ]

    def test_a_sweep_may_stand_in_a_file(self, project, register):
        project.commit({"sweep.yml": "lr: 1 | 2\nepochs: 1\n"})
        assert len(register("train.py", "sweep.yml").stdout.splitlines()) == 2
        assert "cannot be read" in register("train.py", "none.yml", code=2).stderr

    def test_repeats_are_numbered_and_go_on_where_they_stopped(self, project, register):
        register("train.py", "lr=1", "--repeats", "3")
        register("train.py", "lr=1", "--repeats", "2")
        names = [read(folder_of(project, n), "metadata.json")["name"] for n in numbers(project)]
        assert names == ["lr=1", "lr=1_1", "lr=1_2", "lr=1_3", "lr=1_4"]
        assert read(folder_of(project, 3), "metadata.json")["repetition"] == 2

    def test_without_a_sweep_the_defaults_are_registered(self, project, register):
        assert register("train.py").stdout == "1  Train\n"
        assert register("train.py", "--name", "a/b").stdout == "2  a%2Fb\n"

    def test_dry_run_shows_exactly_what_would_be_made(self, project, register):
        words = ("train.py", "{lr: 1 | 2}", "--repeats", "2")
        shown = register(*words, "--dry-run")
        assert "nothing was registered" in shown.stderr
        assert not (project.directory / "experiments").exists()
        names = [line.split()[0] for line in shown.stdout.splitlines()]
        made = register(*words)
        assert [line.split()[1] for line in made.stdout.splitlines()] == names
        assert "lr=2.0 epochs=2 optimiser=sgd" in shown.stdout
        shown = register("train.py", "{lr: 1}", "--dry-run")
        assert shown.stderr == "This is 1 experiment; nothing was registered.\n"
        assert register("train.py", "{lr: 1 | x}", "--dry-run", code=2).stdout == ""

    def test_list_shows_the_names_of_what_is_registered(self, project, register, command):
        register("train.py", "lr=1,2")
        done = command("list", "--status", "REGISTERED", cwd=project.directory)
        assert re.search(r"REGISTERED .* lr=2$", done.stdout, re.MULTILINE)
        assert "train.py:Train" in command("list", "--json", cwd=project.directory).stdout


class TestNothingIsMade:
    """A mistake of any kind is told in one message, and no folder is there afterwards."""

    @pytest.fixture(autouse=True)
    def _nothing(self, project):
        yield
        assert not (project.directory / "experiments").exists()

    def test_a_mistake_is_told_before_anything_is_made(self, project, register):
        bare = "from meticulous import Experiment\nclass Bare(Experiment):\n    lr = 1  # @p\n"
        project.commit({"bare.py": bare})
        for words, said in (
            (["bare.py:Bare", "lr=1"], "Bare has no run, so it cannot be run. Write `def"),
            (["train.py:Literal"], "What can be run is train.py:Train."),
            (["train.py", "{lr: 1 | abc}"], "lr must be"),
            (["train.py", "{lr: 1 | null}"], "lr must be"),
            (["train.py", "{optimiser: sgd | adm}"], "optimiser must be"),
            (["train.py", "{lrr: 1}"], "has no parameter 'lrr'; the nearest: lr"),
            (["train.py", "{a: 1 | }"], "a value is missing here"),
            (["train.py", "[1, 2]"], "no list"),
            (["train.py", "{lr: !!python/object/apply:os.system [touch pwned]}"], "'!'"),
            (["train.py", "lr=1", "--repeats", "0"], "--repeats"),
            (["train.py:Trian"], "the nearest: Train"),
            (["trian.py"], "the nearest: train.py"),
            (["no.module:X"], "There is no module no"),
            (["./nothing.sh"], "there is no such program"),
            (["needy.py"], "no value and no default; give one, such as {data: ...} in the sweep."),
            (["train.py", "--header", "none.txt"], "The header file none.txt cannot be read"),
            (["train.py", "--name", ""], "name of the experiments is empty"),
            (["simulate.sh", "--defaults", "none.yml"], "none.yml cannot be read"),
            (["./simulate.sh", "--defaults", "defaults.yml", "mesh=x"], "mesh must be"),
            (["./simulate.sh", "mesh=1", "--", "{msh}"], "{msh} stands for no parameter"),
        ):
            assert said in register(*words, code=2).stderr, words
            assert not (project.directory / "experiments").exists(), words
        assert not (project.directory / "pwned").exists()

    def test_the_traceback_of_a_target_that_does_not_import_is_shown(self, project, register):
        project.commit({"broken.py": "def f():\n    return undefined\n\nf()\n"})
        done = register("broken.py:X", code=2)
        assert "NameError: name 'undefined' is not defined" in done.stderr
        assert "line 2, in f" in done.stderr
        assert "meticulous/declare" not in done.stderr

    def test_yaml_in_files_does_not_run_code_either(self, project, register):
        evil = "lr: !!python/object/apply:os.system ['touch pwned']\n"
        project.commit({"evil.yml": evil})
        register("./simulate.sh", "--defaults", "evil.yml", code=2)
        register("train.py", "evil.yml", code=2)
        assert not (project.directory / "pwned").exists()

    def test_uncommitted_changes_are_refused_once_for_all(self, project, register):
        project.write("train.py", "# changed\n" + (project.directory / "train.py").read_text())
        done = register("train.py", "lr=1,2", code=2)
        assert "modified: train.py" in done.stderr
        assert "meticulous register --dirty snapshot" in done.stderr
        assert "--norecord" not in done.stderr

    def test_many_experiments_are_confirmed_first(self, project, register):
        done = register("train.py", "epochs=range(1000)", "lr=range(1000)", code=2)
        assert "1,000,000 experiments" in done.stderr
        assert "--yes" in done.stderr

    def test_a_secret_that_could_not_be_used_later_is_refused(self, project, register):
        project.write("defaults.yml", "api_key: none\n")
        project.commit()
        words = ["--defaults", "defaults.yml", "api_key=hunter2hunter2"]
        done = register("./simulate.sh", *words, code=2)
        assert "looks like a secret" in done.stderr
        assert "hunter2" not in done.stderr

    @pytest.mark.permissions
    def test_a_directory_that_may_not_be_written_is_named(self, project, register):
        project.directory.chmod(0o500)
        try:
            assert "permission" in register("train.py", "lr=1", code=2).stderr
        finally:
            project.directory.chmod(0o700)


class TestManyPoints:
    def test_with_yes_more_than_a_thousand_are_made(self, project, register):
        register("train.py", "epochs=range(1001)", "--yes")
        assert numbers(project) == list(range(1, 1002))
        assert read(folder_of(project, 1001), "args.json")["epochs"] == 1000

    def test_on_a_terminal_it_is_asked(self, project):
        controller, terminal = os.openpty()
        words = [sys.executable, "-m", "meticulous", "register", "train.py", "epochs=range(2000)"]
        os.write(controller, b"n\n")
        with subprocess.Popen(
            words, cwd=project.directory, stdin=terminal, stdout=terminal, stderr=terminal
        ) as process:
            assert process.wait(timeout=50) == 1
        os.close(terminal)
        assert b"Make 2,000 experiments?" in os.read(controller, 65536)
        os.close(controller)
        assert numbers(project) == []


class TestPrograms:
    """Programs of any language; how they are told their parameters."""

    def test_defaults_come_from_yaml_and_the_point_is_what_is_recorded(self, project, register):
        register("./simulate.sh", "--defaults", "defaults.yml", "{mesh: 32 | 64}")
        folder = folder_of(project, 2)
        assert read(folder, "args.json") == {"mesh": 64, "solver": "cg"}
        assert read(folder, "default_args.json") == {"mesh": 16, "solver": "cg"}
        target = {"kind": "program", "words": ["./simulate.sh"], "form": "options"}
        assert read(folder, "metadata.json")["target"] == target

    def test_any_parameter_may_be_left_out(self, project, register, command):
        text = "{mesh: 3 | null, solver: null | mg}"
        register("./simulate.sh", "--defaults", "defaults.yml", text)
        assert read(folder_of(project, 3), "args.json") == {"mesh": None, "solver": None}
        assert command("launch", "3-4", cwd=project.directory).returncode == 0
        said = [(folder_of(project, n) / "stdout").read_text().splitlines()[0] for n in (3, 4)]
        assert said == ["simulating ", "simulating --solver mg"]

    def test_without_defaults_the_names_of_the_sweep_are_the_parameters(self, project, register):
        register("./simulate.sh", "mesh=1,2")
        assert read(folder_of(project, 2), "args.json") == {"mesh": 2}

    def test_placeholders_stand_in_the_words_behind_the_dashes(self, project, register, command):
        words = ("--size={mesh}", "{{x}}", "{METICULOUS_ARGS}", "a b")
        register("./simulate.sh", "--defaults", "defaults.yml", "mesh=8", "--", *words)
        assert command("launch", cwd=project.directory).returncode == 0
        folder = folder_of(project)
        said = f"simulating --size=8 {{x}} {folder}/args.json a b\ntold by {folder}/args.json\n"
        assert (folder / "stdout").read_text() == said

    def test_odd_values_have_safe_names_and_reach_the_program_unchanged(
        self, project, register, command
    ):
        values = ["a/b", "*", "🙂", "two  words", "it's", '"$HOME"', "-x", "x" * 300]
        listed = " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
        done = register("./simulate.sh", f"{{s: {listed}}}", "--", "[{s}]")
        names = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines()]
        assert not set("".join(names)) & set(" /*'\"$🙂")
        shown = command("launch", names[1], "--dry-run", cwd=project.directory)
        assert shown.stdout == done.stdout.splitlines(keepends=True)[1]
        shown = command("launch", *names, "--dry-run", cwd=project.directory)
        assert shown.stdout == done.stdout
        assert command("launch", cwd=project.directory).returncode == 0
        for number, value in enumerate(values, 1):
            said = (folder_of(project, number) / "stdout").read_text()
            assert said.splitlines()[0] == f"simulating [{value}]"


class TestRunScript:
    def script(self, project, number: int = 1) -> Path:
        return folder_of(project, number) / "run.sh"

    def start(self, *words: object, **options) -> subprocess.CompletedProcess[str]:
        settings = {"capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run([str(word) for word in words], check=False, **settings)

    def test_any_shell_runs_it_from_any_directory(self, project, register, tmp_path):
        register("train.py", "lr=1")
        assert os.access(self.script(project), os.X_OK)
        done = self.start(self.script(project), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert status_of(folder_of(project)) == "SUCCESS"
        assert read(folder_of(project), "summary.json") == {"loss": 1.0}

    def test_header_lines_follow_the_first_line(self, project, register):
        project.commit({"header.txt": "#SBATCH --time=1:00:00\n\nmodule() { :; }\nmodule load x\n"})
        register("train.py", "lr=1", "--header", "header.txt")
        lines = self.script(project).read_text().splitlines()
        assert lines[:3] == ["#!/bin/sh", "#SBATCH --time=1:00:00", ""]
        assert self.start(self.script(project)).returncode == 0

    def test_a_header_may_bring_its_own_first_line(self, project, register):
        project.commit({"header.txt": "#!/bin/bash -l\n#SBATCH --mem=4G"})
        register("train.py", "lr=1", "--header", "header.txt")
        lines = self.script(project).read_text().splitlines()
        assert lines[:2] == ["#!/bin/bash -l", "#SBATCH --mem=4G"]

    def test_a_folder_with_spaces_and_quotes_is_no_obstacle(self, make_repository, command):
        project = make_project(make_repository('it\'s a "project" $HOME;'))
        done = command("register", "train.py", "lr=1", cwd=project.directory)
        assert done.returncode == 0, done.stderr
        assert self.start("sh", self.script(project), cwd="/").returncode == 0
        assert status_of(folder_of(project)) == "SUCCESS"

    def test_a_copy_that_a_scheduler_starts_finds_the_folder(self, project, register, tmp_path):
        register("train.py", "lr=1")
        spooled = tmp_path / "slurm_script"
        spooled.write_text(self.script(project).read_text())
        assert self.start("sh", spooled).returncode == 0
        assert status_of(folder_of(project)) == "SUCCESS"

    def test_in_a_moved_directory_it_finds_its_own_folder(self, project, register, tmp_path):
        register("train.py", "lr=1")
        moved = project.directory.rename(tmp_path / "elsewhere")
        done = self.start("sh", moved / "experiments" / "1" / "run.sh")
        assert done.returncode == 0, done.stderr
        assert status_of(moved / "experiments" / "1") == "SUCCESS"

    def test_away_from_its_folder_it_never_runs_another_one(self, project, register, tmp_path):
        register("train.py", "lr=1,2")
        text = self.script(project).read_text()
        folder_of(project, 1).rename(tmp_path / "away")
        folder_of(project, 2).rename(folder_of(project, 1))
        stray = tmp_path / "run.sh"
        stray.write_text(text)
        done = self.start("sh", stray)
        assert done.returncode == 2
        assert "the folder of this experiment is not found" in done.stderr
        assert status_of(folder_of(project, 1)) == "REGISTERED"

    def test_on_another_machine_it_says_what_is_missing(self, project, register):
        register("train.py", "lr=1")
        script = self.script(project)
        script.write_text(script.read_text().replace(sys.executable, "/no/such/python"))
        done = self.start("sh", script)
        assert done.returncode == 2
        assert "the interpreter /no/such/python is not on this machine" in done.stderr
        env = {**os.environ, "METICULOUS_PYTHON": sys.executable}
        assert self.start("sh", script, env=env).returncode == 0

    def test_without_the_package_it_says_so(self, project, register):
        register("train.py", "lr=1")
        env = {**os.environ, "METICULOUS_PYTHON": "false"}
        done = self.start("sh", self.script(project), env=env)
        assert done.returncode == 2
        assert "has no package meticulous" in done.stderr

    def test_without_its_repository_the_code_is_said_to_be_missing(
        self, project, register, tmp_path
    ):
        register("train.py", "lr=1")
        folder = folder_of(project).rename(tmp_path / "1")
        project.directory.rename(tmp_path / "gone")
        done = self.start("sh", folder / "run.sh", cwd=tmp_path)
        assert done.returncode == 2
        assert "repository" in done.stderr
        assert status_of(folder) == "REGISTERED"


class TestAtOnce:
    def test_two_registers_at_once_give_every_experiment_its_own_number_and_name(
        self, project, command
    ):
        words = [sys.executable, "-m", "meticulous", "register", "train.py", "epochs=range(50)"]
        both = [
            subprocess.Popen(
                words, cwd=project.directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for _ in range(2)
        ]
        for process in both:
            _, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
        assert numbers(project) == list(range(1, 101))
        names = {read(folder_of(project, n), "metadata.json")["name"] for n in numbers(project)}
        assert len(names) == 100
        assert not (project.directory / "experiments" / ".registering").exists()

    @pytest.mark.parametrize("count", [0, 50, 150])
    def test_a_killed_register_leaves_nothing_half(self, project, register, command, count):
        place = project.directory / "experiments"
        words = [sys.executable, "-m", "meticulous", "register", "train.py", "epochs=range(200)"]
        process = subprocess.Popen(
            words, cwd=project.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def has_written() -> bool:
            staged = list(place.glob(".registering/*/[0-9]*"))
            return process.poll() is not None or len(staged) > count

        wait_until(has_written)
        process.kill()
        process.wait()
        listed = command("list", "--json", "--all", cwd=project.directory).stdout
        assert listed.count('"REGISTERED"') in (0, 200) or (place / ".registering").exists()
        register("train.py", "lr=1")
        assert not (place / ".registering").exists()
        statuses = [status_of(folder_of(project, n)) for n in numbers(project)]
        assert set(statuses) == {"REGISTERED"}
        assert len(statuses) in (1, 201)
