"""Which status may follow which, and who may carry an experiment out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from meticulous.errors import ExperimentClaimedError, IllegalMoveError
from meticulous.folder import claims, states, status


class TestMoves:
    """The table."""

    def test_every_word_has_its_followers(self):
        words = {*status.WORDS, status.LOST, states.DEFAULT, states.DETACHED}
        assert set(states.MOVES) == words
        assert {follower for found in states.MOVES.values() for follower in found} <= words

    @pytest.mark.parametrize("word", states.ENDED)
    def test_every_end_can_begin_anew(self, word):
        states.check_move("it", word, status.REGISTERED)

    def test_what_runs_ends_and_nothing_else(self):
        for word in status.FINAL:
            states.check_move("it", status.RUNNING, word)
        with pytest.raises(IllegalMoveError):
            states.check_move("it", status.RUNNING, status.REGISTERED)

    def test_the_error_names_both_and_what_may_follow(self):
        with pytest.raises(IllegalMoveError) as caught:
            states.check_move("Experiment 3", status.SUCCESS, "bogus")
        message = str(caught.value)
        assert message.startswith("Experiment 3 is SUCCESS and cannot become bogus")
        assert "REGISTERED" in message


CLAIM = """\
import sys
import time
from meticulous.folder import claims
try:
    claims.claim(sys.argv[1])
except Exception as error:
    print(type(error).__name__, flush=True)
else:
    print("claimed", flush=True)
sys.stdin.read()
"""


def claimer(directory):
    return subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


class TestClaims:
    """One process at a time."""

    def test_of_eight_one_succeeds(self, tmp_path):
        processes = [claimer(tmp_path) for _ in range(8)]
        try:
            answers = sorted(process.stdout.readline() for process in processes)
        finally:
            for process in processes:
                process.communicate("")
        assert answers == ["ExperimentClaimedError\n"] * 7 + ["claimed\n"]

    def test_of_eight_one_takes_over_from_the_dead(self, tmp_path):
        for _ in range(3):
            with claimer(tmp_path) as dead:
                assert dead.stdout.readline() == "claimed\n"
                dead.kill()
        processes = [claimer(tmp_path) for _ in range(8)]
        try:
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda process: process.stdout.readline(), processes))
        finally:
            for process in processes:
                process.communicate("")
        assert answers.count("claimed\n") == 1

    def test_ones_own_claim_can_be_repeated_and_released(self, tmp_path):
        claims.claim(str(tmp_path))
        claims.claim(str(tmp_path))
        assert claims.claimant(str(tmp_path))["pid"] > 0
        claims.release(str(tmp_path))
        assert claims.claimant(str(tmp_path)) is None

    def test_another_ones_claim_is_not_released(self, tmp_path):
        with claimer(tmp_path) as other:
            assert other.stdout.readline() == "claimed\n"
            claims.release(str(tmp_path))
            with pytest.raises(ExperimentClaimedError, match=str(other.pid)):
                claims.claim(str(tmp_path))
            other.kill()

    def test_a_torn_claim_of_long_ago_counts_for_nothing(self, tmp_path):
        (tmp_path / ".claimed").write_text('{"pid": 1')
        os.utime(tmp_path / ".claimed", (1, 1))
        claims.claim(str(tmp_path))

    def test_a_claim_that_is_being_written_counts_however_old_the_status_is(self, tmp_path):
        (tmp_path / "STATUS").write_text("REGISTERED\n")
        os.utime(tmp_path / "STATUS", (1, 1))
        (tmp_path / ".claimed").touch()
        # A moment that cannot pass while the test runs.
        soon = time.time() + 3600
        os.utime(tmp_path / ".claimed", (soon, soon))
        with pytest.raises(ExperimentClaimedError):
            claims.claim(str(tmp_path))

    def test_a_status_that_was_just_written_revives_no_torn_claim(self, tmp_path):
        (tmp_path / ".claimed").write_text('{"pid": 1')
        os.utime(tmp_path / ".claimed", (1, 1))
        (tmp_path / "STATUS").write_text("REGISTERED\n")
        claims.claim(str(tmp_path))
