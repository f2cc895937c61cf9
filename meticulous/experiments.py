"""Experiments and ExperimentReader under the import path they have always had."""

from __future__ import annotations

from meticulous.reader.experiment_reader import ExperimentReader
from meticulous.reader.experiments import Experiments

__all__ = ["ExperimentReader", "Experiments"]
