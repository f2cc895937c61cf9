"""What a start checks, writes and refuses; what it refuses leaves nothing behind."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from forked_programs import carry_out
from waiting import wait_until

import meticulous
from meticulous import DirtyRepoException, Experiment, MismatchedArgsException
from meticulous.errors import (
    BareRepositoryError,
    ExperimentRunningError,
    ExperimentsDirectoryError,
    GitNotInstalledError,
    InvalidExperimentIdError,
    InvalidOptionError,
    MismatchedCommitException,
    NoCommitsError,
    NoRepositoryError,
    UnreadableRecordError,
    UnsafeRepositoryError,
)

SWEEP = {"experiments_directory": "sweep"}


def read(folder: str | os.PathLike[str], name: str):
    return json.loads(Path(folder, name).read_text())


@pytest.fixture
def start(repository):
    """Start an experiment in the repository, without touching pytest's own streams."""

    def begin(args=None, **options):
        options = {"project_directory": repository.directory, "capture": "none", **options}
        return Experiment(args or {}, **options)

    return begin


class TestFolder:
    """The numbered folder and what is in it at the start."""

    def test_it_holds_what_is_known(self, repository, start):
        with start({"lr": 0.2}, default_args={"lr": 0.1}, description="why", tags=["a"]) as run:
            assert run.directory == repository.directory / "experiments" / "1"
            assert run.curexpdir == str(run.directory)
            assert read(run.directory, "args.json") == {"lr": 0.2}
            assert read(run.directory, "default_args.json") == {"lr": 0.1}
            assert (run.directory / "STATUS").read_text() == "RUNNING\n"
            metadata = read(run.directory, "metadata.json")
        assert metadata["githead-sha"] == repository.head
        assert metadata["githead-message"] == "first commit\n"
        assert metadata["description"] == "why"
        assert metadata["command"] == sys.argv
        assert metadata["git-branch"] == "main"
        assert metadata["experiment-id"] == "1"
        assert metadata["format"] == 1
        assert metadata["tags"] == ["a"]
        assert metadata["pid"] == os.getpid()
        assert metadata["project-directory"] == "."
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", metadata["start-time"])
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab].*", metadata["uid"])

    def test_numbers_go_up(self, start):
        for number in ("1", "2", "3"):
            with start() as run:
                assert run.directory.name == number

    def test_a_number_is_never_given_twice(self, start):
        import shutil

        for _ in range(3):
            with start() as run:
                pass
        wait_until((run.directory / "environment.json").exists)
        shutil.rmtree(run.directory)
        with start() as run:
            assert run.directory.name == "4"

    def test_numbering_goes_on_after_folders_of_an_older_recorder(self, repository, start):
        for name in ("3", "11", "named", "007"):
            (repository.directory / "experiments" / name).mkdir(parents=True)
        with start() as run:
            assert run.directory.name == "12"

    def test_numbering_passes_over_folders_that_were_copied_in(self, repository, start):
        with start():
            pass
        for name in ("2", "3"):
            (repository.directory / "experiments" / name).mkdir()
        with start() as run:
            assert run.directory.name == "4"

    def test_sixty_four_at_once_get_sixty_four_numbers(self, repository):
        program = (
            "import os, sys\nfrom meticulous import Experiment\n"
            "with Experiment({}): pass\n"
            "until_closed, gate = os.pipe()\n"
            "for _ in range(64):\n"
            "    if not os.fork():\n"
            "        os.close(gate), os.read(until_closed, 1)\n"
            "        with Experiment({}) as experiment: print(experiment.directory.name)\n"
            "        sys.exit()\n"
            "os.close(gate)\n"
            "for _ in range(64): os.wait()\n"
        )
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(map(int, done.stdout.split())) == list(range(2, 66))
        folders = repository.directory / "experiments"
        assert sorted(int(p.name) for p in folders.iterdir() if p.name[0] != ".") == list(
            range(1, 66)
        )
        for number in range(1, 66):
            assert (folders / str(number) / "STATUS").read_text() == "SUCCESS\n"
            assert read(folders / str(number), "metadata.json")["exit-code"] is None

    def test_the_environment_is_complete_after_a_run_of_milliseconds(self, repository):
        repository.commit({"main.py": "from meticulous import Experiment\nExperiment({})"})
        repository.python("main.py", check=True)
        folder = repository.directory / "experiments/1"
        wait_until(lambda: (folder / "environment.json").exists())
        environment = read(folder, "environment.json")
        assert environment["python"]["version"].startswith(sys.version.split()[0])
        assert "orjson" in {package["name"] for package in environment["packages"]}
        assert "orjson==" in (folder / "requirements.txt").read_text()

    def test_children_find_the_folder_in_the_environment(self, repository, start):
        assert "METICULOUS_EXPERIMENT" not in os.environ
        with start() as outer:
            assert os.environ["METICULOUS_EXPERIMENT"] == outer.curexpdir
            with start() as inner:
                assert os.environ["METICULOUS_EXPERIMENT"] == inner.curexpdir
            assert os.environ["METICULOUS_EXPERIMENT"] == outer.curexpdir
        assert "METICULOUS_EXPERIMENT" not in os.environ


