"""See in time that a disk is about to be full."""

from __future__ import annotations

import os

_LEAST_BYTES = 16 << 20
"""Bytes free, or a twentieth of a small disk, below which no output is kept any more."""


def is_nearly_full(descriptor: int) -> bool:
    """Say whether the file system of an open file has hardly any room left."""
    disk = os.fstatvfs(descriptor)
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail
    least = min(_LEAST_BYTES, disk.f_blocks * disk.f_frsize // 20)
    return free * disk.f_frsize < least
