"""Run a record again, compare what comes out, and say with evidence whether it agrees."""