class TestPlaces:
    """Where the repository is found and the folders go."""

    def test_the_repository_is_searched_upwards(self, repository, start):
        project = repository.directory / "a" / "b"
        project.mkdir(parents=True)
        with start(project_directory=project) as run:
            assert run.directory == project / "experiments" / "1"
            assert run.repo_directory == str(repository.directory)
            assert run.project_directory == str(project)
            assert run.experiments_directory == str(project / "experiments")
        assert read(run.directory, "metadata.json")["project-directory"] == "a/b"

    def test_a_relative_experiments_directory_is_made_with_its_parents(self, repository, start):
        with start(experiments_directory="results/deep/runs") as run:
            assert run.directory == repository.directory / "results/deep/runs/1"

    def test_an_absolute_one_may_lie_outside(self, start, tmp_path):
        with start(experiments_directory=tmp_path / "elsewhere") as run:
            assert run.directory == tmp_path / "elsewhere" / "1"
        assert not (tmp_path / "elsewhere" / ".gitignore").exists()

    def test_the_repository_object_is_gitpythons(self, repository, start):
        with start() as run:
            assert run.repo.head.commit.hexsha == repository.head

    @pytest.mark.parametrize("name", ["with space, ünï, \U0001f600", "new\nline, quo'te\""])
    def test_any_folder_name_works(self, make_repository, name):
        repository = make_repository(name)
        with Experiment({}, project_directory=repository.directory, capture="none") as run:
            run.summary({"done": True})
        assert read(run.directory, "summary.json") == {"done": True}
        assert read(run.directory, "metadata.json")["githead-sha"] == repository.head

    def test_from_inside_the_experiments_directory_it_is_the_same(self, start, monkeypatch):
        with start() as run:
            monkeypatch.chdir(run.directory)
            with start(project_directory="") as inner:
                assert inner.directory == run.directory.parent / "2"
                assert inner.metadata["project-directory"] == "experiments/1"

    def test_a_name_of_its_own_inside_another_one_is_warned_about(self, start, capsys):
        with start() as run, start(project_directory=run.directory.parent, **SWEEP) as inner:
            assert inner.directory == run.directory.parent / "sweep" / "1"
        (warning,) = read(inner.directory, "metadata.json")["warnings"]
        assert f"lies inside {run.directory.parent}" in warning
        assert warning in capsys.readouterr().err

    def test_a_second_directory_of_the_name_is_warned_about_once(self, repository, start):
        project = repository.directory / "sub"
        project.mkdir()
        with start() as first, start(project_directory=project) as second:
            assert second.directory == project / "experiments" / "1"
        (warning,) = read(second.directory, "metadata.json")["warnings"]
        assert f"to go on in {first.directory.parent}" in warning
        with start(project_directory=project) as third:
            assert third.directory == project / "experiments" / "2"
        assert "warnings" not in read(third.directory, "metadata.json")

    @pytest.mark.parametrize("kind", ["absolute", "below another"])
    def test_what_was_asked_for_in_so_many_words_is_no_matter(self, repository, start, kind):
        place = {
            "absolute": repository.directory / "sub/experiments",
            "below another": "experiments/b",
        }
        with start(), start(experiments_directory=place[kind]) as run:
            assert run.directory == repository.directory / place[kind] / "1"
        assert "warnings" not in read(run.directory, "metadata.json")

    @pytest.mark.parametrize("place", [".", "", ".."])
    def test_the_project_itself_is_no_experiments_directory(self, start, repository, place):
        with pytest.raises(InvalidOptionError, match="holds the"):
            start(experiments_directory=place)
        assert os.listdir(repository.directory) == os.listdir(repository.directory)
        assert not (repository.directory / ".gitignore").exists()


