"""`meticulous list --sets`: what was registered together, below each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xmen_folders as xmen
from registered import folder_of, make_project, read
from untouched import fingerprint
from written_records import write_record

TRAIN = {"kind": "python", "file": "train.py", "name": "Train"}
REGISTERED = {
    "target": TRAIN,
    "registered-time": "2026-11-22T14:00:00.000000",
    "repository": "/home/ann/iris",
    "description": "first look",
    "command": [],
    "original-command": [],
}

OURS = """\
1: train.py:Train
|- 2   lr=0.1   SUCCESS
|- 3   lr=0.2   ERROR
|- 10  lr=0.20  SUCCESS
Created  2026-11-22 14:00
Last     2026-11-22 14:13
Status   2 SUCCESS, 1 ERROR
Git      /home/ann/iris main 1f2e3d4c5b
Purpose  first look
Notes    odd spike
         second: look

2: simulate.sh
|- 4  mesh=8  REGISTERED
Created  2026-11-22 15:00
Status   1 REGISTERED
Git      /home/ann/iris main 1f2e3d4c5b, with uncommitted changes
Purpose  first look

without a set
|- 1    train.py  SUCCESS
|- run  eval.py   SUCCESS
First    2026-11-22 14:03
Last     2026-11-22 14:12
Status   2 SUCCESS
Git      https://example.org/iris.git main 1f2e3d4c5b
"""

XMEN = """\
1: first
|- a:10__b:3    SUCCESS
|- a:10__b:3_1  REGISTERED
Type     /home/ann/parabola/hello.py:AnExperiment
Created  2019-09-16 19:41
Status   1 SUCCESS, 1 REGISTERED
Git      /home/ann/parabola 80dcfd98e6

2: second
|- a=Bye__b=Planet    UNKNOWN
|- a=Bye__b=World     REGISTERED
|- a=Hello__b=Planet  ERROR
|- a=Hello__b=World   SUCCESS
Type     parabola.hello:HelloWorld
Created  2021-02-08 19:04
Last     2021-02-08 19:05
Status   1 UNKNOWN, 1 REGISTERED, 1 ERROR, 1 SUCCESS
Git      /home/ann/parabola master 7b6e0734d9
Purpose  A set of greetings
         Hello world
Notes    odd spike
         second: look

