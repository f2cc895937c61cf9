"""How far a running experiment has come: the last step that it logged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from written_records import write_record

from meticulous.reader.progress import Progress, progress_text, read_progress

MOMENT = datetime(2026, 11, 22, 14, 0, 0, tzinfo=UTC)
LINE = f'{{"step":12,"time":{MOMENT.timestamp()},"loss":0.5}}\n'


def logged(tmp_path: Path, text: str | bytes) -> Path:
    return write_record(tmp_path, "1", **{"metrics.jsonl": text})


def test_the_last_whole_line_counts(tmp_path: Path):
    for text in (LINE, f'{{"step":11}}\n{LINE}{{"step":13,"ti', f"{LINE}\n", f"{LINE}broken\n"):
        assert read_progress(logged(tmp_path, text)) == Progress(12, MOMENT), text


def test_a_line_of_many_values_and_a_long_file_are_read_from_their_end(tmp_path: Path):
    values = ",".join(f'"v{number}":{number}' for number in range(5000))
    long = f'{{"step":12,"time":{MOMENT.timestamp()},{values}}}\n'
    assert read_progress(logged(tmp_path, LINE * 10_000 + long)) == Progress(12, MOMENT)


@pytest.mark.parametrize("text", ["", "\n\n", "broken\n", "[1]\n", '{"step":1', b"\xff\xfe\n"])
def test_where_nothing_was_logged_there_is_none(tmp_path: Path, text: str | bytes):
    assert read_progress(logged(tmp_path, text)) is None


def test_without_metrics_there_is_none(tmp_path: Path):
    assert read_progress(write_record(tmp_path, "1")) is None
    assert read_progress(tmp_path / "gone") is None


@pytest.mark.parametrize("time", ['"NaN"', "1e300", "true", "null", "[]"])
def test_a_time_that_is_none_is_not_told(tmp_path: Path, time: str):
    found = read_progress(logged(tmp_path, f'{{"step":"Infinity","time":{time}}}\n'))
    assert found is not None
    assert found.moment is None
    assert progress_text(found, MOMENT) == "step Infinity"


def test_it_is_told_with_its_age():
    later = MOMENT.replace(hour=17)
    assert progress_text(Progress(12, MOMENT), MOMENT) == "step 12, just now"
    assert progress_text(Progress(12, MOMENT), later) == "step 12, 3 hours ago"
    assert progress_text(Progress(None, MOMENT), later) == "logged 3 hours ago"
    assert progress_text(Progress(12, None), later) == "step 12"
    assert progress_text(Progress(None, None), later) == ""
