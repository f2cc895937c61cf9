"""What a run says of itself, as when it ran, agrees; another date or number is a result."""

from __future__ import annotations

import itertools
import json

import pytest
from written_records import write_record

from meticulous.reproduce.comparison import compare_results
from meticulous.reproduce.verdict import AGREES, DIFFERS, IDENTICAL

# The first run begins at 14:03:05 and the second an hour later; both take three seconds.
THEN, NOW = "2026-11-22T14:03:06.5", "2026-11-22T15:03:06.25"
EPOCH = 1795356186


@pytest.fixture
def judge(tmp_path):
    """Return a function that compares two runs by the text of one file, or by their summaries."""

    calls = itertools.count()

    def verdict_of(name, then, now, offset="+00:00"):
        folders = []
        for number, minutes, content in (("12", 0, then), ("13", 60, now)):
            files = {"summary": {"a": 1}, name: content}
            facts = {"utc-offset": offset, "pid": 4700 + int(number)}
            place = tmp_path / str(next(calls)) / "experiments"
            folders.append(write_record(place, number, minutes=minutes, metadata=facts, **files))
        return compare_results(*folders)

    return verdict_of


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (THEN, NOW),
        (f"{THEN}+00:00", f"{NOW}Z"),
        ("2026-11-22 14:03:06", "2026-11-22 15:03:06"),
        ("2026/11/22 14:03", "2026/11/22 15:03"),
        ("20261122-140306", "20261122-150306"),
        ("run_2026-11-22_14-03-06", "run_2026-11-22_15-03-06"),
        ("Sun Nov 22 14:03:06 2026", "Sun Nov 22 15:03:06 2026"),
        ("Sun, 22 Nov 2026 14:03:06 +0000", "Sun, 22 Nov 2026 15:03:06 +0000"),
        ("14:03:06", "15:03:06"),
        ("Nov 22 14:03:06 host", "Nov 22 15:03:06 host"),
        (str(EPOCH), str(EPOCH + 3600)),
        ("process 4712", "process 4713"),
        ("/tmp/tmpab12cd34/x", "/tmp/tmpzz99_x9y/x"),
    ],
)
def test_what_a_run_says_of_itself_agrees(judge, then, now):
    documents = [json.dumps({"loss": 1, "by": text}) for text in (then, now)]
    for name, one, other in (
        ("a.json", *documents),
        ("a.jsonl", *(f"{document}\n" for document in documents)),
        ("a.csv", f"loss,by\n1,{then}\n", f"loss,by\n1,{now}\n"),
        ("a.txt", f"by {then}\n", f"by {now}\n"),
        ("summary", {"by": then}, {"by": now}),
    ):
        if "," not in then or name != "a.csv":
            assert judge(name, one, other).verdict == AGREES, name


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (THEN, THEN.replace("06", "07")),
        ("2026-11-22T14:03:06+02:00", "2026-11-22T15:03:06+02:00"),
        ("2019-07-01", "2020-07-01"),
        ("20190701", "20200701"),
        ("11:03:06", "12:03:06"),
        ("Nov 21 14:03:06", "Nov 21 15:03:06"),
        (str(EPOCH - 86_400), str(EPOCH)),
        ("4711", "4712"),
        ("/tmp/model1", "/tmp/model2"),
        ("/data/tmpab12cd34", "/data/tmpzz99_x9y"),
    ],
)
def test_any_other_date_or_number_differs(judge, then, now):
    for name, one, other in (
        ("a.json", json.dumps({"by": then}), json.dumps({"by": now})),
        ("a.csv", f"by\n{then}\n", f"by\n{now}\n"),
        ("a.txt", f"by {then}\n", f"by {now}\n"),
        ("summary", {"by": then}, {"by": now}),
    ):
        assert judge(name, one, other).verdict == DIFFERS, name


def test_numbers_count_as_marks_and_local_time_counts_as_well(judge):
    for scale in (1, 1000, 1e9):
        times = [
            json.dumps({"loss": 1, "at": [3, moment * scale]}) for moment in (EPOCH, EPOCH + 3600)
        ]
        assert judge("a.json", *times).verdict == AGREES
    east = [f"{EPOCH - 7200 + more}" for more in (0, 3600)]
    assert judge("a.txt", *east, offset="+02:00").verdict == AGREES
    assert judge("a.txt", THEN, NOW, offset="+02:00").verdict == AGREES
    found = judge("summary", {"pid": 4712}, {"pid": 4713})
    assert found.verdict == AGREES
    assert "time, process or temporary folder of each run" in found.reason


def test_the_time_of_a_run_in_another_is_a_stale_result(judge):
    assert judge("a.txt", f"loss 1 {THEN}\n", f"loss 1  {THEN}\n").verdict == DIFFERS
    assert judge("summary", {"at": THEN}, {"at": THEN}).verdict == IDENTICAL


def test_figures_agree_but_for_when_they_were_made(judge):
    pages = [
        f"1 0 obj << /CreationDate (D:2026112214030{at}Z) /Creator (a) >> BT 1 ET".encode()
        for at in (5, 6)
    ]
    assert judge("a.pdf", *pages).verdict == AGREES
    assert judge("a.pdf", pages[0], pages[1].replace(b"BT 1", b"BT 2")).verdict == DIFFERS
    drawn = [
        f'<dc:date>{at}</dc:date><path id="p{at}" d="M 0"/><use href="#p{at}"/><text>3.5</text>'
        for at in ("0123456789", "abcdef0123")
    ]
    assert judge("a.svg", *drawn).verdict == AGREES
    assert judge("a.svg", drawn[0], drawn[1].replace("3.5", "3.6")).verdict == DIFFERS
    swapped = [
        f'<a id="m000000000{one}"/><a id="m000000000{other}"/>' for one, other in ("12", "21")
    ]
    used = [f'{text}<use href="#m0000000001"/>' for text in swapped]
    assert judge("a.svg", *used).verdict == DIFFERS
