from __future__ import annotations

import json
import math
import random
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import write_files

from meticulous.folder.encoding import encode_line
from meticulous.reproduce.comparison import metrics, parse_tolerances
from meticulous.reproduce.comparison.metrics import compare_metrics
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.verdict import OUTSIDE, SAME, UNKNOWN, WITHIN


def rows(count=10, **changes):
    return [
        {"step": step, "time": random.random(), "loss": 1 / (step + 1), **changes}
        for step in range(count)
    ]


@pytest.fixture
def compare(tmp_path):
    """Return a function that compares two logs, given as rows or as the bytes of the file."""

    def compare_logs(recorded, reproduced, *tolerances):
        folders = []
        for name, log in (("1", recorded), ("2", reproduced)):
            data = log if isinstance(log, bytes | None) else b"".join(map(encode_line, log))
            files = {} if data is None else {"metrics.jsonl": data}
            folders.append(write_files(tmp_path / name, files))
        places = Places(*(Place(folder) for folder in folders))
        found = compare_metrics(*map(str, folders), parse_tolerances(tolerances), places)
        return {finding.name: finding for finding in found}

    return compare_logs


def test_the_times_are_of_no_weight(compare):
    (finding,) = compare(rows(), rows()).values()
    assert (finding.part, finding.name, finding.outcome) == ("metrics", "loss", SAME)


def test_the_first_and_the_worst_step_are_named(compare):
    other = rows()
    other[3]["loss"] += 0.001
    other[7]["loss"] += 0.25
    finding = compare(rows(), other)["loss"]
    assert finding.outcome == OUTSIDE
    assert finding.absolute == pytest.approx(0.25)
    assert (finding.recorded, finding.reproduced) == (0.125, 0.375)
    assert finding.remark == ("2 of 10 steps differ, the first at step 3, the greatest at step 7")
    assert compare(rows(), other, "loss=0.26")["loss"].outcome == WITHIN


def test_missing_and_added_steps_are_counted(compare):
    finding = compare(rows(10), rows(8))["loss"]
    assert finding.outcome == OUTSIDE
    assert finding.absolute is None
    assert "2 steps missing, from step 8 on" in finding.remark
    assert "3 steps added, from step 10 on" in compare(rows(10), rows(13))["loss"].remark


def test_a_step_missing_in_between_costs_only_itself(compare):
    other = rows(100)
    del other[40]
    finding = compare(rows(100), other)["loss"]
    assert "1 step missing, from step 40 on" in finding.remark
    assert finding.remark.startswith("1 of 100 steps differs")


def test_series_that_only_one_run_has(compare):
    both = compare(rows(acc=1.0), rows(f1=1.0))
    assert {name: finding.outcome for name, finding in both.items()} == {
        "loss": SAME,
        "acc": OUTSIDE,
        "f1": OUTSIDE,
    }
    assert "10 steps missing" in both["acc"].remark
    assert "10 steps added" in both["f1"].remark


def test_series_logged_at_other_lines_are_paired_by_step(compare):
    recorded = [{"step": s, "loss": 1.0, "acc": float(s)} for s in range(20)]
    apart = [{"step": s, "loss": 1.0} for s in range(20)]
    apart += [{"step": s, "acc": float(s)} for s in range(20)]
    assert {finding.outcome for finding in compare(recorded, apart).values()} == {SAME}


def test_lines_without_steps_are_paired_in_their_order(compare):
    recorded = [{"loss": value} for value in (3.0, 2.0, 1.0)]
    assert compare(recorded, recorded)["loss"].outcome == SAME
    assert compare(recorded, [{"loss": 3.0}, {"loss": 2.5}])["loss"].outcome == OUTSIDE


def test_nested_values_and_special_numbers(compare):
    recorded = [{"step": 0, "train": {"loss": math.nan, "grad": math.inf}}]
    found = compare(recorded, recorded)
    assert [(name, one.outcome) for name, one in found.items()] == [
        ("train.loss", SAME),
        ("train.grad", SAME),
    ]
    other = [{"step": 0, "train": {"loss": 1.0, "grad": math.inf}}]
    assert compare(recorded, other, "1e300")["train.loss"].outcome == OUTSIDE


def test_zero_and_false_and_the_sign_of_a_zero_are_told_apart(compare):
    for one, other, outcome in ((0, False, OUTSIDE), (0.0, -0.0, WITHIN), (1, True, OUTSIDE)):
        found = compare([{"step": 1, "x": one}], [{"step": 1, "x": other}])
        assert found["x"].outcome == outcome


