from __future__ import annotations

import os
from pathlib import Path

import pytest
from written_records import write_files, write_original_record, write_record

from meticulous.errors import ExperimentNotFoundError, ExperimentsDirectoryError, MeticulousError
from meticulous.reader import by_start, find_record, find_records, locate


def ids(directory: Path) -> list[str]:
    return [record.id for record in find_records(directory)]


def test_numbers_come_in_numeric_order_then_names(tmp_path: Path):
    for name in ["10", "9", "b", "1", "007", "a"]:
        write_record(tmp_path, name)
    assert ids(tmp_path) == ["1", "9", "10", "007", "a", "b"]


def test_what_is_no_record_is_passed_over(tmp_path: Path):
    write_record(tmp_path, "1")
    write_record(tmp_path, ".hidden")
    (tmp_path / "2").write_text("a file where a folder should be")
    (tmp_path / "3").mkdir()
    (tmp_path / ".numbers").write_text("1\n")
    (tmp_path / "4").symlink_to("nowhere")
    (tmp_path / "5").symlink_to("5")
    assert ids(tmp_path) == ["1"]


@pytest.mark.parametrize("name", ["STATUS", "metadata.json", "args.json"])
def test_one_of_three_files_makes_a_folder_a_record(tmp_path: Path, name: str):
    write_files(tmp_path / "1", {name: ""})
    [record] = find_records(tmp_path)
    assert record.problems


def test_ids_may_be_any_text(tmp_path: Path):
    names = ["ärger", "日本 語", "🙂", "-1", "[red]", os.fsdecode(b"\xff")]
    for name in names:
        write_record(tmp_path, name)
    assert sorted(ids(tmp_path)) == sorted(names)
    for name in names:
        if name != "-1":
            assert find_record(tmp_path, name).id == name


def test_a_broken_folder_is_a_row_among_the_others(tmp_path: Path):
    write_record(tmp_path, "1")
    write_files(tmp_path / "2", {"STATUS": b"\xff", "metadata.json": b"", "args.json": b"{"})
    write_original_record(tmp_path, "3")
    assert [bool(record.problems) for record in find_records(tmp_path)] == [False, True, False]


def test_hundreds_of_experiments_are_found(tmp_path: Path):
    for number in range(1, 301):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "STATUS").write_bytes(b"SUCCESS\n")
        (folder / "metadata.json").write_bytes(b'{"start-time": "2026-11-22T14:03:05.123456"}')
        (folder / "args.json").write_bytes(b'{"lr": 0.1}')
    assert ids(tmp_path) == [str(number) for number in range(1, 301)]


@pytest.mark.permissions
def test_a_folder_that_may_not_be_entered_is_a_row_with_a_problem(tmp_path: Path):
    folder = write_record(tmp_path, "1")
    folder.chmod(0)
    try:
        [record] = find_records(tmp_path)
        assert "Permission denied" in record.problems[0]
    finally:
        folder.chmod(0o755)


@pytest.mark.permissions
def test_a_directory_that_may_not_be_read_is_an_error(tmp_path: Path):
    tmp_path.chmod(0)
    try:
        with pytest.raises(ExperimentsDirectoryError, match="Permission denied"):
            find_records(tmp_path)
    finally:
        tmp_path.chmod(0o755)


def test_the_order_of_starts_puts_the_latest_last(tmp_path: Path):
    write_record(tmp_path, "1", minutes=5)
    write_record(tmp_path, "2", minutes=7)
    write_record(tmp_path, "name", minutes=6)
    write_record(tmp_path, "abroad", minutes=0, metadata={"utc-offset": "-05:00"})
    write_original_record(tmp_path, "old")
    write_files(tmp_path / "bare", {"args.json": "{}"})
    order = [record.id for record in by_start(find_records(tmp_path))]
    assert order == ["bare", "old", "1", "name", "2", "abroad"]


