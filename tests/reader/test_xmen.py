"""Experiments of xmen, read where they are: every version, broken ones, and none at all."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xmen_folders as xmen
from hypothesis import given
from hypothesis import strategies as st
from untouched import fingerprint

from meticulous.errors import ExperimentNotFoundError, InvalidYamlError
from meticulous.folder.plain import plain
from meticulous.reader import Experiments, find_records, read_contents, read_record
from meticulous.reader.ids import resolve_folders
from meticulous.reader.index import read_latest, read_records, read_table
from meticulous.reader.xmen.document import load
from meticulous.reader.xmen.records import read_xmen_records
from meticulous.reader.xmen.times import read_time


def records_in(folder: Path) -> dict:
    """Return the records below a folder by their ids."""
    return {record.id: record for record in read_xmen_records(str(folder))}


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    return xmen.second_set(tmp_path / "hello")


class TestTheLastVersion:
    def test_statuses_are_told_in_our_words(self, hello: Path):
        assert {name: record.status for name, record in records_in(hello).items()} == {
            "a=Hello__b=World": "SUCCESS",
            "a=Hello__b=Planet": "ERROR",
            "a=Bye__b=World": "REGISTERED",
            "a=Bye__b=Planet": "UNKNOWN",
            "a=Old__b=World": "SUCCESS",
        }

    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("stopped", "INTERRUPTED"),
            ("timeout", "TIMEOUT"),
            ("requeue", "REQUEUED"),
            ("detached", "UNKNOWN"),
            ("bogus", "UNKNOWN"),
            ("", "UNKNOWN"),
        ],
    )
    def test_each_word_of_xmen_has_one_of_ours(self, tmp_path: Path, word: str, status: str):
        record = read_record(xmen.second(tmp_path / "x", status=word))
        assert record.status == status
        assert record.reason

    def test_one_that_wrote_a_moment_ago_runs(self, tmp_path: Path):
        folder = xmen.second(tmp_path / "x", status="running")
        assert read_record(folder).status == "RUNNING"
        assert read_record(folder).end is None
        later = time.time() + 7200
        assert read_record(folder, now=later).status == "UNKNOWN"
        assert "left it as running" in read_record(folder, now=later).reason

    def test_args_defaults_results_and_facts(self, hello: Path):
        record = records_in(hello)["a=Hello__b=Planet"]
        assert record.args == {"a": "Hello", "b": "Planet"}
        assert record.default_args == {"a": "Hello", "b": "World"}
        assert record.changed_args == {"b": "Planet"}
        done = records_in(hello)["a=Hello__b=World"]
        assert {**done.summary, "best": None} == {
            "length": 10,
            "loss": 0.25,
            "best": None,
            "e": "3/10",
        }
        assert math.isnan(done.summary["best"])
        assert (done.duration, done.description) == (3.5, "Hello world")
        facts = done.metadata
        assert facts["githead-sha"] == xmen.COMMIT
        assert facts["git-remote"] == "https://example.org/ann/parabola.git"
        assert facts["start-time"] == "2021-02-08T19:04:32.000001"
        assert (facts["host"], facts["user"]) == ("node7", "ann")
        assert facts["swept"] == {"a": "Hello", "b": "World"}

    def test_an_end_before_the_start_belongs_to_an_earlier_run(self, hello: Path):
        record = records_in(hello)["a=Hello__b=Planet"]
        assert record.start is not None
        assert (record.end, record.duration) == (None, None)

    def test_what_is_not_linked_is_unlinked(self, hello: Path):
        tags = {name: record.tags for name, record in records_in(hello).items()}
        assert tags.pop("a=Old__b=World") == ["unlinked"]
        assert set(map(tuple, tags.values())) == {()}

    def test_a_moved_set_is_read_as_well(self, hello: Path, tmp_path: Path):
        shutil.move(hello, tmp_path / "elsewhere")
        moved = records_in(tmp_path / "elsewhere")
        assert len(moved) == 5
        assert moved["a=Hello__b=World"].metadata["swept"] == {"a": "Hello", "b": "World"}

    def test_lists_that_are_out_of_step_tell_nothing(self, hello: Path):
        path = hello / "experiment.yml"
        text = path.read_text()
        path.write_text(text.replace("overides:\n- a: Hello\n  b: World\n", "overides:\n"))
        assert "swept" not in records_in(hello)["a=Hello__b=World"].metadata

    def test_a_folder_that_is_gone_is_a_record_that_says_so(self, hello: Path):
        shutil.rmtree(hello / "a=Bye__b=World")
        assert "its folder is not there" in records_in(hello)["a=Bye__b=World"].problems[0]

    def test_contents_are_shown_without_the_environment_variables(self, hello: Path):
        contents = read_contents(hello / "a=Hello__b=World")
        assert [note["text"] for note in contents.notes] == ["odd spike", "second: look"]
        assert contents.environment["platform"]["hostname"] == "node7"
        assert contents.environment["xmen"]["disks"]["read"] == "12.10GB"
        assert xmen.SECRET not in str(contents) + str(records_in(hello))


class TestEarlierVersions:
    def test_name_and_created(self, tmp_path: Path):
        records = records_in(xmen.first_set(tmp_path / "set"))
        assert list(records) == ["a:10__b:3", "a:10__b:3_1"]
        record = records["a:10__b:3"]
        assert (record.status, record.args) == ("SUCCESS", {"a": 10, "b": "3"})
        assert record.changed_args == {"a": 10, "b": "3"}
        assert record.summary == {"step": "300"}
        assert record.metadata["registered-time"] == "2019-09-16T19:41:00.000000"
        assert record.metadata["githead-sha"] == "80dcfd98e6c3c17e1bafa72ee56744d4a6e30e80"
        assert record.metadata["xmen"]["generation"] == 1
        assert record.metadata["xmen"]["root"] == str(tmp_path / "set" / "a:10__b:3")

    def test_fields_without_an_underscore(self, tmp_path: Path):
        record = read_record(xmen.oldest(tmp_path))
        assert (record.status, record.args) == ("REGISTERED", {"a": "h", "b": 17})
        assert record.metadata["xmen"]["generation"] == 0
        assert record.metadata["xmen"]["version"] == {"path": "", "class": "AnExperiment"}

    @pytest.mark.parametrize(
        ("text", "time"),
        [
            ("21-02-08-19-04-30-123456", "2021-02-08T19:04:30.123456"),
            ("2021-02-08-19-04-30", "2021-02-08T19:04:30.000000"),
            ("07:41PM September 16, 2019", "2019-09-16T19:41:00.000000"),
            ("2021-02-08 19:04", "2021-02-08T19:04:00.000000"),
            ("8/2/2021", None),
            ("21-13-08-19-04-30-123456", None),
            ("yesterday", None),
            (None, None),
            (7, None),
        ],
    )
    def test_each_form_of_a_time(self, text, time):
        assert read_time(text) == time

    def test_a_time_that_is_none_is_kept_and_warned_about(self, tmp_path: Path):
        record = read_record(xmen.second(tmp_path / "x", start="8/2/2021"))
        assert record.start is None
        assert record.metadata["xmen"]["timestamps"]["start"] == "8/2/2021"
        assert any("8/2/2021" in text for text in record.warnings)
        assert record.problems == []


class TestYaml:
    def test_nothing_is_carried_out(self, tmp_path: Path):
        mark = tmp_path / "carried-out"
        text = f"x: !!python/object/apply:os.system ['touch {mark}']\n"
        folder = xmen.second(tmp_path / "x", more=text)
        record = read_record(folder)
        assert record.args["x"] == f"!!python/object/apply:os.system [touch {mark}]"
        assert not mark.exists()
        assert record.problems == []

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("!!python/tuple [1, 2]", [1, 2]),
            ("!!python/name:os.system", "!!python/name:os.system"),
            ("!thing {a: [1, b]}", "!thing {a: [1, b]}"),
            ("2019-02-31", "2019-02-31"),
            ("yes", "yes"),
            ("0x10", 16),
        ],
    )
    def test_values(self, text, value):
        assert load(f"x: {text}\n".encode()) == {"x": value}

    @pytest.mark.parametrize(
        "data",
        [
            b"a: [1\n",
            b"a: \xff\n",
            b"- a\n",
            b"a: \x00",
            b"[" * 400,
            b"a: &a [*b]",
            b"--- 1\n--- 2",
        ],
    )
    def test_what_cannot_be_read_is_one_error(self, data):
        with pytest.raises(InvalidYamlError):
            load(data)

    @pytest.mark.parametrize("text", ["", "me: &me [*me]\n", "c: &c {d: {e: *c}}\n"])
    def test_names_that_multiply_without_end_are_refused(self, tmp_path: Path, text: str):
        bomb = "a0: &a0 [x, x]\n" + "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
        )
        record = read_record(xmen.second(tmp_path / "x", more=text or bomb))
        assert record.problems == ["params.yml refers to its own parts so often that it has no end"]

    def test_leaving_out_the_surroundings_changes_nothing_else(self, hello: Path):
        data = (hello / "a=Hello__b=World" / "params.yml").read_bytes()
        whole, part = load(data), load(data, is_whole=False)
        assert "environ" in whole["_meta"]
        assert set(part["_meta"]) == {"mac", "host", "user", "home"}
        assert str({**whole, "_meta": 0}) == str({**part, "_meta": 0})  # a NaN is not itself

    def test_an_alias_into_what_was_left_out_is_still_found(self):
        data = b"_meta:\n  environ:\n    A: &a hello\n_status: x\nb: *a\n"
        assert load(data, is_whole=False)["b"] == "hello"

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, data: bytes):
        with contextlib.suppress(InvalidYamlError):
            assert isinstance(load(data), dict)


_NAMES = st.from_regex("[a-z]{1,5}", fullmatch=True)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["C", "Z"])),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(_NAMES, values, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_parameters_come_back_as_xmen_dumped_them(tmp_path_factory, parameters):
    from ruamel.yaml import YAML

    folder = xmen.second(tmp_path_factory.mktemp("x") / "x")
    with (folder / "params.yml").open("a", encoding="utf-8") as file:
        YAML().dump({f"{name}_": value for name, value in parameters.items()}, file)
    args = read_record(folder).args
    assert {name[:-1]: args[name] for name in args if name.endswith("_")} == plain(parameters)


class TestBrokenOnes:
    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (
                lambda text: text.replace("_purpose: Hello", "_purpose: [Hello"),
                "not valid YAML in line",
            ),
            (lambda text: text.partition("_root")[0], "has no status"),
            (lambda text: text + "\x01", "not valid YAML"),
        ],
    )
    def test_each_is_a_record_with_a_problem_among_the_others(self, hello: Path, change, problem):
        path = hello / "a=Hello__b=World" / "params.yml"
        path.write_text(change(path.read_text()))
        records = records_in(hello)
        assert problem in records["a=Hello__b=World"].problems[0]
        assert [name for name, one in records.items() if one.problems] == ["a=Hello__b=World"]

    def test_an_emptied_file_and_a_broken_set(self, hello: Path):
        (hello / "a=Hello__b=World" / "params.yml").write_text("")
        problem = records_in(hello)["a=Hello__b=World"].problems[0]
        assert problem == "its folder holds no params.yml of xmen"
        (hello / "defaults.yml").write_text("a: [")
        record = records_in(hello)["a=Hello__b=Planet"]
        assert record.default_args == {}
        assert any(
            text.startswith("defaults.yml of the set is not valid") for text in record.warnings
        )

    @pytest.mark.permissions
    def test_what_may_not_be_read_says_so(self, hello: Path):
        (hello / "a=Hello__b=World" / "params.yml").chmod(0)
        assert "Permission denied" in records_in(hello)["a=Hello__b=World"].problems[0]

    def test_links_pipes_and_odd_names(self, hello: Path, tmp_path: Path):
        (hello / "link").symlink_to(xmen.second(tmp_path / "far away"))
        (hello / "loop").symlink_to(hello)
        (hello / "dangling").symlink_to("nowhere")
        (hello / "pipe").mkdir()
        os.mkfifo(hello / "pipe" / "params.yml")
        xmen.second(hello / "s=a" / "b ünï 🎉\n")
        found = records_in(hello)
        assert {"link", "s=a/b ünï 🎉\n"} < set(found)
        assert len(found) == 7


class TestWhereTheyAreLookedFor:
    def test_only_where_there_is_none_of_ours(self, hello: Path):
        assert find_records(hello) == []
        assert read_records(hello) == []
        records, total = read_latest(hello, 2, with_foreign=True)
        assert (total, [record.id for record in records]) == (
            5,
            ["a=Hello__b=Planet", "a=Bye__b=World"],  # without a start its files tell the order
        )

    def test_what_lies_far_below_a_folder_of_anything_is_not_looked_for(
        self, hello: Path, tmp_path: Path
    ):
        anything = tmp_path / "anything"
        shutil.copytree(hello, anything / "near")
        shutil.copytree(hello, anything / "some" / "what" / "far")
        near = {f"near/{record.id}" for record in read_xmen_records(str(hello))}
        assert {record.id for record in read_xmen_records(str(anything))} == near
        deep = read_xmen_records(str(anything / "some"))
        assert len(deep) == len(near)
        assert all(record.id.startswith("what/far/") for record in deep)

    def test_another_params_yml_is_nobodys(self, tmp_path: Path):
        (tmp_path / "stage").mkdir()
        (tmp_path / "stage" / "params.yml").write_text("lr: 0.1\nstatus: on\nroot: /\n_name: x\n")
        assert read_xmen_records(str(tmp_path)) == []
        assert read_record(tmp_path / "stage").problems[0] == "STATUS is missing"

    def test_a_record_of_ours_with_such_a_file_stays_ours(self, tmp_path: Path):
        from written_records import write_record

        folder = xmen.second(write_record(tmp_path / "experiments", "1"))
        assert read_record(folder).args == {"lr": 0.2, "epochs": 100}
        (folder / "STATUS").unlink()
        assert read_record(folder).problems == ["STATUS is missing"]

    def test_programs_read_them_too(self, hello: Path):
        experiments = Experiments(experiments_directory=hello)
        assert len(experiments) == 5
        assert experiments["a=Hello__b=World"].summary["length"] == 10
        assert experiments.query("args.b == 'Planet'").ids == [
            "a=Bye__b=Planet",
            "a=Hello__b=Planet",
        ]
        assert "summary.loss" in experiments.table()

    def test_a_file_of_the_program_does_not_hide_them(self, hello: Path):
        (hello / "a=Hello__b=World" / "args.json").write_text("{}")
        assert read_latest(hello, 9, with_foreign=True)[1] == 5
        assert len(read_records(hello, with_foreign=True)) == 5
        assert len(read_table(hello, with_foreign=True)) == 5
        assert read_record(hello / "a=Hello__b=World").status == "SUCCESS"

    def test_lists_of_a_set_that_make_no_sense_are_rows(self, hello: Path):
        (hello / "experiment.yml").write_text(
            "experiments: [null, 3, {a: b}, /, .., '']\nroot: 7\n"
        )
        records = records_in(hello)
        assert len([one for one in records.values() if not one.problems]) == 5

    def test_only_reading_commands_may_name_them(self, hello: Path):
        assert resolve_folders(["a=Bye__b=World"], hello, with_foreign=True) == [
            str(hello / "a=Bye__b=World")
        ]
        with pytest.raises(ExperimentNotFoundError, match="meticulous import xmen"):
            resolve_folders(["a=Bye__b=World"], hello)
        with pytest.raises(ExperimentNotFoundError, match="experiments of xmen"):
            resolve_folders(["none"], hello, with_foreign=True)

    def test_reading_changes_nothing(self, hello: Path):
        before = fingerprint(hello)
        read_xmen_records(str(hello))
        read_contents(hello / "a=Hello__b=World")
        assert fingerprint(hello) == before


class TestWhatIsKept:
    """Documents are parsed once; what they say is known by their bytes."""

    @pytest.fixture
    def kept(self, hello: Path) -> Path:
        """The file in which it is kept that the set was read."""
        read_xmen_records(str(hello))
        (path,) = Path(os.environ["XDG_CACHE_HOME"], "meticulous").glob("*.xmen")
        return path

    def test_a_second_reading_parses_nothing_and_says_the_same(
        self, hello: Path, monkeypatch: pytest.MonkeyPatch
    ):
        first = read_xmen_records(str(hello))
        monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
        assert repr(read_xmen_records(str(hello))) == repr(first)

    def test_a_change_is_seen_whatever_the_times_and_sizes_say(self, hello: Path, kept: Path):
        path = hello / "a=Hello__b=Planet" / "params.yml"
        before = path.stat()
        path.write_text(path.read_text().replace("a: Hello", "a: Other"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert records_in(hello)["a=Hello__b=Planet"].args["a"] == "Other"

    @pytest.mark.parametrize("content", [b"", b"not ours", None])
    def test_what_was_damaged_is_read_and_kept_anew(self, hello: Path, kept: Path, content):
        sound = kept.read_bytes()
        kept.write_bytes(sound[:-10] if content is None else content)
        assert records_in(hello)["a=Hello__b=World"].args == {"a": "Hello", "b": "World"}
        assert kept.read_bytes() == sound

    def test_what_is_gone_is_kept_no_longer_and_secrets_never(self, hello: Path, kept: Path):
        sound = kept.read_bytes()
        assert b"Planet" in sound
        assert xmen.SECRET.encode() not in sound
        shutil.rmtree(hello)
        xmen.second(hello / "x", more="c: 3\n")
        assert list(records_in(hello)) == ["x"]
        assert b"Planet" not in kept.read_bytes()


class TestCost:
    def test_a_list_of_ours_loads_nothing_of_it(self, tmp_path: Path):
        from written_records import write_record

        write_record(tmp_path / "experiments", "1")
        xmen.second(tmp_path / "experiments" / "theirs")
        program = (
            "import sys; from meticulous.cli import main\n"
            "try: main(['list'])\n"
            "except SystemExit: pass\n"
            "print([name for name in sys.modules if 'xmen' in name or 'ruamel' in name])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "[]"
