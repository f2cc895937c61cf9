"""Why a reproduction does not agree: runs variants, and names the factor that moves the numbers."""

from meticulous.reproduce.diagnosis.diagnosing import Diagnosed, diagnose, reproduce_and_diagnose
from meticulous.reproduce.diagnosis.facts import Diagnosis, Row

__all__ = ["Diagnosed", "Diagnosis", "Row", "diagnose", "reproduce_and_diagnose"]
