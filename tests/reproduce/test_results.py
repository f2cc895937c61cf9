from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from written_records import write_original_record, write_record

from meticulous.reproduce.comparison import compare_results, parse_tolerances
from meticulous.reproduce.comparison.normal_text import normalize, normalize_result
from meticulous.reproduce.comparison.own_marks import OwnMarks
from meticulous.reproduce.comparison.places import Place
from meticulous.reproduce.verdict import (
    AGREES,
    CANNOT,
    DIFFERS,
    FAILED,
    IDENTICAL,
    OUTSIDE,
    POSITIVE,
    SAME,
    UNKNOWN,
    Reproduction,
)


@pytest.fixture
def compare(tmp_path):
    """Return a function that compares two records, given as keywords of `write_record`."""

    def compare_records(recorded, reproduced, *tolerances, **options):
        folders = [
            write_record(tmp_path / "experiments", name, **record)
            for name, record in (("12", recorded), ("13", reproduced))
        ]
        return compare_results(*folders, parse_tolerances(tolerances), **options)

    return compare_records


def ended(word, code=None, signal=None):
    return {"STATUS": f"{word}\n", "metadata": {"exit-code": code, "signal": signal}}


def test_the_same_results_are_identical(compare):
    record = {
        "summary": {"loss": 0.29, "acc": 0.9},
        "metrics.jsonl": '{"step": 0, "time": 1.0, "loss": 0.5}\n',
        "out.csv": "a\n1\n",
    }
    found = compare(record, record)
    assert found.verdict == IDENTICAL
    assert found.reason == "2 values of the summary, 1 series and 1 output are identical."
    assert {finding.outcome for finding in found.findings} == {SAME}
    assert found.suggestions == ()


def test_a_difference_is_told_with_its_size_and_the_option_that_would_accept_it(compare):
    found = compare(
        {"summary": {"loss": 0.29, "acc": 0.9, "n": 3}},
        {"summary": {"loss": 0.31, "acc": 0.9, "n": 3}},
    )
    assert found.verdict == DIFFERS
    assert found.reason == (
        "1 of 3 results differs; it is summary.loss: 0.31 instead of 0.29 (6.9 %); "
        "--tolerance summary.loss=rel:0.07 would accept it."
    )
    assert found.findings[0].name == "loss"


def test_of_other_inputs_no_tolerance_is_advised_and_they_are_named(compare):
    records = {"summary": {"loss": 0.29}}, {"summary": {"loss": 0.31}}
    found = compare(*records, changed_inputs=["data/a.csv"])
    assert found.reason == (
        "The only result differs: summary.loss: 0.31 instead of 0.29 (6.9 %); its input data/a.csv "
        "is not what it was."
    )
    assert (found.verdict, found.suggestions, found.remarks) == (DIFFERS, (), [])
    found = compare(*records, changed_inputs=["a", "b", "c", "d", "e", "f", "g"])
    assert found.reason.endswith("; its inputs a, b, c, d, e and 2 more are not what they were.")
    same = compare(records[0], records[0], changed_inputs=["data/a.csv"])
    assert (same.verdict, same.reason) == (IDENTICAL, "1 value of the summary is identical.")


def test_the_option_that_is_named_makes_it_agree(compare):
    recorded = {"summary": {f"x y{number}": float(number + 1) for number in range(5)}}
    reproduced = {"summary": {name: value * 1.01 for name, value in recorded["summary"].items()}}
    found = compare(recorded, reproduced)
    words = shlex.split(found.options)
    assert words[0] == "--tolerance"
    assert words[1].startswith("*=rel:0.01")
    again = compare(recorded, reproduced, *words[1::2])
    assert again.verdict == AGREES
    assert again.reason.startswith("None of 5 results is identical, 5 agree within the tolerance")


def test_the_largest_difference_is_named_in_whatever_part_it_is(compare):
    found = compare(
        {"summary": {"zero": 0.0, "text": "a", "loss": 1.0}, "out.csv": "x\n1\n"},
        {"summary": {"zero": 1e-9, "text": "b", "loss": 1.1}, "out.csv": "x\n2\n"},
    )
    assert "4 of 4 results differ; the largest is out.csv:x: 2 instead of 1 (100 %)" in found.reason


