"""Whether the packages that a run used can still be installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meticulous.errors import MeticulousError
from meticulous.reader.record import Record
from meticulous.reader.wording import count_text
from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.environment.pins import NotInstalled, Pin, read_pins

Index = Callable[[Sequence[Pin]], list[NotInstalled]]
"""Asks the package indexes about pins, and returns those that cannot be installed."""


def check_pins(record: Record, index: Index | None) -> Answer:
    """Say whether every recorded package can still be installed.

    Args:
        record: The experiment.
        index: What asks the indexes; None when nobody is to be asked.
    """
    pins = read_pins(record)
    if pins is None:
        return unknown("the record does not tell its packages")
    missing = list(pins.impossible)
    asked = 0
    if index is not None and pins.pins:
        try:
            missing += index(pins.pins)
        except MeticulousError as error:
            return unknown(" ".join(str(error).split()))
        asked = len(pins.pins)
    if missing:
        return no(
            some_of([f"{each.requirement}: {each.reason}" for each in missing]),
            "find an index, a wheel or a commit that has these versions, or publish them",
        )
    if index is None:
        return unknown(
            f"no index was asked about its {count_text(len(pins.pins), 'package')}", "--online asks"
        )
    remark = f" ({pins.remarks[0]})" if pins.remarks else ""
    return yes(f"all {asked} packages can be installed{remark}")
