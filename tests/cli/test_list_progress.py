"""`meticulous list` and `show`: how far experiments have come that go on, or went on once."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from written_records import write_record

from meticulous.folder.liveness import identify

UNFINISHED = {"end-time": ..., "duration": ...}


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", **{"metrics.jsonl": '{"step":7,"time":1.0}\n'})
    write_record(
        directory,
        "2",
        minutes=1,
        STATUS="RUNNING\n",
        metadata={**UNFINISHED, **identify(os.getpid())},
        **{"metrics.jsonl": f'{{"step":41,"time":{time.time()},"loss":0.5}}\n'},
    )
    return directory


def test_the_row_of_a_running_experiment_tells_its_last_step(
    command, on_terminal, experiments: Path
):
    titles, one, two = [
        re.split(r" {2,}", line.strip()) for line in command("list").stdout.splitlines()
    ]
    place = titles.index("progress")
    assert (one[place], two[place]) == ("-", "step 41, just now")
    for width in (40, 80, 200):
        assert "step 41, just now" in on_terminal("list", columns=width)


def test_where_none_runs_there_is_no_such_column(command, experiments: Path):
    assert "progress" not in command("list", "--status", "SUCCESS").stdout
    assert "progress" not in command("list", "--format", "csv").stdout
    (experiments / "2" / "metrics.jsonl").unlink()
    assert "progress" not in command("list").stdout


def test_show_tells_it_of_running_and_lost_experiments(command, experiments: Path):
    lost = write_record(
        experiments,
        "3",
        STATUS="RUNNING\n",
        metadata={**UNFINISHED, "boot-id": "0"},
        **{"metrics.jsonl": '{"step":5,"time":1795356000.0}\n'},
    )
    os.utime(lost / "STATUS", (0, 0))
    assert "  progress  step 41, just now\n" in command("show", "2").stdout
    assert re.search(r"  progress  step 5, \d+ \w+ ago\n", command("show", "3").stdout)
    assert "progress" not in command("show", "1").stdout


def test_show_tells_what_a_registered_experiment_was_handed_to(command, experiments: Path):
    folder = write_record(experiments, "4", STATUS="REGISTERED\n", metadata={"start-time": ...})
    script = str(folder / "run.sh")
    lines = [
        {"command": ["sbatch", "--mem=1G", script], "state": "submitted"},
        {"command": ["sbatch", "--mem=1G", script], "exit-code": 1, "state": "failed"},
        {"state": "reset"},
        {"command": ["sbatch", script], "state": "submitted"},
        {"command": ["sbatch", script], "exit-code": 0, "job-id": "4711", "state": "submitted"},
        {"command": ["at", script], "state": "submitted"},
        {"command": 5, "exit-code": [], "job-id": {}},
    ]
    facts = {"time": "2026-11-22T15:00:00.5", "utc-offset": "+00:00", "host": "node7"}
    text = "".join(json.dumps({**facts, **line}) + "\n" for line in lines)
    (folder / "launches.jsonl").write_text(text)
    shown = command("show", "4").stdout
    when = "2026-11-22 15:00:00"
    assert (
        "launches\n"
        f"  {when}  node7: sbatch --mem=1G run.sh, refused with exit code 1\n"
        f"  {when}  reset: new again\n"
        f"  {when}  node7: sbatch run.sh, job 4711\n"
        f"  {when}  node7: at run.sh, which has not answered\n"
    ) in shown
    launches = json.loads(command("show", "4", "--json").stdout)["launches"]
    assert [line.get("job-id") for line in launches[:5]] == [None, None, None, None, "4711"]