def test_what_no_tolerance_accepts_is_named(compare):
    found = compare({"summary": {"a": "x", "b": 1.0}}, {"summary": {"a": "y", "b": 2.0}})
    assert found.verdict == DIFFERS
    assert "no tolerance would accept summary.a" in found.reason
    assert found.options == ""


@pytest.mark.parametrize(
    ("recorded", "reproduced"),
    [
        (ended("SUCCESS", 0), ended("ERROR", 1)),
        (ended("ERROR", 1), ended("SUCCESS", 0)),
        (ended("ERROR", 1), ended("ERROR", 2)),
        (ended("KILLED", None, 9), ended("KILLED", None, 15)),
        (ended("SUCCESS", 0), {"STATUS": "rubbish"}),
    ],
)
def test_another_ending_is_a_failure_whatever_the_results(compare, recorded, reproduced):
    found = compare({**recorded, "summary": {"a": 1}}, {**reproduced, "summary": {"a": 1}})
    assert found.verdict == FAILED
    assert found.findings[0].part == "status"
    assert found.findings[0].outcome == OUTSIDE
    assert "It ended with " in found.reason


def test_two_failures_of_the_same_kind_are_compared_and_the_reason_says_so(compare):
    record = {**ended("ERROR", 1), "summary": {"a": 1}}
    found = compare(record, record)
    assert found.verdict == IDENTICAL
    assert found.reason.endswith("both ended with ERROR (exit code 1).")


def test_nothing_that_could_be_compared_is_no_agreement(compare):
    found = compare({}, {})
    assert found.verdict == CANNOT
    assert found.verdict not in POSITIVE
    assert "neither left a result that could be compared" in found.reason


def test_what_could_not_be_compared_is_named(compare):
    broken = {"metrics.jsonl": '{"loss": 1.0}\nrubbish\n', "summary": {"a": 1}}
    found = compare(broken, broken)
    assert found.verdict == CANNOT
    assert "1 could not be compared: metrics.jsonl" in found.reason
    assert UNKNOWN in {finding.outcome for finding in found.findings}


def test_a_summary_that_cannot_be_read_is_no_agreement(compare):
    found = compare({"summary": b"{broken"}, {"summary": {"a": 1}})
    assert found.verdict == CANNOT
    assert "no result could be compared: summary.json" in found.reason


def test_times_are_told_and_decide_nothing(compare):
    found = compare({"summary": {"a": 1, "seconds": 3}}, {"summary": {"a": 1, "seconds": 4}})
    assert found.verdict == AGREES
    assert found.remarks == ["What differs and was given no weight: summary.seconds."]
    assert (
        compare(
            {"summary": {"a": 1, "seconds": 3}}, {"summary": {"a": 1, "seconds": 4}}, "seconds=0"
        ).verdict
        == DIFFERS
    )


def test_the_important_findings_come_first(compare):
    found = compare(
        {"summary": {"small": 1.0, "same": 1, "large": 1.0, "seconds": 1, "close": 1.0}},
        {"summary": {"small": 1.1, "same": 1, "large": 9.0, "seconds": 2, "close": 1.01}},
        "close=0.1",
    )
    shown = [finding.name for finding in found.findings if finding.part == "summary"]
    assert shown == ["large", "small", "close", "seconds", "same"]


def test_folders_of_the_original_meticulous_are_compared(tmp_path):
    one, other = (write_original_record(tmp_path, name, summary={"a": 1}) for name in "12")
    assert compare_results(one, other).verdict == IDENTICAL


def test_an_empty_folder_and_none_at_all(tmp_path):
    (tmp_path / "1").mkdir()
    found = compare_results(tmp_path / "1", tmp_path / "2")
    assert found.verdict in (CANNOT, FAILED)


def test_findings_fit_into_a_record(compare):
    found = compare({"summary": {"a": 1e999, "b": [1] * 500}}, {"summary": {"a": 1, "b": []}})
    whole = Reproduction(found.verdict, found.reason, {}, found.findings)
    assert json.dumps(whole.as_document())


