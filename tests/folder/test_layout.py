"""One object turns a folder into every path; writer and reader agree on the names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meticulous.folder import layout
from meticulous.folder.allocation import check_id
from meticulous.folder.layout import Layout

FILES = {
    name: value
    for name, value in vars(layout).items()
    if name.isupper() and isinstance(value, str) and not name.endswith("_VARIABLE")
}
VARIABLES = {name: value for name, value in vars(layout).items() if name.endswith("_VARIABLE")}


def test_no_two_files_share_a_name():
    assert len(set(FILES.values())) == len(FILES)
    assert all(os.path.basename(name) == name for name in FILES.values())


def test_the_files_of_a_run_have_the_names_the_documentation_gives():
    beside = {layout.USUAL_DIRECTORY, layout.UNLINKED}
    assert {value for value in FILES.values() if not value.startswith(".")} - beside == {
        "args.json",
        "default_args.json",
        "metadata.json",
        "STATUS",
        "stdout",
        "stderr",
        "summary.json",
        "metrics.jsonl",
        "environment.json",
        "requirements.txt",
        "notes.jsonl",
        "files.json",
        "SHA256SUMS",
        "reproduction.json",
        "run.sh",
        "launches.jsonl",
    }


def test_no_experiment_can_be_named_like_a_file_of_the_recorder():
    for name in (layout.NUMBERS, layout.IGNORE):
        with pytest.raises(ValueError, match="dot"):
            check_id(name)


def test_variables_are_told_apart_and_carry_our_name():
    assert len(set(VARIABLES.values())) == len(VARIABLES)
    assert all(value.startswith("METICULOUS_") for value in VARIABLES.values())
    assert layout.EXPERIMENT_VARIABLE == "METICULOUS_EXPERIMENT"


def test_a_name_becomes_a_path_in_the_folder():
    paths = Layout("/runs/3")
    assert paths.path(layout.STATUS) == "/runs/3/STATUS"
    assert paths.path("models/best.pkl") == "/runs/3/models/best.pkl"
    assert paths.path("/elsewhere/file") == "/elsewhere/file"


def test_two_layouts_of_one_folder_meet_in_the_files(tmp_path):
    Path(Layout(str(tmp_path)).path(layout.STATUS)).write_text("SUCCESS\n")
    assert Path(Layout(str(tmp_path)).path(layout.STATUS)).read_text() == "SUCCESS\n"
    assert repr(Layout("/runs/3")) == "Layout('/runs/3')"
