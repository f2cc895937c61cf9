"""What experiments logged over steps: rows, curves, averages."""