# What was printed


def write_streams(folder: Path, stdout, stderr=b""):
    for name, data in (("stdout", stdout), ("stderr", stderr)):
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def compare_printed(tmp_path):
    """Return a function that compares two runs that left nothing but what they printed."""

    def compare_texts(recorded, reproduced, *tolerances, summary=None, stderr=("", "")):
        folders = [
            write_record(
                tmp_path / "experiments", name, **({"summary": summary} if summary else {})
            )
            for name in ("12", "13")
        ]
        write_streams(folders[0], recorded, stderr[0])
        write_streams(folders[1], reproduced, stderr[1])
        roots = {"recorded_root": tmp_path, "reproduced_root": Path("/cache/worktree")}
        return compare_results(*folders, parse_tolerances(tolerances), **roots)

    return compare_texts


def test_where_there_is_nothing_else_stdout_decides_and_the_reason_says_so(compare_printed):
    found = compare_printed("loss 0.5\n", "loss 0.5\n")
    assert found.verdict == IDENTICAL
    assert "it is what was printed" in found.reason
    found = compare_printed("loss 0.50\n", "loss 0.51\n")
    assert found.verdict == DIFFERS
    assert "stdout: 0.51 instead of 0.5 (2 %)" in found.reason
    assert compare_printed("loss 0.50\n", "loss 0.51\n", "stdout=0.02").verdict == AGREES


def test_where_there_is_a_summary_stdout_is_informative(compare_printed):
    found = compare_printed("a\n", "b\n", summary={"a": 1})
    assert found.verdict == IDENTICAL
    (stdout,) = [finding for finding in found.findings if finding.part == "text"]
    assert (stdout.outcome, stdout.decides) == (OUTSIDE, False)
    assert compare_printed("a\n", "b\n", "stdout=0", summary={"a": 1}).verdict == DIFFERS


def test_stderr_decides_nothing_beside_stdout(compare_printed):
    assert compare_printed("a\n", "a\n", stderr=("warning\n", "")).verdict == IDENTICAL


def test_where_all_is_printed_on_stderr_it_decides(compare_printed):
    found = compare_printed("", "", stderr=("loss 0.5, took 3 s\n", "loss 0.5, took 4 s\n"))
    assert found.verdict == AGREES
    assert "it is what was printed" in found.reason
    found = compare_printed("", "", stderr=("loss 0.5\n", "loss 0.6\n"))
    assert found.verdict == DIFFERS


def test_a_tolerance_that_fits_no_result_is_named_with_the_nearest_names(compare):
    records = [{"summary": {"loss": value, "acc": 0.9}} for value in (1.0, 1.01)]
    found = compare(*records, "lss=0.1", "acc=0.1", "summary.*=0.2", "nothing=1")
    assert found.remarks[:2] == [
        "No result is called lss, as in --tolerance lss=abs:0.1; the nearest name is loss.",
        "No result is called nothing, as in --tolerance nothing=abs:1.0.",
    ]
    assert len(found.remarks) == 2


def test_a_tolerance_for_a_place_in_a_file_with_the_same_bytes_is_no_mistake(compare):
    record = {"a.csv": "x\n1\n"}
    assert compare(record, record, "x=0.1", "a.csv:x=0.1").remarks == []


def test_a_small_difference_shows_its_digits(compare):
    found = compare({"summary": {"a": 2.0}}, {"summary": {"a": 2.0000001}})
    assert "2.0000001 instead of 2.0 (5e-06 %)" in found.reason


def test_a_run_that_printed_only_times_otherwise_agrees(compare_printed, tmp_path):
    found = compare_printed(
        f"saved {tmp_path}/experiments/12/model.pt in 3.2 s\n",
        f"saved {tmp_path}/experiments/13/model.pt in 14 ms\n",
    )
    assert found.verdict == AGREES
    assert "how long each run took" in found.reason


