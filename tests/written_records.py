"""Experiment folders written by hand, as this version and the original meticulous-ml write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FIRST_START = datetime(2026, 11, 22, 14, 3, 5, 123456)


def write_files(directory: Path, files: Mapping[str, Any]) -> Path:
    """Write a folder; bytes and text as they are, everything else as Python's json writes it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if not isinstance(content, bytes):
            text = content if isinstance(content, str) else json.dumps(content, indent=4)
            content = text.encode("utf-8")
        (directory / name).write_bytes(content)
    return directory


def write_record(
    experiments: Path,
    experiment_id: str,
    *,
    minutes: float = 0,
    args: Any = None,
    default_args: Any = None,
    metadata: Mapping[str, Any] | None = None,
    **files: Any,
) -> Path:
    """Write a finished experiment; keywords replace files (`STATUS`, `summary` for .json).

    Args:
        experiments: The experiments directory.
        experiment_id: The folder's name.
        minutes: When it started, after `FIRST_START`.
        args: Content of args.json.
        default_args: Content of default_args.json.
        metadata: Changes to metadata.json; `...` removes a key.
        **files: Further files, with or without `.json`.
    """
    start = FIRST_START + timedelta(minutes=minutes)
    facts: dict[str, Any] = {
        "githead-sha": "1f2e3d4c5b6a79880123456789abcdef01234567",
        "githead-message": "train a softmax regression\n\nwith a body\n",
        "description": "",
        "start-time": start.isoformat(),
        "command": ["train.py", "--lr", "0.2"],
        "format": 1,
        "utc-offset": "+00:00",
        "experiment-id": experiment_id,
        "git-branch": "main",
        "git-remote": "https://example.org/iris.git",
        "git-snapshot": None,
        "original-command": ["python", "train.py", "--lr", "0.2"],
        "python": "3.11.4",
        "user": "ann",
        "host": "node7",
        "pid": 4711,
        "tags": [],
        "end-time": (start + timedelta(seconds=3.2)).isoformat(),
        "duration": 3.2,
        "exit-code": 0,
        "signal": None,
        **(metadata or {}),
    }
    return write_files(
        experiments / experiment_id,
        {
            "STATUS": "SUCCESS\n",
            "args.json": {"lr": 0.2, "epochs": 100} if args is None else args,
            "default_args.json": {"lr": 0.1, "epochs": 100}
            if default_args is None
            else default_args,
            "metadata.json": {key: value for key, value in facts.items() if value is not ...},
            **{_file_name(name): content for name, content in files.items()},
        },
    )


def write_original_record(experiments: Path, experiment_id: str, **files: Any) -> Path:
    """Write a folder as the original meticulous-ml does: fewer files and keys, no line feed."""
    return write_files(
        experiments / experiment_id,
        {
            "STATUS": "SUCCESS",
            "args.json": {"batch_size": 64, "lr": 0.01},
            "default_args.json": {"batch_size": 64, "lr": 1.0},
            "metadata.json": {
                "githead-sha": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
                "githead-message": "add an example\n",
                "description": "",
                "start-time": "2019-07-01T10:11:12.345678",
                "command": ["examples/mnist.py", "--lr", "0.01"],
                "end-time": "2019-07-01T10:21:12.345678",
            },
            "stdout": "Train epoch 1\n",
            "stderr": "",
            **{_file_name(name): content for name, content in files.items()},
        },
    )


def _file_name(name: str) -> str:
    return name if name == "STATUS" or "." in name else f"{name}.json"
