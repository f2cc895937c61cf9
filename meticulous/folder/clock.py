"""Times and names that never repeat, in the forms the record uses."""

from __future__ import annotations

import os
import time


def local_time(seconds: float) -> str:
    """Return an epoch time as naive local ISO time with microseconds, the historic form."""
    microseconds = round(seconds * 1_000_000)
    whole, fraction = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(whole))}.{fraction:06d}"


def utc_offset(seconds: float) -> str:
    """Return the offset of local time from UTC at an epoch time, such as "+02:00"."""
    minutes = time.localtime(seconds).tm_gmtoff // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def new_uid(seconds: float) -> str:
    """Return a UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = int(seconds * 1000) & (1 << 48) - 1
    random = int.from_bytes(os.urandom(10), "big")
    number = milliseconds << 80 | 7 << 76 | (random >> 66 & 0xFFF) << 64
    number |= 0b10 << 62 | random & (1 << 62) - 1
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
