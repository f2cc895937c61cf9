from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import write_original_record, write_record

from meticulous.errors import InvalidQueryError, UnknownColumnError
from meticulous.reader import by_start, find_records
from meticulous.reader.choosing.moments import parse_moment, parse_span
from meticulous.reader.choosing.selection import (
    Candidates,
    Test,
    at_commits,
    commits_of,
    filtered,
    has_id,
    has_status,
    has_tag,
    meeting,
    narrow,
    of_research,
    passing,
    started_since,
    started_until,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    write_record(tmp_path, "1", summary={"loss": 1.0}, metadata={"tags": ["a", "fold-1"]})
    write_record(tmp_path, "2", minutes=24 * 60, metadata={"tags": ["b, c"], "research": "width"})
    write_record(tmp_path, "3", minutes=2 * 24 * 60 - 180, STATUS="ERROR\n")
    return tmp_path


def chosen(experiments: Path, test: Test) -> list[str]:
    return [record.id for record in by_start(find_records(experiments)) if test(record)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SUCCESS", ["1", "2"]),
        ("success", ["1", "2"]),
        ("succ", ["1", "2"]),
        ("ERROR,LOST", ["3"]),
        (" error , success ", ["1", "2", "3"]),
        ("LOST", []),
    ],
)
def test_statuses_are_listed_with_commas_in_any_case(experiments: Path, text: str, expected):
    assert chosen(experiments, has_status(text)) == expected


@pytest.mark.parametrize("text", ["", " , ", "errr", "R", "SUCCESS,nothing"])
def test_what_is_no_status_is_refused(text: str):
    with pytest.raises(InvalidQueryError):
        has_status(text)


def test_a_mistyped_status_is_told_the_nearest():
    with pytest.raises(InvalidQueryError, match="Did you mean ERROR"):
        has_status("errro")


def test_tags_may_be_alternatives_patterns_and_hold_commas(experiments: Path):
    assert chosen(experiments, has_tag("a")) == ["1"]
    assert chosen(experiments, has_tag("fold-*")) == ["1"]
    assert chosen(experiments, has_tag("x,b, c")) == []
    assert chosen(experiments, has_tag("b, c")) == ["2"]
    assert chosen(experiments, has_tag("x,a")) == ["1"]


def test_research_is_chosen_by_name_or_pattern(experiments: Path):
    assert chosen(experiments, of_research("width")) == ["2"]
    assert chosen(experiments, of_research("w*")) == ["2"]
    assert chosen(experiments, of_research("depth")) == []


def test_since_and_until_include_their_bounds(experiments: Path):
    assert chosen(experiments, started_since("2026-11-23", NOW)) == ["2", "3"]
    assert chosen(experiments, started_until("2026-11-23", NOW)) == ["1", "2"]
    assert chosen(experiments, started_since("2026-11-22T14:03:05.123456", NOW)) == ["1", "2", "3"]
    assert chosen(experiments, started_until("2026-11-22T14:03:05.123456", NOW)) == ["1"]
    assert chosen(experiments, started_since("1d", NOW)) == ["2", "3"]
    assert chosen(experiments, started_since("3h", NOW)) == ["3"]


def test_without_a_start_the_last_sign_of_life_counts(tmp_path: Path):
    write_record(tmp_path, "1", metadata={"start-time": ...})
    now = datetime.now(UTC)
    assert chosen(tmp_path, started_since("1h", now)) == ["1"]
    (tmp_path / "1" / "STATUS").unlink()
    assert chosen(tmp_path, started_since("1h", now)) == []
    assert chosen(tmp_path, started_until("now", now)) == []


def test_commits_are_those_of_the_code_and_of_its_snapshot(tmp_path: Path):
    write_record(tmp_path, "1", metadata={"git-snapshot": "abc"})
    write_original_record(tmp_path, "2")
    write_record(tmp_path, "3", metadata={"githead-sha": None})
    [one, two, three] = find_records(tmp_path)
    assert commits_of(one) == ["1f2e3d4c5b6a79880123456789abcdef01234567", "abc"]
    assert commits_of(three) == []
    assert at_commits({"abc"})(one)
    assert at_commits(commits_of(two))(two)
    assert not at_commits({"abc"})(three)


def test_a_missing_time_zone_is_the_readers_own():
    assert parse_moment("2026-11-22T14:03", NOW) == datetime(2026, 11, 22, 14, 3, tzinfo=UTC)
    offset = timezone(timedelta(hours=2))
    assert parse_moment("2026-11-22T14:03+02:00", NOW).astimezone(offset).hour == 14


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90m", 5400),
        ("1h30m", 5400),
        ("1 h 30 min", 5400),
        ("1.5 hours", 5400),
        ("2d", 2 * 86400),
        ("1 week ago", 7 * 86400),
        ("2 Weeks, 1 day", 15 * 86400),
        ("15 ms", 0.015),
        ("250msec", 0.25),
        ("1s 5ms", 1.005),
        ("2 mins", 120),
    ],
)
def test_lengths_of_time(text: str, seconds: float):
    span = parse_span(text)
    assert span is not None
    assert span.total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "d", "2x", "-2d", "2d!", "ago", "5 hs"])
