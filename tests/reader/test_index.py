"""What is kept may only save time: every answer is the one that reading everything gives."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_records import write_files, write_original_record, write_record

from meticulous.errors import ExperimentsDirectoryError
from meticulous.folder.liveness import identify
from meticulous.reader import by_start, find_records
from meticulous.reader.frame import to_frame
from meticulous.reader.index import (
    cachefile,
    gathering,
    latest,
    packing,
    read_latest,
    read_records,
    read_table,
    sound,
    stamps,
)
from meticulous.reader.table.table import Table, make_table


@pytest.fixture
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust files at once, as after two seconds; the clock of files cannot be set back."""
    monkeypatch.setattr(sound, "FRESH", -(10**18))
    monkeypatch.setattr(latest, "FRESH", -(10**18))


settled = pytest.mark.usefixtures("_settled")


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    """An experiments directory with one folder of each kind."""
    place = tmp_path / "experiments"
    for number in range(1, 9):
        write_record(
            place,
            str(number),
            minutes=number,
            args={"lr": number / 10, "model": {"width": number}, "name": "NaN"},
            summary={"loss": "NaN" if number == 3 else 0.5 / number, "steps": number},
            metadata={"tags": ["even"] if number % 2 == 0 else [], "description": "a\nb"},
        )
    write_original_record(place, "original")
    write_record(place, "no-summary", minutes=3.5, STATUS="ERROR\nValueError: no\n")
    write_record(place, "ünï a b", minutes=-1, metadata={"utc-offset": "-11:30"})
    write_record(place, "no-end", metadata={"end-time": ..., "duration": ...})
    write_record(place, "no-duration", metadata={"duration": ...})
    write_record(place, "no-start", metadata={"start-time": ...})
    write_record(place, "odd", metadata={"start-time": "yesterday", "tags": 3, "end-time": 5})
    write_record(place, "strange-times", metadata={"start-time": "2026-01-01", "utc-offset": "x"})
    write_record(place, "newer", metadata={"format": 99})
    write_record(
        place, "long", args='{"n": 123456789012345678901234567890, "lr": 0.000123456789012}'
    )
    write_record(place, "nan", args='{"lr": NaN}', summary='{"loss": Infinity}')
    write_record(place, "list", args=[1, 2])
    write_record(place, "007", args={"a.b": 1, "a": {"b": {}}})
    write_files(place / "binary", {"STATUS": b"\xff", "metadata.json": b"\0", "args.json": b""})
    write_files(place / "bare", {"args.json": "{}"})
    write_record(place, "killed", STATUS="RUNNING\n", metadata={"pid": 2**22 + 1})
    write_record(place, "running", STATUS="RUNNING\n", metadata=identify(os.getpid()))
    (place / "empty").mkdir()
    (place / "file").write_text("no folder")
    (place / "broken-link").symlink_to("nowhere")
    (place / "link").symlink_to("1")
    write_record(place, os.fsdecode(b"\xff"))
    return place


def without_present(records: list[Any]) -> list[str]:
    """Records as text, without what passes while a run goes on."""
    return [
        repr(record) if record.status != "RUNNING" else f"{record.id} {record.args}"
        for record in records
    ]


def check(place: Path) -> None:
    """See that every way to read a directory agrees with reading all of it."""
    expected = find_records(place)
    assert without_present(read_records(place)) == without_present(expected)
    for count in (0, 1, 5, 10**6):
        wanted = by_start(expected)[len(expected) - count if count < len(expected) else 0 :]
        records, total = read_latest(place, count)
        assert without_present(records) == without_present(wanted)
        assert total == len(expected)
    check_tables(read_table(place), make_table(expected))


def check_tables(table: Table, expected: Table) -> None:
    assert table.ids == expected.ids
    assert list(table.columns) == list(expected.columns)
    typed = to_frame(table)  # before the values are made, for it has its own way
    for name, values in expected.columns.items():
        if name != "duration":  # that of the running one passes
            assert repr(table.columns[name]) == repr(values), name
    wanted = to_frame(expected)
    passing = wanted["status"] != "RUNNING"
    pd.testing.assert_frame_equal(typed[passing], wanted[passing])