def test_a_torn_last_line_is_left_out(compare):
    torn = b'{"step": 0, "loss": 1.0}\n{"step": 1, "lo'
    assert compare(torn, b'{"step": 0, "loss": 1.0}\n')["loss"].outcome == SAME


def test_a_broken_line_is_told_and_costs_only_itself(compare):
    broken = b'{"step": 0, "loss": 1.0}\nrubbish \xff\n[1]\n{"step": 2, "loss": 3.0}\n'
    sound = [{"step": 0, "loss": 1.0}, {"step": 2, "loss": 3.0}]
    found = compare(broken, sound)
    assert found["loss"].outcome == SAME
    assert found["metrics.jsonl"].outcome == UNKNOWN
    assert found["metrics.jsonl"].remark == "2 recorded lines cannot be read"


def test_nothing_logged_is_nothing_found(compare):
    assert compare(None, None) == {}
    assert compare(b"", b"") == {}
    assert compare(rows(2), None)["loss"].outcome == OUTSIDE


def test_series_that_measure_time_decide_nothing(compare):
    recorded = [{"step": 0, "it/s": 8.1, "epoch_seconds": 3.0, "loss": 1.0}]
    reproduced = [{"step": 0, "it/s": 9.9, "epoch_seconds": 4.0, "loss": 1.0}]
    found = compare(recorded, reproduced)
    assert [name for name, one in found.items() if not one.decides] == ["it/s", "epoch_seconds"]
    named = compare(recorded, reproduced, "epoch_seconds=rel:0.1")
    assert named["epoch_seconds"].decides


values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
)
logs = st.lists(
    st.dictionaries(st.sampled_from(["step", "loss", "acc", "n"]), values, max_size=4), max_size=8
)


@given(logs)
def test_a_log_is_identical_to_itself(tmp_path_factory, log):
    folder = write_files(
        tmp_path_factory.mktemp("run"), {"metrics.jsonl": b"".join(map(encode_line, log))}
    )
    places = Places(Place(folder), Place(folder))
    found = compare_metrics(str(folder), str(folder), parse_tolerances([]), places)
    assert {finding.outcome for finding in found} <= {SAME}


def test_a_long_log_is_compared_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "WAITING", 500)
    folders = []
    for name in ("1", "2"):
        folder = tmp_path / name
        folder.mkdir()
        with (folder / "metrics.jsonl").open("w") as file:
            for step in range(10_000):
                loss = 1 / (step + 1) + (step == 9_000) * (name == "2")
                line = {"step": step, "time": step * 1.5, "loss": loss, "gone" + name: 1.0}
                file.write(json.dumps(line) + "\n")
        folders.append(folder)
    places = Places(*(Place(folder) for folder in folders))
    tracemalloc.start()
    try:
        found = compare_metrics(*map(str, folders), parse_tolerances([]), places)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {one.name for one in found} == {"loss", "gone1", "gone2"}
    assert "the first at step 9000" in next(one for one in found if one.name == "loss").remark
    assert peak < 2**20


def test_what_a_later_start_logged_again_is_passed_over(tmp_path):
    starts = [
        {"start-time": f"2026-01-01T0{hour}:00:00", "utc-offset": "+00:00"} for hour in (1, 2)
    ]
    first, last = (datetime(2026, 1, 1, hour, 30, tzinfo=UTC).timestamp() for hour in (1, 2))
    log = [
        {"step": 0, "time": first, "loss": 1.0},
        {"step": 1, "time": first, "loss": 0.7},
        {"step": 1, "time": first, "accuracy": 0.1},
        {"step": 2, "time": first, "loss": 0.5},
        # From a checkpoint after the step 0.
        {"step": 1, "time": last, "loss": 0.8},
        {"step": 1, "time": last, "loss": 0.9},
        {"step": 2, "time": last, "loss": 0.6},
        {"time": last, "note": 1},
    ]
    again = [log[index] for index in (0, 2, 4, 5, 6, 7)]
    folders = []
    for name, rows_of, attempts in (("1", log, starts), ("2", again, starts[:1])):
        files = {
            "metrics.jsonl": b"".join(map(encode_line, rows_of)),
            "metadata.json": json.dumps({"attempts": attempts}).encode(),
        }
        folders.append(write_files(tmp_path / name, files))
    places = Places(*(Place(folder) for folder in folders))

    def outcomes(*sides):
        found = compare_metrics(*map(str, sides), parse_tolerances([]), places)
        return {one.name: one.outcome for one in found}

    assert outcomes(*folders) == {"loss": SAME, "accuracy": SAME, "note": SAME}
    # Of a run with one start every row counts.
    (folders[0] / "metadata.json").write_text(json.dumps({"attempts": starts[:1]}))
    assert outcomes(*folders)["loss"] == OUTSIDE
