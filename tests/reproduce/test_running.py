from __future__ import annotations

import json
import os
import signal
import string
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import wait_until
from written_records import write_record

from meticulous.errors import CannotReproduceError
from meticulous.folder import layout
from meticulous.reader import read_record
from meticulous.recorder.secrets.shapes import MARKER
from meticulous.reproduce.command import (
    find_script,
    recorded_command,
    with_interpreter,
    with_secrets,
)
from meticulous.reproduce.inputs import check_inputs, provide_inputs
from meticulous.reproduce.paths import PathMap
from meticulous.reproduce.running import ENDED, STOPPED, TIMED_OUT, Launch, run
from meticulous.reproduce.workplace import usual_place, workplace


@pytest.fixture
def record_with(tmp_path: Path):
    """Return a function that writes a record with these metadata, and files, and reads it."""

    def make(files: object = None, **metadata: object):
        facts = {key.replace("_", "-"): value for key, value in metadata.items()}
        further = {} if files is None else {"files": files}
        return read_record(write_record(tmp_path / "experiments", "1", metadata=facts, **further))

    return make


class TestRecordedCommand:
    @pytest.mark.parametrize(
        ("original", "command", "expected"),
        [
            (["py/python3", "t.py", "-x"], ["t.py", "-x"], (["py/python3", "t.py", "-x"], False)),
            (
                ["python", "-u", "run", "run"],
                ["run", "run"],
                (["python", "-u", "run", "run"], False),
            ),
            (
                ["python", "/bin/meticulous", "run", "--", "sh", "go.sh"],
                ["sh", "go.sh"],
                (["sh", "go.sh"], True),
            ),
            (
                ["python", "-m", "meticulous", "run", "--tag", "run", "sh", "x"],
                ["sh", "x"],
                (["sh", "x"], True),
            ),
            (
                ["python", "-c", "pass", "run"],
                ["-c", "run"],
                (["python", "-c", "pass", "run"], False),
            ),
        ],
    )
    def test_older_records_tell_by_their_words_who_recorded_them(
        self, record_with, original, command, expected
    ):
        found = recorded_command(record_with(original_command=original, command=command))
        assert (list(found.words), found.through_run) == expected
        assert found.ordinal == int(not found.through_run)

    def test_the_ordinal_tells_it_of_newer_ones(self, record_with):
        words = ["python", "-m", "meticulous", "run", "--", "sh"]
        found = recorded_command(record_with(original_command=words, command=["sh"], ordinal=0))
        assert found.through_run
        found = recorded_command(record_with(original_command=words, command=["sh"], ordinal=2))
        assert (found.through_run, found.ordinal) == (False, 2)

    def test_the_original_recorder_kept_what_the_program_saw(self, record_with):
        found = recorded_command(record_with(original_command=..., command=["train.py", "-x"]))
        assert found.words == ("python", "train.py", "-x")

    def test_without_any_words_there_is_nothing_to_run(self, record_with):
        with pytest.raises(CannotReproduceError, match="does not say by which command"):
            recorded_command(record_with(original_command=..., command=...))

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["python", "-m", "ipykernel_launcher", "-f", "kernel.json"], "notebook"),
            (["python", "-u", "-m", "IPython"], "interactive session"),
            (["python", "/usr/bin/ipython"], "interactive session"),
            (["python", "train.py", "--mode", "idle"], None),
            (["python", "train.py", "jupyter"], None),
            (["python", "-m", "train", "jupyter"], None),
            (["python", "-c", "pass", "-m", "ipython"], None),
        ],
    )
    def test_only_what_is_started_itself_can_be_an_interactive_session(
        self, record_with, words: list[str], refusal: str | None
    ):
        record = record_with(original_command=words, command=words[1:])
        if refusal is None:
            assert recorded_command(record).words == tuple(words)
            return
        with pytest.raises(CannotReproduceError, match=refusal):
            recorded_command(record)

    @pytest.mark.parametrize(
        ("words", "script"),
        [
            (["python", "t.py", "-c"], "t.py"),
            (["python", "-u", "-W", "error", "-X", "dev", "t.py"], "t.py"),
            (["python", "-Bm", "package"], None),
            (["python", "-c", "code", "t.py"], None),
            (["python", "-"], None),
            (["python"], None),
        ],
    )
    def test_the_script_is_found_among_the_options(self, words: list[str], script: str | None):
        assert find_script(words) == script

    def test_the_interpreter_is_replaced_and_programs_of_its_environment_are_found(
        self, tmp_path: Path
    ):
        place = tmp_path / "bin"
        place.mkdir()
        (place / "torchrun").write_text("#!/bin/sh\n")
        (place / "torchrun").chmod(0o755)
        new = str(place / "python")
        for words, expected in (
            (["/old/bin/python3.9", "-u", "t.py"], [new, "-u", "t.py"]),
            (
                ["/old/bin/python", "/old/bin/torchrun", "t.py"],
                [new, str(place / "torchrun"), "t.py"],
            ),
            (["/old/bin/torchrun", "t.py"], [str(place / "torchrun"), "t.py"]),
            (["sh", "python"], ["sh", "python"]),
        ):
            assert with_interpreter(words, new, [str(place)]) == expected

    @given(
        st.dictionaries(
            st.text(string.ascii_lowercase, min_size=1), st.text(min_size=1), min_size=1
        )
    )
    def test_secrets_are_put_where_they_were(self, values: dict[str, str]):
        hidden = ["python", "t.py"]
        whole = list(hidden)
        for number, (name, value) in enumerate(values.items()):
            if number % 2:
                hidden.append(f"--{name}={MARKER}")
                whole.append(f"--{name}={value}")
            else:
                hidden += [f"--{name}", MARKER]
                whole += [f"--{name}", value]
        assert with_secrets(hidden, values) == whole

    def test_a_secret_that_is_missing_is_asked_for_by_its_name(self):
        with pytest.raises(CannotReproduceError, match="--set api-key=VALUE --set 3=VALUE"):
            with_secrets(["python", f"--api-key={MARKER}", "x", MARKER], {})
        assert with_secrets(["p", "--api-key", MARKER], {"API_KEY": "v"}) == [
            "p",
            "--api-key",
            "v",
        ]


