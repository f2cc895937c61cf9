"""Check, without running anything, whether what a record claims is still so."""

from __future__ import annotations

from meticulous.reproduce.verify.checks import CHECKS, Verification, verify

__all__ = ["CHECKS", "Verification", "verify"]
