"""What differs, or was not compared, is never called identical."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image
from written_records import write_record

from meticulous.reader import read_record
from meticulous.reproduce.comparison import compare_results, parse_tolerances
from meticulous.reproduce.judging import judge_endings
from meticulous.reproduce.verdict import AGREES, CANNOT, DIFFERS, FAILED, IDENTICAL

SUMMARY = {"loss": 1.0}


@pytest.fixture
def runs(tmp_path):
    """Return a function that writes both records and returns their folders."""

    def write(recorded, reproduced):
        return [
            write_record(tmp_path / "experiments", name, **facts)
            for name, facts in (("12", recorded), ("13", reproduced))
        ]

    return write


@pytest.fixture
def compare(runs):
    """Return a function that compares two records, given as keywords of `write_record`."""

    def compare_records(recorded, reproduced, *tolerances):
        return compare_results(*runs(recorded, reproduced), parse_tolerances(tolerances))

    return compare_records


def listing(*outputs, not_listed=0):
    return {"format": 1, "inputs": [], "outputs": list(outputs), "not-listed": not_listed}


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def entry(path, data, where="experiment"):
    digest = hashlib.sha256(data).hexdigest()
    return {"path": path, "in": where, "size": len(data), "sha256": digest}


@pytest.mark.parametrize(
    ("name", "recorded", "reproduced"),
    [
        pytest.param("ids.csv", "id\n007\n", "id\n7\n", id="leading zeros"),
        pytest.param(
            "a.csv", "a\n0.12345678901234567891\n", "a\n0.12345678901234567892\n", id="digits"
        ),
        pytest.param("a.csv", "a\n1e400\n", "a\n2e400\n", id="beyond a float"),
        pytest.param("a.json", '{"a": 1, "a": 2}', '{"a": 3, "a": 2}', id="a key given twice"),
        pytest.param(
            "a.jsonl", '{"a": 1, "a": 2}\n', '{"a": 3, "a": 2}\n', id="in a file of lines"
        ),
    ],
)
def test_values_that_only_seem_equal_differ(compare, name, recorded, reproduced):
    assert compare({name: recorded}, {name: reproduced}).verdict == DIFFERS


@pytest.mark.parametrize(
    ("name", "then", "now"),
    [
        pytest.param("a.json", '{"a": 1e400}', '{"a": 2e400}', id="beyond a float, in json"),
        pytest.param("a.txt", "x 1e400\n", "x 2e400\n", id="beyond a float, in a text"),
        pytest.param("a.txt", "id 007\n", "id 7\n", id="a name of digits"),
        pytest.param("a.txt", "half-life: 3.2 s\n", "half-life: 9.1 s\n", id="a duration"),
        pytest.param("a.md", "reaction time: 5\n", "reaction time: 6\n", id="another duration"),
        pytest.param("a.txt", "v = 3.2 m/s\n", "v = 9.1 m/s\n", id="a speed"),
        pytest.param("a.txt", "peak at 2019-07-01\n", "peak at 2020-01-01\n", id="a date"),
        pytest.param("a.txt", "best: process 7\n", "best: process 9\n", id="a process"),
        pytest.param("a.txt", "best: /tmp/m/1.pt\n", "best: /tmp/m/2.pt\n", id="a path"),
        pytest.param("a.txt", "a 1\ra 2", "a 9\ra 2", id="lines that end in a carriage return"),
        pytest.param("energy.out", "-1.5\n", "-2.5\n", id="a result called .out"),
        pytest.param("a.jsonl", '{"a": 1}\n{"a": 2', '{"a": 1}\n{"a": 3', id="torn lines"),
        pytest.param("a.svg", "<a>1</a>", "<a>2</a>", id="a drawing"),
        pytest.param("a.pdf", "/CreationDate (D:1) 1", "/CreationDate (D:2) 2", id="a page"),
    ],
)
def test_results_in_a_file_differ(compare, name, then, now):
    records = [{"summary": SUMMARY, name: text} for text in (then, now)]
    assert compare(*records).verdict == DIFFERS


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("half-life: 3.2 s", "half-life: 9.1 s"),
        ("peak at 2019-07-01 12:00", "peak at 2020-01-01 12:00"),
        ("the best is process 7", "the best is process 9"),
    ],
)
def test_results_that_are_only_printed_differ(runs, then, now):
    folders = runs({}, {})
    for folder, text in zip(folders, (then, now), strict=True):
        (folder / "stdout").write_text(f"{text}\n")
    assert compare_results(*folders).verdict == DIFFERS


def test_a_text_too_long_to_be_compared_to_its_end_differs(compare, monkeypatch):
    monkeypatch.setattr("meticulous.reproduce.comparison.text.LOOKED_AT", 100)
    texts = [
        "".join(f"took {seconds} s\n" for _ in range(200)) + f"loss {seconds}\n"
        for seconds in (1, 2)
    ]
    assert compare(*({"a.txt": text} for text in texts)).verdict == DIFFERS


def test_arrays_and_images_are_compared_whole(compare, monkeypatch):
    monkeypatch.setattr("meticulous.reproduce.comparison.formats.images._FRAMES", 3)
    images, files = [], []
    for last in (1, 2):
        frames = [Image.new("L", (1, 1), 1 if at < 4 else last) for at in range(5)]
        file = io.BytesIO()
        frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
        images.append({"a.tif": file.getvalue()})
    assert compare(*images).verdict == DIFFERS
    # Two arrays in one file, as by np.save called twice.
    assert compare(*({"a.npy": npy(0) + npy(number)} for number in (1, 2))).verdict == DIFFERS
    for array in (np.array([2**53 + 1]), np.array([2.0**53])):
        files.append({"a.npy": npy(array)})
    assert compare(*files).verdict == DIFFERS


def test_numbers_that_are_written_differently_agree(compare):
    found = compare({"a.csv": "a,b,c\n1.50,1e3,0.0\n"}, {"a.csv": "a,b,c\n1.5,1000,0\n"})
    assert found.verdict == AGREES
    assert "written differently" in found.reason


@pytest.mark.parametrize("row", ['{"step": 0, "a": {"b": [%d]}}', '{"step": 0, "a": [[%d]]}'])
def test_long_integers_deep_in_the_metrics_are_exact(compare, row):
    lines = [f"{row % (2**70 + more)}\n" for more in (0, 1)]
    assert compare({"metrics.jsonl": lines[0]}, {"metrics.jsonl": lines[1]}).verdict == DIFFERS


@pytest.mark.parametrize("side", [0, 1])
def test_files_beyond_what_a_record_lists_are_not_identical(compare, side):
    lists = [listing(not_listed=5), listing()]
    records = [{"summary": SUMMARY, "files.json": lists[side ^ number]} for number in (0, 1)]
    found = compare(*records)
    assert found.verdict == CANNOT
    assert "files.json" in found.reason


def test_inputs_beyond_what_a_record_lists_are_no_results(compare):
    lists = [{**listing(not_listed=5), "not-listed-outputs": count} for count in (0, 2)]
    summary = {"summary": SUMMARY}
    found = compare({**summary, "files.json": lists[0]}, {**summary, "files.json": lists[0]})
    assert found.verdict == IDENTICAL
    found = compare({**summary, "files.json": lists[0]}, {**summary, "files.json": lists[1]})
    assert found.verdict == CANNOT


def test_what_only_one_of_the_runs_could_list_is_not_identical(compare):
    listed = listing(entry("out.bin", b"1", "repository"))
    found = compare({"summary": SUMMARY}, {"summary": SUMMARY, "files.json": listed})
    assert found.verdict == AGREES
    assert "1 could not be compared: out.bin" in found.reason


@pytest.mark.parametrize(
    ("name", "then", "now"), [("train_time", 3.1, 9.2), ("elapsed", 1, 2), ("it/s", 8.0, 7.0)]
)
def test_what_differs_and_was_left_out_by_its_name_is_not_identical(compare, name, then, now):
    found = compare({"summary": {"a": 1, name: then}}, {"summary": {"a": 1, name: now}})
    assert found.verdict == AGREES
    assert f"without summary.{name} (measures " in found.reason


@pytest.mark.parametrize(
    "name",
    [
        *("memory_accuracy", "short_term_memory_score", "reaction_time_effect", "latency"),
        *("stimulus_duration", "seconds_to_failure", "spikes_per_second", "time_of_flight"),
        *("arrival_time", "survival_time", "time"),
    ],
)
def test_results_whose_names_speak_of_time_or_memory_differ(compare, name):
    summaries = [{"summary": {"a": 1, name: value}} for value in (1.0, 2.0)]
    assert compare(*summaries).verdict == DIFFERS
    logs = [{"metrics.jsonl": f'{{"step": 0, "{name}": {value}}}\n'} for value in (1.0, 2.0)]
    if name != "time":  # which is the recorder's own there
        assert compare(*logs).verdict == DIFFERS


def test_what_a_dict_with_such_a_name_holds_differs(compare):
    nested = [{"summary": {"a": {"time": {"acc": value}}}} for value in (1.0, 2.0)]
    assert compare(*nested).verdict == DIFFERS


def test_what_differs_and_is_ignored_is_not_identical(compare):
    records = [{"summary": {"a": 1, "b": value}, "c.bin": f"{value}"} for value in (1, 2)]
    found = compare(*records, "b=ignore", "outputs.c.bin=ignore")
    assert found.verdict == AGREES
    assert "without " in found.reason
    assert {"summary.b (ignored)", "c.bin (ignored)"} == set(
        found.reason.partition("without ")[2].rstrip(".").split(", ")
    )
    assert compare(records[0], records[0], "b=ignore").verdict == IDENTICAL


@pytest.mark.parametrize(("then", "verdict"), [(b"then", DIFFERS), (b"now", IDENTICAL)])
def test_a_link_to_a_file_that_both_runs_wrote_is_compared_by_its_digests(
    runs, tmp_path, then, verdict
):
    (tmp_path / "shared").write_bytes(b"now")
    folders = runs(
        {"summary": SUMMARY, "files.json": listing(entry("link", then))},
        {"summary": SUMMARY, "files.json": listing(entry("link", b"now"))},
    )
    for folder in folders:
        (folder / "link").symlink_to(tmp_path / "shared")
    assert compare_results(*folders).verdict == verdict


def test_what_lies_in_the_cache_of_the_user_is_no_result(runs, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/ann/.cache")
    path = "/home/ann/.cache/tool/log"
    files = [listing(entry(path, text, "elsewhere")) for text in (b"a", b"ab")]
    assert compare_results(*runs(*({"files.json": one} for one in files))).verdict == CANNOT
    found = compare_results(*runs(*({"summary": SUMMARY, "files.json": one} for one in files)))
    assert found.verdict == AGREES
    assert f"without {path} (in the cache directory of the user)" in found.reason


def test_another_experiment_of_the_program_is_not_the_same(compare):
    found = compare(
        {"args": {"seed": 1}, "summary": SUMMARY}, {"args": {"seed": 2}, "summary": SUMMARY}
    )
    assert found.verdict == DIFFERS
    assert found.suggestions == ()
    assert "args.seed: 2 instead of 1" in found.reason
    ignored = compare(
        {"args": {"port": 1}, "summary": SUMMARY},
        {"args": {"port": 2}, "summary": SUMMARY},
        "args.port=ignore",
    )
    assert ignored.verdict == IDENTICAL


def test_arguments_that_hold_a_duration_or_a_date_are_arguments(compare):
    for values in (("10 s", "20 s"), ("2019-07-01", "2020-07-01")):
        records = [{"args": {"window": value}, "summary": SUMMARY} for value in values]
        assert compare(*records).verdict == DIFFERS


@pytest.mark.parametrize(
    ("then", "now", "verdict"),
    [
        ("10s.csv", "20s.csv", DIFFERS),
        ("2019-07-01.csv", "2020-07-01.csv", DIFFERS),
        ("run_2026-11-22T14:03:06.csv", "run_2026-11-22T14:03:07.csv", IDENTICAL),
        ("run_1795356186.csv", "run_1795356187.csv", IDENTICAL),
        (
            "123e4567-e89b-12d3-a456-426614174000.csv",
            "00000000-e89b-12d3-a456-426614174000.csv",
            IDENTICAL,
        ),
    ],
)
def test_only_a_name_that_holds_the_time_of_the_run_is_the_same_name(compare, then, now, verdict):
    assert compare({then: "a\n1\n"}, {now: "a\n1\n"}).verdict == verdict


def test_arguments_that_hold_a_path_or_a_time_are_the_same(compare, tmp_path):
    records = [
        {
            "args": {
                "out": str(tmp_path / "experiments" / name / "a"),
                "name": f"run 2026-11-22T14:03:0{name[1]}",
            }
        }
        for name in ("12", "13")
    ]
    found = compare(*({**record, "summary": SUMMARY} for record in records))
    assert found.verdict == IDENTICAL


def test_equal_arguments_are_no_result(compare):
    assert compare({"args": {"seed": 1}}, {"args": {"seed": 1}}).verdict == CANNOT


def test_that_all_results_were_left_out_is_said(compare):
    records = [{"summary": {"train_time": value}} for value in (1.0, 2.0)]
    found = compare(*records)
    assert found.verdict == CANNOT
    assert "all that both left was left out: summary.train_time (measures time)" in found.reason


# Failing the same way


def test_a_failure_with_results_that_could_not_be_compared_is_not_the_same(runs):
    listed = listing(
        {"path": "/srv/a", "in": "elsewhere", "size": 1, "sha256": None, "unhashed": "too large"}
    )
    folders = runs(
        failed("exit code 1", summary=SUMMARY, **{"files.json": listed}),
        failed("exit code 1", summary=SUMMARY, **{"files.json": listed}),
    )
    records = [read_record(folder) for folder in folders]
    assert judge_endings(*records, compare_results(*folders))[0] == CANNOT


def failed(reason, code=1, **files):
    return {"STATUS": f"ERROR\n{reason}\n", "metadata": {"exit-code": code}, **files}


def raised(*message):
    lines = "\n".join(message)
    return f'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n{lines}'


@pytest.fixture
def judge(runs):
    """Return a function that gives the verdict on two runs that failed."""

    def judge_runs(recorded, reproduced):
        folders = runs(recorded, reproduced)
        records = [read_record(folder) for folder in folders]
        return judge_endings(*records, compare_results(*folders))

    return judge_runs


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (("ModuleNotFoundError: No module named 'a'",), ("ModuleNotFoundError: No module 'b'",)),
        (("ValueError: first", "second"), ("ValueError: first", "another")),
        (("ValueError: first", "second"), ("KeyError: first", "second")),
        (("ValueError: the loss is 3.25",), ("ValueError: the loss is 3.5",)),
    ],
)
def test_the_same_exception_with_another_message_is_another_failure(judge, then, now):
    verdict, reason = judge(failed(raised(*then)), failed(raised(*now)))
    assert verdict == FAILED
    assert now[-1] in reason
    verdict, _ = judge(
        failed(raised(*then), summary=SUMMARY), failed(raised(*now), summary=SUMMARY)
    )
    assert verdict == FAILED


def test_the_same_message_but_for_paths_and_times_is_the_same_failure(judge, runs):
    then, now = (
        failed(raised(f"ValueError: no /tmp/x{number}/y after {number} s", f"in process {number}"))
        for number in (1, 2)
    )
    assert judge(then, now)[0] == IDENTICAL


def test_an_exit_code_alone_does_not_say_that_the_failures_are_the_same(runs):
    folders = runs(failed("exit code 1"), failed("exit code 1"))
    for said, expected in (("no data", IDENTICAL), ("no room", CANNOT)):
        for folder, text in zip(folders, ("no data", said), strict=True):
            (folder / "stderr").write_text(f"{text}\n")
        records = [read_record(folder) for folder in folders]
        verdict, reason = judge_endings(*records, compare_results(*folders))
        assert verdict == expected
    assert "stderr" in reason