def let_the_clock_tick(place: Path) -> None:
    """Wait until a new file gets another time than all there are."""
    newest = max(path.lstat().st_ctime_ns for path in [place, *place.glob("*"), *place.glob("*/*")])
    probe = place.parent / "probe"
    while True:
        probe.write_text("")
        if probe.stat().st_ctime_ns > newest:
            return


@settled
def test_what_is_kept_gives_what_the_folders_give(experiments: Path):
    for _ in range(3):
        check(experiments)


def test_folders_that_were_just_written_are_read_each_time(experiments: Path):
    for _ in range(2):
        check(experiments)
    path = experiments / "1" / "args.json"
    path.write_text(path.read_text().replace("1", "7"))
    check(experiments)


def finish(place: Path) -> None:
    (place / "running" / "STATUS").write_text("SUCCESS\n")


def begin(place: Path) -> None:
    write_record(place, "9", minutes=99, STATUS="RUNNING\n", metadata=identify(os.getpid()))


def delete(place: Path) -> None:
    shutil.rmtree(place / "8")
    shutil.rmtree(place / "original")


def rename(place: Path) -> None:
    (place / "8").rename(place / "renamed")
    shutil.copytree(place / "7", place / "copied")


def resume(place: Path) -> None:
    write_record(place, "2", minutes=500, STATUS="RUNNING\n", metadata=identify(os.getpid()))


def edit(place: Path) -> None:
    for name in ("args.json", "summary.json", "default_args.json"):
        (place / "4" / name).write_text('{"edited": true}')
    (place / "5" / "STATUS").write_text("ERROR\nedited\n")


def edit_metadata(place: Path) -> None:
    text = (place / "6" / "metadata.json").read_text()
    (place / "6" / "metadata.json").write_text(text.replace("2026", "2031"))


