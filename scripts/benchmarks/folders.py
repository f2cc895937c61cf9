"""Many folders of finished experiments, written directly: with 10 arguments and 3 results each."""

from __future__ import annotations

import json
import os
import random
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FAILING = 20
"""Every so many-th experiment has failed: it has a traceback and no summary."""

_FIRST_START = datetime(2026, 1, 1, 8, 0, 0, 123456)


OTHER_FILES = {
    "stdout": "epoch 1\n",
    "stderr": "",
    "environment.json": {"python": {"version": "3.11.4"}},
}
"""What the recorder leaves besides, and no list reads."""


def make_experiments(directory: Path, count: int, others: bool = True) -> Path:
    """Fill a new experiments directory with `count` experiments as the recorder leaves them.

    metadata.json has about 2 kB in each.

    Args:
        directory: The experiments directory.
        count: How many.
        others: Whether each gets `OTHER_FILES` too; without them there is less to write and, what
            takes longer, less to remove.
    """
    directory.mkdir(parents=True)
    chance = random.Random(count)
    for number in range(1, count + 1):
        folder = directory / str(number)
        os.mkdir(folder)
        files = _files(number, chance) | (OTHER_FILES if others else {})
        for name, content in files.items():
            data = content if isinstance(content, str) else json.dumps(content, indent=4) + "\n"
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(descriptor, data.encode())
            os.close(descriptor)
    return directory


def _files(number: int, chance: random.Random) -> dict[str, Any]:
    defaults = {
        "lr": 0.1,
        "epochs": 10,
        "batch_size": 32,
        "optimizer": "adam",
        "dropout": 0.5,
        "seed": 0,
        "data": "data/train.csv",
        "amp": False,
        "width": 64,
        "resume": None,
    }
    args = {
        **defaults,
        "lr": 10 ** chance.uniform(-4, -1),
        "epochs": chance.randint(1, 100),
        "batch_size": 2 ** chance.randint(3, 9),
        "optimizer": chance.choice(["adam", "sgd", "rmsprop"]),
        "dropout": chance.random(),
        "seed": number,
        "amp": chance.random() < 0.5,
        "width": chance.choice([64, 128, 256]),
    }
    failed = number % FAILING == 0
    files: dict[str, Any] = {
        "STATUS": "ERROR\nTraceback (most recent call last):\nValueError: no\n"
        if failed
        else "SUCCESS\n",
        "metadata.json": _metadata(number, args, failed, chance),
        "args.json": args,
        "default_args.json": defaults,
    }
    if not failed:
        results = {"loss": chance.random(), "accuracy": chance.random(), "steps": number * 10}
        files["summary.json"] = results
    return files


def _metadata(
    number: int, args: dict[str, Any], failed: bool, chance: random.Random
) -> dict[str, Any]:
    start = _FIRST_START + timedelta(seconds=37.1 * number)
    end = start + timedelta(seconds=chance.uniform(1, 3600))
    words = [
        "train.py",
        *(word for name, value in args.items() for word in (f"--{name}", str(value))),
    ]
    ending = {
        "end-time": end.isoformat(),
        "duration": (end - start).total_seconds(),
        "exit-code": int(failed),
        "signal": None,
    }
    beginning = {"start-time": start.isoformat(), "utc-offset": "+01:00"}
    process = {"host": f"node{number % 8}", "pid": 1000 + number % 30000}
    commit = random.Random(number // 50).getrandbits(160)
    return {
        "githead-sha": f"{commit:040x}",
        "githead-message": f"change number {number // 50}\n\nA body that says why it was made.\n",
        "description": "" if number % 3 else f"trying out number {number}",
        **beginning,
        "command": words,
        "format": 1,
        "uid": str(uuid.UUID(int=chance.getrandbits(128))),
        "experiment-id": str(number),
        "git-branch": "main",
        "git-remote": "https://example.org/group/project.git",
        "git-snapshot": None,
        "project-directory": ".",
        "working-directory": ".",
        "original-command": ["/home/ann/project/.venv/bin/python", *words],
        "python": "3.11.4",
        "user": "ann",
        **process,
        "process-start-time": 13565.66 + number,
        "boot-id": "3c67d103-0ced-4cd3-bc88-7ce9ca57d7b9",
        "pid-namespace": "pid:[4026531836]",
        "tags": ["baseline"] if number % 10 == 0 else [],
        "attempts": [
            {**beginning, **process, **ending, "status": "ERROR" if failed else "SUCCESS"}
        ],
        "git-untracked-sources": [],
        **ending,
    }