def test_paths_into_the_own_folder_and_checkout_are_the_same(compare_printed, tmp_path):
    found = compare_printed(
        f"saved {tmp_path}/experiments/12/model.pt\nread {tmp_path}/iris.csv\n",
        f"saved {tmp_path}/experiments/13/model.pt\nread /cache/worktree/iris.csv\n",
    )
    assert found.verdict == IDENTICAL


def test_a_progress_bar_counts_as_it_was_left(compare_printed):
    bar = "".join(f"\r{at}%|##   | {at}/100 [00:0{at % 9}<00:05, 3.{at}it/s]" for at in range(100))
    short = "\r50%|##   | 50/100 [00:01<00:02, 9it/s]\r99%|##   | 99/100 [00:09<00:01, 7.1it/s]"
    found = compare_printed(f"{bar}\nloss 1\n", f"{short}\r\nloss 1\n")
    assert found.verdict in POSITIVE


def test_binary_output_is_compared_and_breaks_nothing(compare_printed):
    assert compare_printed(b"\xff\0\xfe\r\r", b"\xff\0\xfe\r\r").verdict in POSITIVE
    assert compare_printed(b"\xff\0\xfe\n", b"\xfe\0\n").verdict == DIFFERS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-22 14:03:05,123 INFO a", "2026-11-23 01:00:00,999 INFO a"),
        ("2026-11-22T14:03:05.1Z a", "2026-11-22T15:03:05.7Z a"),
        ("Sun Nov 22 14:03:05 2026: a", "Mon Nov 23 09:00:00 2026: a"),
        ("took 3.2 s", "took 410 ms"),
        ("epoch 3 took 1 min 10 s", "epoch 3 took 2 min 05 s"),
        ("Elapsed: 12.5", "Elapsed: 13.25"),
        ("after 3 min, done", "after 4 min, done"),
        ("[00:01<00:05, 8.31it/s]", "[00:02<00:04, 7.9it/s]"),
        ("<A object at 0x7f3a2b>", "<A object at 0x7fffff>"),
        ("worker pid 4711 began", "worker pid 123 began"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("wrote /tmp/tmpab12cd/x", "wrote /tmp/tmpzz99/x"),
        ("run 123e4567-e89b-12d3-a456-426614174000", "run 00000000-e89b-12d3-a456-426614174000"),
    ],
)
def test_what_differs_between_any_two_runs_is_normalised(one, other):
    place = Place(Path("/data/experiments/12"))
    assert normalize(one, place) == normalize(other, place)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("loss 0.31", "loss 0.32"),
        ("epoch 3", "epoch 4"),
        ("accuracy 93 %", "accuracy 94 %"),
        ("shape 3x4", "shape 3x5"),
        ("version 1.2.3", "version 1.2.4"),
        ("ratio 3/4", "ratio 3/5"),
        ("mean 0.5 min 0.2 max 0.9", "mean 0.6 min 0.2 max 0.9"),
        ("mean 0.5 min: 0.2", "mean 0.6 min: 0.2"),
    ],
)
def test_results_in_a_text_stay(one, other):
    place = Place(Path("/data/experiments/12"))
    assert normalize(one, place) != normalize(other, place)


@given(st.text() | st.text("0123456789:-/T ._Z+"))
@example("2026-99-99T99:99:99")
@example("9" * 400)
def test_any_line_can_be_normalised(line):
    place = Place(Path("/data/experiments/12"), own=OwnMarks(1.7e9, 1.8e9, 3600.0, 4711))
    assert isinstance(normalize(line, place), str)
    assert isinstance(normalize_result(line, place), str)


def test_long_output_without_line_feeds_is_compared_in_little_memory(compare_printed):
    recorded = "\r".join(f"step {at} took {at}.5 s" for at in range(200_000))
    reproduced = "\r".join(f"step {at} took {at}.7 s" for at in range(200_000))
    tracemalloc.start()
    try:
        found = compare_printed(recorded, reproduced)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.verdict in POSITIVE
    assert peak < 24 * 2**20


def test_nothing_of_weight_is_imported_before_it_is_needed():
    code = (
        "import sys, meticulous.reproduce.comparison as c; "
        "print([m for m in ('numpy', 'torch', 'PIL', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
