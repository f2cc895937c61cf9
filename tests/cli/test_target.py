"""`meticulous target` and `meticulous config`: what a user sets up once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from registered import folder_of, make_project, read


@pytest.fixture
def project(repository):
    return make_project(repository)


@pytest.fixture
def meticulous(project, command, tmp_path):
    """Return a function that runs a command in the project and returns the finished process."""

    def run(*words: str, code: int = 0, cwd: Path | None = None):
        done = command(*words, cwd=cwd or project.directory, XDG_CONFIG_HOME=str(tmp_path / "conf"))
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


class TestTargets:
    def test_a_name_stands_for_a_target_wherever_one_is(self, project, meticulous):
        meticulous("target", "add", "train", "train.py")
        assert meticulous("target", "list").stdout.splitlines()[1].split() == [
            "train",
            f"{project.directory}/train.py:Train",
        ]
        (project.directory / "below").mkdir()
        meticulous("register", "train", "lr=1", cwd=project.directory / "below")
        target = read(project.directory / "below" / "experiments" / "1", "metadata.json")["target"]
        assert (target["file"], target["name"]) == ("train.py", "Train")

    def test_a_target_that_cannot_be_loaded_gets_no_name(self, meticulous):
        assert "no 'X'" in meticulous("target", "add", "t", "train.py:X", code=2).stderr
        assert "No target has a name" in meticulous("target", "list").stderr

    @pytest.mark.parametrize("name", ["a/b", "train.py", "a:b", "", "../x"])
    def test_a_name_that_could_mean_something_else_is_refused(self, meticulous, name):
        assert "is no name" in meticulous("target", "add", name, "train.py", code=2).stderr

    def test_removing_what_is_not_there_names_the_nearest(self, meticulous):
        meticulous("target", "add", "train", "train.py")
        assert "'train'" in meticulous("target", "remove", "trian", code=2).stderr
        meticulous("target", "remove", "train")
        assert meticulous("target", "list").stdout == ""

    def test_several_added_at_once_are_all_kept(self, project, meticulous, tmp_path):
        env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "conf")}
        both = [
            subprocess.Popen(
                [sys.executable, "-m", "meticulous", "target", "add", f"t{n}", "train.py"],
                cwd=project.directory,
                env=env,
                stderr=subprocess.DEVNULL,
            )
            for n in range(5)
        ]
        assert [process.wait(timeout=60) for process in both] == [0] * 5
        assert len(meticulous("target", "list").stdout.splitlines()) == 6


class TestConfig:
    def test_jobs_and_header_count_for_commands(self, project, meticulous):
        project.commit({"header.txt": "#SBATCH --mem=4G\n"})
        meticulous("config", "set", "header", "header.txt", "--user")
        meticulous("config", "set", "jobs", "2")
        meticulous("register", "train.py", "lr=1,2")
        assert "#SBATCH --mem=4G" in (folder_of(project) / "run.sh").read_text()
        meticulous("launch")
        listed = meticulous("config", "list").stdout
        assert f"{project.directory}/header.txt" in listed

    def test_a_configured_header_that_is_gone_is_an_error_before_anything_is_made(
        self, project, meticulous, tmp_path
    ):
        header = tmp_path / "header.txt"
        header.write_text("#SBATCH\n")
        meticulous("config", "set", "header", str(header))
        header.unlink()
        assert "header.txt cannot be read" in meticulous("register", "train.py", code=2).stderr
        assert not (project.directory / "experiments").exists()

    def test_an_unknown_setting_is_refused_with_the_nearest(self, meticulous):
        assert "Did you mean 'jobs'" in meticulous("config", "get", "jbs", code=2).stderr
        assert meticulous("config", "get", "jobs").stdout == "1\n"
        meticulous("config", "unset", "jobs", code=1)
