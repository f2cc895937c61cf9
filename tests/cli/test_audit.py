from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    write_record(tmp_path / "experiments", "1", metadata={"description": "a | b <i>"})
    write_record(
        tmp_path / "experiments", "ü2", minutes=1, STATUS="ERROR\nx\n", summary={"loss": 1}
    )
    return tmp_path / "experiments"


def test_one_experiment_is_shown_in_full(command, experiments):
    done = command("audit", "1")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "experiment 1  SUCCESS"
    assert "  yes      description   a | b <i>" in lines or "a | b <i>" in done.stdout
    assert "-> meticulous reproduce 1" in done.stdout
    assert "  ACM reproduced  no: reproduced" in lines


def test_reproductions_are_left_out_unless_all_are_wanted(command, experiments: Path):
    write_record(experiments, "3", minutes=2, metadata={"reproduces": "1"})

    def audited(*words: str) -> list[str]:
        document = json.loads(command("audit", *words, "--format", "json").stdout)
        return [run["id"] for run in document["runs"]]

    assert audited() == audited("--status", "SUCCESS,ERROR") == ["1", "ü2"]
    assert audited("--all") == ["1", "3", "ü2"]
    assert audited("3") == ["3"]
    assert command("audit", "1", "--all").returncode == 2


def test_a_set_is_summed_up(command, experiments):
    done = command("audit")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "22 items for 2 experiments"
    assert any(line.split()[:5] == ["success", "1", "yes,", "1", "no"] for line in lines)
    assert "  6.4 s  hardware unknown; 2 runs; 3.2 s of it without success" in lines
    helping = lines[lines.index("what would help most") + 1 :]
    assert helping[0].split()[1:3] == ["2", "runs:"]
    lacking = lines[lines.index("what they lack") + 1 :]
    assert lacking[0].startswith("  1 run  1: ")


def test_json_has_everything(command, experiments):
    document = json.loads(command("audit", "--format", "json").stdout)
    assert (document["experiments"], document["passes"]) == (2, False)
    run = document["runs"][1]
    assert (run["id"], run["answers"]["success"]["outcome"]) == ("ü2", "no")
    assert document["criteria"][0]["sources"]


def test_markdown_is_a_page_with_a_table_for_each_experiment(command, experiments, tmp_path):
    done = command("audit", "--format", "markdown", "--output", "audit.md")
    assert (done.stdout, done.stderr) == ("", "Wrote audit.md.\n")
    page = (tmp_path / "audit.md").read_text()
    assert page.startswith("# Reproducibility of the experiments\n")
    assert "### ü2 (ERROR)" in page
    assert r"| description | yes | a \| b \<i\> |  |" in page
    for line in page.splitlines():
        if line.startswith("| description | yes"):
            assert line.replace(r"\|", "").count("|") == 5


def test_the_table_may_go_into_a_file(command, experiments, tmp_path):
    command("audit", "--output", "audit.txt")
    assert (tmp_path / "audit.txt").read_text().startswith("22 items for 2 experiments\n")
    command("audit", "1", "--output", "one.txt")
    assert (tmp_path / "one.txt").read_text().startswith("experiment 1  SUCCESS\n")


def test_experiments_are_chosen_by_conditions(command, experiments):
    document = json.loads(command("audit", "--status", "ERROR", "--format", "json").stdout)
    assert [run["id"] for run in document["runs"]] == ["ü2"]
    done = command("audit", "--tag", "none")
    assert (done.returncode, done.stderr) == (1, "There is no experiment to audit.\n")


def test_repetitions_are_looked_for_beyond_what_was_chosen(command, tmp_path: Path):
    for name in ("1", "2"):
        write_record(tmp_path / "experiments", name, args={"seed": int(name)})
    document = json.loads(command("audit", "1", "--format", "json").stdout)
    assert document["runs"][0]["answers"]["repetitions"]["outcome"] == "yes"


@pytest.mark.parametrize(
    "words",
    [("7",), ("--format", "xml"), ("1", "--status", "ERROR"), ("--output", "no/such/file")],
)
def test_mistakes_are_one_message(command, experiments, words):
    done = command("audit", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("meticulous: error: ")


def test_hundreds_of_runs_are_audited(command, repository):
    shas = [repository.commit({"a.py": str(number)}) for number in range(5)]
    for number in range(300):
        write_record(
            repository.directory / "experiments",
            str(number),
            args={"seed": number},
            metadata={"githead-sha": shas[number % 5]},
        )
    done = command("audit", cwd=repository.directory)
    assert (done.returncode, done.stderr) == (1, "")
    assert "300 yes" in done.stdout
    assert len(done.stdout.splitlines()) < 80
