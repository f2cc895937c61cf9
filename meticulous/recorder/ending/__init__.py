"""Seeing how the program ends, without changing how it ends."""
