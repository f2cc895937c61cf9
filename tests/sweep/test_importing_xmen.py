"""Importing from xmen: what becomes of each experiment, and that nothing goes wrong half way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import xmen_folders as xmen
from untouched import fingerprint
from waiting import wait_until

from meticulous.errors import ExperimentsDirectoryError, NoRoomError
from meticulous.folder.hashing import read_sums, sha256_of
from meticulous.reader import find_records, read_contents, read_record
from meticulous.sweep.importing.xmen import XmenImport


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    return xmen.second_set(tmp_path / "hello")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project" / "experiments"


def imported(source: Path, **options) -> dict[str, tuple[str, str]]:
    """Import a folder; return what became of each experiment, and its number."""
    return {
        item.name: (item.what, item.id) for item in XmenImport(str(source), **options).carry_out()
    }


def read(folder: Path, name: str):
    """Return a JSON file of a record."""
    return json.loads((folder / name).read_bytes())


class TestASet:
    def test_all_become_ordinary_experiments_in_the_order_of_their_start(self, hello, place):
        before = fingerprint(hello)
        done = imported(hello)
        assert done == {
            "a=Old__b=World": ("new", "1"),
            "a=Bye__b=Planet": ("new", "2"),
            "a=Hello__b=World": ("new", "3"),
            "a=Hello__b=Planet": ("new", "4"),
            "a=Bye__b=World": ("new", "5"),
        }
        assert fingerprint(hello) == before
        records = {record.id: record for record in find_records(place)}
        assert all(record.problems == [] for record in records.values())
        assert [records[number].status for number in "12345"] == [
            "SUCCESS",
            "UNKNOWN",
            "SUCCESS",
            "ERROR",
            "REGISTERED",
        ]
        assert records["1"].tags == ["unlinked"]
        assert {record.metadata["name"] for record in records.values()} == set(done)
        assert sorted(path.name for path in place.iterdir()) == [".numbers", *"12345"]

    def test_a_record_holds_what_xmen_recorded(self, hello, place):
        imported(hello / "a=Hello__b=World")
        folder = place / "1"
        record, contents = read_record(folder), read_contents(folder)
        assert record.args == {"a": "Hello", "b": "World"}
        assert record.default_args == {"a": "Hello", "b": "World"}
        assert read(folder, "summary.json") == {
            "length": 10,
            "loss": 0.25,
            "best": "NaN",
            "e": "3/10",
        }
        assert (record.description, record.duration) == ("Hello world", 3.5)
        assert record.metadata["githead-sha"] == xmen.COMMIT
        assert record.metadata["experiment-id"] == "1"
        assert record.metadata["imported-from"]["path"] == str(hello / "a=Hello__b=World")
        assert record.metadata["imported-from"]["stdout"] == "out.txt"
        assert [note["text"] for note in contents.notes] == ["odd spike", "second: look"]
        assert (folder / "stdout").read_text() == "Hello World\n"
        assert (folder / "checkpoints" / "10.pt").read_bytes() == bytes(range(256))
        assert contents.environment["platform"]["release"] == "5.4.0-65-generic"
        assert contents.environment["variables"] == {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "OMP_NUM_THREADS": "4",
        }

    def test_files_that_would_mean_something_else_go_aside(self, hello, place):
        source = hello / "a=Hello__b=World"
        for name in ("STATUS", "args.json", "metrics.jsonl", ".gitignore"):
            (source / name).write_text("theirs")
        imported(source)
        aside = place / "1" / "from-xmen"
        assert sorted(path.name for path in aside.iterdir()) == [
            ".gitignore",
            "STATUS",
            "args.json",
            "metrics.jsonl",
            "run.sh",
            "script.sh",
        ]
        assert read_record(place / "1").status == "SUCCESS"

    def test_files_are_listed_and_the_record_is_sealed(self, hello, place):
        imported(hello / "a=Hello__b=World")
        listed = {entry["path"]: entry for entry in read(place / "1", "files.json")["outputs"]}
        assert set(listed) == {"checkpoints/10.pt", "environment.yml", "from-xmen/run.sh"}
        for path, entry in listed.items():
            assert entry["sha256"] == sha256_of(place / "1" / path)
        sums = read_sums(str(place / "1"))
        assert {"args.json", "metadata.json", "STATUS", "stdout", "files.json"} < set(sums)
        assert all(digest == sha256_of(place / "1" / name) for name, digest in sums.items())

    def test_no_secret_of_the_environment_is_copied(self, hello, place):
        path = hello / "a=Hello__b=World" / "params.yml"
        path.write_text(path.read_text().replace("a: Hello", f"a: token {xmen.SECRET}"))
        imported(hello)
        copies = [file.read_bytes() for file in place.rglob("*") if file.is_file()]
        assert not [data for data in copies if xmen.SECRET.encode() in data]
        assert read_record(place / "3").args["a"] == "token <redacted>"

    def test_earlier_versions(self, tmp_path, place):
        xmen.first_set(tmp_path / "sets" / "first")
        xmen.oldest(tmp_path / "sets" / "old")
        done = imported(tmp_path / "sets")
        assert done == {
            "first/a:10__b:3": ("new", "1"),
            "first/a:10__b:3_1": ("new", "2"),
            "old/a": ("new", "3"),
        }
        assert read_record(place / "1").metadata["name"] == "a%3A10__b%3A3"
        assert (place / "1" / "from-xmen" / "script.sh").read_text() == "#!/bin/bash\necho hello\n"
        assert read_record(place / "3").args == {"a": "h", "b": 17}


class TestTwice:
    def test_nothing_happens_the_second_time(self, hello, place):
        first = imported(hello)
        before = fingerprint(place)
        second = imported(hello)
        assert second == {name: ("there", number) for name, (_, number) in first.items()}
        assert fingerprint(place) == before

    def test_a_moved_or_copied_set_is_known_again(self, hello, place, tmp_path):
        imported(hello)
        hello.rename(tmp_path / "moved")
        assert {what for what, _ in imported(tmp_path / "moved").values()} == {"there"}

    def test_what_has_changed_is_imported_only_when_asked_for(self, hello, place):
        imported(hello)
        path = hello / "a=Bye__b=World" / "params.yml"
        path.write_text(path.read_text().replace("registered #", "finished #"))
        assert imported(hello)["a=Bye__b=World"] == ("changed", "5")
        assert imported(hello, again=True)["a=Bye__b=World"] == ("new", "6")
        assert read_record(place / "6").metadata["name"] == "a=Bye__b=World_1"
        assert imported(hello)["a=Bye__b=World"] == ("there", "6")

    def test_one_that_runs_is_left_for_later(self, hello, place):
        path = hello / "a=Bye__b=Planet"
        os.utime(path / "params.yml")
        assert imported(hello)["a=Bye__b=Planet"] == ("running", "")
        xmen.second(path, a="Bye", b="Planet")
        assert imported(hello)["a=Bye__b=Planet"] == ("new", "5")

    def test_two_at_once_import_each_experiment_once(self, hello, place):
        results: list[dict] = []
        both = [threading.Thread(target=lambda: results.append(imported(hello))) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert len(find_records(place)) == 5
        outcomes = [done[name][0] for name in results[0] for done in results]
        assert sorted(outcomes) == ["new"] * 5 + ["there"] * 5


class TestBadDays:
    def test_a_broken_one_does_not_stop_the_others(self, hello, place):
        path = hello / "a=Hello__b=World" / "params.yml"
        path.write_text(path.read_text() + "c: [1\n")
        (hello / "a=Bye__b=World" / "params.yml").write_text("")
        what = {name: what for name, (what, _) in imported(hello).items()}
        assert what == {
            "a=Hello__b=World": "failed",
            "a=Bye__b=World": "failed",
            "a=Hello__b=Planet": "new",
            "a=Bye__b=Planet": "new",
            "a=Old__b=World": "new",
        }

    @pytest.mark.permissions
    def test_a_file_that_may_not_be_read_fails_its_experiment_only(self, hello, place):
        (hello / "a=Hello__b=World" / "checkpoints" / "10.pt").chmod(0)
        items = {item.name: item for item in XmenImport(str(hello)).carry_out()}
        assert items["a=Hello__b=World"].what == "failed"
        assert "10.pt cannot be read" in items["a=Hello__b=World"].remark
        assert len(find_records(place)) == 4
        assert not (place / ".registering").exists()

    @pytest.mark.permissions
    def test_a_directory_that_may_not_be_written_is_a_clear_error(self, hello, place):
        place.mkdir()
        place.chmod(0o500)
        with pytest.raises(ExperimentsDirectoryError, match="Nothing can be imported into"):
            imported(hello)

    def test_links_pipes_and_folders_without_permission_to_write(self, hello, place):
        source = hello / "a=Hello__b=World"
        (source / "inside").symlink_to("checkpoints/10.pt")
        (source / "outside").symlink_to("../defaults.yml")
        (source / "dangling").symlink_to("nowhere")
        os.mkfifo(source / "pipe")
        (source / "ünï 🎉\n").write_text("x")
        (source / os.fsdecode(b"caf\xe9")).write_text("y")
        (source / "checkpoints").chmod(0o555)
        (source / "checkpoints" / "10.pt").chmod(0o444)
        imported(source)
        folder = place / "1"
        assert os.readlink(folder / "inside") == "checkpoints/10.pt"
        assert os.readlink(folder / "outside") == str(hello / "defaults.yml")
        assert os.readlink(folder / "dangling") == "nowhere"
        assert not (folder / "pipe").exists()
        assert any("pipe" in text for text in read_record(folder).warnings)
        assert (folder / "ünï 🎉\n").read_text() == "x"
        assert (folder / os.fsdecode(b"caf\xe9")).read_text() == "y"
        assert (folder / "checkpoints" / "10.pt").stat().st_mode & 0o777 == 0o444
        assert (folder / "checkpoints").stat().st_mode & 0o777 == 0o755

    def test_hard_links_share_what_the_program_left_and_nothing_else(self, hello, place):
        imported(hello / "a=Hello__b=World", link=True)
        source, folder = hello / "a=Hello__b=World", place / "1"
        for name, of in (("checkpoints/10.pt", True), ("stdout", False)):
            original = source / ("out.txt" if name == "stdout" else name)
            assert os.path.samefile(original, folder / name) is of
        listed = {entry["path"]: entry["sha256"] for entry in read(folder, "files.json")["outputs"]}
        assert listed["checkpoints/10.pt"] == sha256_of(folder / "checkpoints" / "10.pt")

    def test_a_killed_import_leaves_no_record_and_is_finished_by_the_next(self, tmp_path, place):
        source = xmen.second(tmp_path / "set" / "a=1")
        with (source / "large").open("wb") as file:
            file.truncate(400_000_000)
        program = (
            "import sys; from meticulous.sweep.importing.xmen import XmenImport\n"
            "list(XmenImport(sys.argv[1]).carry_out())"
        )
        with subprocess.Popen([sys.executable, "-c", program, str(source)]) as process:
            wait_until(lambda: list(place.glob(".registering/*/1/large")))
            process.send_signal(signal.SIGKILL)
        assert find_records(place) == []
        (source / "large").unlink()
        assert imported(source) == {"a=1": ("new", "2")}
        assert sorted(path.name for path in place.iterdir()) == [".numbers", "2"]

    def test_what_does_not_fit_is_refused_before_anything_is_copied(self, tmp_path, place):
        source = xmen.second(tmp_path / "set" / "a=1")
        with (source / "huge").open("wb") as file:
            file.truncate(1 << 42)
        with pytest.raises(NoRoomError, match="has room for"):
            imported(source)
        assert find_records(place) == []

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
    def test_a_full_disk_is_one_error_and_keeps_what_is_complete(self, hello, tmp_path, place):
        disk = tmp_path / "disk"
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk]
        if subprocess.run(words, check=False, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        try:
            (hello / "a=Hello__b=World" / "large").write_bytes(b"x" * 90_000)
            (disk / "other").write_bytes(b"x" * 40_000)
            with pytest.raises(NoRoomError, match=r"full|has room for"):
                imported(hello, experiments_directory=str(disk / "runs"))
            assert [record.id for record in find_records(disk / "runs")] == ["1", "2"]
            (disk / "other").unlink()
            (hello / "a=Hello__b=World" / "large").unlink()
            done = imported(hello, experiments_directory=str(disk / "runs"))
            assert sorted(what for what, _ in done.values()) == ["new"] * 3 + ["there"] * 2
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    def test_the_folder_of_xmen_is_no_place_for_them(self, hello, place, monkeypatch):
        monkeypatch.chdir(hello)
        with pytest.raises(ExperimentsDirectoryError, match="nothing is to be changed"):
            imported(hello)
        with pytest.raises(ExperimentsDirectoryError, match="is no folder"):
            imported(hello / "experiment.yml")

    def test_a_folder_without_any_is_an_error(self, tmp_path, place):
        (tmp_path / "empty").mkdir()
        with pytest.raises(ExperimentsDirectoryError, match="no experiment of xmen"):
            imported(tmp_path / "empty")
        assert not place.exists()


def test_in_a_repository_git_ignores_what_was_imported(hello, repository, monkeypatch):
    repository.commit({"a.txt": "x"})
    monkeypatch.chdir(repository.directory)
    imported(hello)
    assert repository.git("status", "--porcelain") == ""
    assert len(find_records(repository.directory / "experiments")) == 5
