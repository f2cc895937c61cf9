"""Write an experiment as a Process Run Crate, the research object (RO-Crate) of a run."""

from __future__ import annotations

from meticulous.reproduce.crate.export import Exported, export_crate

__all__ = ["Exported", "export_crate"]
