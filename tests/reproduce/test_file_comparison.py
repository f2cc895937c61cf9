from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import os
import pickle
import random
import sys
import tracemalloc
import zipfile
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import write_files

from meticulous.reproduce.comparison import parse_tolerances
from meticulous.reproduce.comparison.files import compare_outputs
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.formats.tensors import tensor
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.verdict import OUTSIDE, SAME, UNKNOWN, WITHIN

CHECKPOINT = zlib.decompress(
    base64.b64decode(
        "eNqlVM2L00AUn6Rt2o3aj0UorrB4rKBtkn4r2qVIPOSwtboQvIRsOrbBtOkk0y4uLBTEBfGiHgQ9ePDinyBe"
        "vHoU7x4ET3rxX3CmcbNJaiurj4THfPze+82b35uOEosDkEqBBcuCdaA7xsCcwlJPx3pxfN+S22lwN2Qz9gCB"
        "gsoRwB40+wOMGAPbBFbUJti0XF5z4O7EtHoahiPXdrSpxCO2UFCTBOGSnXofopgH4WXL1vFtb5JHcZUhewSU"
        "UGPEG+MJ4pQ4RslbClBYhT1EKeKYQ7T22DBsy4IGNu2Ry287PejA3g3TwDziL3bRKYxOd9EZNUGiwLFtDFBa"
        "ialrZGSPsTk096GDMgcoq7JkynJQ7mbr/Utqr9xJsaMkUx/fPN3+Stbo31larzw479ereM92hjrWptBxCSm5"
        "nY+UzTeRJnj388tDelZmZYINUD9O8Lt0mm6Z/dEQjrDcLi/LscpqFUqgtYe+09OzKwnkQMsnsPsAQ5tWWm5f"
        "/Ze8R2aZGFuQcnh07ds5KiNuJYc0uB5SZUmQ21f+gwAAsxYJu0U+8s+2KJM7Z98+yc47YBWTDCj7TPx7Lp2U"
        "SpmnGT+/7u/8vf6bQDoWwPzwLnRMooB9nUpfM3tyu3hCAmK1LjXEZrMqio1qpVYpC1JNqJTLklitiEK9LolC"
        "o9psSpTlzo/uhwLhUZizZChZn2ewR7ILzKPvSBQdbIB8CCkwYFlXRYMERbwRCvIsGGShc6JxgkLMheKss2Cx"
        "AaLwoHrSIfgLFkS0G8UGdZAJYS/EQFRtUXDwejZD4OcB8J+F01E47tKRzGKXfWQy4j8xnm/EPU9w86Uk5429"
        "FyzBeZjkfL+39xf63GhV"
    )
)
"""What `torch.save({"weight": torch.tensor([[1., 2.], [3., 4.]]), "epoch": 3, ...})` wrote."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def entry(path, data=None, where="experiment", **facts):
    """Return an entry of files.json; without data there is no hash."""
    known = {} if data is None else {"size": len(data), "sha256": sha256(data)}
    return {"path": path, "in": where, "size": None, "sha256": None, **known, **facts}


class Runs:
    """The folders of a recorded run and its reproduction."""

    def __init__(self, folder: Path) -> None:
        self.recorded, self.reproduced = folder / "12", folder / "13"
        self.recorded.mkdir(parents=True)
        self.reproduced.mkdir()

    def write(self, name, recorded, reproduced):
        """Write a file on both sides; None for none."""
        for folder, data in ((self.recorded, recorded), (self.reproduced, reproduced)):
            if data is not None:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data.encode() if isinstance(data, str) else data)
        return self

    def list_outputs(self, recorded, reproduced):
        for folder, entries in ((self.recorded, recorded), (self.reproduced, reproduced)):
            if entries is not None:
                write_files(folder, {"files.json": {"format": 1, "outputs": entries}})
        return self

    def compare(self, *tolerances, recorded_root=None, reproduced_root=None, **options):
        places = Places(
            Place(self.recorded, recorded_root), Place(self.reproduced, reproduced_root)
        )
        folders = str(self.recorded), str(self.reproduced)
        found = compare_outputs(*folders, parse_tolerances(tolerances), places, **options)
        assert {finding.part for finding in found} <= {"outputs"}
        return {finding.name: finding for finding in found}

    def only(self, *tolerances, **options):
        (finding,) = self.compare(*tolerances, **options).values()
        return finding


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "experiments")


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def table(rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


# Which files


def test_the_same_bytes_are_the_same(runs):
    found = runs.write("a/model.bin", b"\0\1", b"\0\1").compare()
    assert found["a/model.bin"].outcome == SAME


def test_the_recorders_own_files_and_by_products_are_no_outputs(runs):
    for name in ("stdout", "metrics.jsonl", "metadata.json", "STATUS", "__pycache__/a.pyc", ".x"):
        runs.write(name, b"1", b"2")
    assert runs.compare() == {}


def test_a_file_of_one_side_only_is_a_difference(runs):
    found = runs.write("old.txt", "1", None).write("new.txt", None, "1").compare()
    assert found["old.txt"].outcome == found["new.txt"].outcome == OUTSIDE
    assert found["old.txt"].remark == "the reproduction did not write it"
    assert found["new.txt"].remark == "only the reproduction wrote it"


def test_a_name_that_holds_the_time_is_the_same_name(runs):
    runs.write("run_2026-11-22_14-03-05.txt", "loss 1", None)
    runs.write("run_2026-11-23_09-00-00.txt", None, "loss 1")
    finding = runs.only()
    assert finding.outcome == SAME
    assert "named run_2026-11-23_09-00-00.txt now" in finding.remark


def test_an_output_that_is_gone_is_known_by_its_hash(runs):
    runs.write("model.bin", None, b"\0data")
    runs.list_outputs([entry("model.bin", b"\0data")], [entry("model.bin", b"\0data")])
    assert runs.only().outcome == SAME
    runs.write("model.bin", None, b"\0other")
    finding = runs.only()
    assert finding.outcome == OUTSIDE
    assert "the recorded file is gone" in finding.remark


def test_a_recorded_file_that_was_changed_since_is_not_taken_for_the_result(runs):
    runs.write("out.json", '{"loss": 2}', '{"loss": 1}')
    runs.list_outputs([entry("out.json", b'{"loss": 1}')], None)
    finding = runs.only()
    assert finding.outcome == SAME
    assert "changed since its run" in finding.remark
    runs.write("out.json", '{"loss": 2}', '{"loss": 2}')
    assert runs.only().outcome == OUTSIDE


def test_outputs_outside_the_folder_are_compared_by_their_recorded_hashes(runs):
    runs.list_outputs(
        [
            entry("results/a.csv", b"1", "repository"),
            entry("results/b.csv", b"1", "repository"),
            entry("/srv/c.csv", None, "elsewhere", size=3, unhashed="over the budget"),
        ],
        [
            entry("results/a.csv", b"1", "repository"),
            entry("results/b.csv", b"2", "repository"),
            entry("/srv/c.csv", b"123", "elsewhere"),
        ],
    )
    found = runs.compare()
    assert {name: one.outcome for name, one in found.items()} == {
        "results/a.csv": SAME,
        "results/b.csv": OUTSIDE,
        "/srv/c.csv": UNKNOWN,
    }
    assert found["/srv/c.csv"].remark == "not compared: over the budget"
    assert "outside the folder" in found["results/b.csv"].remark


def test_of_what_only_one_run_could_list_nothing_is_known(runs):
    runs.list_outputs(None, [entry("results/a.csv", b"1", "repository")])
    assert (runs.only().outcome, runs.only().decides) == (UNKNOWN, False)
    runs.list_outputs(None, [entry("/tmp/a.csv", b"1", "elsewhere")])
    assert not runs.only().decides


def test_a_file_among_temporary_ones_of_one_run_decides_nothing(runs):
    runs.list_outputs([entry("/tmp/tmpab12/x", b"1", "elsewhere")], [])
    assert not runs.only().decides


def test_a_file_the_program_removed_again_is_no_output(runs):
    runs.list_outputs([entry("scratch.bin")], [entry("scratch.bin")])
    assert runs.compare() == {}


def test_beyond_the_budget_recorded_hashes_decide_and_without_them_the_bytes(runs):
    runs.write("big.bin", b"\0" * 50, b"\1" * 50)
    assert runs.only(budget=60).outcome == OUTSIDE
    hashed = [entry("big.bin", b"\0" * 50)]
    runs.list_outputs(hashed, hashed)
    assert runs.only(budget=60).outcome == SAME


def write_in_checkouts(runs, name, recorded, reproduced):
    """Write a file into both checkouts; return their roots as keywords."""
    roots = runs.recorded.parent / "checkout", runs.recorded.parent / "worktree"
    for root, data in zip(roots, (recorded, reproduced), strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return dict(zip(("recorded_root", "reproduced_root"), roots, strict=True))


def test_an_output_in_the_checkout_is_compared_by_value_where_it_is_the_recorded_one(runs):
    then, now = b'{"loss": 0.5}', b'{"loss": 0.75}'
    runs.list_outputs(
        [entry("out/m.json", then, "repository")], [entry("out/m.json", now, "repository")]
    )
    roots = write_in_checkouts(runs, "out/m.json", then, now)
    assert runs.only(**roots).absolute == 0.25
    assert runs.only("loss=0.3", **roots).outcome == WITHIN
    (roots["recorded_root"] / "out/m.json").write_bytes(b'{"loss": 0.7}')
    finding = runs.only("loss=0.3", **roots)
    assert finding.outcome == OUTSIDE
    assert "changed since its run" in finding.remark


@pytest.mark.parametrize(("later", "outcome"), [(0, OUTSIDE), (60, UNKNOWN)])
def test_an_output_without_a_hash_is_compared_where_nobody_wrote_it_since(runs, later, outcome):
    modified = datetime(2026, 11, 22, 10, 0, 0)
    facts = {"size": 3, "unhashed": "over the budget", "modified": modified.isoformat()}
    listed = [entry("out.bin", None, "repository", **facts)]
    runs.list_outputs(listed, listed)
    roots = write_in_checkouts(runs, "out.bin", b"\0\1\2", b"\0\1\3")
    changed = modified.timestamp() + later
    os.utime(roots["recorded_root"] / "out.bin", (changed, changed))
    assert runs.only(**roots).outcome == outcome


def test_a_file_that_was_put_into_the_folder_after_the_end_is_no_missing_output(runs):
    runs.write("plot.png", b"added later", None).write("a.txt", "1", "1")
    listed = [entry("a.txt", b"1")]
    runs.list_outputs(listed, listed)
    assert runs.only().name == "a.txt"
    runs.list_outputs([*listed, entry("plot.png", b"added later")], listed)
    assert runs.compare()["plot.png"].outcome == OUTSIDE


def test_a_files_json_that_is_broken_is_as_none(runs):
    runs.write("a.txt", "1", "1")
    write_files(runs.recorded, {"files.json": b"{"})
    write_files(runs.reproduced, {"files.json": {"outputs": [3, {"path": 4}, {}]}})
    assert runs.only().outcome == SAME


# Links and other things that are no files


def test_links_are_compared_by_what_they_lead_to(runs):
    runs.write("best.json", '{"loss": 1.0}', '{"loss": 2.0}')
    for folder in (runs.recorded, runs.reproduced):
        (folder / "last.json").symlink_to("best.json")
    assert runs.compare()["last.json:loss"].absolute == 1.0


def test_links_to_nowhere_and_to_one_and_the_same_file(runs, tmp_path):
    (tmp_path / "data").write_text("1")
    for folder in (runs.recorded, runs.reproduced):
        (folder / "gone").symlink_to(folder / "nothing")
        (folder / "data").symlink_to(tmp_path / "data")
        (folder / "loop").symlink_to("loop")
    found = runs.compare()
    assert {one.outcome for one in found.values()} == {SAME}
    assert found["gone"].remark == "a link that leads nowhere"
    assert "one and the same file" in found["data"].remark


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_waited_for(runs):
    for folder in (runs.recorded, runs.reproduced):
        os.mkfifo(folder / "pipe.csv")
    assert runs.only().outcome == UNKNOWN


# JSON


def test_json_is_compared_by_value(runs):
    runs.write(
        "out.json",
        json.dumps({"loss": 0.5, "acc": 1.0, "train_seconds": 3.0}),
        json.dumps({"train_seconds": 4.0, "acc": 1.0, "loss": 0.75}, indent=2),
    )
    found = runs.compare()
    assert (found["out.json:loss"].recorded, found["out.json:loss"].reproduced) == (0.5, 0.75)
    assert found["out.json:train_seconds"].decides
    assert found["out.json"].outcome == SAME
    assert runs.compare("loss=0.25")["out.json:loss"].outcome == WITHIN
    assert runs.compare("out.json=rel:0.5")["out.json:loss"].outcome == WITHIN


def test_json_written_otherwise_is_the_same(runs):
    runs.write("out.json", '{"a": [1, NaN], "b": 2}', '{"b":2,\n"a":[1,NaN]}')
    finding = runs.only()
    assert finding.outcome == SAME
    assert finding.remark == "3 values the same, written differently"


def test_broken_json_is_compared_by_digest(runs):
    finding = runs.write("out.json", '{"a": 1}', '{"a": ').only("1e9")
    assert finding.outcome == OUTSIDE
    assert "the reproduced file is not readable JSON" in finding.remark


@pytest.mark.parametrize(
    "rubbish", [b"", b"\0\1\2", b"[" * 100_000, b"1" * 10_000, b"\xff\xfe\xfd"]
)
@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "npy", "npz", "pt", "png", "gz", "zip"])
def test_rubbish_is_a_difference_and_no_crash(runs, rubbish, suffix):
    found = runs.write(f"a.{suffix}", rubbish, b"\x93NUMPY rubbish").compare("1e9")
    assert OUTSIDE in {one.outcome for one in found.values()}
    runs.write(f"a.{suffix}", b"\x93NUMPY rubbish", rubbish)
    assert OUTSIDE in {one.outcome for one in runs.compare("1e9").values()}


def test_json_lines(runs):
    lines = [json.dumps({"x": float(number)}) + "\n" for number in range(5)]
    other = [*lines[:3], '{"x": 3.5}\n', '{"x": 4']
    found = runs.write("log.jsonl", "".join(lines), "".join(other)).compare()
    assert found["log.jsonl:x"].absolute == 0.5
    assert "line 4" in found["log.jsonl:x"].remark
    assert "1 line missing at the end" in found["log.jsonl"].remark


# Tables


def test_tables_are_compared_column_by_column(runs):
    runs.write("out.csv", "epoch,loss\n1,0.5\n2,0.25\n", "epoch,loss\r\n1,0.5\r\n2,0.26\r\n")
    found = runs.compare()
    assert found["out.csv:loss"].absolute == pytest.approx(0.01)
    assert found["out.csv:loss"].remark == "1 of 2 cells differs, the first at row 3"
    assert found["out.csv"].remark == "2 cells the same besides"
    assert runs.compare("out.csv:loss=0.011")["out.csv:loss"].outcome == WITHIN


@pytest.mark.parametrize("name", ["time", "survival_time", "train_time", "latency"])
def test_what_a_file_holds_is_a_result_whatever_it_is_called(runs, name):
    runs.write("a.csv", f"{name}\n1.5\n", f"{name}\n2.5\n")
    runs.write("a.json", json.dumps({name: 1.5}), json.dumps({name: 2.5}))
    for folder, number in ((runs.recorded, 1.5), (runs.reproduced, 2.5)):
        np.savez(folder / "a.npz", **{name: np.array([number])})
    found = runs.compare()
    assert len(found) == 3
    assert all(one.decides and one.outcome == OUTSIDE for one in found.values())


@pytest.mark.parametrize(
    ("then", "now", "outcome"),
    [
        ("1e2", "100", WITHIN),
        ("infinity", "inf", WITHIN),
        ("NaN", "nan", WITHIN),
        ("nan", "nan", SAME),
        ("1.50", "1.5", WITHIN),
        ("0.0", "0", WITHIN),
        ("0012", "12", OUTSIDE),
        ("1e400", "inf", OUTSIDE),
    ],
)
def test_equal_numbers_with_another_text_are_not_the_same(runs, then, now, outcome):
    # Another line feed, so that the bytes differ.
    assert runs.write("a.csv", f"a\n{then}\n", f"a\r\n{now}\r\n").only().outcome == outcome


def test_not_a_number_in_json_is_the_same_on_both_sides(runs):
    runs.write("a.json", '{"a": NaN, "b": [NaN]}', '{"a":NaN, "b": [NaN]}')
    assert runs.only().outcome == SAME


def test_a_table_with_other_columns(runs):
    found = runs.write("out.tsv", "a\tb\n1\t2\n", "b\tc\n2\t3\n").compare()
    assert "does not have the column" in found["out.tsv:a"].remark
    assert "only the reproduction has the column" in found["out.tsv:c"].remark
    assert found["out.tsv"].outcome == SAME


def test_a_table_with_columns_in_another_order_is_the_same(runs):
    finding = runs.write("out.csv", "a;b\n1;2\n", "b;a\n2;1\n").only()
    assert finding.outcome == SAME
    assert "in another order" in finding.remark


def test_a_table_without_names_and_rows_of_another_length(runs):
    found = runs.write("out.csv", "1,2\n3,4\n", "1,2\n3,5,6\n").compare()
    assert "rows of another length" in found["out.csv:column 2"].remark
    found = runs.write("out.csv", "1,2\n3,4\n", "1,2\n").compare("1e9")
    assert found["out.csv"].remark.startswith("1 row missing at the end")
    assert found["out.csv"].outcome == OUTSIDE


def test_an_empty_table_and_one_with_rows(runs):
    assert runs.write("out.csv", "", "a\n1\n").only().outcome == OUTSIDE


def test_texts_in_a_table_are_no_numbers(runs):
    found = runs.write("out.csv", "id\nx\n1_0\n", "id\ny\n10\n").compare("1e9")
    assert found["out.csv:id"].outcome == OUTSIDE
    assert found["out.csv:id"].absolute is None


def test_files_of_another_encoding_with_the_same_content(runs):
    text = "größe,loss\nä,1\n"
    for name in ("out.csv", "out.txt"):
        runs.write(name, text.encode(), text.encode("utf-16"))
    for finding in runs.compare().values():
        assert finding.outcome == SAME
        assert "in another encoding (utf-16 instead of utf-8)" in finding.remark


def test_a_long_table_is_compared_in_little_memory(runs):
    rows = [("step", "loss"), *((step, step / 7) for step in range(50_000))]
    other = [*rows[:-1], (49_999, 1.0)]
    runs.write("out.csv", table(rows), table(other))
    tracemalloc.start()
    try:
        found = runs.compare()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "row 50001" in found["out.csv:loss"].remark
    assert peak < 4 * 2**20


numbers = st.floats() | st.integers(-(10**30), 10**30)


@given(st.lists(st.tuples(numbers, numbers, st.text("ab, \"'\n", max_size=4)), max_size=6))
def test_a_table_is_the_same_as_itself_written_otherwise(tmp_path_factory, rows):
    runs = Runs(tmp_path_factory.mktemp("runs"))
    named = [("x", "y", "z"), *rows]
    quoted = io.StringIO()
    csv.writer(quoted, quoting=csv.QUOTE_ALL).writerows(named)
    runs.write("out.csv", table(named), quoted.getvalue())
    assert runs.only().outcome == SAME


# Arrays


def test_arrays_are_compared_element_by_element(runs):
    one = np.arange(6.0).reshape(2, 3)
    other = one.copy()
    other[1, 2] += 0.5
    finding = runs.write("w.npy", npy(one), npy(other)).only()
    assert (finding.recorded, finding.reproduced, finding.absolute) == (5.0, 5.5, 0.5)
    assert finding.remark == "1 of 6 elements differs, the first at [1, 2]"
    assert runs.only("w.npy=0.5").outcome == WITHIN
    assert runs.only("w.npy=rel:0.1").outcome == WITHIN
    assert runs.only("w.npy=0.49").outcome == OUTSIDE


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        (np.zeros(3), np.zeros((3, 1)), OUTSIDE),
        (np.ones(3, "f4"), np.ones(3, "f8"), WITHIN),
        (np.ones(3, "<f8"), np.ones(3, ">f8"), SAME),
        (np.ones(3, "i4"), np.ones(3, bool), OUTSIDE),
        (np.array([np.nan, np.inf, 1.0]), np.array([np.nan, np.inf, 1.0], order="F"), SAME),
        (np.array([np.nan, 1.0]), np.array([0.0, 1.0]), OUTSIDE),
        (np.array([0.0]), np.array([-0.0]), WITHIN),
        (np.array(["a", "b"]), np.array(["a", "c"]), OUTSIDE),
        (np.array([True]), np.array([False]), OUTSIDE),
        (np.zeros((0, 3)), np.zeros((0, 3), order="F"), SAME),
        (np.asfortranarray(np.eye(3) * 2), np.ascontiguousarray(np.eye(3) * 2), SAME),
        (np.array(3.0), np.array(3.5), OUTSIDE),
        (
            np.array(["NaT", "2026-01-01"], "M8[D]"),
            np.array(["NaT", "2026-01-02"], "M8[D]"),
            OUTSIDE,
        ),
        (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8"), OUTSIDE),
        (np.array([1 + 2j]), np.array([1 + 3j]), OUTSIDE),
    ],
)
def test_arrays_of_every_kind(runs, one, other, outcome):
    assert runs.write("w.npz", npz(w=one), npz(w=other, e=one)).compare()["w.npz:e"]
    found = runs.write("w.npz", npz(w=one), npz(w=other)).compare()
    assert outcome in {finding.outcome for finding in found.values()}


def test_differences_of_long_integers_are_exact(runs):
    one, other = np.array([-(2**63), 5], "i8"), np.array([2**63 - 1, 5], "i8")
    assert runs.write("w.npy", npy(one), npy(other)).only().absolute == 2.0**64
    one, other = np.array([2**64 - 1], "u8"), np.array([2**64 - 2], "u8")
    assert runs.write("w.npy", npy(one), npy(other)).only().absolute == 1.0


@pytest.mark.parametrize("name", ["w.npy", "w.npz", "w.safetensors"])
def test_without_numpy_arrays_are_compared_by_digest(runs, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "numpy", None)
    finding = runs.write(name, b"\x93NUMPY\0", b"\x93NUMPY\1").only("1e9")
    assert finding.outcome == OUTSIDE
    assert "numpy is not installed" in finding.remark


def test_without_pillow_images_are_compared_by_digest(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    finding = runs.write("a.png", b"\x89PNG1", b"\x89PNG2").only("1e9")
    assert finding.outcome == OUTSIDE
    assert "Pillow is not installed" in finding.remark


def test_named_arrays_that_one_side_lacks(runs):
    found = runs.write("w.npz", npz(a=np.ones(2), b=np.ones(2)), npz(b=np.ones(2))).compare()
    assert found["w.npz:a"].outcome == OUTSIDE
    assert found["w.npz"].remark == "2 elements the same besides"


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_pickled_objects_are_never_loaded(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.array([Bomb(), None], dtype=object)
    runs.write("w.npy", npy(objects), npy(np.ones(2)))
    runs.write("model.pkl", pickle.dumps(Bomb()), pickle.dumps(3))
    runs.write("model.pt", archive(pickle.dumps(Bomb())), archive(pickle.dumps(3)))
    found = runs.compare("1e9")
    assert {one.outcome for one in found.values()} == {OUTSIDE}
    assert not (tmp_path / "exploded").exists()
    assert "a pickle is never loaded" in found["model.pkl"].remark
    assert "loading those could run code" in found["model.pt"].remark


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20),
    st.floats(1e-6, 10),
    st.floats(0, 3),
    st.data(),
)
def test_an_array_within_and_beyond_the_tolerance(
    tmp_path_factory, values, tolerance, factor, data
):
    runs = Runs(tmp_path_factory.mktemp("runs"))
    one, other = np.array(values), np.array(values)
    other[data.draw(st.integers(0, len(values) - 1))] += tolerance * factor
    expected = np.abs(one - other).max()
    if expected == 0:
        return
    finding = runs.write("w.npy", npy(one), npy(other)).only(f"*={tolerance!r}")
    assert finding.absolute == expected
    assert finding.outcome == (WITHIN if expected <= tolerance else OUTSIDE)


# Checkpoints


def archive(pickled, **entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as found:
        found.writestr("archive/data.pkl", pickled)
        for name, data in entries.items():
            found.writestr(f"archive/{name}", data)
    return file.getvalue()


def changed_checkpoint(change):
    """Return the checkpoint with the bytes of its entries changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(CHECKPOINT)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return file.getvalue()


