"""The table of a diagnosis: its columns stand below each other, however wide what they hold."""

from __future__ import annotations

import pytest

from meticulous.cli.diagnoses import diagnosis_sections

LONG = "data/a/rather/long/name/of/a/file.txt (sha256 d526eb4e878a then, a5c0dfc64d74 now)"
ROWS = [
    {"factor": "recorded state", "tried": "run 3 times", "effect": "not as recorded"},
    {"factor": "inputs", "tried": LONG, "effect": "could not be restored: it is not here"},
]
DIAGNOSIS = {"sentence": "Inputs.", "rows": ROWS, "runs": 1}


def table(width: int | None) -> list[tuple[str, str]]:
    """Return labels and texts of the table below its heading."""
    _, section = diagnosis_sections(DIAGNOSIS, width)
    assert section[0].label == "what was tried in 1 run beside the reproduction"
    return [(line.label, line.text.plain) for line in section[1:] if line.text is not None]


def test_in_a_pipe_each_row_is_one_line_and_effects_begin_in_one_column():
    lines = table(None)
    assert [label for label, _ in lines] == ["factor", "recorded state", "inputs"]
    starts = [
        text.index(effect)
        for (_, text), effect in zip(lines, ("effect", "not as", "could not be"), strict=True)
    ]
    assert starts == [len(LONG) + 2] * 3


@pytest.mark.parametrize("width", [120, 100, 60])
def test_on_a_terminal_both_columns_are_broken_where_they_are(width):
    lines = table(width)
    assert max(len(text) for _, text in lines) <= width - len("  recorded state  ")
    column = lines[0][1].index("effect")
    assert all(text[column - 2 : column].strip() == "" for _, text in lines)
    tried, effects = ("".join(text[part] for _, text in lines[2:]) for part in _halves(column))
    assert LONG.replace(" ", "") in tried.replace(" ", "")
    assert "could not be restored: it is not here".replace(" ", "") in effects.replace(" ", "")


def test_where_there_is_too_little_room_effects_stand_below():
    lines = table(40)
    assert [text for _, text in lines[:4]] == ["tried", "effect", "run 3 times", "not as recorded"]
    assert [label for label, _ in lines[:4]] == ["factor", "", "recorded state", ""]


def _halves(column: int) -> tuple[slice, slice]:
    return slice(0, column - 2), slice(column, None)
