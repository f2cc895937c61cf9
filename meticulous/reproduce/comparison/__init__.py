"""Compare the results of a run with those of its reproduction, with tolerances."""

from meticulous.reproduce.comparison.results import Comparison, compare_results
from meticulous.reproduce.comparison.suggesting import suggest_tolerances
from meticulous.reproduce.comparison.tolerance import (
    Specification,
    Tolerance,
    Tolerances,
    parse_tolerances,
)

__all__ = [
    "Comparison",
    "Specification",
    "Tolerance",
    "Tolerances",
    "compare_results",
    "parse_tolerances",
    "suggest_tolerances",
]
