from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from test_diff import TRAIN, described
from waiting import wait_until
from written_records import write_record


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> Path:
    """Where the repository lies that each test gets a copy of."""
    return tmp_path_factory.mktemp("recorded") / "project"


@pytest.fixture
def recorded(make_repository, once: Path, tmp_path: Path):
    """A repository with two runs, between which an imported module has changed."""
    if not once.exists():
        record_two_runs(make_repository("recorded")).directory.rename(once)
    shutil.copytree(once, tmp_path / "project")
    return make_repository("project", commit=False)


def record_two_runs(repository):
    repository.commit({".gitignore": "__pycache__\n"})
    model = "import tools\ndef loss(x):\n    return tools.f(x)\n"
    repository.commit(
        {"train.py": TRAIN, "model.py": model, "tools.py": "def f(x): return x\n", "zoo.py": ""}
    )
    assert repository.python("train.py").returncode == 0
    repository.commit({"tools.py": "def f(x): return 2 * x\n", "a.py": "x", "zoo.py": "x"})
    assert repository.python("train.py", "--lr", "0.3").returncode == 0
    wait_until(lambda: described(repository, 2))
    return repository


def test_code_that_the_program_imports_stands_first(command, recorded):
    done = command("why", "1", "2", cwd=recorded.directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"what came out differently\n  summary loss +0.1 -> 0.6 ", done.stdout)
    likely = done.stdout.partition("likely because of\n")[2]
    assert re.match(r"  code tools.py +\+1 -1  \[used by the program\]\n  args lr ", likely)
    assert "zoo.py" not in done.stdout


def test_all_shows_what_is_only_possible(command, recorded):
    text = command("why", "1", "2", "--all", cwd=recorded.directory).stdout
    possible = text.partition("possibly because of\n")[2]
    assert "zoo.py" in possible
    assert "not used by the program" in possible


def test_json_tells_the_ranks(command, recorded):
    shown = json.loads(command("why", "-2", "-1", "--json", cwd=recorded.directory).stdout)
    assert [found["name"] for found in shown["results"]] == ["loss"]
    first = shown["causes"][0]
    assert (first["name"], first["kind_of_cause"], first["likely"]) == ("tools.py", "code", True)
    assert shown["causes"][1] | {"reason": ""} == {
        "kind_of_cause": "args",
        "likely": True,
        "reason": "",
        "section": "args",
        "name": "lr",
        "kind": "changed",
        "a": 0.1,
        "b": 0.3,
        "absolute": pytest.approx(0.2),
        "relative": pytest.approx(2),
    }


def test_without_the_repository_what_is_not_known_is_said(command, recorded, tmp_path: Path):
    moved = tmp_path / "moved"
    (recorded.directory / "experiments").rename(moved)
    done = command("why", "1", "2", "--directory", str(moved))
    assert done.returncode == 0
    assert "in which files is not known" in done.stdout
    assert "There is no git repository" in done.stdout


def test_a_result_that_nothing_explains_is_a_no(command, tmp_path: Path):
    write_record(tmp_path, "1", summary={"loss": 1})
    write_record(tmp_path, "2", summary={"loss": 2})
    done = command("why", "1", "2", "--directory", ".")
    assert done.returncode == 1
    assert "What remains: chance" in done.stdout
    assert command("why", "1", "1", "--directory", ".").returncode == 0


def test_where_the_results_are_the_same_that_stands_first(command, tmp_path: Path):
    write_record(tmp_path, "1", args={"lr": 0.1}, summary={"loss": 1})
    write_record(tmp_path, "2", args={"lr": 0.2}, summary={"loss": 1})
    done = command("why", "1", "2", "--directory", ".")
    assert done.returncode == 0
    said = done.stdout.split("\n\n")[1:]
    assert said[0] == "The results that were recorded are the same."
    assert said[1].startswith("what went in differently\n  args lr  0.1 -> 0.2")
    assert "because of" not in done.stdout
    assert done.stdout.count("are the same") == 1


def test_two_commands_stand_below_each_other(command, tmp_path: Path):
    for name, program in (("1", "a.py"), ("2", "b.py")):
        facts = {"original-command": ["python", program, "x y"]}
        write_record(tmp_path, name, metadata=facts, summary={"loss": name})
    text = command("why", "1", "2", "--directory", ".").stdout
    assert "  command  A  python a.py 'x y'\n           B  python b.py 'x y'" in text


def test_many_explanations_are_cut_to_a_few(command, tmp_path: Path):
    for name, number in (("1", 1), ("2", 2)):
        args = {f"arg_{count}": number for count in range(30)}
        write_record(tmp_path, name, args=args, summary={"loss": number})
    text = command("why", "1", "2", "--directory", ".").stdout
    assert "arg_4" in text
    assert "arg_5" not in text
    assert "... and 25 differences more; --all shows all" in text


def test_broken_and_missing_files_are_no_obstacle(command, tmp_path: Path):
    write_record(tmp_path, "1", args="{", environment="[]", files="x", metadata={"command": 3})
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "STATUS").write_text("SUCCESS")
    done = command("why", "1", "2", "--directory", ".")
    assert done.returncode == 0 or done.returncode == 1
    assert done.stderr == ""
    assert "1: args.json" in done.stdout
