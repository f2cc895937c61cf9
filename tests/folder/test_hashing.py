from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import wait_until

from meticulous.folder import hashing, layout

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


class TestDigests:
    @pytest.mark.parametrize("size", [0, 1, 1000, 1 << 20, (1 << 20) + 1, 3_000_000])
    def test_of_files_of_any_size(self, tmp_path, size):
        path = tmp_path / "file"
        path.write_bytes(os.urandom(size))
        assert hashing.sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_by_the_interpreters_own_function_are_the_same(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"x" * 1000)
        code = (
            "import sys; from meticulous.folder.hashing import sha256_of; "
            f"print(sha256_of({str(path)!r}), 'hashlib' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [hashlib.sha256(b"x" * 1000).hexdigest(), "False"]

    def test_of_a_file_of_another_size_are_refused(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"abc")
        with pytest.raises(hashing.FileChangedError):
            hashing.sha256_of(path, expected_size=2)

    def test_of_a_pipe_are_refused_without_waiting(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(hashing.FileChangedError):
            hashing.sha256_of(tmp_path / "pipe")

    def test_stop_when_they_may_not_go_on(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(bytes(3 << 20))
        with pytest.raises(hashing.OverBudgetError):
            hashing.sha256_of(path, may_go_on=lambda: False)


class TestBudget:
    def test_ends_with_its_bytes(self):
        budget = hashing.Budget(10)
        assert budget.refusal(10) is None
        budget.spent = 5
        assert "10 bytes" in budget.refusal(6)

    def test_ends_with_its_seconds(self):
        assert "0 s" in hashing.Budget(10, 0.0).refusal(1)

    def test_ends_when_the_user_is_impatient(self):
        budget = hashing.Budget(may_go_on=lambda: False)
        assert budget.refusal(1) == "the program was to end at once"

    @pytest.mark.parametrize(("given", "size"), [("7", 7), ("1_000", 1000), ("0", 0)])
    def test_is_what_the_user_chose(self, monkeypatch, given, size):
        monkeypatch.setenv(hashing.BUDGET_VARIABLE, given)
        assert hashing.Budget.of_user(0.0).size == size
        assert hashing.Budget.of_user(0.0).has_time()

    @pytest.mark.parametrize("given", ["", "much", "-1"])
    def test_is_the_usual_one_otherwise(self, monkeypatch, given):
        monkeypatch.setenv(hashing.BUDGET_VARIABLE, given)
        assert hashing.Budget.of_user().size == hashing.BUDGET_BYTES


class TestSums:
    @given(NAMES)
    def test_lines_come_back(self, name):
        digest = "0f" * 32
        assert hashing.parse_sums(hashing.sum_line(digest, name)) == {name: digest}

    def test_the_last_line_of_a_name_counts(self):
        lines = hashing.sum_line("0" * 64, "a") + hashing.sum_line("1" * 64, "a")
        assert hashing.parse_sums(lines) == {"a": "1" * 64}

    def test_what_is_no_line_is_passed_over(self):
        assert hashing.parse_sums(b"\nhello\n" + b"0" * 63 + b"  a\n") == {}

    def test_sha256sum_reads_them(self, tmp_path):
        names = ["plain", "with space", "line\nfeed", "back\\slash", "ümlaut"]
        for name in names:
            (tmp_path / name).write_text(name)
        hashing.write_sums(str(tmp_path), names)
        subprocess.run(["sha256sum", "-c", layout.SUMS], cwd=tmp_path, check=True)

    def test_only_files_that_are_there_have_a_line(self, tmp_path):
        (tmp_path / "a").touch()
        hashing.write_sums(str(tmp_path), ["a", "b"], {"STATUS": "0" * 64})
        assert list(hashing.read_sums(str(tmp_path))) == ["a", "STATUS"]

    def test_a_line_is_renewed_in_its_place(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).touch()
        hashing.write_sums(str(tmp_path), ["a", "b"])
        (tmp_path / "a").write_text("new")
        assert not hashing.fits(str(tmp_path), "a")
        hashing.renew_sums(str(tmp_path), ["a"])
        assert hashing.fits(str(tmp_path), "a")
        subprocess.run(["sha256sum", "--strict", "-c", layout.SUMS], cwd=tmp_path, check=True)

    def test_a_line_appended_for_a_name_takes_the_place_of_the_one_before(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).write_text("first")
        hashing.write_sums(str(tmp_path), ["a", "b"])
        (tmp_path / "a").write_text("second")
        hashing.append_sums(str(tmp_path), ["a"])
        words = ["sha256sum", "--strict", "-c", layout.SUMS]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert sorted(done.stdout.splitlines()) == ["a: OK", "b: OK"]

    def test_without_a_list_there_is_nothing_to_renew(self, tmp_path):
        (tmp_path / "a").touch()
        hashing.renew_sums(str(tmp_path), ["a"])
        hashing.append_sums(str(tmp_path), ["a"])
        assert os.listdir(tmp_path) == ["a"]

    def test_no_line_is_lost_when_one_process_appends_while_another_renews(self, tmp_path):
        names = [f"file {number}" for number in range(300)]
        for name in ["renewed", *names]:
            (tmp_path / name).touch()
        hashing.write_sums(str(tmp_path), ["renewed"])
        renew = (
            "import os, sys\n"
            "from meticulous.folder import hashing\n"
            "while not os.path.exists(os.path.join(sys.argv[1], 'appended')):\n"
            "    hashing.renew_sums(sys.argv[1], ['renewed'])\n"
            "    open(os.path.join(sys.argv[1], 'begun'), 'w').close()\n"
        )
        with subprocess.Popen([sys.executable, "-c", renew, str(tmp_path)]) as renewing:
            wait_until((tmp_path / "begun").exists)
            for name in names:
                hashing.append_sums(str(tmp_path), [name])
            (tmp_path / "appended").touch()
        assert renewing.returncode == 0
        assert sorted(hashing.read_sums(str(tmp_path)) or {}) == sorted(["renewed", *names])
        subprocess.run(["sha256sum", "--strict", "-c", layout.SUMS], cwd=tmp_path, check=True)
