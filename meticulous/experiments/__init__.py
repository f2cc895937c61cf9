"""Experiments and ExperimentReader under the import path they have always had."""

from __future__ import annotations

from meticulous.experiments.collection import Experiments
from meticulous.reader.experiment_reader import ExperimentReader

__all__ = ["ExperimentReader", "Experiments"]
