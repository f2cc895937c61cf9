"""Keeping what the program writes, and showing it as before."""