def edit_unseen(place: Path) -> None:
    """Change a file in place and set its old times again."""
    path = place / "4" / "args.json"
    before = path.stat()
    path.write_text(path.read_text().replace("4", "5"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_folder(place: Path) -> None:
    shutil.rmtree(place / "4")
    (place / "4").write_text("a file")


def fill_folder(place: Path) -> None:
    write_record(place.parent / "elsewhere", "empty")
    for path in (place.parent / "elsewhere" / "empty").iterdir():
        path.rename(place / "empty" / path.name)


def empty_folder(place: Path) -> None:
    for path in (place / "4").iterdir():
        path.unlink()


def remove_parts(place: Path) -> None:
    (place / "1" / "summary.json").unlink()
    (place / "2" / "default_args.json").unlink()
    (place / "3" / "STATUS").unlink()
    (place / "4" / "args.json").unlink()


def break_parts(place: Path) -> None:
    (place / "1" / "summary.json").write_bytes(b"\0\xff")
    (place / "2" / "metadata.json").write_bytes(b'{"start-time": ')


CHANGES = [
    finish, begin, delete, rename, resume, edit, edit_metadata, edit_unseen, replace_folder,
    fill_folder, empty_folder, remove_parts, break_parts,
]  # fmt: skip


@settled
@pytest.mark.parametrize("days", [-400, 400])
@pytest.mark.parametrize("change", [finish, begin, delete, rename, resume, edit, edit_metadata])
def test_a_change_is_seen_though_the_clock_was_set(
    experiments: Path, change: Callable[[Path], None], days: int
):
    check(experiments)
    let_the_clock_tick(experiments)
    before = times_of(experiments)
    change(experiments)
    for path, modified in times_of(experiments).items():
        if before.get(path) != modified:
            os.utime(path, ns=(modified, modified + days * 86400 * 10**9))
    for _ in range(2):
        check(experiments)


def times_of(place: Path) -> dict[Path, int]:
    """Return when each file and folder was changed, the experiments directory included."""
    return {path: path.lstat().st_mtime_ns for path in (place, *place.rglob("*"))}


@settled
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_at_the_next_call(experiments: Path, change: Callable[[Path], None]):
    check(experiments)
    let_the_clock_tick(experiments)
    change(experiments)
    for _ in range(2):
        check(experiments)


@settled
def test_many_changes_are_kept_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gathering, "_PATIENCE", 8)
    monkeypatch.setattr(latest, "_FEW", 30)
    monkeypatch.setattr(latest, "CHECKED", 20)
    monkeypatch.setattr(packing, "_SAMPLE", 30)
    for number in range(1, 11):
        write_record(tmp_path / "e", str(number), minutes=number, summary={"x": number})
    check(tmp_path / "e")
    let_the_clock_tick(tmp_path / "e")
    for number in range(2, 11):
        write_record(tmp_path / "e", str(number), minutes=-number, summary={"y": [number]})
    for number in range(11, 51):
        write_record(tmp_path / "e", str(number), minutes=number, summary={"x": number})
    for _ in range(2):
        check(tmp_path / "e")


@settled
def test_records_do_not_share_values(experiments: Path):
    read_records(experiments)
    records = read_records(experiments)
    for record in records:
        record.args["new"] = 1
        if isinstance(record.metadata.get("tags"), list):
            record.metadata["tags"].append("x")
    assert without_present(read_records(experiments)) == without_present(find_records(experiments))
    lists = [id(record.metadata["tags"]) for record in records if "tags" in record.metadata]
    assert len(lists) == len(set(lists))


@settled
def test_a_moved_directory_is_read_anew(experiments: Path):
    check(experiments)
    moved = experiments.rename(experiments.with_name("moved"))
    check(moved)
    experiments.symlink_to(moved)
    check(experiments)


@settled
def test_old_records_follow_the_time_zone_of_the_reader(experiments: Path):
    program = (
        "import sys; from meticulous.reader.index import latest, sound\n"
        "sound.FRESH = latest.FRESH = -10**18\n"
        "from meticulous.reader.index import *\n"
        "print([str(record.start) for record in read_records(sys.argv[1])])\n"
        "print([str(start) for start in read_table(sys.argv[1]).columns['start']])\n"
        "print([record.id for record in read_latest(sys.argv[1], 99)[0]])\n"
    )

    def read(zone: str, cache: str) -> str:
        environment = {**os.environ, "TZ": zone, "XDG_CACHE_HOME": str(experiments.parent / cache)}
        return subprocess.run(
            [sys.executable, "-c", program, str(experiments)],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    first, second = read("UTC", "one"), read("Asia/Tokyo", "two")
    assert first != second
    assert read("Asia/Tokyo", "one") == second


documents = st.dictionaries(
    st.sampled_from(["a", "b", "a.b", "tags", "start-time", "end-time", "duration", "format"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
        | st.sampled_from(["NaN", "2026-01-01T00:00:00", "2026-01-01T00:00:00+05:00"]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=5,
    ),
)  # fmt: skip
folders = st.fixed_dictionaries(
    {"args.json": documents, "metadata.json": documents},
    optional={
        "STATUS": st.sampled_from(["SUCCESS", "ERROR\nno\n", "UNKNOWN\n", "nonsense", ""]),
        "summary.json": documents,
        "default_args.json": documents | st.just("{"),
    },
)


@settled
@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(folders, max_size=5), st.data())
def test_any_folders_are_read_the_same_way(written: list[dict[str, Any]], data: st.DataObject):
    with tempfile.TemporaryDirectory() as place:
        experiments = Path(place) / "experiments"
        experiments.mkdir()
        for number, files in enumerate(written):
            write_files(experiments / str(number), files)
        check(experiments)
        let_the_clock_tick(experiments)
        if written:
            changed = data.draw(st.integers(0, len(written)))
            write_files(experiments / str(changed), data.draw(folders))
        check(experiments)


# Asking for the times of many files.


@pytest.fixture
def _three_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "SHARE", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)


def alone(place: Path, names: list[str]) -> list[int]:
    return [
        number
        for name in names
        for file in sound.FILES
        for number in (
            stamps.stamp_of((place / name / file).stat())
            if (place / name / file).exists()
            else stamps.ABSENT
        )
    ]


@pytest.mark.usefixtures("_three_processors")
def test_several_processes_find_the_same_stamps_in_the_same_order(experiments: Path):
    names = [*sorted(path.name for path in experiments.iterdir()), "gone"]
    found = stamps.read_stamps(str(experiments), names, sound.FILES)
    assert found.tolist() == alone(experiments, names)
    assert stamps.read_stamps(str(experiments / "gone"), names, sound.FILES) == array(
        "q", stamps.ABSENT * len(names) * len(sound.FILES)
    )


@pytest.mark.usefixtures("_three_processors")
@pytest.mark.parametrize("program", ["exit 1", "exit 0", "echo nonsense", None])
def test_what_the_others_cannot_find_is_found_here(
    experiments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
):
    interpreter = tmp_path / "python"
    if program is not None:
        interpreter.write_text(f"#!/bin/sh\n{program}\n")
        interpreter.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(interpreter))
    names = sorted(path.name for path in experiments.iterdir())
    found = stamps.read_stamps(str(experiments), names, sound.FILES)
    assert found.tolist() == alone(experiments, names)


@pytest.mark.parametrize("executable", ["", "/usr/bin/uwsgi", None])
def test_no_other_program_is_started_that_is_no_interpreter(
    experiments: Path, monkeypatch: pytest.MonkeyPatch, executable: str | None
):
    monkeypatch.setattr(stamps, "SHARE", 1)
    monkeypatch.setattr("sys.executable", executable)
    monkeypatch.setattr("subprocess.Popen", None)
    names = sorted(path.name for path in experiments.iterdir())
    found = stamps.read_stamps(str(experiments), names, sound.FILES)
    assert found.tolist() == alone(experiments, names)


@settled
@pytest.mark.usefixtures("_three_processors")
def test_what_several_processes_check_is_right(experiments: Path):
    for change in (edit, finish, remove_parts):
        check(experiments)
        let_the_clock_tick(experiments)
        change(experiments)
        check(experiments)


# A cache that cannot be used.


def cache() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"])


def no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    cache().write_text("a file where the folder should be")


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    cache().mkdir(mode=0o500)


def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    cache().mkdir()
    (cache() / "meticulous").symlink_to("/dev/full")


def relative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")


@settled
@pytest.mark.parametrize("state", [no_place, read_only, no_home, no_folder, relative])
def test_without_a_place_for_the_cache_everything_is_read(
    experiments: Path, monkeypatch: pytest.MonkeyPatch, state: Callable[[pytest.MonkeyPatch], None]
):
    state(monkeypatch)
    before = sorted(path.relative_to(experiments) for path in experiments.rglob("*"))
    for _ in range(2):
        check(experiments)
    assert sorted(path.relative_to(experiments) for path in experiments.rglob("*")) == before


def test_a_full_disk_is_no_obstacle(experiments: Path):
    program = (
        "import resource, sys; from meticulous.reader.index import latest, sound\n"
        "sound.FRESH = latest.FRESH = -10**18\n"
        "from meticulous.reader.index import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "for _ in range(2):\n"
        "    print(len(read_records(sys.argv[1])), read_latest(sys.argv[1], 3)[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(experiments)],
        capture_output=True,
        text=True,
        check=True,
    )
    count = len(find_records(experiments))
    assert done.stdout == f"{count} {count}\n" * 2
    assert not [path for path in cache().rglob("*") if path.is_file()]


@settled
def test_an_old_experiment_that_is_resumed_is_the_latest(
    repository: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(latest, "CHECKED", 1)
    place = repository.directory / "experiments"
    program = "from meticulous import Experiment\nExperiment({}, experiment_id='%s')\n"
    repository.commit({f"{name}.py": program % name for name in "abc"})
    for name in "abc":
        repository.python(f"{name}.py", check=True)
    assert [record.id for record in read_latest(place, 1)[0]] == ["c"]
    let_the_clock_tick(place)
    repository.python("a.py", check=True)
    assert [record.id for record in read_latest(place, 1)[0]] == ["a"]
    check(place)


PLACES = (0.0, 0.1, 0.3, 0.6, 0.9, 1.0)


@settled
@pytest.mark.parametrize(
    ("damage", "where"),
    [
        *((damage, where) for damage in ("cut", "changed") for where in PLACES),
        *((damage, 0.0) for damage in ("doubled", "empty", "folder", "version")),
    ],
)
def test_a_damaged_cache_is_passed_over(experiments: Path, damage: str, where: float):
    check(experiments)
    paths = [path for path in cache().rglob("*") if path.is_file()]
    assert len(paths) == 2
    for path in paths:
        data = path.read_bytes()
        place = int(where * (len(data) - 1))
        path.unlink()
        if damage == "folder":
            path.mkdir()
        else:
            changed = {
                "cut": data[:place],
                "changed": data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :],
                "doubled": data + data,
                "empty": b"",
                "version": data.replace(b"[1,", b"[0,", 1),
            }
            path.write_bytes(changed[damage])
    check(experiments)


@settled
def test_a_cache_that_is_removed_is_made_again(experiments: Path):
    check(experiments)
    shutil.rmtree(cache())
    check(experiments)
    assert len([path for path in cache().rglob("*") if path.is_file()]) == 2


@settled
@pytest.mark.parametrize("given", ["", " ", "/tmp/elsewhere", "relative"])
def test_the_place_of_the_cache_is_the_usual_one(monkeypatch: pytest.MonkeyPatch, given: str):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    usual = platformdirs.user_cache_dir("meticulous")
    assert cachefile._place() == usual


@settled
@settled
def test_what_is_kept_about_a_directory_that_vanished_is_forgotten(tmp_path: Path):
    for name in ("first", "second"):
        write_record(tmp_path / name, "1")
        check(tmp_path / name)
    kept = list((cache() / "meticulous").iterdir())
    shutil.rmtree(tmp_path / "first")
    check(tmp_path / "second")  # whoever only reads looks at no other file
    assert {*(cache() / "meticulous").iterdir()} == {*kept}
    write_record(tmp_path / "third", "1")
    check(tmp_path / "third")
    left = list((cache() / "meticulous").iterdir())
    assert b"first".hex().encode() not in b"".join(map(Path.read_bytes, left))
    assert len(left) == len(kept)
    check(tmp_path / "second")


@settled
def test_files_of_the_cache_that_nothing_is_known_of_stay(tmp_path: Path):
    place = cache() / "meticulous"
    place.mkdir(parents=True)
    strange = {"notes": b"text", "0.latest": b"meticulous cache\n", "1.latest": b""}
    for name, content in strange.items():
        (place / name).write_bytes(content)
    fresh, old = place / ".x.1.0.tmp", place / ".x.2.0.tmp"
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    write_record(tmp_path / "experiments", "1")
    check(tmp_path / "experiments")
    assert fresh.exists()
    assert not old.exists()
    assert all((place / name).read_bytes() == content for name, content in strange.items())


def test_what_is_kept_is_for_its_owner_alone(experiments: Path):
    check(experiments)
    assert (cache() / "meticulous").stat().st_mode & 0o077 == 0


@settled
def test_many_readers_at_once_agree(experiments: Path):
    expected = without_present(find_records(experiments))
    found: list[bool] = []

    def read() -> None:
        for _ in range(5):
            found.append(without_present(read_records(experiments)) == expected)
            read_latest(experiments, 3)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


@settled
def test_experiments_that_appear_and_vanish_while_reading_do_no_harm(tmp_path: Path):
    place = tmp_path / "e"
    for number in range(1, 40):
        write_record(place, str(number), minutes=number)
    over = threading.Event()

    def change() -> None:
        number = 100
        while not over.is_set():
            write_record(place, str(number), minutes=number)
            shutil.rmtree(place / str(number - 1), ignore_errors=True)
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            read_latest(place, 5)
            read_records(place)
            read_table(place)
    finally:
        over.set()
        thread.join()
    check(place)


@pytest.mark.parametrize("read", [read_records, read_table, lambda place: read_latest(place, 3)])
def test_a_directory_that_cannot_be_read_is_an_error(tmp_path: Path, read: Callable[[Path], Any]):
    with pytest.raises(ExperimentsDirectoryError, match="cannot be read"):
        read(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(ExperimentsDirectoryError):
        read(tmp_path / "file")


@pytest.mark.parametrize("read", [read_records, read_table, lambda place: read_latest(place, 3)])
@pytest.mark.permissions
def test_no_permission_is_an_error_also_when_something_is_kept(
    experiments: Path, read: Callable[[Path], Any]
):
    read(experiments)
    experiments.chmod(0)
    try:
        with pytest.raises(ExperimentsDirectoryError, match="Permission denied"):
            read(experiments)
    finally:
        experiments.chmod(0o755)


@settled
def test_no_experiments_are_no_trouble(tmp_path: Path):
    for _ in range(2):
        assert read_records(tmp_path) == []
        assert read_latest(tmp_path, 5) == ([], 0)
        assert len(read_table(tmp_path)) == 0


def test_listing_loads_neither_pandas_nor_numpy(experiments: Path):
    program = (
        "import sys; from meticulous.reader.index import *\n"
        "read_latest(sys.argv[1], 5); read_records(sys.argv[1]); read_table(sys.argv[1])\n"
        "print(sorted({'pandas', 'numpy', 'sqlite3'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(experiments)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@settled
def test_what_is_kept_holds_no_code(experiments: Path):
    check(experiments)
    for path in cache().rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            start = data.index(b"{")
            json.JSONDecoder().raw_decode(data[start:].decode("latin-1"))


@pytest.mark.parametrize("was_on", [True, False])
def test_reading_leaves_the_garbage_collector_as_it_was(experiments: Path, was_on: bool):
    (gc.enable if was_on else gc.disable)()
    try:
        before = gc.get_freeze_count()
        read_table(experiments)
        assert (gc.isenabled(), gc.get_freeze_count()) == (was_on, before)
        gc.freeze()  # as a program does before it forks
        before = gc.get_freeze_count()
        read_table(experiments)
        assert gc.get_freeze_count() in range(before - 100, before + 1)
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0,
    reason="mounting needs more rights",
)
def test_a_directory_that_is_mounted_elsewhere_shows_what_happens_in_it(
    experiments: Path, tmp_path: Path
):
    (tmp_path / "mounted").mkdir()
    script = (
        'set -e; mount --bind "$1" "$2"; python=$3\n'
        'list() { "$python" -m meticulous list "$2" --id 1 --columns id,status; }\n'
        'list "$@"; echo ERROR > "$1/1/STATUS"; list "$@"; echo KILLED > "$2/1/STATUS"; list "$@"\n'
        '"$python" -m meticulous rm 1 --directory "$2"; test ! -e "$1/1"\n'
        '"$python" -m meticulous restore 1 --directory "$2"; cat "$1/1/STATUS"'
    )
    words = [str(experiments), str(tmp_path / "mounted"), sys.executable]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    statuses = [line.split()[-1] for line in done.stdout.splitlines()]
    assert statuses == ["status", "SUCCESS", "status", "ERROR", "status", "KILLED", "KILLED"]
