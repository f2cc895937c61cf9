"""Data on the output: byte for byte in a pipe, harmless on a terminal."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable

import click

# What lies beyond ASCII and steers a terminal: controls, line separators, writing directions.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def print_exactly(data: bytes) -> None:
    """Print bytes, whatever characters they are; nothing is stripped, nothing added."""
    print_chunks([data])


def print_chunks(chunks: Iterable[bytes]) -> None:
    """Print bytes as they come; see `print_exactly`."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # something else than a file has taken the place of the output
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        for chunk in chunks:
            click.echo(decode(chunk), nl=False, color=True)
        return
    sys.stdout.flush()
    for chunk in chunks:
        stream.write(chunk)
        stream.flush()


def escaped_json(data: bytes) -> bytes:
    """Return the same JSON with escapes for the characters that could steer a terminal."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode()).encode()
