"""Images, compared pixel by pixel with Pillow, their metadata left out of account."""

from __future__ import annotations

from typing import Any

from meticulous.reproduce.comparison.formats.arrays import compare_arrays, load_numpy
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies, Tally

MOST_PIXELS = 100_000_000
"""Larger images are compared by digest only."""

_FRAMES = 1000


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two images; the numbers are those of the colour channels, mostly 0 to 255."""
    try:
        from PIL import Image
    except ImportError:
        raise NotComparableError(
            "its pixels cannot be compared, since Pillow is not installed"
        ) from None
    tally = tallies[""]
    with Image.open(recorded) as one, Image.open(reproduced) as other:
        if one.size != other.size or one.mode != other.mode:
            tally.unequal(_description(one), _description(other))
            return
        frames = [getattr(image, "n_frames", 1) for image in (one, other)]
        if frames[0] != frames[1]:
            tally.unequal(f"{frames[0]} frames", f"{frames[1]} frames")
            return
        if frames[0] > _FRAMES or one.width * one.height * frames[0] > MOST_PIXELS:
            raise NotComparableError("it has more pixels than are looked at")
        for number in range(frames[0]):
            if frames[0] > 1:
                one.seek(number)
                other.seek(number)
            _compare_frames(one, other, tally, f"frame {number + 1}" if frames[0] > 1 else "")


def _compare_frames(one: Any, other: Any, tally: Tally, place: str) -> None:
    if one.size != other.size or one.mode != other.mode:
        tally.unequal(_description(one), _description(other), place)
        return
    # A palette may number the same colours otherwise.
    pixels = [
        image.convert("RGBA") if image.mode == "P" else image.copy() for image in (one, other)
    ]
    if pixels[0].tobytes() == pixels[1].tobytes():
        tally.same(one.width * one.height)
        return
    try:
        np = load_numpy()
    except NotComparableError:
        from PIL import ImageChops

        bands = ImageChops.difference(*pixels).getextrema()
        greatest = max(band[1] for band in (bands if isinstance(bands[0], tuple) else [bands]))
        tally.unequal("pixels", f"pixels that differ by up to {greatest}", place)
        return
    compare_arrays(np.asarray(pixels[0]), np.asarray(pixels[1]), tally, place)


def _description(image: Any) -> str:
    return f"{image.width} x {image.height} {image.mode}"
