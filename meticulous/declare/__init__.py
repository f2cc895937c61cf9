"""Typed parameters of experiments: how they are declared, checked, and told on a command line."""
