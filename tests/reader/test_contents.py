from __future__ import annotations

from pathlib import Path

from written_records import write_original_record, write_record

from meticulous.reader import Entry, Metrics, read_contents


def test_the_last_value_of_every_series_is_found(tmp_path: Path):
    lines = (
        '{"step":0,"time":1.5,"loss":3,"accuracy":0.5}\n{"step":1,"time":2.5,"loss":"NaN"}\n\n'
        '{"step":2,"time":3.5,"loss":1}\n{"step":3,"ti'
    )
    contents = read_contents(write_record(tmp_path, "1", **{"metrics.jsonl": lines}))
    assert contents.metrics == Metrics(
        4,
        {"step": 2, "time": 3.5, "loss": 1, "accuracy": 0.5},
        {"loss": 2, "accuracy": 0},
    )
    assert contents.metrics.earlier == {"accuracy": 0}
    assert contents.problems == []


def test_a_large_file_of_metrics_is_counted_whole_and_read_from_its_end(tmp_path: Path):
    count = 200_000
    lines = "".join(f'{{"step":{step},"loss":{step / 8},"text":"é"}}\n' for step in range(count))
    assert len(lines) > 8 * 2**20 * 0.9
    contents = read_contents(write_record(tmp_path, "1", **{"metrics.jsonl": lines + lines}))
    assert contents.metrics is not None
    assert contents.metrics.lines == 2 * count
    assert contents.metrics.last["step"] == count - 1
    assert contents.problems == []


def test_values_of_lines_without_a_step_belong_to_none(tmp_path: Path):
    lines = '{"step":0,"loss":3}\n{"loss":2,"acc":1}\n'
    metrics = read_contents(write_record(tmp_path, "1", **{"metrics.jsonl": lines})).metrics
    assert metrics is not None
    assert (metrics.last, metrics.steps) == ({"step": 0, "loss": 2, "acc": 1}, {})
    assert metrics.earlier == {}


def test_special_numbers_in_metrics_are_floats(tmp_path: Path):
    line = '{"step":0,"loss":"Infinity"}\n'
    contents = read_contents(write_record(tmp_path, "1", **{"metrics.jsonl": line}))
    assert contents.metrics is not None
    assert contents.metrics.last["loss"] == float("inf")


def test_without_metrics_notes_and_environment_nothing_is_missed(tmp_path: Path):
    contents = read_contents(write_original_record(tmp_path, "1"))
    assert (contents.metrics, contents.notes, contents.environment) == (None, [], {})
    assert contents.problems == []


def test_a_broken_line_of_notes_is_a_problem(tmp_path: Path):
    notes = '{"text":"one"}\nbroken\n{"text":"two"}\n'
    contents = read_contents(write_record(tmp_path, "1", **{"notes.jsonl": notes}))
    assert contents.problems[0].startswith("notes.jsonl ")


def test_lines_that_are_no_objects_are_left_out_and_named(tmp_path: Path):
    contents = read_contents(write_record(tmp_path, "1", **{"notes.jsonl": '{"text":"one"}\n3\n'}))
    assert contents.notes == [{"text": "one"}]
    assert contents.problems == ["notes.jsonl has lines that are not objects"]


def test_entries_count_subfolders_as_a_whole_and_leave_hidden_files_out(tmp_path: Path):
    folder = write_record(tmp_path, "1")
    (folder / "checkpoints" / "deep").mkdir(parents=True)
    (folder / "checkpoints" / "a.bin").write_bytes(b"x" * 100)
    (folder / "checkpoints" / "deep" / "b.bin").write_bytes(b"x" * 50)
    (folder / ".attached").touch()
    (folder / "loop").symlink_to(folder)
    entries = {entry.name: entry for entry in read_contents(folder).entries}
    assert entries["checkpoints/"] == Entry("checkpoints/", 150, 2)
    assert entries["STATUS"] == Entry("STATUS", 8, 1)
    assert entries["loop"].files == 1
    assert ".attached" not in entries
    assert list(entries) == sorted(entries)