def test_a_checkpoint_of_torch_is_compared_without_torch(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # it cannot be imported

    def add(name, data):
        return np.array([1, 2, 3, 4.5], "<f4").tobytes() if name.endswith("data/0") else data

    runs.write("model.pt", CHECKPOINT, changed_checkpoint(add))
    found = runs.compare()
    weight = found["model.pt:weight"]
    assert (weight.recorded, weight.reproduced) == (4.0, 4.5)
    assert weight.remark == "1 of 4 elements differs, the first at [1, 1]"
    assert found["model.pt"].remark == "2 elements the same besides"
    assert runs.compare("weight=rel:0.2")["model.pt:weight"].outcome == WITHIN


def test_a_checkpoint_packed_again_is_the_same(runs):
    runs.write("model.pt", CHECKPOINT, changed_checkpoint(lambda _, data: data))
    assert runs.only().outcome == SAME


def test_a_tensor_that_reaches_beyond_its_bytes_is_not_read(runs):
    cut = changed_checkpoint(lambda name, data: data[:4] if name.endswith("data/0") else data)
    finding = runs.write("model.pt", CHECKPOINT, cut).only("1e9")
    assert finding.outcome == OUTSIDE
    assert "reaches beyond its end" in finding.remark


def test_a_tensor_that_repeats_one_element_without_end_is_not_looked_at():
    with pytest.raises(NotComparableError, match="beyond its end"):
        tensor("float32", (10**12,), b"\0" * 4, strides=(0,))
    assert tensor("float32", (3, 2), b"\0" * 4, strides=(0, 0)).shape == (3, 2)


def test_an_older_checkpoint_is_compared_by_digest(runs):
    finding = runs.write("model.pt", b"\x80\x02old", b"\x80\x02new").only("1e9")
    assert "since 1.6" in finding.remark


def safetensors(kind="F32", metadata=None, **arrays):
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, array in arrays.items():
        content = array.tobytes()
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_files_of_safetensors(runs):
    one, other = np.ones((2, 2), "<f4"), np.array([[1, 1], [1, 1.5]], "<f4")
    runs.write("m.safetensors", safetensors(w=one, b=one), safetensors(b=one, w=other))
    found = runs.compare()
    assert found["m.safetensors:w"].absolute == 0.5
    assert found["m.safetensors"].remark == "4 elements the same besides"
    halves = (np.array([1.0, 2.0], "<f4").view("<u4") >> 16).astype("<u2")
    runs.write("m.safetensors", safetensors("BF16", w=halves), safetensors("BF16", w=halves + 1))
    assert runs.compare()["m.safetensors:w"].recorded == 2.0


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 20, (5).to_bytes(8, "little") + b'{"a":', b"\0" * 8]
)
def test_broken_files_of_safetensors(runs, data):
    runs.write("m.safetensors", data, safetensors(w=np.ones(2, "<f4")))
    assert OUTSIDE in {one.outcome for one in runs.compare("1e9").values()}


