"""`meticulous list`: groups, data formats, exports."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from pathlib import Path

import pandas
import pytest
from written_records import write_record

from meticulous.cli.list_options import FOR_PEOPLE


def rows(output: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.splitlines()]


NASTY = 'a "quoted", <b>|pipe|</b> & = \\ {x_1} $5 %\nsecond line\t日本'


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    losses = [0.1, 0.30000000000000004, "NaN", "diverged"]
    for number, loss in enumerate(losses, 1):
        write_record(
            directory,
            str(number),
            minutes=number,
            args={"lr": [0.1, 0.2][number % 2], "name": NASTY, "none": None, "flag": True},
            summary={"loss": loss, "steps": number * 10, "curve": [1, 2.5]},
            metadata={"tags": ["x", "y"]},
        )
    return directory


class TestGroups:
    @pytest.fixture
    def groups(self, command, experiments: Path):
        def grouped(*words: str) -> list[dict]:
            return json.loads(command("list", "--format", "json", *words).stdout)

        return grouped

    def test_numbers_are_summed_up_and_runs_counted(self, groups):
        assert groups("--group-by", "lr", "--columns", "steps") == [
            {
                "args.lr": 0.1,
                "runs": 2,
                "summary.steps.mean": 30.0,
                "summary.steps.std": pytest.approx(200**0.5),
                "summary.steps.min": 20,
                "summary.steps.max": 40,
                "summary.steps.count": 2,
            },
            {
                "args.lr": 0.2,
                "runs": 2,
                "summary.steps.mean": 20.0,
                "summary.steps.std": pytest.approx(200**0.5),
                "summary.steps.min": 10,
                "summary.steps.max": 30,
                "summary.steps.count": 2,
            },
        ]

    def test_values_that_are_no_numbers_are_passed_over(self, groups):
        other, one = groups("--group-by", "lr", "--aggregate", "mean,count", "--columns", "loss")
        assert other["summary.loss.mean"] == 0.30000000000000004
        assert other["summary.loss.count"] == 1
        assert one["summary.loss.mean"] == "NaN"

    def test_results_and_duration_are_summed_up_unless_told_otherwise(self, groups):
        [row] = groups("--group-by", "status", "--aggregate", "max")
        assert list(row) == [
            "status",
            "runs",
            "summary.loss.max",
            "summary.steps.max",
            "duration.max",
        ]

    def test_groups_are_of_several_columns_and_can_be_sorted(self, groups):
        found = groups("--group-by", "lr,status", "--sort", "-steps.max", "--head", "1")
        assert [(row["args.lr"], row["runs"]) for row in found] == [(0.1, 2)]

    def test_a_missing_value_is_a_group_of_its_own(self, groups, experiments: Path):
        write_record(experiments, "5", minutes=9, args={})
        found = groups("--group-by", "lr", "--aggregate", "count", "--columns", "duration")
        assert [row.get("args.lr") for row in found] == [0.1, 0.2, None]

    def test_true_and_one_are_different_groups(self, groups, tmp_path: Path):
        for number, value in enumerate([1, True, 1.0, "1", [1], {"x": 1}], 10):
            write_record(tmp_path / "experiments", str(number), args={"odd": value})
        counts = [row["runs"] for row in groups("--group-by", "odd", "--filter", "id >= 10")]
        assert sorted(counts) == [1, 1, 1, 1, 2]

    def test_a_table_of_groups(self, command, experiments: Path):
        done = command(
            "list", "--group-by", "lr", "--aggregate", "mean,count", "--columns", "steps"
        )
        assert rows(done.stdout) == [
            ["lr", "runs", "steps.mean", "steps.count"],
            ["0.1", "2", "30.0", "2"],
            ["0.2", "2", "20.0", "2"],
        ]
        assert done.stderr == ""

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--aggregate", "mean"], "--group-by"),
            (["--group-by", "lr", "--aggregate", "mode"], "mean, std, min, max"),
            (["--group-by", "lrr"], "Did you mean args.lr?"),
            (["--group-by", "lr", "--args", "all"], "exclude each other"),
            (["--group-by", "lr", "--columns", "nowhere"], "'nowhere'"),
        ],
    )
    def test_mistakes_are_explained(self, command, experiments: Path, words: list[str], said: str):
        done = command("list", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


class TestData:
    @pytest.mark.parametrize(("name", "delimiter"), [("csv", ","), ("tsv", "\t")])
    def test_csv_holds_every_value_exactly(self, command, experiments: Path, name, delimiter):
        done = command("list", "--format", name)
        titles, *lines = csv.reader(io.StringIO(done.stdout), delimiter=delimiter)
        assert titles == [
            *("id", "status", "start", "end", "duration", "program"),
            *("args.lr", "args.name", "args.none", "args.flag"),
            *("summary.loss", "summary.steps", "summary.curve"),
            *("reason", "description", "tags", "problems"),
        ]
        second = dict(zip(titles, lines[1], strict=True))
        assert second["args.name"] == NASTY
        assert second["summary.loss"] == "0.30000000000000004"
        assert (second["args.none"], second["args.flag"]) == ("None", "True")
        assert second["start"] == "2026-11-22T14:05:05.123456+00:00"
        assert json.loads(second["tags"]) == ["x", "y"]
        assert [dict(zip(titles, line, strict=True))["summary.loss"] for line in lines] == [
            "0.1",
            "0.30000000000000004",
            "NaN",
            "diverged",
        ]

    def test_csv_is_what_pandas_reads(self, command, experiments: Path):
        frame = pandas.read_csv(io.StringIO(command("list", "--format", "csv").stdout))
        assert frame["summary.steps"].tolist() == [10, 20, 30, 40]
        assert frame["args.none"].isna().all()

    def test_json_lines_are_the_objects_of_json(self, command, experiments: Path):
        whole = json.loads(command("list", "--format", "json").stdout)
        assert whole == json.loads(command("list", "--json").stdout)
        lines = command("list", "--format", "jsonl").stdout.splitlines()
        assert [json.loads(line) for line in lines] == whole

    def test_chosen_columns_make_flat_objects_with_null_for_what_is_missing(
        self, command, experiments: Path
    ):
        write_record(experiments, "5", minutes=9, args={})
        done = command("list", "--json", "--columns", "lr,curve,start", "--tail", "2")
        assert json.loads(done.stdout) == [
            {
                "id": "4",
                "args.lr": 0.1,
                "summary.curve": [1, 2.5],
                "start": "2026-11-22T14:07:05.123456+00:00",
            },
            {
                "id": "5",
                "args.lr": None,
                "summary.curve": None,
                "start": "2026-11-22T14:12:05.123456+00:00",
            },
        ]

    def test_documents_escape_what_has_a_meaning_there(self, command, experiments: Path):
        words = ("--columns", "name", "--tail", "1")
        markdown = command("list", "--format", "markdown", *words).stdout.splitlines()
        assert len(markdown) == 3
        assert "\\<b>\\|pipe\\|\\</b>" in markdown[2]
        assert markdown[2].replace("\\|", "").count("|") == 3
        html = command("list", "--format", "html", *words).stdout
        assert "&lt;b&gt;" in html
        assert "<b>" not in html
        latex = command("list", "--format", "latex", *words).stdout
        assert "\\&" in latex
        assert "x\\_1" in latex
        assert "\\$5" in latex

    def test_all_rows_are_in_every_format_but_the_table(self, command, tmp_path: Path):
        for number in range(1, 26):
            write_record(tmp_path, str(number), minutes=number)
        assert len(command("list", ".", "--format", "csv").stdout.splitlines()) == 26
        assert len(command("list", ".", "--format", "markdown").stdout.splitlines()) == 27
        assert len(command("list", ".", "--format", "table").stdout.splitlines()) == 21

    def test_an_empty_directory_is_an_empty_document(self, command, tmp_path: Path):
        (tmp_path / "experiments").mkdir()
        for name in ("csv", "jsonl", *FOR_PEOPLE):
            done = command("list", "--format", name)
            assert (done.returncode, done.stderr) == (0, ""), name
        assert command("list", "--format", "jsonl").stdout == ""

    def test_no_control_character_steers_a_terminal(self, on_terminal, tmp_path: Path):
        write_record(tmp_path, "1", args={"x": "\x1b]0;title\x07"}, default_args={})
        for name in ("csv", "html", "jsonl", "markdown"):
            screen = on_terminal("list", ".", "--format", name, columns=200)
            assert not set("\x1b\x07") & set(screen), name


class TestExport:
    @pytest.mark.parametrize("extension", ["csv", "tsv", "json", "jsonl", "md", "tex", "html"])
    def test_a_file_has_what_the_format_prints(
        self, command, experiments: Path, tmp_path: Path, extension: str
    ):
        name = {"md": "markdown", "tex": "latex"}.get(extension, extension)
        file = tmp_path / f"out.{extension}"
        done = command("list", "--export", file.name)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"Wrote 4 experiments to {file.name}.\n"
        printed = command("list", "--format", name).stdout
        assert file.read_text().endswith(printed)
        assert file.read_text() == printed or '<meta charset="utf-8">' in file.read_text()

    @pytest.mark.parametrize("extension", ["parquet", "pickle", "pkl"])
    def test_data_frames_keep_their_types(
        self, command, experiments: Path, tmp_path: Path, extension: str
    ):
        file = tmp_path / f"out.{extension}"
        assert command("list", "--export", str(file)).returncode == 0
        read = pandas.read_parquet if extension == "parquet" else pandas.read_pickle
        frame = read(file)
        assert frame.index.tolist() == ["1", "2", "3", "4"]
        assert frame["summary.steps"].tolist() == [10, 20, 30, 40]
        assert str(frame["start"].dtype).startswith("datetime64[")
        assert frame["args.flag"].all()
        assert frame["args.name"].tolist() == [NASTY] * 4
        assert list(frame["tags"].iloc[0]) == ["x", "y"]

    def test_parquet_takes_columns_of_any_mixture(self, command, tmp_path: Path):
        odd = [10**30, -1, "text", [1, "a"], {"a": 1}, None, 2.5, True, "\udcff", [], float("inf")]
        for number, value in enumerate(odd):
            write_record(
                tmp_path, str(number + 1), args={"x": value, "y": [value], "z": number}, summary={}
            )
        done = command("list", ".", "--export", "out.parquet")
        assert (done.returncode, done.stderr) == (0, "Wrote 11 experiments to out.parquet.\n")
        assert pandas.read_parquet(tmp_path / "out.parquet")["args.z"].tolist() == [*range(11)]

    def test_groups_are_exported_too(self, command, experiments: Path, tmp_path: Path):
        done = command("list", "--group-by", "lr", "--export", "out.parquet")
        assert done.stderr == "Wrote 2 groups to out.parquet.\n"
        assert pandas.read_parquet(tmp_path / "out.parquet")["runs"].tolist() == [2, 2]

    def test_the_format_may_be_named_and_a_link_stays_a_link(
        self, command, experiments: Path, tmp_path: Path
    ):
        (tmp_path / "real").write_text("old")
        (tmp_path / "link").symlink_to("real")
        assert command("list", "--export", "link", "--format", "tsv").returncode == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_text().startswith("id\tstatus\t")

    def test_the_output_itself_can_be_the_file(self, command, experiments: Path):
        done = command("list", "--export", "/dev/stdout", "--format", "csv", "--columns", "lr")
        assert done.stdout.splitlines()[0] == "id,args.lr"

    @pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs files in memory")
    def test_a_file_in_memory_is_no_device(self, command, experiments: Path):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            path = Path(folder, "out.csv")
            assert command("list", "--export", str(path), "--columns", "lr").returncode == 0
            assert path.read_text().splitlines()[0] == "id,args.lr"

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("out.xls", ".parquet"),
            ("out", "has no extension"),
            ("missing/out.csv", "cannot be written"),
            ("experiments", "has no extension"),
            ("folder.csv", "cannot be written"),
        ],
    )
    def test_what_cannot_be_written_is_said(
        self, command, experiments: Path, tmp_path: Path, path: str, said: str
    ):
        (tmp_path / "folder.csv").mkdir()
        before = sorted(os.listdir(tmp_path))
        done = command("list", "--export", path)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert sorted(os.listdir(tmp_path)) == before

    def test_a_missing_package_is_named_with_its_extra(
        self, process, experiments: Path, tmp_path: Path
    ):
        (tmp_path / "hidden" / "pyarrow").mkdir(parents=True)
        (tmp_path / "hidden" / "pyarrow" / "__init__.py").write_text("raise ImportError('none')")
        path = os.pathsep.join([str(tmp_path / "hidden"), os.environ["PYTHONPATH"]])
        done = process("list", "--export", "out.parquet", PYTHONPATH=path)
        assert done.returncode == 2
        assert "pip install 'meticulous-ml[parquet]'" in done.stderr

    @pytest.mark.parametrize(
        "words",
        [["--json", "--format", "csv"], ["--export", "x.csv", "--format", "table"]],
        ids=" ".join,
    )
    def test_contradictions_are_refused(self, command, experiments: Path, words: list[str]):
        assert command("list", *words).returncode == 2


def test_a_plain_list_imports_no_pandas(process, experiments: Path):
    done = process("list", PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "meticulous.cli.plain_table" in imported
    assert not imported & {"pandas", "numpy", "torch", "matplotlib", "tabulate", "git", "pyarrow"}
