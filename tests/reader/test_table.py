from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from written_records import write_files, write_original_record, write_record

from meticulous.reader import find_records
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import FACTS, Table, make_table


def table_of(directory: Path) -> Table:
    return make_table(find_records(directory))


def test_every_fact_is_a_column(tmp_path: Path):
    write_record(tmp_path, "1", metadata={"description": "first", "tags": ["base"]})
    table = table_of(tmp_path)
    assert table.ids == ["1"]
    assert list(table.columns)[: len(FACTS)] == list(FACTS)
    assert {name: table.columns[name][0] for name in FACTS} == {
        "status": "SUCCESS",
        "start": datetime(2026, 11, 22, 14, 3, 5, 123456, tzinfo=UTC),
        "end": datetime(2026, 11, 22, 14, 3, 8, 323456, tzinfo=UTC),
        "duration": 3.2,
        "description": "first",
        "tags": ["base"],
        "directory": str(tmp_path / "1"),
        "reason": MISSING,
        "cause": MISSING,
        "problems": [],
    }


def test_what_an_experiment_does_not_have_is_missing_and_null_is_none(tmp_path: Path):
    write_record(tmp_path, "1", args={"lr": None}, summary={"loss": 0.5})
    write_record(tmp_path, "2", args={"model": {"width": 3}, "lr": 1})
    columns = table_of(tmp_path).columns
    assert columns["args.lr"] == [None, 1]
    assert columns["args.model.width"] == [MISSING, 3]
    assert columns["summary.loss"] == [0.5, MISSING]


def test_the_parts_follow_one_another(tmp_path: Path):
    write_record(tmp_path, "1", summary={"loss": 1})
    names = [name.partition(".")[0] for name in table_of(tmp_path).columns if "." in name]
    assert list(dict.fromkeys(names)) == ["args", "default_args", "summary", "metadata"]


def test_names_that_collide_are_both_kept(tmp_path: Path):
    write_record(tmp_path, "1", args={"a.b": 1, "a": {"b": 2}})
    columns = table_of(tmp_path).columns
    assert (columns["args.a.b"], columns["args.a.b#2"]) == ([1], [2])


def test_a_summary_of_another_type_in_each_run(tmp_path: Path):
    results = [1, 0.5, "text", True, None, [1, 2], {"a": 1}, "NaN", 2**70]
    for number, result in enumerate(results, 1):
        write_record(tmp_path, str(number), summary={"x": result})
    columns = table_of(tmp_path).columns
    assert columns["summary.x"][:6] == results[:6]
    assert columns["summary.x"][6] is MISSING
    assert columns["summary.x.a"][6] == 1
    assert columns["summary.x"][7] != columns["summary.x"][7]
    assert columns["summary.x"][8] == str(2**70)


def test_two_thousand_keys_in_each_run(tmp_path: Path):
    for number in (1, 2, 3):
        write_record(tmp_path, str(number), summary={f"k{number * i}": i for i in range(2000)})
    assert len(table_of(tmp_path).columns) > 4000


def test_a_folder_that_cannot_be_read_is_a_row_that_says_so(tmp_path: Path):
    write_record(tmp_path, "1")
    write_files(tmp_path / "2", {"STATUS": b"\xff", "metadata.json": b"\0", "args.json": b"{"})
    write_record(tmp_path, "3", metadata={"format": 99})
    write_original_record(tmp_path, "4")
    columns = table_of(tmp_path).columns
    assert [len(problems) for problems in columns["problems"]] == [0, 3, 1, 0]
    assert columns["status"] == ["SUCCESS", "UNKNOWN", "UNKNOWN", "SUCCESS"]


def test_no_experiments_give_a_table_with_the_facts(tmp_path: Path):
    table = table_of(tmp_path)
    assert len(table) == 0
    assert dict(table.columns) == {name: [] for name in FACTS}


def test_the_ids_can_be_asked_for_like_a_column():
    table = Table(["7", "8"], {"x": [1, 2]})
    assert table.column("id") == ["7", "8"]
    assert table.column("x") == [1, 2]
    with pytest.raises(KeyError):
        table.column("y")


@pytest.mark.parametrize("rows", [[], [1], [2, 0], [0, 1, 2]])
def test_rows_can_be_taken_in_any_order(rows: list[int]):
    table = Table(["a", "b", "c"], {"x": [1, MISSING, 3]})
    taken = table.take(rows)
    assert taken.ids == [table.ids[row] for row in rows]
    assert taken.columns == {"x": [table.columns["x"][row] for row in rows]}
