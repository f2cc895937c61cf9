"""Which code registered experiments run, in the words by which users choose it."""

from __future__ import annotations

RECORDED, CURRENT = "recorded", "current"
"""That of the registration, or what is checked out now."""

CHOICES = (RECORDED, CURRENT)
