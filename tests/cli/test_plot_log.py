"""`meticulous plot` into a file says nothing that matplotlib has to tell of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_records import write_record


def test_a_list_of_fonts_that_cannot_be_kept_is_not_mentioned(process, tmp_path: Path):
    fonts = pytest.importorskip("matplotlib.font_manager")
    lines = "".join(f'{{"step":{step},"loss":{1 / (step + 1)}}}\n' for step in range(3))
    write_record(tmp_path / "experiments", "1", **{"metrics.jsonl": lines})
    name = f"fontlist-v{fonts.FontManager.__version__}.json"
    (tmp_path / "config" / name).mkdir(parents=True)
    words = ("plot", "loss", "1", "--output", "plot.svg")
    done = process(*words, MPLCONFIGDIR=str(tmp_path / "config"))
    assert done.returncode == 0
    assert "font_manager" not in done.stderr