without a set
|- lone  parabola.hello:HelloWorld  SUCCESS
First    2021-02-08 19:04
Last     2021-02-08 19:04
Status   1 SUCCESS
Git      /home/ann/parabola master 7b6e0734d9
Purpose  Hello world
"""


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Two sets, and runs without one."""
    place = tmp_path / "experiments"
    write_record(place, "1")
    write_record(place, "run", minutes=9, metadata={"command": ["eval.py"], "original-command": []})
    for number, name in (("2", "lr=0.1"), ("3", "lr=0.2"), ("10", "lr=0.20")):
        facts = {**REGISTERED, "set": "one", "name": name}
        files = {"STATUS": "ERROR\nboom\n"} if number == "3" else {}
        write_record(place, number, minutes=int(number), metadata=facts, **files)
    for number, text in (("2", "odd spike"), ("3", "second: look"), ("10", "odd spike")):
        (place / number / "notes.jsonl").write_text(json.dumps({"text": text}) + "\n")
    target = {"kind": "program", "words": ["./simulate.sh"], "form": "options"}
    facts = {
        **REGISTERED,
        "set": "two",
        "name": "mesh=8",
        "target": target,
        "git-snapshot": "ab" * 20,
        "registered-time": "2026-11-22T15:00:00",
        "start-time": ...,
        "end-time": ...,
    }
    write_record(place, "4", metadata=facts, STATUS="REGISTERED\n")
    return place


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Sets of two versions of xmen, and an experiment beside them."""
    xmen.second_set(tmp_path / "sets" / "second")
    xmen.first_set(tmp_path / "sets" / "first")
    xmen.second(tmp_path / "sets" / "lone")
    return tmp_path / "sets"


def test_each_set_with_its_experiments_and_what_is_known_of_it(command, ours):
    before = fingerprint(ours)
    done = command("list", "--sets")
    assert (done.stdout, done.stderr, done.returncode) == (OURS, "", 0)
    assert fingerprint(ours) == before


def test_sets_of_xmen_are_told_in_the_same_way(command, theirs):
    assert command("list", "sets", "--sets").stdout == XMEN
    assert command("list", "sets", "--sets").stdout == XMEN  # from what was kept
    alone = command("list", "sets/first", "--sets").stdout
    assert alone == XMEN.partition("\n\n")[0].replace("1: first", f"1: {theirs}/first") + "\n"


def test_what_cannot_be_read_belongs_to_its_set_all_the_same(command, theirs):
    (theirs / "first" / "a:10__b:3" / "params.yml").write_text("_root: x\n_status: [")
    told = command("list", "sets/first", "--sets").stdout
    assert "|- a:10__b:3    UNKNOWN  params.yml is " in told
    assert "\n|- a:10__b:3_1  REGISTERED\n" in told
    assert "without a set" not in told


def test_imported_ones_stay_together(command, theirs):
    command("import", "xmen", "sets", "--directory", "experiments")
    told = command("list", "--sets").stdout.split("\n\n")
    assert [text.splitlines()[0] for text in told] == [
        f"1: {theirs}/first",
        f"2: {theirs}/second",
        "without a set",
    ]
    assert "Notes    odd spike\n         second: look" in told[1]
    assert "a=Hello__b=World   SUCCESS" in told[1]


def test_programs_get_objects(command, ours):
    one, two, rest = json.loads(command("list", "--sets", "--json").stdout)
    assert one == {
        "set": "one",
        "is_set": True,
        "experiments": ["2", "3", "10"],
        "size": 3,
        "types": ["train.py:Train"],
        "created": "2026-11-22T14:00:00+00:00",
        "last": "2026-11-22T14:13:08.323456+00:00",
        "statuses": {"SUCCESS": 2, "ERROR": 1},
        "code": [
            {
                "root": "/home/ann/iris",
                "branch": "main",
                "commit": "1f2e3d4c5b6a79880123456789abcdef01234567",
                "has_changes": False,
            }
        ],
        "purposes": ["first look"],
        "notes": ["odd spike", "second: look"],
    }
    assert (two["set"], two["last"]) == ("two", None)
    assert (rest["set"], rest["is_set"], rest["experiments"]) == (None, False, ["1", "run"])
    assert command("list", "--sets", "--format", "json", "--id", "1").stdout.startswith("[")


def test_conditions_choose_the_experiments_as_in_the_list(command, ours):
    told = command("list", "--sets", "--status", "ERROR").stdout
    assert [line for line in told.splitlines() if line.startswith(("1:", "|-"))] == [
        "1: train.py:Train",
        "|- 3  lr=0.2  ERROR",
    ]
    told = command("list", "--sets", "--tail", "2").stdout
    assert [line.split()[1] for line in told.splitlines() if line.startswith("|-")] == ["10", "4"]
    told = command("list", "--sets", "--tag", "none")
    assert told.returncode == 1
    assert (told.stdout, "--tag none leaves none of" in told.stderr) == ("", True)
    (ours / "10" / "metadata.json").write_text('{"tags": ["unlinked"], "set": "one"}')
    assert "|- 10" not in command("list", "--sets").stdout
    assert "|- 10" in command("list", "--sets", "--all").stdout


def test_it_says_which_sets_are_not_shown_whole(command, ours):
    told = command("list", "--sets", "--tail", "2")
    assert [line for line in told.stdout.splitlines() if line.startswith("Status")] == [
        "Status   1 SUCCESS (1 of 3 shown)",
        "Status   1 REGISTERED",
    ]
    assert told.stderr == f"The last 2 of 6 experiments in {ours}; --all lists all.\n"
    told = command("list", "--sets", "--status", "SUCCESS", "--head", "2")
    assert "Status   1 SUCCESS (1 of 3 shown)\n" in told.stdout
    assert "Status   1 SUCCESS (1 of 2 shown)\n" in told.stdout
    assert told.stderr.startswith("The first 2 of 4 experiments chosen from 6 in ")
    told = command("list", "--sets", "--tail", "2", "--json")
    sizes = [(one["experiments"], one["size"]) for one in json.loads(told.stdout)]
    assert (sizes, told.stderr) == ([(["10"], 3), (["4"], 1)], "")
    (ours / "3" / "metadata.json").write_text('{"tags": ["unlinked"], "set": "one"}')
    assert " shown)" not in command("list", "--sets").stdout  # it was taken out of its set


def test_what_is_broken_or_odd_is_in_no_set_and_steers_no_terminal(command, ours, on_terminal):
    for number, text in (("5", "{"), ("6", '{"set": 3, "name": ["x"], "xmen": {"set": 1}}')):
        (ours / number).mkdir()
        (ours / number / "metadata.json").write_text(text)
    told = command("list", "--sets").stdout
    assert "|- 5 " in told.partition("without a set")[2]
    assert "|- 6 " in told.partition("without a set")[2]
    path = ours / "3" / "notes.jsonl"
    path.write_text(json.dumps({"text": "a\x1b[2J\nb"}) + "\nnothing\n")
    screen = on_terminal("list", "--sets", columns=30)
    assert "\x1b[2J" not in screen
    assert "\x1b[1m1: train.py:Train" in screen


def test_what_it_has_no_use_for_is_refused(command, ours):
    for words in (["--columns", "lr"], ["--sort", "lr"], ["--wide"], ["--group-by", "lr"]):
        done = command("list", "--sets", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--sets and {words[0]} exclude each other" in done.stderr
    assert "choose json" in command("list", "--sets", "--format", "csv").stderr
    (ours.parent / "empty").mkdir()
    assert "No experiments in" in command("list", "empty", "--sets").stdout


def test_what_one_call_registers_is_a_set_and_stays_one(repository, command):
    project = make_project(repository)

    def told(*words: str) -> str:
        done = command(*words, cwd=project.directory)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told("register", "train.py", "lr=1,2")
    told("register", "train.py", "lr=3")
    told("train.py", "--register", "--lr", "4")
    told("train.py", "--register", "--lr", "5")
    told("launch", "2")
    told("train.py", "--lr", "6")
    sets = json.loads(told("list", "--sets", "--json"))
    assert [one["experiments"] for one in sets] == [["1", "2"], ["3"], ["4", "5"], ["6"]]
    assert [one["is_set"] for one in sets] == [True, True, True, False]
    known = [read(folder_of(project, number), "metadata.json")["set"] for number in (1, 2, 3)]
    assert known[0] == known[1] != known[2]
    assert [one["set"] for one in sets] == [known[0], known[2], None, None]
    told("reproduce", "2")
    *_, rest = json.loads(told("list", "--sets", "--json"))
    assert rest["experiments"] == ["6", "7"]  # a reproduction was not registered