class TestPathMap:
    @pytest.fixture
    def mapping(self) -> PathMap:
        return PathMap(("/p/experiments/3",), "/p/experiments/9", ("/p",), "/w", "/p/sub")

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("/p/experiments/3/model.pt", "/p/experiments/9/model.pt"),
            ("../experiments/3", "/p/experiments/9"),
            ("--out=../experiments/3/a=b", "/p/experiments/9/a=b"),
            ("../experiments/3/", "/p/experiments/9/"),
            ("/p/data/x.csv", "/w/data/x.csv"),
            ("--data=/p", "/w"),
            ("../experiments/33/x", None),
            ("/project/x", None),
            ("data/x.csv", None),
            ("0.5", None),
            ("", None),
            ("--flag", None),
        ],
    )
    def test_only_what_leads_into_the_old_places_is_changed(self, mapping, word, expected):
        before, equals, _ = word.partition("=")
        wanted = word if expected is None else f"{before}={expected}" if equals else expected
        assert mapping.word(word) == wanted
        assert bool(mapping.mapped) == (expected is not None)

    def test_places_inside_of_other_text_are_told(self, mapping):
        assert mapping.leftovers(["x", "file:///p/data?a", "-I/p/include"]) == [
            "file:///p/data?a",
            "-I/p/include",
        ]

    def test_the_new_folder_in_the_old_checkout_is_none_of_them(self, mapping):
        words = ["/p/experiments/9/a", "--out=/p/experiments/9", "/p/experiments/90"]
        assert mapping.leftovers(words) == ["/p/experiments/90"]

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("open('/p/experiments/3/x', 'w')", "open('/p/experiments/9/x', 'w')"),
            ("/a:/p/experiments/3", "/a:/p/experiments/9"),
            ("--logs=file:///p/experiments/33", "--logs=file:///p/experiments/33"),
        ],
    )
    def test_the_old_folder_is_replaced_wherever_it_stands(self, mapping, word, expected):
        assert mapping.word(word) == expected


