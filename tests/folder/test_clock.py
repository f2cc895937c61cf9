"""Times are read back by anybody's parser, and uids never repeat and sort by time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meticulous.folder.clock import local_time, new_uid, utc_offset

ZONES = {
    "Greenwich": "UTC0",
    "half an hour west": "NST3:30NDT,M3.2.0,M11.1.0",
    "a quarter of an hour east": "NPT-5:45",
    "with summer time": "CET-1CEST,M3.5.0,M10.5.0/3",
    "far east": "LINT-14",
    "far west": "AoE12",
}
SECONDS = st.floats(0, 4e9)


@pytest.fixture(params=ZONES)
def zone(request, monkeypatch) -> Iterator[str]:
    """Live in a time zone."""
    monkeypatch.setenv("TZ", ZONES[request.param])
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_time_and_offset_together_give_the_moment_back(zone):
    @settings(deadline=None)
    @given(seconds=SECONDS)
    @example(seconds=0.0)
    @example(seconds=1.9999999)
    @example(seconds=1711846799.999)
    @example(seconds=1711846800.0)  # summer time begins
    @example(seconds=1729990800.0)  # and ends: an hour of local time happens twice
    def check(seconds: float) -> None:
        moment = datetime.fromisoformat(local_time(seconds) + utc_offset(seconds))
        assert abs(moment.timestamp() - seconds) <= 1e-6

    check()


@given(seconds=SECONDS)
@settings(deadline=None)
def test_the_form_is_the_historic_one(seconds):
    parsed = datetime.fromisoformat(local_time(seconds))
    assert parsed.tzinfo is None
    assert parsed.isoformat(timespec="microseconds") == local_time(seconds)


@given(earlier=SECONDS, later=SECONDS)
@settings(deadline=None)
def test_times_in_one_offset_sort_as_text(earlier, later):
    earlier, later = sorted((earlier, later))
    if utc_offset(earlier) == utc_offset(later):
        assert local_time(earlier) <= local_time(later)


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("UTC0", "+00:00"),
        ("NST3:30", "-03:30"),
        ("NPT-5:45", "+05:45"),
        ("LINT-14", "+14:00"),
        ("AoE12", "-12:00"),
    ],
)
def test_the_offset_is_written_with_its_sign(monkeypatch, name, offset):
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        assert utc_offset(0.0) == offset
    finally:
        monkeypatch.undo()
        time.tzset()


class TestUid:
    """A uid is a UUID of version 7."""

    @given(seconds=SECONDS)
    @example(seconds=0.0)
    def test_it_is_one_and_tells_its_time(self, seconds):
        text = new_uid(seconds)
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
        told = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=parsed.int >> 80)
        assert told.timestamp() == pytest.approx(seconds, abs=0.001)

    def test_ten_thousand_of_one_moment_are_all_different(self):
        assert len({new_uid(1.7e9) for _ in range(10_000)}) == 10_000

    def test_they_sort_by_time(self):
        uids = [new_uid(1.7e9 + n / 500) for n in range(1000)]
        assert uids == sorted(uids)

    def test_every_free_bit_is_random(self):
        ones, zeros = 0, 0
        for _ in range(200):
            number = uuid.UUID(new_uid(1.7e9)).int
            ones |= number
            zeros |= ~number
        free = (1 << 80) - 1 & ~(0xF << 76) & ~(0b11 << 62)
        assert ones & zeros & free == free
