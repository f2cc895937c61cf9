"""Say what stands between experiments and being reproducible, by the checklists of the field."""

from __future__ import annotations

from meticulous.reproduce.audit.criteria import CRITERIA, SOURCES, Criterion
from meticulous.reproduce.audit.report import Audit, audit

__all__ = ["CRITERIA", "SOURCES", "Audit", "Criterion", "audit"]