@pytest.fixture
def launch(tmp_path: Path):
    """Return a function that makes a launch of Python code."""

    def make(code: str, **variables: str) -> Launch:
        environment = {**os.environ, **variables}
        names = (str(tmp_path / "stdout"), str(tmp_path / "stderr"))
        return Launch([sys.executable, "-c", code], str(tmp_path), environment, *names)

    return make


class TestRun:
    def test_it_tells_how_a_program_ended_and_keeps_what_it_wrote(self, launch, tmp_path: Path):
        outcome = run(launch("import sys; print('out'); sys.stderr.write('err'); sys.exit(7)"))
        assert (outcome.how, outcome.code, outcome.left_behind) == (ENDED, 7, ())
        assert (tmp_path / "stdout").read_text() == "out\n"
        assert (tmp_path / "stderr").read_text() == "err"
        outcome = run(launch("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
        assert outcome.code == -signal.SIGSEGV

    def test_there_is_no_input_and_no_terminal(self, launch, tmp_path: Path):
        code = "import sys; print(repr(sys.stdin.read()))\nopen('/dev/tty')"
        assert run(launch(code)).code == 1
        assert (tmp_path / "stdout").read_text() == "''\n"

    def test_a_limit_ends_it_and_all_that_it_started(self, launch, tmp_path: Path):
        code = (
            "import subprocess, signal\n"
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "done = subprocess.Popen(['sleep', '602'])\n"
            "print(done.pid, flush=True)\n"
            "signal.pause()\n"
        )
        outcome = run(launch(code), timeout=0.5)
        assert (outcome.how, outcome.code) == (TIMED_OUT, -signal.SIGTERM)
        pid = (tmp_path / "stdout").read_text().strip()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"))

    def test_the_wish_to_stop_is_an_interrupt(self, launch, tmp_path: Path):
        stop = threading.Event()
        shown: list[bytes] = []

        def show(data: bytes) -> None:
            shown.append(data)
            stop.set()

        code = (
            "import signal\ntry:\n    print('begun', flush=True)\n    signal.pause()\n"
            "except KeyboardInterrupt:\n    print('bye')\n"
        )
        outcome = run(launch(code), is_stopped=stop.is_set, show=show)
        assert (outcome.how, outcome.code) == (STOPPED, 0)
        assert b"".join(shown) == b"begun\nbye\n"

    def test_a_daemon_is_found_by_its_environment(self, launch):
        code = "import subprocess\nsubprocess.Popen(['sleep', '603'], start_new_session=True)\n"
        outcome = run(launch(code, **{layout.REPRODUCTION_VARIABLE: "this one"}))
        assert outcome.left_behind == ("sleep 603",)

    def test_what_cannot_be_started_says_so(self, tmp_path: Path):
        names = (str(tmp_path / "stdout"), str(tmp_path / "stderr"))
        with pytest.raises(CannotReproduceError, match="no-such-program cannot be started"):
            run(Launch(["no-such-program"], str(tmp_path), {}, *names))

    def test_programs_of_a_killed_reproduction_are_ended_by_the_next_one(self):
        hold = (
            "import json, os, subprocess, sys\n"
            "from meticulous.reproduce.workplace import workplace\n"
            "with workplace() as work:\n"
            f"    os.environ['{layout.REPRODUCTION_VARIABLE}'] = json.dumps([work.elsewhere])\n"
            "    done = subprocess.Popen(['sleep', '604'], stdout=subprocess.DEVNULL)\n"
            "    print(done.pid, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        pid = process.stdout.readline().strip()
        process.kill()
        process.communicate()
        with workplace():
            wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"))
        assert os.listdir(usual_place()) == []


class TestInputs:
    @pytest.fixture
    def roots(self, tmp_path: Path) -> tuple[Path, Path]:
        original, worktree = tmp_path / "original", tmp_path / "worktree"
        original.mkdir()
        worktree.mkdir()
        return original, worktree

    @staticmethod
    def entry(path: str, place: str = "repository", **facts: object) -> dict[str, object]:
        return {"path": path, "in": place, "size": 3, "modified": None, "found": "opened", **facts}

    ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    def test_each_input_is_what_it_was_or_is_named(self, record_with, roots):
        original, worktree = roots
        inputs = []
        for name, text, facts in (
            ("same", "abc", {"sha256": self.ABC}),
            ("changed", "abd", {"sha256": self.ABC}),
            ("longer", "abcd", {"sha256": self.ABC}),
            ("unhashed", "abc", {"sha256": None, "unhashed": "over the budget"}),
            ("missing", None, {"sha256": self.ABC}),
            ("written", None, {"sha256": self.ABC}),
        ):
            inputs.append(self.entry(name, **facts))
            if text is not None:
                (original / name).write_text(text)
        (worktree / "same").write_text("abc")
        files = {"format": 1, "inputs": inputs, "outputs": [self.entry("written")]}
        found = check_inputs(record_with(files), str(original), str(worktree))
        assert [(one.path, one.change) for one in found.changes] == [
            ("changed", "changed"),
            ("longer", "changed"),
            ("unhashed", "unverified"),
            ("missing", "missing"),
            ("written", "missing"),
        ]

    def test_what_git_does_not_hold_is_copied_or_linked_and_never_changed(
        self, record_with, roots, monkeypatch
    ):
        original, worktree = roots
        (original / "data").mkdir()
        (original / "data" / "small").write_text("abc")
        (original / "data" / "large").write_text("abcdef")
        (worktree / "tracked").write_text("abc")
        (original / "tracked").write_text("xyz")
        monkeypatch.setattr("meticulous.reproduce.inputs.COPIED_BYTES", 5)
        (original.parent / "outside").write_text("abc")
        names = ("data/small", "data/large", "tracked", "../outside", "/etc/passwd")
        names = (*names, "data/../../outside", ".", "")
        outputs = [self.entry("logs/deep/out.txt")]
        files = {"format": 1, "inputs": [self.entry(name) for name in names], "outputs": outputs}
        record = record_with(files)
        found = check_inputs(record, str(original), str(worktree))
        provide_inputs(record, found, str(original), str(worktree), str(worktree))
        assert not (worktree / "data" / "small").is_symlink()
        assert (worktree / "data" / "small").read_text() == "abc"
        assert (worktree / "data" / "large").is_symlink()
        assert (worktree / "tracked").read_text() == "abc"
        assert (worktree / "logs" / "deep").is_dir()
        assert sorted(os.listdir(worktree)) == ["data", "logs", "tracked"]
        assert found.touched() == []
        (worktree / "data" / "large").write_text("changed by the program")
        assert found.touched() == [str(original / "data" / "large")]

    def test_older_records_have_what_their_arguments_name(self, record_with, roots):
        original, worktree = roots
        (original / "sub" / "data").mkdir(parents=True)
        (original / "sub" / "data" / "x.csv").write_text("1")
        (worktree / "sub").mkdir()
        record = record_with(command=["t.py", "--data=data/x.csv", "--lr", "0.1", "/etc/passwd"])
        found = check_inputs(record, str(original), str(worktree))
        assert "no list of the files" in found.remarks[0]
        provide_inputs(record, found, str(original), str(worktree), str(worktree / "sub"))
        assert (worktree / "sub" / "data" / "x.csv").read_text() == "1"
        assert sorted(os.listdir(worktree)) == ["sub"]

    def test_a_broken_list_is_no_list(self, record_with, roots):
        for files in (
            "{",
            [],
            {"inputs": 3},
            {"inputs": [3, {"path": 4}, {"path": "a", "in": []}]},
            {},
        ):
            record = record_with(files if isinstance(files, str) else json.dumps(files))
            found = check_inputs(record, str(roots[0]), str(roots[1]))
            provide_inputs(record, found, str(roots[0]), str(roots[1]), str(roots[1]))
            assert found.changes == []
