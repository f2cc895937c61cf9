"""Which format a file is taken for, by its name and beginning, and what compares it."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from meticulous.errors import MeticulousError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies

Compare = Callable[[str, str, Tallies, Places], None]
"""Compares two files: the recorded path, the reproduced one, what counts, where the runs lie."""

_MIB = 2**20


class NotComparableError(MeticulousError):
    """A file cannot be compared by value; the message says why and has no subject."""


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one kind are compared.

    Attributes:
        module: The module of this package whose function `compare` does it; "" for by digest only.
        noun: What such a file holds, for counts, in the singular.
        largest: Bytes; larger files are compared by digest only.
        remark: What is to be said where such files differ.
        is_log: Whether such files tell how the run went and are no result.
    """

    module: str = ""
    noun: str = "value"
    largest: int = 256 * _MIB
    remark: str = ""
    is_log: bool = False

    @property
    def compare(self) -> Compare:
        """The function that compares two such files by value."""
        found: Compare = importlib.import_module(f"{__package__}.{self.module}").compare
        return found


_JSON = Format("json_files", largest=64 * _MIB)
_LINES = Format("json_lines")
_TABLE = Format("tables", "cell")
_ARRAY = Format("array_files", "element", 16 * 1024 * _MIB)
_ARRAYS = Format("array_files", "element", 4 * 1024 * _MIB)
_IMAGE = Format("images", "pixel", remark="compared by digest, its metadata included")
_TEXT = Format("text_files", "line")
_LOG = Format("text_files", "line", is_log=True)
_PICKLE = Format(remark="a pickle is never loaded, since that runs code; only its digest counts")
_STAMPED = Format(remark="only the digest was compared; such files often hold times of their own")
_ARCHIVE = Format("archives", "entry", remark=_STAMPED.remark)
_DRAWING = Format("drawings", "line", 64 * _MIB, _STAMPED.remark)
_EVENTS = Format(
    remark="TensorBoard's events hold the time of each value, so their digests always differ",
    is_log=True,
)
_OTHER = Format(remark="its format is not known, so that only its digest was compared")

_BY_SUFFIX = {
    **dict.fromkeys((".json", ".geojson", ".ipynb"), _JSON),
    **dict.fromkeys((".jsonl", ".ndjson"), _LINES),
    **dict.fromkeys((".csv", ".tsv"), _TABLE),
    ".npy": _ARRAY,
    ".npz": _ARRAYS,
    ".safetensors": Format("safetensors", "element", 16 * 1024 * _MIB),
    **dict.fromkeys((".pt", ".pth", ".ckpt"), Format("torch_states", "element", 4096 * _MIB)),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"), _IMAGE),
    **dict.fromkeys((".log", ".err"), _LOG),
    **dict.fromkeys((".pdf", ".svg"), _DRAWING),
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".dill"), _PICKLE),
    **dict.fromkeys((".gz", ".zip"), _ARCHIVE),
    **dict.fromkeys(
        (
            *(".parquet", ".feather", ".arrow", ".h5", ".hdf5", ".nc", ".ps", ".xlsx"),
            *(".docx", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".7z", ".db", ".sqlite", ".sqlite3"),
        ),
        _STAMPED,
    ),
}


_TAKEN_DOWN = re.compile(r"(?:nohup|stdout|stderr|slurm[-_].*|log.*)\.out")
"""Names of what shells and schedulers write; another .out holds what a program computes."""


def format_of(path: str, name: str) -> Format:
    """Return the format of a file.

    Args:
        path: The file, to look at its beginning where its name says nothing.
        name: Its name in the record.
    """
    base = os.path.basename(name)
    if base.startswith("events.out.tfevents."):
        return _EVENTS
    if _TAKEN_DOWN.fullmatch(base):
        return _LOG
    known = _BY_SUFFIX.get(os.path.splitext(base)[1].lower())
    if known is not None:
        return known
    from meticulous.reproduce.comparison.text import is_text

    return _TEXT if is_text(path) else _OTHER