def test_what_is_no_length_of_time(text: str):
    assert parse_span(text) is None


@pytest.mark.parametrize(
    ("text", "moment", "end"),
    [
        ("2026-11-22", "2026-11-22", "2026-11-23"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("today", "2026-11-24", "2026-11-25"),
        ("Yesterday", "2026-11-23", "2026-11-24"),
        ("2026-11-22 14:03", "2026-11-22T14:03", "2026-11-22T14:03"),
        ("now", "2026-11-24T12:00", "2026-11-24T12:00"),
        ("2h", "2026-11-24T10:00", "2026-11-24T10:00"),
    ],
)
def test_days_and_months_have_a_beginning_and_an_end(text: str, moment: str, end: str):
    assert parse_moment(text, NOW) == datetime.fromisoformat(moment).astimezone()
    assert parse_moment(text, NOW, is_end=True) == datetime.fromisoformat(end).astimezone()


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13", "2026-02-30", "0000-00", "5", "9999-12-40"]
)
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(InvalidQueryError, match="is no time"):
        parse_moment(text, NOW)


@given(
    st.text(max_size=20) | st.from_regex(r"[0-9]{1,20}[smhdw]|[0-9]{4}-[0-9]{2}(-[0-9]{2})?"),
    st.booleans(),
)
def test_any_text_is_a_time_or_refused(text: str, is_end: bool):
    try:
        moment = parse_moment(text, NOW, is_end=is_end)
    except InvalidQueryError:
        return
    assert (moment <= NOW) in (True, False)


@given(st.text(max_size=20))
@pytest.mark.parametrize("make", [has_status, has_tag, of_research])
def test_any_text_is_a_choice_or_refused(make: Callable[[str], Test], text: str):
    try:
        assert callable(make(text))
    except InvalidQueryError:
        return


def test_candidates_are_narrowed_step_by_step(experiments: Path):
    candidates = Candidates(by_start(find_records(experiments)))
    left = narrow(
        candidates,
        [
            ("--id", passing(has_id(["1", "2"]))),
            ("--where", meeting("lr == 0.2", NOW)),
            ("--filter", filtered("lr == 0.2 and program == 'train.py'", NOW)),
        ],
    )
    assert left.positions == [0, 1]
    assert left.emptied_by is None


def test_it_is_told_what_left_nothing(experiments: Path):
    candidates = Candidates(find_records(experiments))
    left = narrow(
        candidates,
        [
            ("first", passing(has_id(["1", "2"]))),
            ("second", passing(has_status("ERROR"))),
            ("third", meeting("lr == 0.2", NOW)),
        ],
    )
    assert (left.positions, left.emptied_by, left.before) == ([], "second", 2)


def test_names_are_looked_up_among_all_values_are_compared_of_those_left(tmp_path: Path):
    write_record(tmp_path, "1", summary={"loss": "diverged", "only": 1}, STATUS="ERROR\n")
    write_record(tmp_path, "2", summary={"loss": 0.5})
    candidates = Candidates(find_records(tmp_path))
    succeeded = ("--status", passing(has_status("success")))
    assert narrow(candidates, [succeeded, ("", filtered("loss < 1", NOW))]).positions == [1]
    assert narrow(candidates, [succeeded, ("", filtered("only == 1", NOW))]).positions == []
    assert narrow(candidates, [succeeded, ("", meeting("only", NOW))]).positions == []
    with pytest.raises(UnknownColumnError):
        narrow(candidates, [succeeded, ("", filtered("nowhere == 1", NOW))])


def test_of_nothing_nothing_is_left():
    candidates = Candidates([])
    left = narrow(candidates, [("", filtered("a > 1", NOW)), ("", meeting("b", NOW))])
    assert (left.positions, left.emptied_by) == ([], None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("an hour ago", "2026-11-24T11:00+00:00"),
        ("a week ago", "2026-11-17T12:00+00:00"),
        ("one day", "2026-11-23T12:00+00:00"),
        ("half an hour ago", "2026-11-24T11:30+00:00"),
        ("09:30", "2026-11-24T09:30+00:00"),
        ("18:00", "2026-11-23T18:00+00:00"),
        ("18:00:30", "2026-11-23T18:00:30+00:00"),
        ("today 18:00", "2026-11-24T18:00+00:00"),
        ("yesterday 9:05", "2026-11-23T09:05+00:00"),
        ("yesterday at 9:05", "2026-11-23T09:05+00:00"),
    ],
)
def test_times_of_the_clock_and_spoken_ones_are_understood(text: str, moment: str):
    assert parse_moment(text, NOW) == datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["25:00", "9:5", "tomorrow 18:00", "a", "an ago", "half"])
def test_what_only_looks_like_a_time_is_refused(text: str):
    with pytest.raises(InvalidQueryError, match="is no time"):
        parse_moment(text, NOW)