# Images, texts, archives and others


def picture(pixels, **options):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def test_images_are_compared_by_their_pixels(runs):
    pixels = np.zeros((4, 5, 3), "u1")
    other = pixels.copy()
    other[1, 2, 0] = 3
    runs.write("plot.png", picture(pixels), picture(pixels, compress_level=0))
    assert runs.only().outcome == SAME
    runs.write("plot.png", picture(pixels), picture(other))
    finding = runs.only()
    assert (finding.absolute, finding.outcome) == (3.0, OUTSIDE)
    assert runs.only("plot.png=3").outcome == WITHIN
    runs.write("plot.png", picture(pixels), picture(pixels[:2]))
    assert runs.only().recorded == "5 x 4 RGB"


def test_a_text_is_compared_line_by_line_with_its_numbers(runs):
    finding = runs.write("out.txt", "a\nloss: 0.50 ok\n", "a\nloss: 0.51 ok\n").only()
    assert finding.absolute == pytest.approx(0.01)
    assert finding.remark == "1 of 2 lines differs, the first at line 2"
    assert runs.only("out.txt=0.011").outcome == WITHIN
    finding = runs.write("out.txt", "a\nb\n", "a\nc\nd\n").only("1e9")
    assert finding.outcome == OUTSIDE
    assert "one text is longer than the other" in finding.remark


