from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_record(tmp_path / "experiments", "1")


def test_a_crate_is_written_and_its_place_told(command, folder, tmp_path: Path):
    done = command("export", "-1", "--crate", "crate")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"Wrote {tmp_path}/crate: 4 files.\n"
    assert (tmp_path / "crate" / "ro-crate-metadata.json").exists()


def test_a_name_that_ends_in_zip_is_a_zip_file(command, folder, tmp_path: Path):
    assert command("export", "1", "--crate", "run 1.zip").returncode == 0
    assert "ro-crate-metadata.json" in zipfile.ZipFile(tmp_path / "run 1.zip").namelist()


def test_what_stayed_behind_and_what_was_cleaned_is_told(command, folder, tmp_path: Path):
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "stdout").write_text("ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8\n")
    done = command("export", "1", "--crate", "crate")
    assert "Secrets were taken out of stdout.\n" in done.stderr
    assert "Left out: 'link' is a link that leads out of the folder.\n" in done.stderr
    told = json.loads(command("export", "1", "--crate", "second", "--json").stdout)
    assert (told["files"], told["cleaned"], len(told["left_out"])) == (5, ["stdout"], 1)


@pytest.mark.parametrize("words", [("1",), ("2", "--crate", "x"), ("1", "--crate", "experiments")])
def test_mistakes_are_one_message(command, folder, words):
    done = command("export", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("meticulous: error: ")


def test_without_rocrate_the_extra_is_named(command, folder, tmp_path: Path):
    (tmp_path / "rocrate.py").write_text("raise ImportError('no module')\n")
    done = command("export", "1", "--crate", "crate", PYTHONPATH=f"{tmp_path}:{sys.path[0]}")
    assert done.returncode == 2
    assert "pip install 'meticulous-ml[crate]'" in done.stderr
    assert not (tmp_path / "crate").exists()


def test_the_word_of_the_list_is_no_longer_meant(command, folder):
    done = command("exprot")
    assert "Did you mean 'export'?" in done.stderr
