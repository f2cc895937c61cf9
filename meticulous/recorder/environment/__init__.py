"""Describing interpreter, packages and hardware, off the hot path."""
