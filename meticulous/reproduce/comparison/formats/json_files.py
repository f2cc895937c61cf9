"""JSON documents, compared value by value."""

from __future__ import annotations

import json
import math
from typing import Any

from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies
from meticulous.reproduce.comparison.text import encoding_of
from meticulous.reproduce.comparison.values import compare_values


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two JSON documents; also what Python writes beside the standard, such as NaN."""
    compare_values(_read(recorded, "recorded"), _read(reproduced, "reproduced"), tallies, places)


def _read(path: str, whose: str) -> Any:
    with open(path, encoding=encoding_of(path)) as file:
        try:
            return parse(file.read())
        except (ValueError, RecursionError) as error:
            raise NotComparableError(f"the {whose} file is not readable JSON: {error}") from None


def parse(text: str) -> Any:
    """Return the value of a JSON text; integers of whatever length are exact.

    Raises:
        ValueError: It is not JSON, or an object has two values for one key.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_int=_integer, parse_float=_float, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has two values for one key")
    return found


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # longer than Python converts
        return digits


def _float(digits: str) -> float | str:
    number = float(digits)
    # Beyond all floats any two would be the same infinity.
    return digits if math.isinf(number) else number
