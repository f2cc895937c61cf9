"""Times, durations and numbers that no run has, and that a record may hold all the same."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from written_records import write_files, write_record

from meticulous.experiments import Experiments
from meticulous.reader import by_start
from meticulous.reader.collection import find_records
from meticulous.reader.table.flattening import bounded
from meticulous.reader.table.table import make_table
from meticulous.reader.wording import age_text, duration_text, minute_text, moment_text

_OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.datetimes(timezones=_OFFSETS) | st.sampled_from(
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=23, minutes=59))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ]
)


@given(_MOMENTS)
def test_every_moment_can_be_shown_and_compared(moment: datetime):
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert len(minute_text(moment)) == len("2026-11-22 14:03")
    assert moment_text(moment).startswith(moment.isoformat(sep=" ", timespec="seconds")[:10])
    assert age_text(moment, now).endswith(("ago", "now"))
    assert moment < now or moment >= now


@given(st.floats())
def test_every_duration_can_be_shown(seconds: float):
    assert len(duration_text(seconds)) < 30
    assert math.isnan(seconds) is (duration_text(seconds) == "NaN s")


def test_a_moment_outside_of_the_years_is_shown_as_it_was_written():
    assert minute_text(datetime.fromisoformat("0001-01-01T00:00+23:59")) == "0001-01-01 00:00"
    assert minute_text(datetime.fromisoformat("9999-12-31T23:59-12:00")) == "9999-12-31 23:59"


def test_extreme_times_are_sorted_and_become_a_frame(tmp_path: Path):
    from meticulous.reader.frame import to_frame

    times = {"first": ("0001-01-01T00:00:00", "+23:59"), "last": ("9999-12-31T23:59:59", "-12:00")}
    write_record(tmp_path, "1")
    for name, (start, offset) in times.items():
        write_record(tmp_path, name, metadata={"start-time": start, "utc-offset": offset})
    records = find_records(tmp_path)
    assert [record.id for record in by_start(records)] == ["first", "1", "last"]
    frame = to_frame(make_table(records))
    assert len(frame) == 3
    assert frame["start"].notna().any()


def test_a_frame_of_deeply_nested_values_can_be_pickled(tmp_path: Path):
    objects, lists = '{"y": ' * 900 + "1" + "}" * 900, "[" * 900 + "]" * 900
    write_record(tmp_path, "1")
    write_files(
        tmp_path / "2", {"STATUS": "SUCCESS\n", "args.json": f'{{"a": {objects}, "b": {lists}}}'}
    )
    experiments = Experiments(experiments_directory=tmp_path)
    for is_flat in (False, True):
        frame = experiments.as_dataframe(normalize_json_values=is_flat)
        assert len(pickle.loads(pickle.dumps(frame))) == 2
    short = {"a": [1, {"b": 2}]}
    assert bounded(short) is short
