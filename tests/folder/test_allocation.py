"""Every experiment gets a folder of its own, and no number is ever given twice."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meticulous.errors import ExperimentsDirectoryError, InvalidExperimentIdError
from meticulous.folder.allocation import (
    cannot_change,
    cannot_write,
    check_id,
    claim_name,
    claim_number,
    is_number,
    make_experiments_directory,
)

FORBIDDEN = {"/", "\\", "\x7f", *map(chr, range(32))}


def is_one_plain_component(name: str) -> bool:
    """Say what `check_id` shall accept, in other words than it does."""
    return (
        0 < len(name.encode("utf-8", "surrogateescape")) <= 200
        and not FORBIDDEN.intersection(name)
        and name[0] != "."
        and name.strip() == name
    )


class TestIds:
    """An id is accepted exactly when it is one plain path component."""

    @settings(deadline=None)
    @given(
        name=st.text()
        | st.text(alphabet="a.-_ /\\\n\t\x7f1é", max_size=5)
        | st.text(alphabet="xé", min_size=95, max_size=205)
    )
    @example(name="")
    @example(name=".")
    @example(name="..")
    @example(name="a/b")
    @example(name="a\0b")
    @example(name="x" * 200)
    @example(name="x" * 201)
    @example(name="é" * 101)
    @example(name="\udcff")
    def test_what_is_accepted_names_one_folder_and_the_rest_is_refused(
        self, tmp_path_factory, name
    ):
        if not is_one_plain_component(name):
            with pytest.raises(InvalidExperimentIdError):
                check_id(name)
            return
        assert check_id(name) == name
        place = tmp_path_factory.mktemp("ids")
        assert claim_name(str(place), name)
        assert name in os.listdir(place)
        assert not claim_name(str(place), name)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("", "empty"),
            ("a/b", "slash"),
            ("a\\b", "slash"),
            ("..", "dot"),
            (".numbers", "dot"),
            ("a\nb", "control character"),
            ("a ", "white space"),
            ("x" * 500, "longer than 200 bytes"),
        ],
    )
    def test_a_refusal_says_why_and_what_to_do(self, name, reason):
        with pytest.raises(InvalidExperimentIdError, match=reason) as caught:
            check_id(name)
        assert "baseline-2" in str(caught.value)
        assert len(str(caught.value)) < 400

    def test_a_character_no_file_name_can_hold_is_refused(self):
        with pytest.raises(InvalidExperimentIdError):
            check_id("a\ud800")

    def test_a_locale_that_cannot_spell_the_id_is_a_clear_error(self, tmp_path):
        program = (
            "import sys\nfrom meticulous.errors import MeticulousError\n"
            "from meticulous.folder.allocation import claim_name\n"
            "try: claim_name(sys.argv[1], chr(252))\n"
            "except MeticulousError as error: print('refused')\n"
            "else: print('made')\n"
        )
        ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path],
            env={**os.environ, **ascii_only},
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout in ("made\n", "refused\n")

    @given(name=st.text(alphabet="0123456789²٣-+. a", max_size=20))
    @settings(deadline=None)
    def test_a_number_is_what_we_give_ourselves(self, name):
        expected = name.isascii() and name.isdigit() and str(int(name)) == name and int(name) > 0
        assert is_number(name) == (expected and int(name) < 10**18)


class TestExperimentsDirectory:
    """The directory is made with its parents, once."""

    def test_it_says_whether_it_was_missing(self, tmp_path):
        path = str(tmp_path / "a" / "b")
        assert make_experiments_directory(path)
        assert not make_experiments_directory(path)

    def test_a_link_to_a_directory_will_do(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        assert not make_experiments_directory(str(tmp_path / "link"))

    @pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
    def test_something_else_in_its_place_is_refused(self, tmp_path, make):
        make(tmp_path / "taken")
        with pytest.raises(ExperimentsDirectoryError, match="--experiments-directory"):
            make_experiments_directory(str(tmp_path / "taken"))

    def test_a_file_among_the_parents_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ExperimentsDirectoryError) as caught:
            make_experiments_directory(str(tmp_path / "file" / "runs"))
        assert caught.value.errno == errno.ENOTDIR
        assert "Part of that path is a file" in str(caught.value)

    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (errno.ENOSPC, "disk is full"),
            (errno.EDQUOT, "quota"),
            (errno.EROFS, "read-only"),
            (errno.EACCES, "permission"),
            (errno.EPERM, "permission"),
            (errno.ENOTDIR, "is a file"),
            (errno.ENAMETOOLONG, "too long"),
            (errno.EIO, "writable"),
        ],
    )
    def test_each_cause_has_its_advice_and_two_more_ways_out(self, number, advice):
        error = cannot_write("/data/runs", OSError(number, os.strerror(number)))
        assert error.errno == number
        for words in ("/data/runs", os.strerror(number), advice):
            assert words in str(error)
        sentence = str(error).rpartition(". ")[2].rpartition(": ")[2]
        ways_out = sentence.split(", ")
        assert [way.split()[0].lower() for way in ways_out[1:]] == ["choose", "or"]
        assert ways_out[0].split()[0].lower() in ("free", "make", "move", "shorten")
        for way_out in ("--experiments-directory", "--norecord."):
            assert way_out in sentence

    def test_of_a_folder_that_is_there_no_other_place_is_offered(self):
        error = cannot_change("/data/runs/1", OSError(errno.EACCES, os.strerror(errno.EACCES)))
        assert error.errno == errno.EACCES
        assert str(error) == (
            "The experiment in /data/runs/1 cannot be changed: Permission denied. You have no "
            "permission to write there: make the folder writable for you, then try again."
        )

    def test_an_error_without_a_number_still_says_what_it_was(self):
        assert "something odd" in str(cannot_write("/data", OSError("something odd")))


class TestNumbers:
    """Making the folder is the claim."""

    def test_many_processes_at_once_get_numbers_of_their_own(self, tmp_path):
        program = (
            "import sys\nfrom meticulous.folder.allocation import claim_number\n"
            "sys.stdin.read()\n"
            "print(*[claim_number(sys.argv[1]) for _ in range(25)])\n"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-S", "-c", program, tmp_path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(8)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        given = [process.communicate(timeout=60)[0].split() for process in processes]
        assert sorted(map(int, itertools.chain(*given))) == list(range(1, 201))
        for numbers in given:
            assert numbers == sorted(numbers, key=int)

    def test_it_goes_on_after_the_largest_folder_of_an_older_recorder(self, tmp_path):
        for name in ("2", "10", "9", "011", "x12", "baseline"):
            (tmp_path / name).mkdir()
        assert claim_number(str(tmp_path)) == "11"

    def test_the_list_of_numbers_outlives_the_folders(self, tmp_path):
        for expected in ("1", "2", "3"):
            assert claim_number(str(tmp_path)) == expected
            shutil.rmtree(tmp_path / expected)
        assert claim_number(str(tmp_path)) == "4"

    def test_a_long_list_is_read_from_its_end(self, tmp_path):
        (tmp_path / ".numbers").write_text("".join(f"{n}\n" for n in range(1, 20_001)))
        assert claim_number(str(tmp_path)) == "20001"

    @pytest.mark.parametrize("torn", ["4", "5\n7", "5\n\n", "5\nabc\n", "5\n\0\0\0\0"])
    def test_a_torn_list_never_gives_a_number_twice(self, tmp_path, torn):
        (tmp_path / ".numbers").write_text(f"1\n2\n3\n{torn}")
        given = int(claim_number(str(tmp_path)))
        assert given > max(int(word) for word in ("4", "5", "7") if word in torn)
        assert int(claim_number(str(tmp_path))) > given

    def test_a_name_that_is_a_number_counts_as_given(self, tmp_path):
        assert claim_name(str(tmp_path), "7")
        shutil.rmtree(tmp_path / "7")
        assert claim_number(str(tmp_path)) == "8"

    def test_a_name_that_is_no_number_leaves_the_numbers_alone(self, tmp_path):
        assert claim_name(str(tmp_path), "007")
        assert not (tmp_path / ".numbers").exists()
        assert claim_number(str(tmp_path)) == "1"

    def test_many_small_numbers_by_name_do_not_make_it_forget_the_largest(self, tmp_path):
        assert claim_name(str(tmp_path), "1102")
        shutil.rmtree(tmp_path / "1102")
        for name in range(1, 1101):
            assert claim_name(str(tmp_path), str(name))
        assert "1102" not in [claim_number(str(tmp_path)) for _ in range(2)]

    def test_a_missing_directory_is_reported_with_its_path(self, tmp_path):
        with pytest.raises(ExperimentsDirectoryError) as caught:
            claim_number(str(tmp_path / "gone"))
        assert caught.value.errno == errno.ENOENT
        assert str(tmp_path / "gone") in str(caught.value)
        with pytest.raises(ExperimentsDirectoryError):
            claim_name(str(tmp_path / "gone"), "name")

    def test_a_list_that_cannot_be_read_is_reported(self, tmp_path):
        (tmp_path / ".numbers").mkdir()
        with pytest.raises(ExperimentsDirectoryError):
            claim_number(str(tmp_path))
        assert os.listdir(tmp_path) == [".numbers"]

    @pytest.mark.parametrize("claim", [claim_number, lambda place: claim_name(place, "5")])
    def test_a_number_that_cannot_be_remembered_is_not_given(self, tmp_path, claim):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(ExperimentsDirectoryError) as caught:
                claim(str(tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert caught.value.errno == errno.EFBIG
        assert [name for name in os.listdir(tmp_path) if name != ".numbers"] == []
        assert claim_name(str(tmp_path), "5")

    @pytest.mark.permissions
    def test_a_directory_without_write_permission_is_reported(self, tmp_path):
        tmp_path.chmod(0o555)
        with pytest.raises(ExperimentsDirectoryError, match="permission"):
            claim_number(str(tmp_path))


class Claims(RuleBasedStateMachine):
    """Claims, deletions and folders copied in, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(os.environ["HOME"], f"claims-{os.getpid()}-{next(_serial)}")
        self.place.mkdir()
        self.given: list[str] = []

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @rule()
    def claim_the_next_number(self) -> None:
        number = claim_number(str(self.place))
        assert number not in self.given
        assert is_number(number)
        assert os.listdir(self.place / number) == []
        self.given.append(number)

    @rule(name=st.integers(1, 12).map(str) | st.sampled_from(["a", "01"]))
    def claim_a_name(self, name: str) -> None:
        taken = (self.place / name).exists()
        assert claim_name(str(self.place), name) == (not taken)
        if not taken and is_number(name):
            self.given.append(name)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def delete_a_folder(self, data: st.DataObject) -> None:
        shutil.rmtree(self.place / data.draw(st.sampled_from(self.given)), ignore_errors=True)

    @rule(number=st.integers(1, 20))
    def copy_a_folder_in(self, number: int) -> None:
        (self.place / str(number)).mkdir(exist_ok=True)

    @invariant()
    def every_given_number_is_in_the_list_and_the_largest_at_its_end(self) -> None:
        if self.given:
            listed = (self.place / ".numbers").read_text().split()
            assert set(self.given) <= set(listed)
            assert max(map(int, listed)) == max(map(int, listed[-2:]))


_serial = itertools.count()

Claims.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestAnyOrder = Claims.TestCase
