"""A program that is being reproduced is kept from writing into the checkout of the original."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ATTEMPTS = """\
import json, os, pathlib, shutil, sys, tempfile
from meticulous.recorder.files import guarding
from meticulous.recorder.reproduction import Order

old, new, scratch = sys.argv[1:4]
content = {"directory": old + "/experiments/7", "elsewhere": scratch + "/elsewhere",
           "roots": [[old, new]], "may-write-outside": len(sys.argv) > 4}
guarding.begin(Order(content))
os.chdir(new)
attempts = {
    "open": lambda: open(old + "/new", "w").close(),
    "append": lambda: open(old + "/file", "a").close(),
    "update": lambda: open(old + "/file", "r+").close(),
    "os.open": lambda: os.close(os.open(old + "/new", os.O_CREAT | os.O_WRONLY)),
    "through a link": lambda: open("link", "w").close(),
    "above the worktree": lambda: open(os.path.relpath(old + "/new"), "w").close(),
    "bytes": lambda: open(os.fsencode(old + "/new"), "w").close(),
    "path": lambda: (pathlib.Path(old) / "new").write_text("x"),
    "mkdir": lambda: os.makedirs(old + "/folder/inner"),
    "remove": lambda: os.remove(old + "/file"),
    "rmdir": lambda: os.rmdir(old + "/empty"),
    "rmtree": lambda: shutil.rmtree(old + "/full"),
    "rename into": lambda: os.rename("own", old + "/own"),
    "rename out of": lambda: os.rename(old + "/file", "file"),
    "replace": lambda: os.replace("own", old + "/file"),
    "symlink": lambda: os.symlink("own", old + "/link"),
    "hard link": lambda: os.link("own", old + "/link"),
    "truncate": lambda: os.truncate(old + "/file", 0),
    "chmod": lambda: os.chmod(old + "/file", 0o600),
    "utime": lambda: os.utime(old + "/file"),
    "move": lambda: shutil.move("own", old + "/own"),
    "copy": lambda: shutil.copy("own", old + "/own"),
    # These are allowed.
    "read": lambda: open(old + "/file").close(),
    "list": lambda: os.listdir(old),
    "a folder that is there": lambda: os.makedirs(old + "/full", exist_ok=True),
    "the new folder": lambda: open(old + "/experiments/7/out", "w").close(),
    "the worktree": lambda: open("own", "a").close(),
    "beside": lambda: open(old + "er", "w").close(),
    "compiled": lambda: open(old + "/__pycache__/x.pyc", "w").close(),
    "a link from the old to the new": lambda: open(old + "/out/own", "a").close(),
}
refused = {}
for name, attempt in attempts.items():
    try:
        attempt()
    except PermissionError as error:
        refused[name] = str(error)
    except OSError:
        pass  # what went before may have removed it
print(json.dumps({"refused": refused, "named": guarding.refused()}))
"""

ALLOWED = {
    *("read", "list", "a folder that is there", "the new folder", "the worktree", "beside"),
    *("compiled",),
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    for name in ("experiments/7", "full", "empty", "__pycache__"):
        (tmp_path / "old" / name).mkdir(parents=True)
    (tmp_path / "old" / "file").write_text("precious")
    (tmp_path / "old" / "full" / "file").write_text("precious")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "own").write_text("")
    (tmp_path / "new" / "link").symlink_to(tmp_path / "old" / "file")
    (tmp_path / "old" / "out").symlink_to(tmp_path / "new")
    return tmp_path / "old"


def attempt(old: Path, *words: str) -> dict:
    folders = [str(old), str(old.parent / "new"), str(old.parent)]
    words = (sys.executable, "-c", ATTEMPTS, *folders, *words)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_whatever_python_would_change_there_is_refused_and_nothing_else(old):
    found = attempt(old)
    every = {line.split('"')[1] for line in ATTEMPTS.splitlines() if line.startswith('    "')}
    # By its name it lies in the old checkout, whatever the link leads to.
    assert set(found["refused"]) == every - ALLOWED
    assert (old / "file").read_text() == (old / "full" / "file").read_text() == "precious"
    assert sorted(os.listdir(old)) == sorted(
        ["experiments", "full", "empty", "__pycache__", "file", "out"]
    )
    assert "--allow-outside" in found["refused"]["open"]
    assert str(old / "new") in found["refused"]["open"]
    assert str(old / "new") in found["named"]


def test_where_it_is_allowed_nothing_is_refused(old):
    assert attempt(old, "allowed")["refused"].keys() == set()
    assert (old / "new").exists()
