"""What `scripts/benchmark.py` measures: one module per suite, and what the suites share."""
