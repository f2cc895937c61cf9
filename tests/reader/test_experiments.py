"""Experiments: all of a directory, chosen from, and as DataFrames."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy
import pandas
import pytest
from written_records import write_files, write_original_record, write_record

import meticulous.experiments
from meticulous import ExperimentReader, Experiments
from meticulous.errors import (
    ExperimentNotFoundError,
    ExperimentsDirectoryError,
    InvalidOptionError,
    InvalidQueryError,
    MeticulousError,
    UnknownColumnError,
)
from meticulous.reader import by_start, find_records

LINES = (
    '{{"step": 0, "time": 1.7e9, "loss": {0}}}\n'
    '{{"step": 1, "time": 1700000001, "loss": {0}.5, "val": {{"acc": 0.5}}}}\n{{"st'
)


@pytest.fixture
def directory(tmp_path) -> Path:
    """Five runs; 10 was started before 9."""
    path = tmp_path / "project" / "experiments"
    for number, minutes in ((1, 0), (2, 1), (10, 2), (9, 3), (11, 4)):
        write_record(
            path,
            str(number),
            minutes=minutes,
            args={"lr": number / 100, "epochs": 100, "model": {"width": number}},
            default_args={"lr": 0.1, "epochs": 100, "model": {"width": 1}},
            summary={"loss": float(number), "deep": {"x": [1, 2]}},
            **{"metrics.jsonl": LINES.format(number)},
        )
    return path


@pytest.fixture
def experiments(directory) -> Experiments:
    return Experiments(experiments_directory=directory)


class TestTheDirectory:
    def test_the_historic_signature(self, directory, monkeypatch):
        monkeypatch.chdir(directory.parent)
        for made in (
            Experiments(),
            Experiments(""),
            Experiments(str(directory.parent)),
            Experiments("..", "project/experiments"),
            Experiments(directory.parent, "experiments", ExperimentReader),
            Experiments(project_directory="", experiments_directory=None, reader=ExperimentReader),
            Experiments(experiments_directory=str(directory) + os.sep),
        ):
            assert made.experiments_directory == str(directory)
            assert len(made) == 5

    def test_the_historic_import_path(self):
        assert meticulous.experiments.Experiments is Experiments
        assert meticulous.experiments.ExperimentReader is ExperimentReader

    def test_it_is_found_from_a_folder_inside_the_project(self, directory, monkeypatch):
        (directory.parent / "src" / "deep").mkdir(parents=True)
        monkeypatch.chdir(directory.parent / "src" / "deep")
        assert len(Experiments()) == 5

    @pytest.mark.parametrize("place", ["nowhere", "file"])
    def test_one_that_is_not_there_is_a_typed_error(self, tmp_path, place):
        (tmp_path / "file").write_text("")
        with pytest.raises(ExperimentsDirectoryError, match=place):
            Experiments(experiments_directory=tmp_path / place)

    def test_a_single_experiment_is_no_directory_of_them(self, directory):
        with pytest.raises(ExperimentsDirectoryError, match="is one experiment"):
            Experiments(experiments_directory=directory / "9")

    def test_an_empty_one_has_no_experiments_and_everything_works(self, tmp_path):
        made = Experiments(experiments_directory=tmp_path)
        assert (len(made), list(made), made.ids, made.experiments) == (0, [], [], {})
        assert len(made.table()) == len(made.as_dataframe()) == len(made.as_dataframe(True)) == 0
        assert list(made.metrics().columns) == ["expid", "step", "time"]
        assert len(made[-3:]) == len(made.latest(3)) == len(made[[]]) == 0
        assert "No experiments" in repr(made)
        with pytest.raises(ExperimentNotFoundError, match="no experiments yet"):
            made[-1]

    def test_neither_git_nor_write_access_is_needed(self, directory, tmp_path, monkeypatch):
        copied = shutil.copytree(directory, tmp_path / "copied elsewhere")
        monkeypatch.setenv("PATH", "")
        monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
        for path in [*copied.rglob("*"), copied]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        made = Experiments(experiments_directory=copied)
        assert len(made.table()) == 5
        assert len(made.as_dataframe()) == 5
        for path in [copied, *copied.iterdir()]:
            path.chmod(0o755)


class TestAccess:
    def test_text_and_whole_numbers_are_ids(self, experiments):
        assert experiments["9"].expid == experiments[9].expid == "9"
        assert experiments[numpy.int64(10)].args["lr"] == 0.1
        assert experiments["9"] is experiments[9]

    def test_one_experiment_is_found_without_reading_the_others(self, experiments, directory):
        (directory / "1" / "args.json").chmod(0)
        assert experiments["9"].summary["loss"] == 9.0
        assert experiments._ids is None

    def test_negative_numbers_count_from_the_latest_start(self, experiments):
        assert experiments[-1].expid == experiments["-1"].expid == "11"
        assert experiments[-2].expid == "9"
        assert experiments[-5].expid == "1"

    def test_the_order_is_that_of_the_start(self, experiments):
        assert [reader.expid for reader in experiments] == ["1", "2", "10", "9", "11"]
        assert experiments.ids == list(experiments.experiments) == ["1", "2", "10", "9", "11"]

    def test_without_a_start_the_last_sign_of_life_counts(self, experiments, directory):
        for number in (3, 4):
            write_record(directory, str(number), metadata={"start-time": ..., "duration": ...})
        (directory / "4" / "STATUS").unlink()
        os.utime(directory / "3" / "STATUS", (2e9, 2e9))
        wanted = [record.id for record in by_start(find_records(directory))]
        assert experiments.ids == wanted == ["4", "1", "2", "10", "9", "11", "3"]

    def test_slices_and_lists_give_experiments(self, experiments):
        assert experiments[-3:].ids == ["10", "9", "11"]
        assert experiments[:2].ids == ["1", "2"]
        assert experiments[::-2].ids == ["11", "10", "1"]
        assert experiments[["9", 1, -1, "1"]].ids == ["9", "1", "11"]
        assert experiments[-3:][:1].ids == ["10"]
        assert experiments[iter([2])].ids == ["2"]
        assert experiments.latest().ids == ["11"]
        assert experiments.latest(2).ids == ["9", "11"]
        assert experiments.latest(99).ids == experiments.ids
        assert experiments.latest(0).ids == []

    def test_truth_values_choose_as_in_a_dataframe(self, experiments):
        table = experiments.table()
        assert experiments[table["summary.loss"] > 9].ids == ["10", "11"]
        by_loss = table.sort_values("summary.loss", ascending=False)
        assert experiments[by_loss["summary.loss"] > 9].ids == ["10", "11"]
        assert experiments[(table["summary.loss"] > 9).to_numpy()].ids == ["10", "11"]
        assert experiments[[True, False, False, False, True]].ids == ["1", "11"]
        assert experiments[table.index[:2]].ids == ["1", "2"]

    def test_a_missing_value_is_not_chosen(self, experiments, directory):
        write_record(directory, "12", minutes=9, summary={"steps": 5})
        table = experiments.table()
        assert table["summary.steps"].isna().tolist() == [True] * 5 + [False]
        assert experiments[table["summary.steps"] > 3].ids == ["12"]

    def test_membership(self, experiments):
        assert "9" in experiments
        assert 9 in experiments
        assert experiments["9"] in experiments
        assert "9" not in experiments[:2]
        assert experiments["9"] not in experiments[:2]
        assert "3" not in experiments
        assert None not in experiments
        assert 9.0 not in experiments

    @pytest.mark.parametrize(
        "key",
        [
            *("3", 3, 0, "", ".", "..", "a/b", "../experiments/9", "9/", "\0", "-", "-0", "--1"),
            *(
                "-99",
                -99,
                -(10**30),
                10**30,
                10**5000,
                "²",
                "-²",
                None,
                1.0,
                True,
                False,
                b"9",
                object,
            ),
            *(b"9", object, ["9", "3"], ["9", None], [1.5], [[1]], {"x": 1}, ("9", "zz")),
        ],
        ids=lambda key: repr(key)[:30] if type(key) is not int else hex(key)[:30],
    )
    def test_what_is_no_experiment_is_a_typed_error(self, experiments, key):
        with pytest.raises(ExperimentNotFoundError):
            experiments[key]
        list(experiments)  # and the same once all are read
        with pytest.raises(ExperimentNotFoundError):
            experiments[key]

    def test_the_error_names_the_nearest(self, experiments):
        with pytest.raises(ExperimentNotFoundError, match=r"'8'.*the nearest: 9, 10, 11"):
            experiments[8]

    def test_the_error_says_that_an_experiment_was_not_chosen(self, experiments):
        with pytest.raises(ExperimentNotFoundError, match="'9' is not among the 2 chosen here"):
            experiments[:2]["9"]

    @pytest.mark.parametrize(
        "key", [slice("1", None), slice(None, None, 0), slice(1.5), [True, False]], ids=repr
    )
    def test_a_choice_that_cannot_be_made_is_a_typed_error(self, experiments, key):
        with pytest.raises(InvalidOptionError):
            experiments[key]

    @pytest.mark.parametrize("count", [-1, "3", 1.5, None, True])
    def test_latest_takes_a_count(self, experiments, count):
        with pytest.raises(InvalidOptionError):
            experiments.latest(count)

    def test_odd_ids_are_told_apart(self, tmp_path):
        for expid in ("007", "7", "a b", "ünï", "-1"):
            write_record(tmp_path, expid)
        made = Experiments(experiments_directory=tmp_path)
        assert {made[name].expid for name in ("007", "7", "a b", "ünï", "-1")} == set(made.ids)
        assert made[7].expid == "7"
        assert len(made.table()) == len(made.as_dataframe()) == 5
        assert all(expid in repr(made) for expid in made.ids)


class TestFreshness:
    def test_a_new_run_is_seen_after_refresh(self, experiments, directory):
        assert len(experiments) == 5
        write_record(directory, "12", minutes=9)
        shutil.rmtree(directory / "1")
        assert len(experiments) == 5
        assert experiments.refresh().ids == ["2", "10", "9", "11", "12"]
        shutil.rmtree(directory / "2")
        experiments.refresh_experiments()
        assert len(experiments) == 4

    def test_a_run_that_ended_is_seen_after_refresh(self, experiments, directory):
        assert experiments[9].status == "SUCCESS"
        (directory / "9" / "STATUS").write_text("ERROR\nKeyError\n")
        assert experiments[9].status == "SUCCESS"
        assert experiments.refresh()[9].status == "ERROR"
        assert experiments.query("status == 'ERROR'").ids == ["9"]

    def test_a_choice_stays_the_same_choice(self, experiments, directory):
        chosen = experiments[["9", "1"]]
        write_record(directory, "12", minutes=9)
        assert chosen.refresh().ids == ["9", "1"]
        shutil.rmtree(directory / "9")
        assert chosen.refresh().ids == ["1"]
        assert len(experiments.refresh()) == 5

    def test_a_run_deleted_after_it_was_read_does_no_harm(self, experiments, directory):
        assert len(experiments) == 5
        shutil.rmtree(directory / "9")
        assert len(experiments.table()) == len(experiments.as_dataframe()) == 5
        assert set(experiments.metrics("loss")["expid"]) == {"1", "2", "10", "11"}
        assert experiments["9"].status == "UNKNOWN"
        assert experiments["9"].problems
        assert repr(experiments)
        assert experiments.diff(9, 10)


class TestTable:
    def test_the_columns_are_flat_and_typed(self, experiments):
        table = experiments.table()
        assert table.index.tolist() == ["1", "2", "10", "9", "11"]
        assert list(table.columns) == [
            *("status", "start", "duration", "description", "tags"),
            *("args.lr", "args.model.width", "summary.loss", "summary.deep.x"),
        ]
        types = {name: str(dtype) for name, dtype in table.dtypes.items()}
        assert types["status"] == "category"
        assert types["start"].startswith("datetime64")
        assert types["duration"].startswith("timedelta64")
        assert types["args.lr"] == types["summary.loss"] == "float64"
        assert types["args.model.width"] == "Int64"

    @pytest.mark.parametrize(
        ("choice", "names"),
        [
            ("none", []),
            ("changed", ["args.lr", "args.model.width"]),
            ("non-default", ["args.lr", "args.model.width"]),
            ("all", ["args.lr", "args.epochs", "args.model.width"]),
        ],
    )
    def test_the_arguments_shown_can_be_chosen(self, experiments, choice, names):
        columns = experiments.table(args=choice).columns
        assert [name for name in columns if name.startswith("args.")] == names

    def test_changed_and_non_default_are_not_the_same(self, experiments):
        one = experiments[[10]]
        assert "args.lr" not in one.table(args="non-default")
        assert "args.model.width" in one.table(args="non-default")
        assert list(one.table().columns) == list(one.table(args="non-default").columns)

    def test_columns_can_be_chosen(self, experiments):
        table = experiments.table(columns=["loss", "args.m*", "status", "metadata.git-b"])
        assert list(table.columns) == [
            *("summary.loss", "args.model.width", "status", "metadata.git-branch")
        ]
        assert list(experiments.table("args").columns) == [
            *("args.lr", "args.epochs", "args.model.width")
        ]
        assert list(experiments.table(["id", "status"]).columns) == ["status"]

    def test_what_cannot_be_chosen_is_a_typed_error(self, experiments):
        with pytest.raises(UnknownColumnError, match=r"lrr.*args\.lr"):
            experiments.table(columns=["lrr"])
        with pytest.raises(UnknownColumnError, match="3"):
            experiments.table(columns=[3])
        with pytest.raises(InvalidOptionError, match="'changed'"):
            experiments.table(args="some")


class TestDataFrame:
    def test_two_levels_with_the_header_in_front(self, experiments):
        frame = experiments.as_dataframe()
        assert frame.index.name == "expid"
        assert frame.index.tolist() == ["1", "2", "10", "9", "11"]
        assert list(dict.fromkeys(frame.columns.get_level_values(0))) == [
            *("", "args", "default_args", "metadata", "summary")
        ]
        assert frame["args"]["lr"].tolist() == [0.01, 0.02, 0.1, 0.09, 0.11]
        assert frame["args", "model"].tolist()[0] == {"width": 1}
        assert frame["", "status"].tolist() == ["SUCCESS"] * 5
        assert frame["metadata", "command"].tolist()[0] == "train.py --lr 0.2"

    def test_nested_values_can_be_unrolled(self, experiments):
        frame = experiments.as_dataframe(normalize_json_values=True)
        assert frame.columns.nlevels == 3
        assert frame["args", "model", "width"].tolist() == [1, 2, 10, 9, 11]
        assert frame["", "args", "lr"].tolist()[0] == 0.01
        assert frame["", "", "status"].tolist()[0] == "SUCCESS"

    def test_folders_of_the_original_stand_beside_new_ones(self, experiments, directory):
        write_original_record(directory, "12", STATUS="ERROR\nKeyError: 1")
        frame = experiments.as_dataframe()
        assert frame.loc["12"]["", "status_message"] == "KeyError: 1"
        assert pandas.isna(frame.loc["12"]["summary", "loss"])
        assert len(experiments.as_dataframe(True)) == 6

    def test_what_a_reader_of_ones_own_has_found_is_in_it(self, directory):
        class Mine(ExperimentReader):
            def __init__(self, curexpdir: str) -> None:
                super().__init__(curexpdir)
                self.lines = len(self.log)
                self.array = numpy.zeros(3)
                self.best = {"loss": min(self.log.series("loss").values)}

        made = Experiments(experiments_directory=directory, reader=Mine)
        assert isinstance(made[9], Mine)
        assert isinstance(made[-2:][9], Mine)
        frame = made.as_dataframe()
        assert frame["", "lines"].tolist() == [2] * 5
        assert frame["best", "loss"].tolist() == [1, 2, 10, 9, 11]
        assert made.as_dataframe(True)["", "best", "loss"].tolist() == [1, 2, 10, 9, 11]

    def test_variables_can_be_chosen_by_overriding(self, directory):
        class Mine(ExperimentReader):
            def df_vars(self):
                return {"expid": self.expid, "loss": self.summary["loss"]}

        frame = Experiments(experiments_directory=directory, reader=Mine).as_dataframe()
        assert list(frame.columns) == [("", "loss")]

    def test_a_reader_that_fails_for_one_folder_costs_only_its_own_part(self, directory):
        (directory / "9" / "extra").write_text("")

        class Mine(ExperimentReader):
            def __init__(self, curexpdir: str) -> None:
                super().__init__(curexpdir)
                self.extra = (self.directory / "extra").read_text()

        made = Experiments(experiments_directory=directory, reader=Mine)
        with pytest.warns(UserWarning, match="Experiment 1: Mine cannot read it") as warned:
            frame = made.as_dataframe()
        assert len(frame) == 5
        assert len(warned) == 1
        assert "Mine cannot read it: " in made[2].problems[0]
        assert type(made[9]) is Mine
        assert type(made[1]) is ExperimentReader

    def test_variables_that_fail_for_one_folder_cost_only_its_own_part(self, directory):
        class Mine(ExperimentReader):
            def refresh_summary(self):
                super().refresh_summary()
                self.summary["inverse"] = 1 / (self.summary["loss"] - 9)

        made = Experiments(experiments_directory=directory, reader=Mine)
        with pytest.warns(UserWarning, match="Experiment 9: Mine cannot read it: ZeroDivision"):
            frame = made.as_dataframe()
        assert frame["summary", "inverse"].isna().tolist() == [False, False, False, True, False]
        assert frame["summary", "loss"].tolist() == [1, 2, 10, 9, 11]

    def test_attributes_may_be_of_any_type(self, directory):
        class Mine(ExperimentReader):
            def __init__(self, curexpdir: str) -> None:
                super().__init__(curexpdir)
                self.frame = pandas.DataFrame({"a": [1, 2]})
                self.series = pandas.Series([1, 2])
                self.matrix = numpy.zeros((2, 2))
                self.path = self.directory
                self.pair = (1, 2)

        made = Experiments(experiments_directory=directory, reader=Mine)
        for frame in (made.as_dataframe(), made.as_dataframe(True)):
            assert len(frame) == 5

    def test_every_folder_on_a_bad_day_has_its_row(self, tmp_path):
        write_record(tmp_path, "1", summary=b"\x00\xff", metadata={"tags": 3})
        write_record(tmp_path, "2", args=b"", STATUS=b"", **{"metadata.json": b'{"a": '})
        write_record(tmp_path, "3", summary={f"k{n}": n for n in range(2000)})
        write_record(tmp_path, "4", summary={"loss": "text", "a.b": 1, "a": {"b": [2]}})
        write_record(tmp_path, "5", summary={"loss": 10**30, "a": None}, metadata={"format": 99})
        write_files(tmp_path / "6", {"STATUS": "RUNNING\n"})
        (tmp_path / "7").write_text("a file")
        made = Experiments(experiments_directory=tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert sorted(made.ids) == ["1", "2", "3", "4", "5", "6"]
            assert len(made.table()) == len(made.table(args="all")) == 6
            assert len(made.as_dataframe()) == len(made.as_dataframe(True)) == 6
            assert len(made.metrics()) == 0
            assert repr(made)
            assert made._repr_html_()
            for reader in made:
                assert repr(reader)
                assert str(reader)
                assert reader._repr_html_()
        assert {reader.expid for reader in made if reader.problems} == {"1", "2", "5", "6"}


class TestQuery:
    def test_a_query_chooses(self, experiments):
        found = experiments.query("args.lr < 0.1 and status == 'SUCCESS'")
        assert found.ids == ["1", "2", "9"]
        assert found.query("loss > 1").latest(1).ids == ["9"]
        assert experiments.query("args.lr > 5").ids == []

    def test_an_experiment_without_the_value_is_not_among_them(self, experiments, directory):
        write_record(directory, "12", minutes=9)
        assert "12" not in experiments.query("summary.loss < 100")

    @pytest.mark.parametrize("text", ["args.lr <", "", "(", "args.lr = 1", "\0", "1 +", 5])
    def test_what_cannot_be_understood_is_a_typed_error(self, experiments, text):
        with pytest.raises(InvalidQueryError):
            experiments.query(text)

    def test_an_unknown_name_is_a_typed_error_with_the_nearest(self, experiments):
        with pytest.raises(UnknownColumnError, match=r"args\.lr"):
            experiments.query("args.lrr < 1")


class TestMetrics:
    def test_a_long_frame(self, experiments):
        frame = experiments.query("args.lr < 0.1").latest(20).metrics("loss")
        assert list(frame.columns) == ["expid", "step", "time", "loss"]
        assert frame["expid"].tolist() == ["1", "1", "2", "2", "9", "9"]
        assert frame["loss"].tolist() == [1, 1.5, 2, 2.5, 9, 9.5]

    def test_all_that_was_logged(self, experiments):
        frame = experiments[:1].metrics()
        assert list(frame.columns) == ["expid", "step", "time", "loss", "val.acc"]
        assert len(experiments.metrics("val.*")) == 5

    def test_an_unknown_name_is_a_typed_error(self, experiments):
        with pytest.raises(UnknownColumnError, match="loss"):
            experiments.metrics("los")


class TestDiff:
    def test_two_experiments_are_compared(self, experiments):
        found = experiments.diff(9, "10")
        assert (found.a.id, found.b.id) == ("9", "10")
        assert "lr" in str(found)
        assert "<" in found._repr_html_()

    def test_an_unknown_one_is_a_typed_error(self, experiments):
        with pytest.raises(ExperimentNotFoundError):
            experiments.diff(9, 99)


def test_experiments_can_be_copied_and_pickled(experiments):
    assert copy.copy(experiments).ids == experiments.ids
    assert pickle.loads(pickle.dumps(experiments[-2:])).ids == ["9", "11"]
    assert pickle.loads(pickle.dumps(experiments["9"])).summary == experiments["9"].summary


def test_all_errors_have_one_root(experiments):
    for mistake in (
        lambda: experiments["no"],
        lambda: experiments.query("no <"),
        lambda: experiments.table(["no"]),
        lambda: experiments.metrics("no"),
        lambda: experiments["9"].open("no"),
        lambda: experiments["no":],
        lambda: experiments.latest("no"),
    ):
        with pytest.raises(MeticulousError):
            mistake()


def test_pandas_is_imported_only_for_a_dataframe(directory):
    program = (
        "import sys\n"
        "from meticulous import Experiments\n"
        f"experiments = Experiments(experiments_directory={str(directory)!r})\n"
        "experiments[9].summary, experiments[-1].log, repr(experiments), len(experiments)\n"
        "experiments._repr_html_(), str(experiments[9])\n"
        "print(sorted({'pandas', 'numpy', 'rich', 'git', 'click'} & set(sys.modules)))\n"
        "import meticulous.reader\n"
        "experiments.table()\n"
        "print('pandas' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\nTrue\n", "")


def test_the_reader_package_gives_both_on_first_use():
    program = (
        "import sys, meticulous.reader\n"
        "print('meticulous.reader.experiments' in sys.modules)\n"
        "from meticulous.reader import ExperimentReader, Experiments\n"
        "print(Experiments.__name__, ExperimentReader.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\nExperiments ExperimentReader\n"