class TestIgnoring:
    """The experiments directory keeps itself out of git."""

    def test_it_ignores_itself_and_the_projects_gitignore_is_not_touched(self, repository, start):
        with start():
            pass
        assert repository.git("status", "--porcelain", "--ignored=no") == ""
        assert not (repository.directory / ".gitignore").exists()
        assert (repository.directory / "experiments/.gitignore").read_text() == "*\n"

    def test_where_it_is_ignored_already_nothing_is_written(self, repository, start):
        repository.commit({".gitignore": "experiments/\n"})
        (repository.directory / "experiments").mkdir()
        with start():
            pass
        assert not (repository.directory / "experiments/.gitignore").exists()

    def test_a_directory_shared_with_other_files_does_not_hide_them(self, repository, start):
        repository.commit({"results/paper.tex": "text"})
        repository.write("results/new.tex", "text")
        with start(experiments_directory="results"):
            pass
        status = repository.git("status", "--porcelain", "--untracked-files=all")
        assert status == "?? results/.numbers\n?? results/new.tex\n" or (
            status == "?? results/new.tex\n"
        )

    def test_a_second_run_needs_no_commit(self, repository, start):
        for _ in range(2):
            with start() as run:
                run.summary({"a": 1})


class TestRefusals:
    """A record that would be a lie is refused before anything is made."""

    def refuse(self, start, repository, error, **options) -> str:
        with pytest.raises(error) as caught:
            start(**options)
        assert not (repository.directory / "experiments").exists()
        return str(caught.value)

    def test_a_modified_file(self, repository, start):
        repository.write("README", "changed")
        message = self.refuse(start, repository, DirtyRepoException)
        assert "modified: README" in message
        for way_out in ("commit", "snapshot", "norecord"):
            assert way_out in message

    def test_a_staged_file(self, repository, start):
        repository.write("new.py")
        repository.git("add", "new.py")
        assert "new.py" in self.refuse(start, repository, DirtyRepoException)

    def test_the_ways_out_are_those_that_the_program_has(self, repository):
        ways = {
            "Experiment({})": 'Experiment(..., dirty="snapshot")',
            "Experiment.from_parser(parser)": 'Experiment(..., dirty="snapshot")',
            "Experiment.add_argument_group(parser); Experiment.from_parser(parser)": (
                '--dirty snapshot (in code: dirty="snapshot")'
            ),
            "parser.add_argument('--dirty', type=int); Experiment.add_argument_group(parser)\n"
            "Experiment({}, **Experiment.extract_meticulous_args(parser))": (
                '--meticulous-dirty snapshot (in code: dirty="snapshot")'
            ),
        }
        begin = (
            "import argparse\nfrom meticulous import Experiment\n"
            "open('README', 'a').write('changed')\nparser = argparse.ArgumentParser()\n"
        )
        outcomes = carry_out(repository, [begin + script for script in ways], begin="")
        for outcome, way_out in zip(outcomes, ways.values(), strict=True):
            assert f"    keep a snapshot:        {way_out}\n" in outcome.errors
        assert not (repository.directory / "experiments").exists()

    @pytest.mark.parametrize(
        ("call", "debug"),
        [
            ("Experiment({})", False),
            ("Experiment({})", True),
            ("Experiment.from_parser(parser)", False),
        ],
    )
    def test_the_traceback_ends_at_the_programs_own_line(self, repository, call, debug):
        text = (
            "import argparse\nfrom meticulous import Experiment\n"
            f"parser = argparse.ArgumentParser()\n{call}\n"
        )
        repository.commit({"main.py": text})
        (repository.directory / "experiments").write_text("a file")
        done = repository.python("main.py", env={"METICULOUS_DEBUG": "1"} if debug else {})
        assert done.returncode == 1
        assert "a file of that name is there" in done.stderr.splitlines()[-1]
        files = re.findall(r'File "([^"]+)"', done.stderr)
        assert (len(files) > 1) is debug
        assert files[0] == str(repository.directory / "main.py")

    def test_an_untracked_main_script(self, repository):
        repository.write("main.py", "from meticulous import Experiment\nExperiment({})")
        done = repository.python("main.py")
        assert "main.py is not tracked by git" in done.stderr
        assert not (repository.directory / "experiments").exists()

    def test_a_merge_in_progress(self, repository, start):
        repository.git("checkout", "-q", "-b", "other")
        repository.commit({"README": "theirs"})
        repository.git("checkout", "-q", "main")
        repository.commit({"README": "ours"})
        repository.git("merge", "other", check=False)
        message = self.refuse(start, repository, DirtyRepoException)
        assert "merge is in progress" in message

    def test_untracked_files_that_are_not_the_program_do_not_matter(self, repository, start):
        repository.write("data.csv")
        with start() as run:
            assert run.directory.name == "1"

    def test_no_repository(self, tmp_path):
        with pytest.raises(NoRepositoryError, match="git init"):
            Experiment({}, project_directory=tmp_path)

    def test_no_commits(self, make_repository):
        repository = make_repository(commit=False)
        with pytest.raises(NoCommitsError, match="commit"):
            Experiment({}, project_directory=repository.directory)

    def test_a_bare_repository(self, make_repository):
        repository = make_repository("bare.git", "--bare", commit=False)
        with pytest.raises(BareRepositoryError):
            Experiment({}, project_directory=repository.directory)

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
    def test_somebody_elses_repository(self, repository):
        subprocess.run(["chown", "-R", "12345", repository.directory], check=True)
        with pytest.raises(UnsafeRepositoryError, match=r"safe\.directory"):
            Experiment({}, project_directory=repository.directory)

    def test_git_is_not_installed(self, repository, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(GitNotInstalledError):
            Experiment({}, project_directory=repository.directory)

    def test_an_id_that_is_no_folder_name(self, repository, start):
        names = ["a/b", "..", ".", ".hidden", "/abs", "a\nb", " a", "x" * 300, "a\\b", "a\0b"]
        for name in names:
            self.refuse(start, repository, InvalidExperimentIdError, experiment_id=name)

    def test_an_id_that_is_one(self, start):
        for name in ("007", "a b", "ünï", "a.b", "baseline-2", "\U0001f600"):
            with start(experiment_id=name) as run:
                assert run.directory.name == name

    @pytest.mark.parametrize("option", ["dirty", "capture", "on_error"])
    def test_a_value_that_is_not_known(self, repository, start, option):
        message = self.refuse(start, repository, InvalidOptionError, **{option: "perhaps"})
        assert option in message

    def test_a_file_in_the_place_of_the_directory(self, repository, start):
        repository.commit({"results": "a file"})
        with pytest.raises(ExperimentsDirectoryError, match="a file"):
            start(experiments_directory="results")

    def test_a_full_disk(self, repository, start):
        if not os.path.exists("/dev/full"):
            pytest.skip("no /dev/full")
        with pytest.raises(ExperimentsDirectoryError):
            start(experiments_directory="/dev/full/experiments")

    def test_a_folder_that_cannot_be_written_is_removed_again(self, repository, start):
        # A folder in the place of the first file makes that one write fail.
        program = (
            "import os, sys\nfrom meticulous import Experiment\n"
            "import meticulous.folder.writing as writing\n"
            "sys.dont_write_bytecode = True\nimport resource\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "try: Experiment({'a': 'x' * 1000})\n"
            "except OSError as error: print(type(error).__name__, error)\n"
            "print(sorted(n for n in os.listdir('experiments') if n[0] != '.'))\n"
        )
        repository.commit({"main.py": program})
        done = repository.python("main.py", check=True)
        assert "ExperimentsDirectoryError" in done.stdout
        assert done.stdout.splitlines()[-1] == "[]"

    @pytest.mark.parametrize(
        "command",
        [
            '"$0" -c "from meticulous import Experiment; Experiment({})"',
            '"$0" -m meticulous run -- echo hi',
        ],
        ids=["Experiment", "run"],
    )
    def test_a_working_directory_that_was_removed(self, repository, command):
        gone = repository.directory / "gone"
        gone.mkdir()
        words = ["sh", "-c", f"rmdir ../gone; {command}", sys.executable]
        done = subprocess.run(words, cwd=gone, capture_output=True, text=True)
        assert done.returncode in (1, 2)
        assert "The working directory has been removed" in done.stderr
        assert "bug" not in done.stderr

    @pytest.mark.permissions
    def test_a_read_only_directory(self, repository, start):
        (repository.directory / "experiments").mkdir(mode=0o555)
        with pytest.raises(ExperimentsDirectoryError, match="permission"):
            start()


class TestSnapshot:
    """dirty="snapshot" keeps the working tree without touching anything."""

    def test_a_dirty_tree_is_kept(self, repository, start):
        repository.write("README", "changed")
        repository.write("new.py", "print()")
        with start(dirty="snapshot") as run:
            snapshot = run.metadata["git-snapshot"]
        assert repository.git("show", f"{snapshot}:README") == "changed"
        assert repository.git("show", f"{snapshot}:new.py") == "print()"
        assert repository.git("status", "--porcelain").splitlines() == [" M README", "?? new.py"]
        assert run.metadata["githead-sha"] == repository.head

    def test_a_clean_tree_needs_none(self, start):
        with start(dirty="snapshot") as run:
            assert run.metadata["git-snapshot"] is None

    def test_the_same_tree_gives_the_same_snapshot(self, repository, start):
        repository.write("README", "changed")
        shas = set()
        for _ in range(2):
            with start(dirty="snapshot") as run:
                shas.add(run.metadata["git-snapshot"])
        assert len(shas) == 1

    def test_modules_in_the_snapshot_count_as_tracked(self, repository):
        program = "from meticulous import Experiment\nExperiment({}, dirty='snapshot')\nimport m"
        repository.commit({"main.py": program})
        repository.write("m.py")
        done = repository.python("main.py", check=True)
        assert done.stderr == ""
        metadata = read(repository.directory / "experiments/1", "metadata.json")
        assert metadata["git-untracked-sources"] == []


class TestResume:
    """An experiment id whose folder exists is resumed."""

    def test_everything_earlier_is_kept(self, start):
        with start({"lr": 1}, experiment_id="a", tags=["x"]) as run:
            run.log(loss=1.0)
            run.summary({"first": 1})
        uid = run.metadata["uid"]
        with start({"lr": 1}, experiment_id="a", tags=["y"]) as run:
            run.log(loss=0.5)
            run.summary({"second": 2})
        metadata = read(run.directory, "metadata.json")
        assert metadata["uid"] == uid
        assert [attempt["status"] for attempt in metadata["attempts"]] == ["SUCCESS", "SUCCESS"]
        assert metadata["tags"] == ["x", "y"]
        assert read(run.directory, "summary.json") == {"first": 1, "second": 2}
        lines = [json.loads(line) for line in (run.directory / "metrics.jsonl").open()]
        assert [(line["step"], line["loss"]) for line in lines] == [(0, 1.0), (1, 0.5)]

    def test_output_is_appended(self, repository):
        program = (
            "from meticulous import Experiment\nExperiment({}, experiment_id='a')\nprint('x')\n"
        )
        repository.commit({"main.py": program})
        for _ in range(2):
            assert repository.python("main.py", check=True).stdout == "x\n"
        assert (repository.directory / "experiments/a/stdout").read_text() == "x\nx\n"

    def test_other_arguments_are_refused_and_named_with_both_values(self, start):
        with start({"lr": 0.1, "k": 1, "old": True}, experiment_id="a"):
            pass
        with pytest.raises(MismatchedArgsException) as caught:
            start({"lr": 0.2, "k": 1, "new": "n"}, experiment_id="a")
        message = str(caught.value)
        assert "lr: recorded 0.1, now 0.2" in message
        assert "old: recorded true, now (absent)" in message
        assert 'new: recorded (absent), now "n"' in message
        assert "k:" not in message

    def test_another_commit_is_refused(self, repository, start):
        with start(experiment_id="a"):
            pass
        before = repository.head
        repository.commit({"README": "more"})
        with pytest.raises(MismatchedCommitException, match=before):
            start(experiment_id="a")

    def test_another_snapshot_is_refused_and_the_same_resumed(self, repository, start):
        repository.write("README", "one")
        with start(experiment_id="a", dirty="snapshot"):
            pass
        with start(experiment_id="a", dirty="snapshot") as run:
            assert len(run.metadata["attempts"]) == 2
        repository.write("README", "two")
        with pytest.raises(MismatchedCommitException):
            start(experiment_id="a", dirty="snapshot")

    def test_one_that_still_runs_is_refused(self, start):
        with start(experiment_id="a"), pytest.raises(ExperimentRunningError, match="still running"):
            start(experiment_id="a")

    def test_one_that_was_killed_is_resumed_and_its_attempt_called_lost(self, repository, start):
        program = (
            "import os\nfrom meticulous import Experiment\n"
            "Experiment({}, experiment_id='a')\nos.kill(os.getpid(), 9)\n"
        )
        repository.commit({"main.py": program})
        repository.python("main.py")
        with start(experiment_id="a") as run:
            words = [attempt.get("status") for attempt in run.metadata["attempts"]]
            assert words[0] == "LOST"

    def test_of_two_who_resume_at_once_one_is_refused(self, repository, start):
        with start(experiment_id="a"):
            pass
        program = (
            "import sys\nfrom meticulous import Experiment\n"
            "Experiment({}, experiment_id='a')\nprint('in', flush=True)\nsys.stdin.read()\n"
        )
        repository.write("main.py", program)
        repository.git("add", "-A")
        repository.git("commit", "-q", "--amend", "-m", "amended")
        first = read(repository.directory / "experiments/a", "metadata.json")
        first["githead-sha"] = repository.head
        (repository.directory / "experiments/a/metadata.json").write_text(json.dumps(first))
        processes = [
            subprocess.Popen(
                [sys.executable, "main.py"],
                cwd=repository.directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        losers = [p for p in processes if p.stdout and p.stdout.readline() == ""]
        assert len(losers) == 3
        for process in processes:
            _, errors = process.communicate()
            assert (process in losers) == ("ExperimentRunningError" in errors)

    def test_a_folder_of_the_original_recorder_is_resumed(self, repository, start):
        folder = repository.directory / "experiments/old"
        folder.mkdir(parents=True)
        (folder / "args.json").write_text('{"lr": 0.1}')
        (folder / "metadata.json").write_text(
            json.dumps({"githead-sha": repository.head, "start-time": "2020-01-01T00:00:00"})
        )
        (folder / "STATUS").write_text("ERROR\nsys.exit(1)")
        with start({"lr": 0.1}, experiment_id="old") as run:
            assert run.metadata["attempts"][0]["start-time"] == "2020-01-01T00:00:00"
            assert run.metadata["attempts"][0]["status"] == "ERROR"

    def test_a_folder_that_is_no_record_is_refused(self, repository, start):
        (repository.directory / "experiments/mine").mkdir(parents=True)
        with pytest.raises(UnreadableRecordError, match=r"metadata\.json"):
            start(experiment_id="mine")
        assert os.listdir(repository.directory / "experiments/mine") == []


class TestNorecord:
    """norecord=True does nothing to disk, git, streams or hooks; every method still works."""

    def test_every_method_works_and_nothing_is_written(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        streams = sys.stdout, sys.stderr, sys.excepthook
        with Experiment({"a": 1}, norecord=True, on_error="continue") as run:
            assert (sys.stdout, sys.stderr, sys.excepthook) == streams
            run.log(loss=1.0)
            run.summary({"b": 2})
            run.note("text")
            assert run.args.a == 1
            assert run.norecord
            assert run.curexpdir == "."
            assert run.directory == Path(".")
            assert run.repo is None
            assert run.metadata == {}
            with run.open("file.txt", "w") as file:
                file.write("x")
            run.finish()
        assert os.listdir(tmp_path) == ["file.txt"]

    def test_a_program_without_git_runs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", "")
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from meticulous import Experiment; Experiment({}, norecord=True)",
            ],
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0


class TestParser:
    """One line turns an argparse script into a recorded one."""

    def parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("data", type=Path)
        Experiment.add_argument_group(parser)
        return parser

    def begin(self, repository, words, **overrides):
        overrides = {"project_directory": repository.directory, "capture": "none", **overrides}
        return Experiment.from_parser(self.parser(), words, **overrides)

    def test_args_are_the_programs_own(self, repository):
        with self.begin(repository, ["d.csv", "--lr", "0.2", "--description", "x"]) as run:
            assert run.args == {"lr": 0.2, "data": Path("d.csv")}
            assert run.args.data == Path("d.csv")
            assert run.default_args == {"lr": 0.1, "data": None}
            assert run.metadata["description"] == "x"
        assert read(run.directory, "args.json") == {"lr": 0.2, "data": "d.csv"}

    def test_the_command_line_outranks_overrides_and_they_outrank_defaults(self, repository):
        words = ["d", "--experiments-directory", "given"]
        overrides = {"experiments_directory": "override", "description": "override"}
        with self.begin(repository, words, **overrides) as run:
            assert run.directory.parent.name == "given"
            assert run.metadata["description"] == "override"

    def test_defaults_need_not_be_kept(self, repository):
        with self.begin(repository, ["d"], capture_defaults=False) as run:
            assert run.default_args == {}

    def test_norecord_on_the_command_line(self, repository):
        with self.begin(repository, ["d", "--norecord"]) as run:
            assert run.norecord
        assert not (repository.directory / "experiments").exists()

    def test_unknown_words_can_be_tolerated(self, repository):
        with self.begin(repository, ["d", "--other", "3"], known_args=True) as run:
            assert run.args.lr == 0.1

    def test_the_recorders_options_can_be_had_alone(self):
        options = Experiment.extract_meticulous_args(self.parser(), ["d", "--experiment-id", "a"])
        assert options["experiment_id"] == "a"
        assert "lr" not in options

    def test_a_subclass_makes_its_own_kind(self, repository):
        class Special(Experiment):
            pass

        with Special.from_parser(
            self.parser(), ["d"], project_directory=repository.directory, capture="none"
        ) as run:
            assert type(run) is Special


class TestHotPath:
    """Importing and starting load nothing heavy and install nothing at import."""

    HEAVY = ("pandas", "numpy", "torch", "rich", "git", "orjson", "psutil", "click", "dataclasses",
             "inspect", "logging", "importlib.metadata", "asyncio", "ssl", "tempfile")  # fmt: skip

    def loaded(self, repository, statements: str) -> set[str]:
        repository.commit({"main.py": f"{statements}\nimport sys\nprint(*sorted(sys.modules))"})
        return set(repository.python("-S", "main.py", check=True).stdout.split())

    def test_importing_loads_nothing_heavy(self, repository):
        loaded = self.loaded(repository, "from meticulous import Experiment")
        assert not loaded.intersection(self.HEAVY)
        assert "meticulous.git" not in loaded
        assert "threading" not in loaded
        assert "subprocess" not in loaded

    def test_a_whole_run_loads_nothing_heavy(self, repository):
        statements = (
            "from meticulous import Experiment\nwith Experiment({'a': 1}) as e: e.summary(b=1)"
        )
        assert not self.loaded(repository, statements).intersection(self.HEAVY)

    def test_importing_installs_nothing(self, repository):
        program = (
            "import atexit, signal, sys, threading\n"
            "def state():\n"
            "    signals = [signal.getsignal(n) for n in range(1, 32) if n not in (9, 19)]\n"
            "    return (sys.excepthook, sys.stdout, sys.stderr, threading.excepthook, signals,\n"
            "            threading.active_count(), atexit._ncallbacks(), list(sys.meta_path))\n"
            "before = state()\n"
            "import meticulous\nfrom meticulous import Experiment\n"
            "print(state() == before)\n"
            "import logging\nprint(logging.getLogger('meticulous').handlers)\n"
        )
        repository.commit({"main.py": program})
        assert repository.python("main.py", check=True).stdout == "True\n[]\n"

    def test_a_finished_run_leaves_nothing_installed(self, repository):
        program = (
            "import os, signal, sys, threading\nfrom meticulous import Experiment\n"
            "def state():\n"
            "    signals = [signal.getsignal(n) for n in range(1, 32) if n not in (9, 19)]\n"
            "    return (sys.excepthook, sys.stdout, sys.stderr, threading.excepthook, signals,\n"
            "            threading.active_count(), os.listdir('/proc/self/fd'), dict(os.environ),\n"
            "            os.getcwd())\n"
            "with Experiment({}): pass\n"
            "before = state()\nwith Experiment({}): pass\n"
            "print(state() == before)\n"
        )
        repository.commit({"main.py": program})
        assert repository.python("main.py", check=True).stdout == "True\n"

    def test_the_public_names_are_these(self):
        assert sorted(meticulous.__all__) == [
            "DirtyRepoException",
            "Experiment",
            "ExperimentReader",
            "Experiments",
            "MeticulousError",
            "MismatchedArgsException",
            "MismatchedCommitException",
            "Param",
            "TimeLimitReached",
            "__version__",
            "any_of",
            "declaration_of",
            "launch",
            "main",
            "param",
            "register",
        ]
        for name in meticulous.__all__:
            assert getattr(meticulous, name) is not None
        assert set(meticulous.__all__) <= set(dir(meticulous))
