"""Settings of the user and of a project: what counts, what is refused, and what stays in files."""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import SettingError
from meticulous.sweep.settings import (
    PROJECT,
    USER,
    _toml,
    find_setting,
    set_setting,
    setting,
    settings_file,
    unset_setting,
)


@pytest.fixture(autouse=True)
def _here(repository, monkeypatch, tmp_path):
    monkeypatch.chdir(repository.directory)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_nothing_is_written_unless_asked(tmp_path):
    assert setting("jobs") == 1
    assert setting("header") == ""
    assert not (tmp_path / "config").exists()


def test_a_number_that_somebody_wrote_as_a_text_is_a_number(repository):
    (repository.directory / "meticulous.toml").write_text('jobs = "4"\n')
    assert setting("jobs") == 4
    set_setting("code", "current", PROJECT)
    assert setting("jobs") == 4


def test_those_of_the_project_count_more_than_those_of_the_user():
    set_setting("jobs", "3", USER)
    assert (setting("jobs"), find_setting("jobs").level) == (3, USER)
    set_setting("jobs", "4", PROJECT)
    assert (setting("jobs"), find_setting("jobs").level) == (4, PROJECT)
    assert unset_setting("jobs", PROJECT)
    assert not unset_setting("jobs", PROJECT)
    assert setting("jobs") == 3


def test_what_people_wrote_stays():
    path = Path(settings_file(USER))
    path.parent.mkdir(parents=True)
    path.write_text('# mine\njobs = 2  # two\n\nwith = "sh"\n')
    set_setting("jobs", "5", USER)
    assert path.read_text() == '# mine\njobs = 5\n\nwith = "sh"\n'
    unset_setting("jobs", USER)
    assert path.read_text() == '# mine\n\nwith = "sh"\n'


def test_a_header_is_found_from_anywhere_in_the_project(repository, monkeypatch):
    repository.write("slurm/header.txt", "#SBATCH --mem=4G\n")
    set_setting("header", "slurm/header.txt", PROJECT)
    text = Path(settings_file(PROJECT)).read_text()
    assert text == 'header = "slurm/header.txt"\n'
    monkeypatch.chdir(repository.directory / "slurm")
    assert Path(setting("header")) == repository.directory / "slurm" / "header.txt"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("jbos", "1", "Did you mean 'jobs'"),
        ("jobs", "x", "a number from 1"),
        ("jobs", "0", "a number from 1"),
        ("code", "old", "recorded or current"),
        ("header", "none.txt", "no header file"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(tmp_path, name, text, said):
    with pytest.raises(SettingError, match=said):
        set_setting(name, text, USER)
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("text", ["jobs = ", "nobs = 3", "jobs = 0", "\xff"])
def test_a_broken_file_is_named(text):
    path = Path(settings_file(USER))
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingError, match=str(path)):
        setting("jobs")


def test_several_who_set_at_once_lose_nothing():
    names = {"jobs": "7", "with": "sbatch", "code": "current"}
    threads = [
        threading.Thread(target=set_setting, args=(name, text, USER))
        for name, text in names.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = tomllib.loads(Path(settings_file(USER)).read_text())
    assert found == {"jobs": 7, "with": "sbatch", "code": "current"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back(text):
    assert tomllib.loads(f"with = {_toml(text)}") == {"with": text}