def test_a_text_that_differs_in_times_only_agrees(runs):
    runs.write("out.txt", "took 3.2 s\nloss 1\n", "took 4.1 s\nloss 1\n")
    finding = runs.only()
    assert finding.outcome == WITHIN
    assert "how long each run took" in finding.remark


def test_a_log_decides_nothing_unless_it_is_named(runs):
    runs.write("train.log", "begin\n", "start\n")
    runs.write("events.out.tfevents.1700000000.host", b"\0\1", b"\0\2")
    assert [one.decides for one in runs.compare("1e-6").values()] == [False, False]
    assert runs.compare("train.log=0")["train.log"].decides


def test_compressed_files_are_compared_by_what_they_hold(runs):
    runs.write("a.gz", gzip.compress(b"data", mtime=1), gzip.compress(b"data", mtime=2))
    assert runs.only().outcome == SAME
    runs.write("a.gz", gzip.compress(b"data"), gzip.compress(b"atad"))
    assert runs.only("1e9").outcome == OUTSIDE


def test_entries_of_a_zip_are_compared_by_their_checksums(runs):
    runs.write("a.zip", archive(b"1", x=b"1"), archive(b"1", x=b"2"))
    finding = runs.only("1e9")
    assert finding.outcome == OUTSIDE
    assert "archive/x" in finding.remark


