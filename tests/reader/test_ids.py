from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_records import write_record

from meticulous.errors import ExperimentNotFoundError, ExperimentsDirectoryError, MeticulousError
from meticulous.reader.ids import resolve_folder, resolve_folders, resolve_ids


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for minutes, name in enumerate(["1", "2", "10", "3", "007", "a b", "ünï", "4-5"]):
        write_record(directory, name, minutes=minutes)
    return directory


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["2"], ["2"]),
        (["007"], ["007"]),
        (["a b", "ünï"], ["a b", "ünï"]),
        (["-1"], ["4-5"]),
        (["-8"], ["1"]),
        (["1-3"], ["1", "2", "3"]),
        (["2-"], ["2", "3", "10"]),
        (["2-99"], ["2", "3", "10"]),
        (["3", "1-3"], ["3", "1", "2"]),
        (["1-2,10"], ["1", "2", "10"]),
        (["10, 2"], ["10", "2"]),
        (["2", "2"], ["2"]),
        ([], []),
    ],
)
def test_words_name_experiments(experiments: Path, words: list[str], ids: list[str]):
    assert resolve_ids(words, experiments) == ids


def test_a_folder_that_is_called_like_a_range_is_that_folder(experiments: Path):
    assert resolve_ids(["4-5"], experiments) == ["4-5"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("9", "There is no experiment '9' .* the nearest: 2, 3, 10"),
        ("20-30", "There is no experiment '20-30'"),
        ("5-2", "ends before it begins. Write 2-5"),
        ("-9", "There is no experiment '-9'"),
        ("-999999999999999999", "There is no experiment '-9"),
        ("-0", "There is no experiment '-0'"),
        ("a_b", "the nearest: a b"),
        ("1,77", "There is no experiment '77'"),
        ("", "There is no experiment ''"),
        ("1\0", "There is no experiment"),
        ("1" * 5000, "There is no experiment"),
        ("1-" + "9" * 5000, "There is no experiment"),
        ("--5", "There is no experiment '--5'"),
    ],
)
def test_what_names_none_is_answered_with_the_nearest(experiments: Path, word: str, message: str):
    with pytest.raises(ExperimentNotFoundError, match=message):
        resolve_ids([word], experiments)


def test_a_path_names_a_folder_wherever_it_lies(experiments: Path, tmp_path: Path, monkeypatch):
    other = write_record(tmp_path / "elsewhere", "5")
    monkeypatch.chdir(tmp_path)
    paths = ["experiments/2", "./elsewhere/5/", str(other)]
    assert resolve_folders(paths) == [str(experiments / "2"), str(other)]
    monkeypatch.chdir(other)
    assert resolve_folders(["."]) == [str(other)]


def test_without_a_directory_the_nearest_is_looked_for(
    experiments: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert resolve_folders(["1"]) == [str(experiments / "1")]


def test_a_path_into_another_directory_is_no_id_of_this_one(experiments: Path, tmp_path: Path):
    other = write_record(tmp_path / "elsewhere", "5")
    with pytest.raises(ExperimentNotFoundError, match=r"--directory .*elsewhere"):
        resolve_ids([str(other)], experiments)


@pytest.mark.parametrize("path", ["experiments/77", "./nothing/here", "experiments", "a\0/b"])
def test_a_path_that_leads_to_no_experiment_is_not_found(
    experiments: Path, tmp_path: Path, monkeypatch, path: str
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentNotFoundError):
        resolve_folders([f"{tmp_path}/{path}"])


def test_a_missing_directory_is_named(tmp_path: Path):
    with pytest.raises(ExperimentsDirectoryError, match="gone"):
        resolve_ids(["1-2"], tmp_path / "gone")


def test_where_one_is_wanted_several_are_refused(experiments: Path):
    assert resolve_folder("-1", experiments) == str(experiments / "4-5")
    with pytest.raises(ExperimentNotFoundError, match=r"names 3 experiments .* 1, 2, 3"):
        resolve_folder("1-3", experiments)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.sampled_from("0123456789-,. aü/\0"), max_size=8))
def test_no_word_is_answered_with_anything_but_ids_or_a_message(experiments: Path, word: str):
    try:
        folders = resolve_folders([word], experiments)
    except MeticulousError:
        return
    assert all(os.path.isdir(folder) for folder in folders)