def test_negative_ids_count_from_the_latest(tmp_path: Path):
    for minutes, name in enumerate(["3", "1", "2"]):
        write_record(tmp_path, name, minutes=minutes)
    assert [find_record(tmp_path, f"-{count}").id for count in (1, 2, 3)] == ["2", "1", "3"]
    with pytest.raises(ExperimentNotFoundError, match="3 experiments"):
        find_record(tmp_path, "-4")


@pytest.mark.parametrize(
    ("wanted", "nearest"), [("12", "7, 8, 9"), ("baseline", "base-line"), ("zzz", "10 experiments")]
)
def test_an_unknown_id_is_answered_with_the_nearest(tmp_path: Path, wanted: str, nearest: str):
    for number in range(1, 10):
        write_record(tmp_path, str(number))
    write_record(tmp_path, "base-line")
    with pytest.raises(ExperimentNotFoundError, match=nearest):
        find_record(tmp_path, wanted)


@pytest.mark.parametrize("wanted", ["", ".", "..", "../1", "a/b", "a\0b", "-0", "-", "²"])
def test_an_id_that_is_no_name_of_a_folder_is_not_found(tmp_path: Path, wanted: str):
    write_record(tmp_path, "1")
    (tmp_path / "inner").mkdir()
    with pytest.raises(ExperimentNotFoundError):
        find_record(tmp_path / "inner", wanted)


def test_the_directory_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_record(tmp_path / "experiments", "1")
    below = tmp_path / "source" / "deep"
    below.mkdir(parents=True)
    for place in (tmp_path, below, tmp_path / "experiments", tmp_path / "experiments" / "1"):
        monkeypatch.chdir(place)
        assert locate() == str(tmp_path / "experiments")


def test_an_empty_directory_gives_way_to_one_with_experiments_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    inner = tmp_path / "inner"
    (inner / "experiments").mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert locate() == str(inner / "experiments")
    write_record(tmp_path / "experiments", "1")
    assert locate() == str(tmp_path / "experiments")


def test_inside_a_directory_of_another_name_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_record(tmp_path / "runs", "1")
    monkeypatch.chdir(tmp_path / "runs")
    assert locate() == str(tmp_path / "runs")


def test_a_project_stands_for_its_experiments(tmp_path: Path):
    write_record(tmp_path / "experiments", "1")
    assert locate(tmp_path) == str(tmp_path / "experiments")
    assert locate(tmp_path / "experiments") == str(tmp_path / "experiments")


def test_nothing_to_be_found_says_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentsDirectoryError, match="meticulous run") as caught:
        locate()
    assert isinstance(caught.value, MeticulousError)


def test_a_place_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    write_record(tmp_path, "1")
    for name, words in (("gone", "does not exist"), ("file", "is a file"), ("1", "show")):
        with pytest.raises(ExperimentsDirectoryError, match=words):
            locate(tmp_path / name)


@pytest.mark.parametrize("inside", ["46", "46/outputs"])
def test_inside_an_experiment_the_directory_is_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
):
    write_record(tmp_path / "experiments", "1")
    folder = write_record(tmp_path / "mine", "46")
    (folder / "outputs").mkdir()
    monkeypatch.chdir(tmp_path / "mine" / inside)
    assert locate() == str(tmp_path / "mine")


@pytest.mark.permissions
def test_a_closed_directory_does_not_give_way_to_that_of_another_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_record(tmp_path / "experiments", "1")
    closed = write_record(tmp_path / "inner" / "experiments", "2").parent
    monkeypatch.chdir(tmp_path / "inner")
    closed.chmod(0)
    try:
        assert locate() == str(closed)
    finally:
        closed.chmod(0o755)


@pytest.mark.permissions
def test_a_folder_with_the_closed_folders_of_others_is_no_experiments_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("lost+found", "bob"):
        (tmp_path / name).mkdir(mode=0)
    monkeypatch.chdir(tmp_path)
    try:
        with pytest.raises(ExperimentsDirectoryError, match="There is no folder 'experiments'"):
            locate()
        (tmp_path / "46").mkdir(mode=0)
        assert locate() == str(tmp_path), "a closed folder with a number is taken for one"
    finally:
        for folder in tmp_path.iterdir():
            folder.chmod(0o755)