def test_an_unknown_format_is_compared_by_digest(runs):
    finding = runs.write("a.dat", b"\0\1", b"\0\2").only("1e9")
    assert finding.outcome == OUTSIDE
    assert finding.recorded.startswith("sha256 ")


def test_an_ignored_file_decides_nothing(runs):
    assert not runs.write("a.dat", b"\0\1", b"\0\2").only("a.dat=ignore").decides


def test_of_many_places_the_worst_are_named(runs):
    one = {f"k{number}": 1.0 for number in range(500)}
    other = {name: 1.0 + number for number, name in enumerate(one)}
    found = runs.write("out.json", json.dumps(one), json.dumps(other)).compare()
    assert len(found) <= 22
    assert found["out.json:k499"].absolute == 499.0


@given(st.binary(max_size=60), st.binary(max_size=60), st.randoms())
def test_no_bytes_can_break_a_comparison(tmp_path_factory, one, other, chance: random.Random):
    runs = Runs(tmp_path_factory.mktemp("runs"))
    kinds = ("json", "jsonl", "csv", "tsv", "npy", "npz", "pt", "safetensors", "png", "txt", "gz")
    for kind in chance.sample(kinds, 4):
        runs.write(f"a.{kind}", one, other)
    for finding in runs.compare().values():
        assert one != other or finding.outcome == SAME
