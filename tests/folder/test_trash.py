"""What is removed can come back whole, its number is not given again, and nothing is half gone."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from written_records import write_original_record, write_record

from meticulous.errors import (
    ExperimentNotFoundError,
    ExperimentsDirectoryError,
    InvalidExperimentIdError,
)
from meticulous.folder.allocation import claim_number
from meticulous.folder.trash import choose, delete, empty, list_removed, remove, restore
from meticulous.reader import find_records

NAMES = ["1", "007", "a b", "ünï", "2.5", "-x"]


def listed(experiments: Path) -> list[str]:
    return [record.id for record in find_records(experiments)]


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class TestRemoving:
    """An experiment goes to the trash in one step."""

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_listed_no_more_and_comes_back_as_it_was(self, tmp_path, name):
        folder = write_record(tmp_path, name)
        before = content(folder)
        removed = remove(str(folder))
        assert listed(tmp_path) == []
        assert [entry.id for entry in list_removed(tmp_path)] == [name]
        assert restore(removed) == str(folder)
        assert content(folder) == before
        assert list_removed(tmp_path) == []

    def test_its_number_is_not_given_again(self, tmp_path):
        for number in (1, 2):
            write_record(tmp_path, claim_number(str(tmp_path)))
            assert listed(tmp_path)[-1] == str(number)
        remove(str(tmp_path / "2"))
        assert claim_number(str(tmp_path)) == "3"

    @pytest.mark.parametrize("take", [remove, delete])
    def test_nor_that_of_an_original_or_copied_folder(self, tmp_path, take):
        write_original_record(tmp_path, "1")
        write_original_record(tmp_path, "2")
        take(str(tmp_path / "2"))
        assert claim_number(str(tmp_path)) == "3"
        write_record(tmp_path, "57")
        take(str(tmp_path / "57"))
        assert claim_number(str(tmp_path)) == "58"

    def test_of_an_original_directory_a_small_number_does_not_hide_the_largest(self, tmp_path):
        for number in ("1", "2", "3"):
            write_original_record(tmp_path, number)
        remove(str(tmp_path / "1"))
        remove(str(tmp_path / "3"))
        assert claim_number(str(tmp_path)) == "4"

    def test_git_sees_nothing_of_the_trash(self, tmp_path):
        remove(str(write_record(tmp_path, "1")))
        assert (tmp_path / ".trash" / ".gitignore").read_text() == "*\n"

    def test_a_link_is_moved_itself(self, tmp_path):
        target = write_record(tmp_path / "elsewhere", "1")
        (tmp_path / "here").mkdir()
        link = tmp_path / "here" / "linked"
        link.symlink_to(target)
        removed = remove(str(link))
        assert not link.is_symlink()
        assert target.is_dir()
        restore(removed)
        assert os.readlink(link) == str(target)
        delete(str(link))
        assert not link.is_symlink()
        assert target.is_dir()

    def test_what_is_gone_is_said_to_be_gone(self, tmp_path):
        with pytest.raises(ExperimentNotFoundError, match="is gone"):
            remove(str(tmp_path / "1"))
        with pytest.raises(ExperimentNotFoundError, match="is gone"):
            delete(str(tmp_path / "1"))

    def test_of_many_removers_one_succeeds(self, tmp_path):
        write_record(tmp_path, "1")
        program = "import sys; from meticulous.folder.trash import remove; remove(sys.argv[1])"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(tmp_path / "1")], stderr=subprocess.PIPE
            )
            for _ in range(4)
        ]
        errors = [process.communicate(timeout=60)[1] for process in processes]
        assert sorted(process.returncode for process in processes) == [0, 1, 1, 1]
        assert sum(b"ExperimentNotFoundError" in error for error in errors) == 3
        assert [entry.id for entry in list_removed(tmp_path)] == ["1"]
        assert len(list((tmp_path / ".trash").glob("2*"))) == 1

    @pytest.mark.permissions
    def test_in_a_read_only_directory_nothing_happens(self, tmp_path):
        write_record(tmp_path, "x")
        tmp_path.chmod(0o555)
        try:
            with pytest.raises(ExperimentsDirectoryError, match="Permission denied"):
                remove(str(tmp_path / "x"))
        finally:
            tmp_path.chmod(0o755)
        assert listed(tmp_path) == ["x"]

    def test_on_a_full_disk_nothing_happens(self, tmp_path):
        write_original_record(tmp_path, "1")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(ExperimentsDirectoryError, match="cannot be moved to the trash"):
                remove(str(tmp_path / "1"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert listed(tmp_path) == ["1"]

    def test_a_file_in_the_place_of_the_trash_is_named(self, tmp_path):
        folder = write_record(tmp_path, "x")
        (tmp_path / ".trash").write_text("")
        with pytest.raises(ExperimentsDirectoryError, match=r"\.trash"):
            remove(str(folder))
        assert listed(tmp_path) == ["x"]


class TestRestoring:
    """What is in the trash comes back, and never over anything."""

    def test_of_several_with_one_name_the_latest_is_meant(self, tmp_path):
        for text in ("old", "new"):
            remove(str(write_record(tmp_path, "a", metadata={"description": text})))
        chosen = choose(list_removed(tmp_path), ["a"])
        assert len(chosen) == 1
        restore(chosen[0])
        assert [record.description for record in find_records(tmp_path)] == ["new"]
        assert [entry.id for entry in list_removed(tmp_path)] == ["a"]

    def test_a_taken_name_is_refused_and_another_can_be_given(self, tmp_path):
        removed = remove(str(write_record(tmp_path, "a", metadata={"description": "old"})))
        write_record(tmp_path, "a", metadata={"description": "new"})
        with pytest.raises(ExperimentsDirectoryError, match="Give it another name with --as"):
            restore(removed)
        with pytest.raises(InvalidExperimentIdError):
            restore(removed, "../b")
        restore(removed, "b")
        assert [(r.id, r.description) for r in find_records(tmp_path)] == [
            ("a", "new"),
            ("b", "old"),
        ]

    @pytest.mark.parametrize("kind", ["folder", "file", "link"])
    def test_nothing_is_overwritten(self, tmp_path, kind):
        removed = remove(str(write_record(tmp_path, "a")))
        taken = tmp_path / "a"
        {
            "folder": taken.mkdir,
            "file": taken.touch,
            "link": lambda: taken.symlink_to("nowhere"),
        }[kind]()
        with pytest.raises(ExperimentsDirectoryError, match="there is another"):
            restore(removed)
        assert [entry.id for entry in list_removed(tmp_path)] == ["a"]

    def test_what_was_restored_already_is_said_to_be_gone(self, tmp_path):
        removed = remove(str(write_record(tmp_path, "a")))
        restore(removed)
        with pytest.raises(ExperimentNotFoundError, match="is gone"):
            restore(removed, "b")
        assert not (tmp_path / "b").exists()

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["3"], ["3"]),
            (["2-9"], ["2", "3"]),
            (["3,name"], ["3", "name"]),
            (["-1"], ["a-b"]),
            (["-2", "name"], ["name"]),
            (["a-b"], ["a-b"]),
        ],
    )
    def test_it_is_chosen_by_id_range_or_from_the_end(self, tmp_path, words, expected):
        for name in ("1", "2", "3", "name", "a-b"):
            remove(str(write_record(tmp_path, name)))
        assert [entry.id for entry in choose(list_removed(tmp_path), words)] == expected

    @pytest.mark.parametrize("word", ["4", "5-9", "-9", "", "1,4", "x", "-", "--"])
    def test_what_is_not_there_is_refused_with_what_is(self, tmp_path, word):
        remove(str(write_record(tmp_path, "1")))
        with pytest.raises(ExperimentNotFoundError, match="In it: 1"):
            choose(list_removed(tmp_path), [word])
        with pytest.raises(ExperimentNotFoundError, match=r"in the trash\. It is empty\.$"):
            choose([], [word])

    def test_strange_things_in_the_trash_are_passed_over(self, tmp_path):
        remove(str(write_record(tmp_path, "1")))
        (tmp_path / ".trash" / "mine").mkdir()
        (tmp_path / ".trash" / "file").touch()
        assert [entry.id for entry in list_removed(tmp_path)] == ["1"]

    def test_without_a_trash_nothing_is_in_it(self, tmp_path):
        assert list_removed(tmp_path) == []
        assert list_removed(tmp_path / "gone") == []


class TestDeleting:
    """For ever."""

    def test_nothing_is_left(self, tmp_path):
        folder = write_record(tmp_path, "a")
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").touch()
        delete(str(folder))
        assert list(tmp_path.iterdir()) == []

    def test_emptying_the_trash_leaves_the_others(self, tmp_path):
        remove(str(write_record(tmp_path, "1")))
        remove(str(write_record(tmp_path, "2")))
        write_record(tmp_path, "3")
        empty(tmp_path)
        assert list_removed(tmp_path) == []
        assert listed(tmp_path) == ["3"]
        assert claim_number(str(tmp_path)) == "4"
        assert [path.name for path in (tmp_path / ".trash").iterdir()] == [".gitignore"]

    def test_what_a_killed_deletion_left_is_neither_listed_nor_kept(self, tmp_path):
        write_record(tmp_path, "1").rename(tmp_path / ".deleting-99-0")
        assert listed(tmp_path) == []
        assert list_removed(tmp_path) == []
        empty(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_removal_killed_before_its_one_step_leaves_the_experiment(self, tmp_path):
        write_record(tmp_path, "1")
        program = (
            "import os, sys; from meticulous.folder import trash\n"
            "os.rename = lambda *_: os.kill(os.getpid(), 9)\n"
            "trash.remove(sys.argv[1])"
        )
        killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "1")])
        assert killed.returncode == -9
        assert listed(tmp_path) == ["1"]
        assert list_removed(tmp_path) == []
        empty(tmp_path)
        assert [path.name for path in (tmp_path / ".trash").iterdir()] == [".gitignore"]
